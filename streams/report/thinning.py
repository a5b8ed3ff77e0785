"""More windows than a plot has room for: the worst of each part stands for it.

Rule.  Nothing that is bad disappears from a plot, and a year of five-minute windows is no page of
megabytes.  Each part is of as many windows in a row: the same windows give the same parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from engine.policy.history import ToldWindow

DRAWN: Final = 800
"""Marks of one lane: about one a pixel."""


@dataclass(frozen=True, slots=True)
class Part:
    """Windows in a row that are drawn as one."""

    start_ms: int
    end_ms: int
    windows: int
    worst: ToldWindow

    @property
    def note(self) -> str:
        """What is said of it, where it is more than one window."""
        return f"; the worst of {self.windows:,} windows in a row" if self.windows > 1 else ""


def parts(windows: Sequence[ToldWindow], badness: Callable[[ToldWindow], float]) -> list[Part]:
    """At most DRAWN parts of windows in order of time."""
    size = max(1, -(-len(windows) // DRAWN))
    chunks = [windows[start : start + size] for start in range(0, len(windows), size)]
    return [Part(c[0].start_ms, c[-1].end_ms, len(c), max(c, key=badness)) for c in chunks]
