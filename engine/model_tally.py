"""Counting the events of one model in one source partition into panes.

Theory.  A source is one partition of one topic; its watermark is the highest event time read so
far less the lateness.  A record is ON TIME when its own time is at or above the watermark of its
source as it stood when the record was read, AMENDED when it is late but within the amend horizon,
LATE beyond.  All three are functions of the log's order alone, so it does not matter how the log
was cut into batches, by whom, or how often it was read.

A pane is open until every source has passed its end plus amend; then no record can reach it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from detectors.contract import Bank
from engine.counting import Counting
from engine.decode import Events
from engine.duplicates import DuplicateFilter
from engine.model import MonitoredModel
from engine.panes import Counts
from engine.pieces import Packed
from engine.spec import Topic

Mask = npt.NDArray[np.bool_]
CELLS_AT_ONCE: Final = 4_000_000
"""Cells that one call into the kernels may fill: bounds a batch whose times are all apart."""


@dataclass(slots=True)
class OpenPane:
    """Counts of one pane so far."""

    on_time: Counts
    amended: Counts | None = None
    dirty: bool = True
    packed: tuple[Packed, Packed | None] | None = None
    """Both as they were last told or saved; None when they changed since."""

    def pack(self) -> tuple[Packed, Packed | None]:
        """On-time and amended counts as bytes."""
        if self.packed is None:
            late = None if self.amended is None else Packed.of(self.amended)
            self.packed = (Packed.of(self.on_time), late)
        return self.packed


@dataclass(slots=True)
class ModelState:
    """All that is remembered of one model in one source partition."""

    newest_ms: dict[Topic, int] = field(default_factory=dict)
    """Highest event time per source."""
    idle: set[Topic] = field(default_factory=set)
    panes: dict[int, OpenPane] = field(default_factory=dict)
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
        """Count a batch's events; ``beats`` are (row, ts) of heartbeats among them.

        ``offsets`` has one entry per event, shape (n,); ``record_ms`` is the Kafka time of the
        batch's last record.
        """
        state = self.state
        newest = state.newest_ms.get(topic)
        before = self._newest_before(topic, events, beats)
        if state.newest_ms.get(topic) != newest:
            state.moved_by_ms = record_ms
        rows = len(events.ts_ms)
        duplicate = np.zeros(rows, dtype=np.bool_)
        if self.model.spec.duplicates_last and rows:
            last = self.model.spec.duplicates_last
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
        return Fate(duplicate, late, tallied)

    def beat(self, topic: Topic, ts_ms: int, record_ms: int) -> None:
        """A heartbeat in a batch without events of this model."""
        newest = self.state.newest_ms.get(topic)
        if newest is None or ts_ms > newest:
            self.state.newest_ms[topic] = ts_ms
            self.state.moved_by_ms = record_ms
            self.state.moved = True
        self._awake(topic)

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
        last = self.model.spec.duplicates_last
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
        pane.dirty, pane.packed = True, None
        if not amended:
            pane.on_time += counts
        elif pane.amended is None:
            pane.amended = counts.copy()
        else:
            pane.amended += counts

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
        return None if newest is None else newest - self.model.spec.time.lateness_ms

    def data_topics(self) -> list[Topic]:
        """The inputs whose clocks the data windows wait for; labels have a clock of their own."""
        return [topic for topic in self.model.spec.inputs if topic != "labels"]

    def drop_final_panes(self) -> None:
        """Forget clean panes that no record can reach any more."""
        marks = [self.watermark_ms(t) for t in self.data_topics() if t not in self.state.idle]
        known = [mark for mark in marks if mark is not None]
        if not known or len(known) < len(marks):
            return
        time = self.model.spec.time
        reachable = min(known) - time.amend_ms - time.pane_ms
        final = [s for s, pane in self.state.panes.items() if s <= reachable and not pane.dirty]
        for start in final:
            del self.state.panes[start]
            self.state.dropped_to_ms = max(self.state.dropped_to_ms, start + time.pane_ms)
