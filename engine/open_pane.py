"""A pane of one source partition that records can still reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.panes import Counts
from engine.pieces import Packed

if TYPE_CHECKING:
    from engine.champion.users import Users


@dataclass(slots=True)
class OpenPane:
    """Counts of one pane so far."""

    on_time: Counts
    amended: Counts | None = None
    dirty: bool = True
    packed: tuple[Packed, Packed | None] | None = None
    """Both as they were last told or saved; None when they changed since."""
    users: Users | None = None
    """Of a split only."""

    def pack(self) -> tuple[Packed, Packed | None]:
        """On-time and amended counts as bytes."""
        if self.packed is None:
            late = None if self.amended is None else Packed.of(self.amended)
            self.packed = (Packed.of(self.on_time), late)
        return self.packed

    def add(self, counts: Counts, *, amended: bool) -> None:
        """Add counts to the on-time or the amended ones."""
        self.dirty, self.packed = True, None
        if not amended:
            self.on_time += counts
        elif self.amended is None:
            self.amended = counts.copy()
        else:
            self.amended += counts
