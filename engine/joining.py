"""The labels' side of one model in one source partition: from batches to panes of performance.

Theory.  The join says what each changed event adds and takes away (:mod:`engine.join`); here that
is counted, a batch at a time, into the open panes of the planes.  What is added is a function of
the two logs' prefixes, so the panes are too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from engine.decoded import Events
from engine.join import Join
from engine.join_entry import Contribution, Delta, JoinRules, Label, PlaneRule, Prediction
from engine.join_store import Clock, JoinStore
from engine.model import MonitoredModel
from engine.open_pane import OpenPane
from engine.performance_counting import Matches, count_matches
from engine.performance_layout import PerformanceLayout
from engine.planes import DATA
from engine.spec import Topic

MATCHES_AT_ONCE: Final = 50_000
"""Matches that are counted in one go; bounds the columns of a batch that closes many events."""
CELLS_AT_ONCE: Final = 2_000_000


class Joining:
    """The join of one model and the panes that it fills."""

    def __init__(self, model: MonitoredModel, layout: PerformanceLayout, store: JoinStore) -> None:
        self.store = store
        self.join = Join(join_rules(model), self.store, model.spec.label.pending)
        self.panes: dict[int, dict[int, OpenPane]] = {
            plane.number: {} for plane in model.planes if plane.number != DATA
        }
        """Plane -> start -> open pane."""
        self.dropped_to_ms = dict.fromkeys(self.panes, 0)
        """Plane -> end of the newest pane that was let go."""
        self._model = model
        self._layout = layout

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
        records: Sequence[tuple[str, Prediction]] | Sequence[tuple[str, Label]] = ()
        if events is not None and topic == "labels":
            records = self._labels(events, kept, on_time, newest_ms, offsets)
        elif events is not None and topic == "predictions":
            records = self._predictions(events, kept, on_time, offsets)
        reached: dict[Topic, int] = {topic: int(offsets[-1]) + 1} if len(offsets) else {}
        deltas = self.join.take(records, watermarks_ms, reached)
        for first in range(0, len(deltas), MATCHES_AT_ONCE):
            self._count(deltas[first : first + MATCHES_AT_ONCE])

    def _labels(
        self,
        events: Events,
        kept: npt.NDArray[np.bool_],
        on_time: npt.NDArray[np.bool_],
        newest_ms: npt.NDArray[np.int64],
        offsets: npt.NDArray[np.int64],
    ) -> list[tuple[str, Label]]:
        assert events.labels is not None, "labels were decoded"
        usable = np.flatnonzero(kept & ~np.isnan(events.labels))
        watermarks_ms = newest_ms[usable] - self._model.spec.label.lateness_ms
        columns = (
            offsets[usable].tolist(),
            events.ts_ms[usable].tolist(),
            watermarks_ms.tolist(),
            on_time[usable].tolist(),
            events.labels[usable].tolist(),
        )
        ids = events.ids
        rows = usable.tolist()
        return [
            (ids[row], Label(*record))
            for row, record in zip(rows, zip(*columns, strict=True), strict=True)
        ]

    def _predictions(
        self,
        events: Events,
        kept: npt.NDArray[np.bool_],
        on_time: npt.NDArray[np.bool_],
        offsets: npt.NDArray[np.int64],
    ) -> list[tuple[str, Prediction]]:
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
        usable = np.flatnonzero(kept & (np.isfinite(score) | (decision >= 0)))
        score = np.where(np.isfinite(score), score, np.nan)
        value = np.where(np.isfinite(events.value), events.value, np.nan)
        columns = (
            offsets[usable].tolist(),
            events.ts_ms[usable].tolist(),
            on_time[usable].tolist(),
            score[usable].tolist(),
            decision[usable].tolist(),
            value[usable].tolist(),
            [tuple(codes) for codes in events.segments[:, usable].T.tolist()],
        )
        ids = events.ids
        rows = usable.tolist()
        return [
            (ids[row], Prediction(*record))
            for row, record in zip(rows, zip(*columns, strict=True), strict=True)
        ]

    def _count(self, deltas: Sequence[Delta]) -> None:
        """Add contributions to their panes."""
        places: dict[tuple[int, int, bool], int] = {}
        slots = np.array([_slot(places, delta[0]) for delta in deltas], dtype=np.int64)
        order = np.argsort(slots, kind="stable")
        at_once = max(1, CELLS_AT_ONCE // self._layout.size)
        named = list(places)
        for first in range(0, len(named), at_once):
            low, high = np.searchsorted(slots[order], (first, first + at_once))
            chosen = [deltas[i] for i in order[low:high].tolist()]
            matches = _columns(chosen, slots[order[low:high]] - first, len(self._layout.segments))
            counts = count_matches(self._layout, matches, len(named[first : first + at_once]))
            for place, row in zip(named[first : first + at_once], counts, strict=True):
                self._add(*place, row)

    def _add(self, plane: int, start_ms: int, amended: bool, counts: npt.NDArray[np.int64]) -> None:  # noqa: FBT001 - the parts of a place
        panes = self.panes[plane]
        if start_ms < self.dropped_to_ms[plane]:
            self.join.counts.unplaced += 1
            return
        pane = panes.get(start_ms)
        if pane is None:
            pane = panes[start_ms] = OpenPane(np.zeros(self._layout.size, np.int64))
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


def _slot(places: dict[tuple[int, int, bool], int], contribution: Contribution) -> int:
    place = (contribution.plane, contribution.start_ms, contribution.amended)
    return places.setdefault(place, len(places))


def _columns(deltas: Sequence[Delta], slots: npt.NDArray[np.int64], segments: int) -> Matches:
    made = [contribution.prediction for contribution, _ in deltas]
    labels = [contribution.label for contribution, _ in deltas]
    rows = len(deltas)
    codes = np.array([p.segments for p in made], dtype=np.int64).reshape(rows, segments)
    return Matches(
        slots=slots,
        weights=np.array([weight for _, weight in deltas], dtype=np.int64),
        scores=np.array([p.score for p in made], dtype=np.float64),
        decisions=np.array([p.decision for p in made], dtype=np.int64),
        values=np.array([p.value for p in made], dtype=np.float64),
        segments=codes.T,
        labels=np.array([np.nan if x is None else x.label for x in labels], dtype=np.float64),
        delays_ms=np.array(
            [0 if x is None else x.ts_ms - p.ts_ms for x, p in zip(labels, made, strict=True)],
            dtype=np.int64,
        ),
        assumed=np.array([x is not None and x.assumed for x in labels], dtype=np.bool_),
    )
