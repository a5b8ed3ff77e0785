"""Counting the events of one model in one source partition into panes.

Theory.  A source is one partition of one topic; its watermark is the highest event time read so
far less the lateness.  A record is ON TIME when its own time is at or above the watermark of its
source as it stood when the record was read, AMENDED when it is late but within the amend horizon,
LATE beyond.  All three are functions of the log's order alone, so it does not matter how the log
was cut into batches, by whom, or how often it was read.

A pane is open until every source has passed its end plus amend; then no record can reach it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from detectors.contract import Bank
from detectors.discovery import estimators
from engine.champion.pairing import Pairing
from engine.counting import Counting
from engine.decoded import Events
from engine.duplicates import DuplicateFilter
from engine.join_store import Clock, InMemory, Keeping
from engine.joining import Joining
from engine.model import MonitoredModel
from engine.open_pane import OpenPane
from engine.panes import AlarmRow, Counts
from engine.planes import DATA, Plane
from engine.spec import Topic

Mask = npt.NDArray[np.bool_]
CELLS_AT_ONCE: Final = 4_000_000
"""Cells that one call into the kernels may fill: bounds a batch whose times are all apart."""


@dataclass(slots=True)
class ModelState:
    """All that is remembered of one model in one source partition."""

    newest_ms: dict[Topic, int] = field(default_factory=dict)
    """Highest event time per source."""
    idle: set[Topic] = field(default_factory=set)
    panes: dict[int, OpenPane] = field(default_factory=dict)
    joining: Joining | None = None
    """None of a model whose labels are not joined."""
    pairing: Pairing | None = None
    banks: dict[str, Bank] = field(default_factory=dict)
    duplicates: dict[Topic, DuplicateFilter] = field(default_factory=dict)
    dropped_to_ms: int = 0
    """End of the newest pane that was let go; what comes for it or before is LATE.  Without idle
    sources no record can: every source has passed it by amend."""
    moved_by_ms: int = -1
    """Kafka time of the record that last raised a watermark; -1 unknown."""
    moved: bool = True
    """Whether a mark is due: a watermark, an idle declaration or the epoch changed."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a model's rows."""

    duplicate: Mask
    late: Mask
    tallied: Mask


class ModelTally:
    """The logic over one model's state."""

    def __init__(self, model: MonitoredModel, state: ModelState) -> None:
        self.model = model
        self.state = state
        self._counting = Counting(model.layout)

    def accept(
        self,
        topic: Topic,
        events: Events,
        offsets: npt.NDArray[np.int64],
        beats: list[tuple[int, int]],
        record_ms: int = -1,
    ) -> Fate:
        """Count a batch's events; ``beats`` are (row, ts) of heartbeats among them, ``offsets``
        theirs, shape (n,), and ``record_ms`` is the Kafka time of the batch's last record.
        """
        state = self.state
        newest = state.newest_ms.get(topic)
        before = self._newest_before(topic, events, beats)
        if state.newest_ms.get(topic) != newest:
            state.moved_by_ms = record_ms
        rows = len(events.ts_ms)
        duplicate = np.zeros(rows, dtype=np.bool_)
        last = self.model.duplicates_last(topic)
        if last and rows:
            known = state.duplicates.setdefault(topic, DuplicateFilter(last))
            duplicate = known.seen_before(events.ids, offsets)
        clock = self.model.spec.clock(topic)
        behind = before - clock.lateness_ms - events.ts_ms
        late = behind > clock.amend_ms
        if topic != "labels":
            late |= events.ts_ms < state.dropped_to_ms
        too_late = late.copy()
        late &= ~duplicate
        tallied = ~duplicate & ~late
        if duplicate.any() and topic == "predictions":
            self._count_duplicates(events.ts_ms[duplicate & ~too_late & (behind <= 0)])
        if topic != "labels" and tallied.any():
            self._count(events, tallied, behind > 0)
        if state.joining is not None:
            marks = self._join_watermarks_ms()
            state.joining.take(topic, events, tallied, behind <= 0, before, offsets, marks)
        return Fate(duplicate, late, tallied)

    def beat(self, topic: Topic, ts_ms: int, record_ms: int) -> None:
        """A heartbeat in a batch without events of this model."""
        newest = self.state.newest_ms.get(topic)
        if newest is None or ts_ms > newest:
            self.state.newest_ms[topic] = ts_ms
            self.state.moved_by_ms = record_ms
            self.state.moved = True
            if self.state.joining is not None:
                nothing = np.empty(0, dtype=np.int64)
                none = np.empty(0, dtype=np.bool_)
                marks = self._join_watermarks_ms()
                self.state.joining.take(topic, None, none, none, nothing, nothing, marks)
        self._awake(topic)

    def _join_watermarks_ms(self) -> dict[Clock, int | None]:
        return {
            "predictions": self.watermark_ms("predictions"),
            "labels": self.watermark_ms("labels"),
        }

    def _awake(self, topic: Topic) -> None:
        if topic in self.state.idle:
            self.state.idle.discard(topic)
            self.state.moved = True

    def _newest_before(
        self, topic: Topic, events: Events, beats: list[tuple[int, int]]
    ) -> npt.NDArray[np.int64]:
        """The source's highest event time when each event was read, the event included; (n,)."""
        self._awake(topic)
        rows, ts = events.rows, events.ts_ms
        if beats:
            rows = np.concatenate([rows, np.array([row for row, _ in beats], dtype=np.int64)])
            ts = np.concatenate([ts, np.array([ms for _, ms in beats], dtype=np.int64)])
            order = np.argsort(rows, kind="stable")
            ts = ts[order]
        newest = self.state.newest_ms.get(topic)
        running = np.maximum.accumulate(ts)
        if newest is not None:
            running = np.maximum(running, newest)
        if newest is None or running[-1] > newest:
            self.state.newest_ms[topic] = int(running[-1])
            self.state.moved = True
        if beats:
            back = np.empty_like(running)
            back[order] = running
            running = back[: len(events.ts_ms)]
        return running

    def remember(self, topic: Topic, events: Events, offsets: npt.NDArray[np.int64]) -> None:
        """Read records that the state covers already again, into the duplicate filter only."""
        last = self.model.duplicates_last(topic)
        if last:
            known = self.state.duplicates.setdefault(topic, DuplicateFilter(last))
            known.seen_before(events.ids, offsets)

    def _count(self, events: Events, tallied: Mask, behind: Mask) -> None:
        """Add the tallied rows to their panes, on time and amended apart."""
        pane_ms = self.model.spec.time.pane_ms
        numbers = events.ts_ms // pane_ms * 2 + behind
        wanted, place = np.unique(numbers[tallied], return_inverse=True)
        slots = np.full(len(numbers), -1, dtype=np.int32)
        slots[tallied] = place
        alarms = self._alarms(events, slots)
        at_once = max(1, CELLS_AT_ONCE // self.model.layout.size)
        for first in range(0, len(wanted), at_once):
            chunk = wanted[first : first + at_once].tolist()
            inside = (slots >= first) & (slots < first + at_once)
            counts = self._counting.count(
                events, np.where(inside, slots - first, -1).astype(np.int32), len(chunk)
            )
            for slot, cell in alarms:
                if first <= slot < first + at_once:
                    counts[slot - first, cell] += 1
            for number, row in zip(chunk, counts, strict=True):
                self._merge(number // 2 * pane_ms, row, amended=bool(number % 2))

    def _count_duplicates(self, ts_ms: npt.NDArray[np.int64]) -> None:
        """Count what was left out in the panes that it would have been in, where its original is.

        Late ones are counted among the outcomes only: alone they would make a revision.
        """
        pane_ms = self.model.spec.time.pane_ms
        numbers, counts = np.unique(ts_ms // pane_ms, return_counts=True)
        for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
            row = np.zeros(self.model.layout.size, dtype=np.int64)
            row[self.model.layout.duplicates] = count
            self._merge(number * pane_ms, row, amended=False)

    def _merge(self, start_ms: int, counts: Counts, *, amended: bool) -> None:
        pane = self.state.panes.get(start_ms)
        if pane is None:
            pane = self.state.panes[start_ms] = OpenPane(np.zeros(len(counts), np.int64))
        pane.add(counts, amended=amended)

    def _alarms(self, events: Events, slots: npt.NDArray[np.int32]) -> list[tuple[int, int]]:
        """Feed the estimators in offset order; (slot, cell) of each alarm, by its row."""
        if events.numeric is None or not len(events.numeric):
            return []
        fed = np.flatnonzero(slots >= 0)
        columns = events.numeric if len(fed) == len(slots) else events.numeric[:, fed]
        found = []
        for name, bank in self.state.banks.items():
            alarms = bank.advance(columns)
            first = self.model.layout.alarms[name]
            for stream, row in zip(alarms.streams.tolist(), alarms.rows.tolist(), strict=True):
                found.append((int(slots[fed[row]]), first + stream))
        return found

    def watermark_ms(self, topic: Topic) -> int | None:
        """The source's watermark; None when nothing was heard of it."""
        newest = self.state.newest_ms.get(topic)
        return None if newest is None else newest - self.model.spec.clock(topic).lateness_ms

    def clock_topics(self) -> list[Topic]:
        """The inputs whose clocks some plane waits for."""
        return [
            topic
            for topic in self.model.spec.inputs
            if any(topic in plane.topics for plane in self.model.planes)
        ]

    def open_panes(self) -> Iterator[tuple[Plane, dict[int, OpenPane]]]:
        """Each plane with its panes by start."""
        for plane in self.model.planes:
            if plane.number == DATA:
                yield plane, self.state.panes
            elif self.state.joining is not None:
                yield plane, self.state.joining.panes[plane.number]

    def alarms(self, plane: Plane, start_ms: int) -> tuple[AlarmRow, ...]:
        """Alarms over losses in an open pane."""
        joining = self.state.joining
        return () if joining is None else joining.alarms(plane.number, start_ms)

    @property
    def open_cells(self) -> int:
        """Cells of all open panes."""
        return sum(len(panes) * plane.size for plane, panes in self.open_panes())

    def drop_final_panes(self) -> None:
        """Forget clean panes that no record can reach any more."""
        for plane, panes in self.open_panes():
            clock_ms = self._event_time_ms(plane)
            if clock_ms is None:
                continue
            reachable = clock_ms - plane.amend_ms - plane.pane_ms
            for start in [s for s, pane in panes.items() if s <= reachable and not pane.dirty]:
                del panes[start]
                self._dropped(plane, start, start + plane.pane_ms)

    def _dropped(self, plane: Plane, start_ms: int, end_ms: int) -> None:
        """Note that a pane was let go."""
        if plane.number == DATA:
            self.state.dropped_to_ms = max(self.state.dropped_to_ms, end_ms)
        elif self.state.joining is not None:
            self.state.joining.dropped(plane.number, start_ms, end_ms)

    def _event_time_ms(self, plane: Plane) -> int | None:
        """The plane's event time in this partition; None while a source is not heard of."""
        known = []
        for topic in plane.topics:
            if topic in self.state.idle:
                continue
            watermark = self.watermark_ms(topic)
            if watermark is None:
                return None
            known.append(plane.source_ms(topic, watermark))
        return min(known, default=None)


def new_state(model: MonitoredModel, keeping: Keeping | None = None) -> ModelState:
    """What is remembered of a model that nothing was heard of."""
    state = ModelState()
    known = estimators()
    for name in sorted(model.spec.estimators):
        module = known[name]
        params = module.Params(**model.spec.estimators[name])
        state.banks[name] = module.build(params, len(model.layout.numeric))
    if model.performance is not None:
        place = (model.key, model.layout.hash, model.spec.label.ttl_ms)
        state.joining = Joining(model, model.performance, (keeping or InMemory()).store(*place))
    return state
