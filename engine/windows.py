"""Windows: rings of panes over event time, and when each is due to be judged.

Theory.  A window [end - length, end) is aligned to the epoch and is the sum of its ring's panes.
Base panes are added to the ring of every window twice: their on-time counts when event time passes
their end, the amended ones when it passes end + amend.  On-time and amended counts stay apart, so
that revision 0 is a sum over the first and revision 1 over both, and neither depends on when the
other arrived.

When events stop, windows are judged on until an empty one that tiles time was judged (the silence
is news, and the decisions read those windows only) and then not again until there are events, so
that a jump in event time costs little.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.layout import COUNTERS
from engine.panes import Counts, PaneError
from engine.pieces import Packed
from engine.seasonal_mix import SLICES, slice_of
from engine.spec import Season, WindowRule

GROUP_CELLS: Final = 16_384
"""Panes of a ring are saved together up to so many cells: a record each would be too many, and all
in one would be written again whenever the newest pane changes."""


@dataclass(slots=True)
class RingPane:
    """Counts of one pane of a ring; the slice counts are events per seasonal slice."""

    on_time: Counts
    slices: Counts
    amended: Counts | None = None
    amended_slices: Counts | None = None
    has_events: bool = False
    """Whether anything on time was counted."""


class WindowRing:
    """The panes of one window."""

    def __init__(self, rule: WindowRule, size: int, season: Season | None) -> None:
        self.rule = rule
        self.panes: dict[int, RingPane] = {}
        self.last_end_ms: int | None = None
        self.silent = True
        """Whether the silence was told and nothing is due until there are events."""
        self.awaiting_revision: list[int] = []
        """Ends judged once, in order, whose revision 1 is still open."""
        self.saved: dict[int, Packed] = {}
        """Groups of panes as they were last saved, by :meth:`group_of`, while unchanged."""
        self._group_ms = rule.pane_ms * max(1, GROUP_CELLS // size)
        self._size = size
        self._season = season
        self._slices = SLICES[season] if season is not None else 0

    def group_of(self, start_ms: int) -> int:
        """Which panes are saved together."""
        return start_ms // self._group_ms

    def add(self, start_ms: int, counts: Counts, *, amended: bool) -> None:
        """Add a base pane's counts."""
        if not counts.any():
            return
        at = start_ms // self.rule.pane_ms * self.rule.pane_ms
        pane = self.panes.get(at)
        if pane is None:
            zeros = np.zeros(self._size, np.int64)
            pane = self.panes[at] = RingPane(zeros, np.zeros(self._slices, np.int64))
        self.saved.pop(self.group_of(at), None)
        if amended:
            if pane.amended is None or pane.amended_slices is None:
                pane.amended = np.zeros(self._size, np.int64)
                pane.amended_slices = np.zeros(self._slices, np.int64)
            pane.amended += counts
        else:
            pane.on_time += counts
            pane.has_events = pane.has_events or bool(counts[:COUNTERS].any())
        if self._season is not None:
            slices = pane.amended_slices if amended else pane.slices
            assert slices is not None
            slices[slice_of(np.array([start_ms]), self._season)[0]] += counts[:2].max()

    def sliced(self, counts: list[int]) -> Counts:
        """Slice counts that were saved; PaneError when they are not of this ring's season."""
        if len(counts) != self._slices:
            raise PaneError(f"{len(counts)} slices where a ring has {self._slices}")
        return np.array(counts, dtype=np.int64)

    def total(self, end_ms: int, *, amended: bool) -> tuple[Counts, Counts]:
        """Counts and slice counts of the window that ends at ``end_ms``."""
        counts = np.zeros(self._size, np.int64)
        slices = np.zeros(self._slices, np.int64)
        for _, pane in self._inside(end_ms):
            counts += pane.on_time
            slices += pane.slices
            if amended and pane.amended is not None and pane.amended_slices is not None:
                counts += pane.amended
                slices += pane.amended_slices
        return counts, slices

    def was_amended(self, end_ms: int) -> bool:
        """Whether revision 1 of the window would differ from revision 0."""
        return any(pane.amended is not None for _, pane in self._inside(end_ms))

    def first_with(self, cell: int, end_ms: int, *, amended: bool) -> int | None:
        """Start of the first pane of the window in which ``cell`` is not zero."""
        for start, pane in self._inside(end_ms):
            late = amended and pane.amended is not None and pane.amended[cell]
            if pane.on_time[cell] or late:
                return start
        return None

    def _inside(self, end_ms: int) -> list[tuple[int, RingPane]]:
        start = end_ms - self.rule.length_ms
        return [(s, p) for s, p in sorted(self.panes.items()) if start <= s < end_ms]

    def next_end_ms(self, coming_ms: int | None) -> int | None:
        """End of the next window to judge, given the start of the first base pane that is not in
        the ring yet; it will be there before a window that contains it falls due.

        None while there is nothing to judge.
        """
        step, length = self.rule.judge_every_ms, self.rule.length_ms
        starts = [s for s, pane in self.panes.items() if pane.has_events]
        if coming_ms is not None:
            starts.append(coming_ms)
        if self.last_end_ms is None:
            return (min(starts) // step + 1) * step if starts else None
        following = (self.last_end_ms // step + 1) * step
        if not self.silent:
            return following
        ahead = [s for s in starts if s >= following - length]
        return max((min(ahead) // step + 1) * step, following) if ahead else None

    def judged(self, end_ms: int, *, silent: bool) -> None:
        """Note that revision 0 of the window that ends at ``end_ms`` was judged; ``silent`` when it
        was an empty one of those that tile time."""
        self.last_end_ms = end_ms
        self.silent = silent
        self.awaiting_revision.append(end_ms)

    def forget(self, due_ms: int, amend_ms: int) -> None:
        """Drop panes that no window still to be judged or revised can contain."""
        oldest = due_ms - amend_ms - self.rule.length_ms
        for start in [s for s in self.panes if s + self.rule.pane_ms <= oldest]:
            del self.panes[start]
            self.saved.pop(self.group_of(start), None)
