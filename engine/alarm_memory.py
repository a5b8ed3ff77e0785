"""The alarms over losses that a judge remembers with their places, over all source partitions.

Rule.  A pane's rows (:mod:`engine.loss_alarms`) are taken when the pane goes to the rings, and
again when it is let go; taking a row twice changes nothing.  The newest MAX_ALARMS_KEPT are kept,
in order of event time: an alarm stays told with its place for as long as it is among them.  How
many alarms a window had is counted in cells, and does not depend on this.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import Final, NamedTuple

from engine.panes import AlarmRow

MAX_ALARMS_KEPT: Final = 500


class KeptAlarm(NamedTuple):
    """An alarm with its place; ordered by event time first."""

    at_ms: int
    partition: int
    pair: int
    position: int
    before: float
    after: float


class AlarmMemory:
    """The newest alarms of one plane."""

    def __init__(self) -> None:
        self.kept: list[KeptAlarm] = []
        """In order, at most MAX_ALARMS_KEPT."""
        self._known: set[tuple[int, int, int, int]] = set()

    def take(self, partition: int, rows: Iterable[AlarmRow]) -> None:
        """Note the rows of one partition's pane."""
        self.put(
            KeptAlarm(row.at_ms, partition, row.pair, row.position, row.before, row.after)
            for row in rows
        )

    def put(self, alarms: Iterable[KeptAlarm]) -> None:
        """Note alarms that are not known yet."""
        for alarm in alarms:
            place = alarm[:4]
            if place in self._known:
                continue
            self._known.add(place)
            self.kept.insert(bisect_left(self.kept, place, key=_place), alarm)
            if len(self.kept) > MAX_ALARMS_KEPT:
                self._known.discard(self.kept.pop(0)[:4])

    def between(self, start_ms: int, end_ms: int) -> list[KeptAlarm]:
        """Those from ``start_ms`` on and before ``end_ms``, in order."""
        low = bisect_left(self.kept, start_ms, key=_at)
        return self.kept[low : bisect_left(self.kept, end_ms, key=_at)]

    def last_before(self, end_ms: int, pair: int) -> KeptAlarm | None:
        """The newest of a pair before ``end_ms``."""
        older = self.kept[: bisect_left(self.kept, end_ms, key=_at)]
        return next((alarm for alarm in reversed(older) if alarm.pair == pair), None)


def _place(alarm: KeptAlarm) -> tuple[int, int, int, int]:
    return alarm[:4]


def _at(alarm: KeptAlarm) -> int:
    return alarm.at_ms
