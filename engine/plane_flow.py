"""One plane of one model on its way from pane records to windows that are due.

Theory.  Event time is the smallest watermark of the plane's sources (:mod:`engine.planes`).  When
it moves, everything that fell due is done in the order in which it fell due, whatever the size of
the step: so it does not matter how often the tallies flush, how many workers there are, or what was
read twice.

Due are, for each base pane, its on-time counts at its end and its amended ones at end + amend; for
each window, revision 0 at its end and revision 1 (if anything was amended) at end + amend.  At one
instant panes come before windows, revision 0 before revision 1, shorter windows before longer ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from engine.alarm_memory import AlarmMemory
from engine.layout import COUNTERS
from engine.marks import Marks
from engine.merge import Merge
from engine.open_panes import OpenBasePane
from engine.panes import PaneRecord
from engine.pieces import Packed
from engine.planes import Plane
from engine.windows import WindowRing

Due = tuple[int, int, int, int]
"""(due time, step, window length, pane start or window end); the smallest comes first."""
_ROLL, _FINISH, _JUDGE, _REVISE = range(4)


@dataclass(frozen=True, slots=True)
class DueWindow:
    """A window of a plane that is to be judged now."""

    due_ms: int
    ring: WindowRing
    end_ms: int
    revision: int


class PlaneFlow:
    """Panes, rings and event time of one plane."""

    def __init__(self, key: str, plane: Plane, marks: Marks) -> None:
        self.plane = plane
        self.merge = Merge(key, plane, marks)
        self.rings = {w.name: WindowRing(w, plane.size, plane.season) for w in plane.windows}
        self.clock_ms: int | None = None
        self.first_event_ms: int | None = None
        """Start of the first base pane that ever held an event on time."""
        self.totals = np.zeros(plane.totals, np.int64)
        """The first cells over everything that was ever in a window."""
        self.alarms = AlarmMemory()
        """Of estimators over losses, with their places."""
        self.users: list[bytes] = []
        """Of a split: those of the panes that the window due now is of, by partition."""
        self._marks = marks
        self._goal_ms: int | None = None

    def hold(self, record: PaneRecord) -> int:
        """Take a pane record; the events in it that came too late for any window."""
        return self.merge.hold(record, self.clock_ms)

    def advance(self) -> bool:
        """Look at the marks again; whether event time moved, so that something may be due."""
        assert not self.behind, "what fell due before comes first"
        goal_ms = self._marks.event_time_ms(self.plane)
        if goal_ms is None or (self.clock_ms is not None and goal_ms <= self.clock_ms):
            return False
        self._goal_ms = goal_ms
        return True

    def catch_up(self, goal_ms: int) -> bool:
        """Take it that event time is this far at least; whether it moved."""
        known_ms = self.clock_ms if self._goal_ms is None else self._goal_ms
        if known_ms is not None and goal_ms <= known_ms:
            return False
        self._goal_ms = goal_ms
        return True

    @property
    def goal_ms(self) -> int | None:
        """How far event time has come; None where all that was due by then is done."""
        return self._goal_ms

    @property
    def behind(self) -> bool:
        """Whether something is due that was not done yet."""
        return self._goal_ms is not None

    def next_window(self, limit_ms: int | None = None) -> DueWindow | None:
        """Give every pane that is due to the rings; the window that is due then.  With None
        everything due is done, and event time has arrived where the marks are, or at ``limit_ms``,
        behind which nothing falls due."""
        assert self._goal_ms is not None, "nothing is due"
        goal_ms = self._goal_ms
        if limit_ms is not None:
            goal_ms = min(
                goal_ms, limit_ms if self.clock_ms is None else max(limit_ms, self.clock_ms)
            )
        while True:
            due = min(self._candidates(), default=None)
            if due is None or due[0] > goal_ms:
                self.clock_ms, self._goal_ms = goal_ms, None
                return None
            at_ms, step, length, which = due
            if step == _ROLL:
                self._roll()
            elif step == _FINISH:
                self._finish()
            else:
                ring = next(r for r in self.rings.values() if r.rule.length_ms == length)
                return DueWindow(at_ms, ring, which, int(step == _REVISE))

    def judged(self, due: DueWindow, *, silent: bool) -> None:
        """Note that revision 0 of a due window was judged."""
        due.ring.judged(due.end_ms, silent=silent)

    def revised(self, due: DueWindow) -> None:
        """Note that revision 1 of a due window was judged, or had nothing to say."""
        due.ring.awaiting_revision.pop(0)
        due.ring.forget(due.due_ms, self.plane.amend_ms)

    def _candidates(self) -> Iterator[Due]:
        """The next thing of each kind."""
        plane = self.plane
        waiting, rolled = self.merge.open.next_waiting(), self.merge.open.next_rolled()
        if waiting is not None:
            yield (waiting + plane.pane_ms, _ROLL, 0, waiting)
        if rolled is not None:
            yield (rolled + plane.pane_ms + plane.amend_ms, _FINISH, 0, rolled)
        for ring in self.rings.values():
            length = ring.rule.length_ms
            end = ring.next_end_ms(waiting)
            if end is not None:
                yield (end, _JUDGE, length, end)
            if ring.awaiting_revision:
                end = ring.awaiting_revision[0]
                yield (end + plane.amend_ms, _REVISE, length, end)

    def _roll(self) -> None:
        """Give the next pane's on-time counts to the rings.

        A pane that turns up only after event time passed its end has come late for revision 0,
        whatever its own source thought (it may have been declared idle): all of it is amendment.
        """
        start_ms, pane = self.merge.open.roll()
        size, end_ms = self.plane.size, start_ms + self.plane.pane_ms
        passed = self.clock_ms is not None and end_ms <= self.clock_ms
        on_time = np.zeros(size, np.int64) if passed else pane.on_time(size)
        pane.rolled = Packed.of(on_time)
        if self.first_event_ms is None and on_time[:COUNTERS].any():
            self.first_event_ms = start_ms
        self.totals += on_time[: len(self.totals)]
        self._remember_alarms(pane)
        if self.plane.users:
            self.users = [] if passed else [h.users for _, h in sorted(pane.held.items())]
            self.merge.open.forget_users(pane)
        for ring in self.rings.values():
            ring.add(start_ms, on_time, amended=False)

    def _finish(self) -> None:
        """Give what was amended to the rings and let the pane go."""
        start_ms, pane = self.merge.open.finish()
        remainder = pane.remainder(self.plane.size)
        self.totals += remainder[: len(self.totals)]
        for ring in self.rings.values():
            ring.add(start_ms, remainder, amended=True)
        self._remember_alarms(pane)
        self.merge.rolled_up.remember(start_ms, pane)

    def _remember_alarms(self, pane: OpenBasePane) -> None:
        for partition, held in sorted(pane.held.items()):
            self.alarms.take(partition, held.alarms)
