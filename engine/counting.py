"""Turning the columns of one model into counts per pane: the call into the kernels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from detectors.decade_kernel import tally_decades
from detectors.decades import decade_tables
from detectors.kernels import tally_codes, tally_numeric
from engine.decoded import Events
from engine.layout import DECIDED, ERRORS, EVENTS, POSITIVE, PREDICTIONS, Layout, NumericColumn
from engine.panes import Counts

Slots = npt.NDArray[np.int32]


class NumericPlan:
    """The arrays that the numeric kernel wants, for a fixed list of columns."""

    def __init__(self, columns: Sequence[NumericColumn]) -> None:
        lengths = [len(column.edges) for column in columns]
        self.edges = np.concatenate([c.edges for c in columns] or [np.empty(0)])
        self.edge_starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        self.cell_starts = np.array([c.start for c in columns], dtype=np.int64)
        self.centers = np.array([c.center for c in columns])
        self.steps = np.array([c.step for c in columns])
        self.lows = np.array([c.low for c in columns])
        self.highs = np.array([c.high for c in columns])

    def tally(self, columns: npt.NDArray[np.float64], slots: Slots, counts: Counts) -> None:
        """Count columns, shape (columns, rows), into ``counts[slots]``."""
        tally_numeric(
            columns,
            slots,
            self.edges,
            self.edge_starts,
            self.cell_starts,
            counts,
            self.centers,
            self.steps,
            self.lows,
            self.highs,
        )


class Counting:
    """Counts events into vectors of a layout."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._features = NumericPlan(layout.numeric)
        self._score = NumericPlan([layout.score] if layout.score is not None else [])
        self._latency = NumericPlan([layout.latency])
        self._freshness = NumericPlan([layout.freshness])
        self._values = NumericPlan(layout.values)
        self._decades = decade_tables()
        self._lowest_decades = np.array([c.decade_low for c in layout.numeric], dtype=np.int64)
        self._category_starts = np.array([c.start for c in layout.categorical], dtype=np.int64)
        classes = [] if layout.classes is None else [layout.classes.start]
        self._class_start = np.array(classes, dtype=np.int64)

    def count(self, events: Events, slots: Slots, panes: int) -> Counts:
        """Counts of the events whose slot is not negative, shape (panes, layout.size)."""
        counts = np.zeros((panes, self._layout.size), dtype=np.int64)
        if events.numeric is not None:
            _add(counts, slots, None, EVENTS)
            if len(events.numeric):
                self._features.tally(events.numeric, slots, counts)
                self._count_decades(events.numeric, slots, counts)
        if events.codes is not None and len(events.codes):
            tally_codes(events.codes, slots, self._category_starts, counts)
        if events.outcome is not None:
            self._count_outcome(events, slots, counts)
        return counts

    def _count_decades(
        self, columns: npt.NDArray[np.float64], slots: Slots, counts: Counts
    ) -> None:
        columns = np.ascontiguousarray(columns)
        bits, first = columns.view(np.int64), self._layout.decades
        tally_decades(columns, bits, slots, *self._decades, self._lowest_decades, first, counts)

    def _count_outcome(self, events: Events, slots: Slots, counts: Counts) -> None:
        assert events.outcome is not None
        _add(counts, slots, None, PREDICTIONS)
        if self._layout.score is not None:
            self._score.tally(events.outcome[:1], slots, counts)
        self._latency.tally(events.outcome[1:], slots, counts)
        if events.age_ms is not None:
            # Whether others of a batch have a record time must not matter: nothing is missing.
            aged = np.where(np.isnan(events.age_ms), np.int32(-1), slots)
            self._freshness.tally(events.age_ms[np.newaxis], aged, counts)
        if events.value is not None and self._layout.values:
            self._values.tally(_by_decision(events.value, events.positive), slots, counts)
        if events.positive is not None:
            _add(counts, slots, events.positive >= 0, DECIDED)
            _add(counts, slots, events.positive > 0, POSITIVE)
        if events.class_cells is not None and len(self._class_start):
            tally_codes(events.class_cells[np.newaxis], slots, self._class_start, counts)
        if events.errors is not None and events.errors.any():
            _add(counts, slots, events.errors, ERRORS)


def _by_decision(
    value: npt.NDArray[np.float64], positive: npt.NDArray[np.int8] | None
) -> npt.NDArray[np.float64]:
    """The values in the row of their decision, as engine.layout.DECISIONS, NaN in the others;
    shape (3, n)."""
    decided = np.full(len(value), -1, dtype=np.int8) if positive is None else positive
    chosen = decided[np.newaxis] == np.array([[1], [0], [-1]], dtype=np.int8)
    return np.where(chosen, value[np.newaxis], np.nan)


def _add(counts: Counts, slots: Slots, chosen: npt.NDArray[np.bool_] | None, cell: int) -> None:
    """Add one per chosen row to ``cell`` of its slot."""
    wanted = slots >= 0 if chosen is None else (slots >= 0) & chosen
    counts[:, cell] += np.bincount(slots[wanted], minlength=len(counts))
