"""More windows than a plot has room for: the worst of each part stands for it.

Rule.  Nothing that is bad disappears from a plot, and a year of five-minute windows is no page of
megabytes.  Each part is of as many windows in a row: the same windows give the same parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

DRAWN: Final = 800
"""Marks of one lane: about one a pixel."""


class Timed(Protocol):
    """What has a start and an end in event time."""

    @property
    def start_ms(self) -> int:
        """Where it begins."""

    @property
    def end_ms(self) -> int:
        """Where it ends."""


Window = TypeVar("Window", bound=Timed)


@dataclass(frozen=True, slots=True)
class Part(Generic[Window]):
    """Windows in a row that are drawn as one."""

    start_ms: int
    end_ms: int
    windows: int
    worst: Window

    @property
    def note(self) -> str:
        """What is said of it, where it is more than one window."""
        return f"; the worst of {self.windows:,} windows in a row" if self.windows > 1 else ""


def parts(
    windows: Sequence[Window], badness: Callable[[Window], float], drawn: int = DRAWN
) -> list[Part[Window]]:
    """At most ``drawn`` parts of windows in order of time."""
    size = max(1, -(-len(windows) // drawn))
    chunks = [windows[start : start + size] for start in range(0, len(windows), size)]
    return [Part(c[0].start_ms, c[-1].end_ms, len(c), max(c, key=badness)) for c in chunks]
