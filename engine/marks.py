"""How far event time has come: the newest mark of each source partition of one model.

Rule.  The mark with the highest stamp counts.  A record stamped below its partition's mark is a
repeat, or of a worker that lost the partition: panes are delivered before the mark that follows
them, whatever plane they are of.

A new life of a tally tells its open panes again, with what was counted up to its snapshot: less,
perhaps, than the life before had told.  So the mark of that life stands for nothing from the first
pane of the new one on, and event time waits for the new life's own mark.

Event time of a plane is the smallest watermark of its sources (topics x partitions) that are not
idle; a source not heard of yet holds it back.
"""

from __future__ import annotations

import msgspec

from engine.pane_checks import refuse_impossible_mark
from engine.panes import Mark, PaneError, PaneRecord, Stamp, stamp_of
from engine.planes import Plane


class Marks:
    """The marks of one model over all source partitions."""

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self.held: dict[int, Mark] = {}
        self.stale_records = 0
        """Records stamped below their partition's mark: repeats, and what a replaced worker said.
        When they do not end, a partition is numbered anew while its old records still stand."""

    def take(self, record: Mark) -> bool:
        """Take a mark; whether it counts.  PaneError when no tally can have written it.

        An equal stamp counts again: what it made due may have been interrupted.
        """
        self.refuse_foreign_partition(record)
        refuse_impossible_mark(record)
        held = self.held.get(record.partition)
        if held is not None and stamp_of(held) > stamp_of(record):
            self.stale_records += 1
            return False
        self.held[record.partition] = record
        return True

    def outdates(self, record: PaneRecord) -> bool:
        """Whether a pane record is stamped below its partition's mark, and so says nothing."""
        mark = self.held.get(record.partition)
        if mark is None or stamp_of(record) >= stamp_of(mark):
            return False
        self.stale_records += 1
        return True

    def hear(self, record: PaneRecord) -> None:
        """Void the mark of an earlier life than that which a pane record speaks of."""
        mark = self.held.get(record.partition)
        if mark is not None and stamp_of(record)[:2] > stamp_of(mark)[:2]:
            self.held[record.partition] = _unheard(mark, stamp_of(record))

    def refuse_foreign_partition(self, record: PaneRecord | Mark) -> None:
        """PaneError for a record of a partition that there is not."""
        if not 0 <= record.partition < self._partitions:
            raise PaneError(f"partition {record.partition} of {self._partitions}")

    def event_time_ms(self, plane: Plane) -> int | None:
        """The smallest watermark of the plane's sources; None when one is unheard of."""
        if len(self.held) < self._partitions:
            return None
        lowest: int | None = None
        for mark in self.held.values():
            for topic in plane.topics:
                if topic in mark.idle:
                    continue
                watermark = mark.watermarks_ms.get(topic)
                if watermark is None:
                    return None
                reached = plane.source_ms(topic, watermark)
                lowest = reached if lowest is None else min(lowest, reached)
        return lowest

    def laggard(self, plane: Plane) -> str:
        """Which source holds the plane's event time back, for a message."""
        unheard = sorted(set(range(self._partitions)) - set(self.held))
        if unheard:
            return f"nothing was heard yet of partitions {unheard}"
        lowest = [
            (-1 if watermark is None else watermark, f"{topic}/{partition}")
            for partition, mark in self.held.items()
            for topic, watermark in mark.watermarks_ms.items()
            if topic in plane.topics and topic not in mark.idle
        ]
        return f"they wait for {min(lowest)[1]}" if lowest else "every source is idle"


def _unheard(mark: Mark, by: Stamp) -> Mark:
    """The mark of a partition whose new life was heard of but has not said how far it is."""
    nothing = dict.fromkeys(mark.watermarks_ms)
    return msgspec.structs.replace(mark, stamp=(by[0], by[1], 0), watermarks_ms=nothing, idle=())
