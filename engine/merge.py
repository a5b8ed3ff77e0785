"""Merging what the source partitions say of one model: panes, marks, event time.

Rule.  For one (partition, pane) and for one partition's mark the highest stamp counts.  A pane
record stamped below its partition's mark is a repeat, or of a worker that lost the partition: panes
are delivered before the mark that follows them.  So whatever is said twice, late, or by a worker
that does not know that it was replaced, changes nothing.

A new life of a tally tells its open panes again, with what was counted up to its snapshot: less,
perhaps, than the life before had told.  So the mark of that life stands for nothing from the first
pane of the new one on, and event time waits for the new life's own mark.

Event time is the smallest watermark of all sources (data topics x partitions) that are not idle; a
source not heard of yet holds it back.
"""

from __future__ import annotations

import msgspec

from engine.model import MonitoredModel
from engine.open_panes import (
    ROLLED_UP_MARGIN,
    Held,
    OpenPanes,
    OpenPanesFullError,
    RolledUp,
    events_in,
)
from engine.pane_checks import refuse_impossible_mark, refuse_impossible_pane
from engine.panes import Mark, PaneError, PaneRecord, Stamp, stamp_of, unpack
from engine.pieces import Packed


class Merge:
    """Panes and marks of one model over all source partitions."""

    def __init__(self, model: MonitoredModel, partitions: int) -> None:
        time = model.spec.time
        self._model = model
        self._partitions = partitions
        self._counted = model.layout.counted_cells()
        self.marks: dict[int, Mark] = {}
        self.stale_records = 0
        """Records stamped below their partition's mark: repeats, and what a replaced worker said.
        When they do not end, a partition is numbered anew while its old records still stand."""
        self.open = OpenPanes({})
        capacity = (time.lateness_ms + time.amend_ms) // time.pane_ms + ROLLED_UP_MARGIN
        self.rolled_up = RolledUp(capacity)

    def mark(self, record: Mark) -> bool:
        """Take a mark; whether it counts.  PaneError when no tally can have written it.

        An equal stamp counts again: what it made due may have been interrupted.
        """
        self._refuse_foreign_partition(record)
        refuse_impossible_mark(record)
        held = self.marks.get(record.partition)
        if held is not None and stamp_of(held) > stamp_of(record):
            self.stale_records += 1
            return False
        self.marks[record.partition] = record
        return True

    def hold(self, record: PaneRecord, clock_ms: int | None) -> int:
        """Take a pane record; the events in it that are in no window because their pane was rolled
        up for good, at event time ``clock_ms``.

        PaneError when no tally can have written it, OpenPanesFullError when it does not fit.
        """
        self._refuse_foreign_partition(record)
        mark = self.marks.get(record.partition)
        if mark is not None and stamp_of(record) < stamp_of(mark):
            self.stale_records += 1
            return 0
        size, time = self._model.layout.size, self._model.spec.time
        on_time = unpack(record.on_time, size)
        amended = None if record.amended is None else unpack(record.amended, size)
        start = record.start_ms
        refuse_impossible_pane(start, time.pane_ms, [on_time, amended], self._counted)
        if mark is not None and stamp_of(record)[:2] > stamp_of(mark)[:2]:
            self.marks[record.partition] = _unheard(mark, stamp_of(record))
        held = Held(
            stamp_of(record),
            Packed(record.on_time),
            None if record.amended is None else Packed(record.amended),
            events_in(on_time, amended),
        )
        if clock_ms is not None and start + time.pane_ms + time.amend_ms <= clock_ms:
            return self.rolled_up.surplus(start, record.partition, held)
        try:
            self.open.hold(start, record.partition, held)
        except OpenPanesFullError as error:
            raise OpenPanesFullError(f"{self._model.key}: {error}; {self._laggard()}") from error
        return 0

    def _refuse_foreign_partition(self, record: PaneRecord | Mark) -> None:
        if not 0 <= record.partition < self._partitions:
            raise PaneError(f"partition {record.partition} of {self._partitions}")

    def event_time_ms(self) -> int | None:
        """The smallest watermark of all sources that are not idle; None when one is unheard of."""
        if len(self.marks) < self._partitions:
            return None
        lowest: int | None = None
        for mark in self.marks.values():
            for topic, watermark in mark.watermarks_ms.items():
                if topic in mark.idle:
                    continue
                if watermark is None:
                    return None
                lowest = watermark if lowest is None else min(lowest, watermark)
        return lowest

    def _laggard(self) -> str:
        """Which source holds event time back, for a message."""
        unheard = sorted(set(range(self._partitions)) - set(self.marks))
        if unheard:
            return f"nothing was heard yet of partitions {unheard}"
        lowest = [
            (-1 if watermark is None else watermark, f"{topic}/{partition}")
            for partition, mark in self.marks.items()
            for topic, watermark in mark.watermarks_ms.items()
            if topic not in mark.idle
        ]
        return f"they wait for {min(lowest)[1]}" if lowest else "every source is idle"


def _unheard(mark: Mark, by: Stamp) -> Mark:
    """The mark of a partition whose new life was heard of but has not said how far it is."""
    nothing = dict.fromkeys(mark.watermarks_ms)
    return msgspec.structs.replace(mark, stamp=(by[0], by[1], 0), watermarks_ms=nothing, idle=())
