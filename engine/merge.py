"""Merging what the source partitions say of the panes of one plane of one model.

Rule.  For one (partition, pane) the highest stamp counts, so whatever is said twice, late, or by a
worker that does not know that it was replaced, changes nothing (see :mod:`engine.marks`).
"""

from __future__ import annotations

from engine.champion.users import refuse_impossible_users
from engine.loss_alarms import refuse_impossible_alarms
from engine.marks import Marks
from engine.open_panes import (
    ROLLED_UP_MARGIN,
    Held,
    OpenPanes,
    OpenPanesFullError,
    RolledUp,
    events_in,
)
from engine.pane_checks import refuse_impossible_pane
from engine.panes import PaneRecord, stamp_of, unpack
from engine.pieces import Packed
from engine.planes import Plane


class Merge:
    """Panes of one plane over all source partitions."""

    def __init__(self, key: str, plane: Plane, marks: Marks) -> None:
        self._key = key
        self._plane = plane
        self._marks = marks
        self.open = OpenPanes({})
        waiting_ms = plane.lateness_ms + plane.amend_ms + (plane.maturity_ms or 0)
        self.rolled_up = RolledUp(waiting_ms // plane.pane_ms + ROLLED_UP_MARGIN)

    def hold(self, record: PaneRecord, clock_ms: int | None) -> int:
        """Take a pane record; the events in it that are in no window because their pane was rolled
        up for good, at event time ``clock_ms``: of planes with corrections none are ever told.

        PaneError when no tally can have written it, OpenPanesFullError when it does not fit.
        """
        self._marks.refuse_foreign_partition(record)
        if self._marks.outdates(record):
            return 0
        plane = self._plane
        on_time = unpack(record.on_time, plane.size)
        amended = None if record.amended is None else unpack(record.amended, plane.size)
        start = record.start_ms
        parts = [on_time, amended]
        if plane.nets and amended is not None:
            parts = [on_time, on_time + amended]
        refuse_impossible_pane(start, plane.pane_ms, parts, plane.counted)
        refuse_impossible_alarms(record.alarms, plane.alarm_pairs, start, plane.pane_ms)
        refuse_impossible_users(record.users, told=plane.users)
        self._marks.hear(record)
        held = Held(
            stamp_of(record),
            Packed(record.on_time),
            None if record.amended is None else Packed(record.amended),
            events_in(on_time, amended),
            record.alarms,
            record.users,
        )
        if clock_ms is not None and start + plane.pane_ms + plane.amend_ms <= clock_ms:
            # Corrections take away and add again: of what they net, a tally that was restored
            # before them tells more than was rolled up, and nothing of it came late.
            return 0 if plane.nets else self.rolled_up.surplus(start, record.partition, held)
        try:
            self.open.hold(start, record.partition, held)
        except OpenPanesFullError as error:
            where = self._marks.laggard(plane)
            raise OpenPanesFullError(f"{self._key}: {error}; {where}") from error
        return 0
