"""One tally and what the shell knows about it.

Rule.  All of it begins at take-up and ends at give-up; nothing is carried over.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.idleness import Silence
from engine.spec import Topic
from streams.core import TallyLike
from streams.pending import Pending
from streams.snapshot_table import Name
from streams.starting_offsets import Source


@dataclass
class Held:
    """One tally and what the shell knows about it."""

    tally: TallyLike
    name: Name
    silences: dict[tuple[Topic, str], Silence]
    """Per topic and ``model@version`` whose windows wait for it."""
    pending: Pending | None = None
    """What waits for labels outside the snapshot."""
    positions: dict[Topic, int] = field(default_factory=dict)
    unflushed: bool = True
    """Also after a restore: the new epoch tells its open panes again."""
    unsaved: bool = False
    is_durable: bool = True
    """Whether the newest snapshot of it has arrived: one that was lost is not confirmed, though
    the offsets of the one before it are committed still."""
    sent: list[Awaitable[Any]] = field(default_factory=list)
    durable: dict[str, int] = field(default_factory=dict)

    @property
    def is_full(self) -> bool:
        """Whether its reader waits for what waits for the disk."""
        return self.pending is not None and self.pending.is_full

    @property
    def overlay(self) -> int:
        """Changes that the disk does not have yet."""
        return 0 if self.pending is None else self.pending.overlay

    def is_committed(self, committed: Callable[[Source], int | None]) -> bool:
        """Whether the group took what the last durable snapshot covers."""
        partition = self.name.partition
        return all(
            (committed((topic, partition)) or 0) == offset for topic, offset in self.durable.items()
        )

    def close(self) -> None:
        """Give up what it holds open."""
        if self.pending is not None:
            self.pending.close()


def most(held: Mapping[int, Held], of: Callable[[Held], int]) -> int:
    """The most that any of them has."""
    return max(map(of, held.values()), default=0)
