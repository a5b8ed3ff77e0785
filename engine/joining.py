"""The labels' side of one model in one source partition: from batches to panes of performance.

Theory.  The join says what each changed event adds and takes away (:mod:`engine.join`); here that
is counted, a batch at a time, into the open panes of the planes.  What is added is a function of
the two logs' prefixes, so the panes are too.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from engine.contributions import Contributions
from engine.decoded import Events
from engine.event_keys import keys_of
from engine.join import Batch, Join
from engine.join_batches import LabelColumns, PredictionColumns
from engine.join_entry import JoinRules, PlaneRule
from engine.join_store import Clock, JoinStore
from engine.loss_feeding import feeding_of
from engine.model import MonitoredModel
from engine.open_pane import OpenPane
from engine.panes import AlarmRow, Counts
from engine.performance_counting import Matches, count_matches
from engine.performance_layout import PerformanceLayout
from engine.planes import DATA, PERFORMANCE
from engine.spec import Topic

MATCHES_AT_ONCE: Final = 50_000
"""Matches that are counted in one go; bounds the columns of a batch that closes many events."""
CELLS_AT_ONCE: Final = 2_000_000
PLACES_A_START: Final = 1 << 10
"""More than twice the planes of a model."""


class Joining:
    """The join of one model and the panes that it fills."""

    def __init__(self, model: MonitoredModel, layout: PerformanceLayout, store: JoinStore) -> None:
        self.store = store
        self.join = Join(
            join_rules(model), self.store, model.spec.label.pending, len(layout.segments)
        )
        self.panes: dict[int, dict[int, OpenPane]] = {
            plane.number: {} for plane in model.planes if plane.number != DATA
        }
        """Plane -> start -> open pane."""
        self.dropped_to_ms = dict.fromkeys(self.panes, 0)
        """Plane -> end of the newest pane that was let go."""
        self.sizes = {plane.number: plane.size for plane in model.planes}
        """Plane -> cells."""
        self.losses = feeding_of(model)
        self._model = model
        self.layout = layout
        """Of the cells that matches are counted into."""

    def take(
        self,
        topic: Topic,
        events: Events | None,
        kept: npt.NDArray[np.bool_],
        on_time: npt.NDArray[np.bool_],
        newest_ms: npt.NDArray[np.int64],
        offsets: npt.NDArray[np.int64],
        watermarks_ms: dict[Clock, int | None],
    ) -> None:
        """Take in the chosen events of a batch; None where only the clock moved.

        All arrays have shape (n,); ``newest_ms`` is the source's highest time when each was read.
        """
        batch: Batch | None = None
        if events is not None and topic == "labels":
            batch = self._labels(events, kept, on_time, newest_ms, offsets)
        elif events is not None and topic == "predictions":
            batch = self._predictions(events, kept, on_time, offsets)
        reached: dict[Topic, int] = {topic: int(offsets[-1]) + 1} if len(offsets) else {}
        self.take_batch(batch, watermarks_ms, reached)

    def take_batch(
        self,
        batch: Batch | None,
        watermarks_ms: dict[Clock, int | None],
        reached: dict[Topic, int],
    ) -> None:
        """The same of columns; ``reached`` has the next offset of their topic."""
        found = self.join.take(batch, watermarks_ms, reached)
        for first in range(0, len(found), MATCHES_AT_ONCE):
            self._count(found.at(slice(first, first + MATCHES_AT_ONCE)))
        if self.losses is not None:
            for start_ms, counts in self.losses.seal(watermarks_ms):
                self._add(PERFORMANCE, start_ms, False, counts)  # noqa: FBT003 - on time
                if start_ms not in self.panes[PERFORMANCE]:  # let go while a source was idle
                    self.losses.alarms.pop(start_ms, None)

    def alarms(self, plane: int, start_ms: int) -> tuple[AlarmRow, ...]:
        """Alarms over losses in an open pane."""
        if plane != PERFORMANCE or self.losses is None:
            return ()
        return self.losses.alarms.get(start_ms, ())

    def dropped(self, plane: int, start_ms: int, end_ms: int) -> None:
        """Note that a pane was let go."""
        self.dropped_to_ms[plane] = max(self.dropped_to_ms[plane], end_ms)
        if plane == PERFORMANCE and self.losses is not None:
            self.losses.alarms.pop(start_ms, None)

    def _labels(
        self,
        events: Events,
        kept: npt.NDArray[np.bool_],
        on_time: npt.NDArray[np.bool_],
        newest_ms: npt.NDArray[np.int64],
        offsets: npt.NDArray[np.int64],
    ) -> Batch:
        assert events.labels is not None, "labels were decoded"
        watermarks_ms = newest_ms - self._model.spec.label.lateness_ms
        known = LabelColumns(offsets, events.ts_ms, watermarks_ms, on_time, events.labels)
        usable = kept & ~np.isnan(events.labels)
        return _of_usable(events, known, usable)

    def _predictions(
        self,
        events: Events,
        kept: npt.NDArray[np.bool_],
        on_time: npt.NDArray[np.bool_],
        offsets: npt.NDArray[np.int64],
    ) -> Batch:
        assert events.outcome is not None, "predictions have an outcome"
        assert events.value is not None, "the model is joined"
        assert events.segments is not None, "the model is joined"
        score = events.outcome[0]
        if events.classes is not None:
            decision = events.classes
        elif events.positive is not None:
            decision = events.positive.astype(np.int64)
        else:
            decision = np.full(len(score), -1, dtype=np.int64)
        usable = kept & (np.isfinite(score) | (decision >= 0))
        made = PredictionColumns(
            offsets,
            events.ts_ms,
            on_time,
            np.where(np.isfinite(score), score, np.nan),
            decision,
            np.where(np.isfinite(events.value), events.value, np.nan),
            events.segments,
        )
        return _of_usable(events, made, usable)

    def _count(self, found: Contributions) -> None:
        """Add contributions to their panes."""
        if self.losses is not None:
            self.losses.take(found)
        places = 2 * found.planes + found.amended
        names, firsts, slots = np.unique(
            found.starts_ms * PLACES_A_START + places, return_index=True, return_inverse=True
        )
        named = list(
            zip(
                found.planes[firsts].tolist(),
                found.starts_ms[firsts].tolist(),
                found.amended[firsts].tolist(),
                strict=True,
            )
        )
        at_once = max(1, CELLS_AT_ONCE // self.layout.size)
        for first in range(0, len(names), at_once):
            chosen, inside = found, slots
            if len(names) > at_once:
                rows = np.flatnonzero((slots >= first) & (slots < first + at_once))
                chosen, inside = found.at(rows), slots[rows] - first
            matches = _matches(chosen, inside)
            counts = self.cells_of(matches, len(named[first : first + at_once]))
            for place, row in zip(named[first : first + at_once], counts, strict=True):
                self._add(*place, row)

    def cells_of(self, matches: Matches, slots: int) -> Counts:
        """Cells of all matches, shape (slots, the layout's size)."""
        return count_matches(self.layout, matches, slots)

    def _add(self, plane: int, start_ms: int, amended: bool, counts: npt.NDArray[np.int64]) -> None:  # noqa: FBT001 - the parts of a place
        panes = self.panes[plane]
        if start_ms < self.dropped_to_ms[plane]:
            self.join.counts.unplaced += 1
            return
        pane = panes.get(start_ms)
        if pane is None:
            pane = panes[start_ms] = OpenPane(np.zeros(self.sizes[plane], np.int64))
        if len(counts) < self.sizes[plane]:  # alarms stand behind what matches count
            counts = np.pad(counts, (0, self.sizes[plane] - len(counts)))
        pane.add(counts, amended=amended)


def join_rules(model: MonitoredModel) -> JoinRules:
    """What the join needs of a spec."""
    label, time = model.spec.label, model.spec.time
    return JoinRules(
        ttl_ms=label.ttl_ms,
        negative_after_ms=label.negative_after_ms,
        prediction_amend_ms=time.amend_ms,
        label_amend_ms=label.amend_ms,
        repeat_ms=time.lateness_ms + time.amend_ms,
        planes=tuple(
            PlaneRule(plane.number, plane.pane_ms, plane.amend_ms, plane.maturity_ms)
            for plane in model.planes
            if plane.number != DATA
        ),
    )


def _of_usable(
    events: Events, columns: PredictionColumns | LabelColumns, usable: npt.NDArray[np.bool_]
) -> Batch:
    """The usable rows with the keys of their event_ids."""
    if usable.all():
        return keys_of(events.ids), columns
    rows = np.flatnonzero(usable)
    ids = [events.ids[row] for row in rows.tolist()]
    return keys_of(ids), columns.at(rows)


def _matches(found: Contributions, slots: npt.NDArray[np.int64]) -> Matches:
    """What of contributions is counted, each in its slot."""
    made, known = found.made, found.known
    return Matches(
        slots=slots,
        weights=found.weights,
        scores=made.scores,
        decisions=made.decisions,
        values=made.values,
        segments=made.segments,
        labels=known.labels,
        delays_ms=known.ts_ms - made.ts_ms,
        assumed=found.assumed,
    )
