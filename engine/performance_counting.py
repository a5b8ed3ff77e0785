"""From matches to cells: adding columns of matches to vectors of performance.

Rule.  A match adds ``weight`` (1, -1 where it is taken away again, 0 where it is gone) times the
same whole numbers to its cells, whatever stands there already; so the order of matches does not
matter and taking one away leaves nothing behind.

Formulas.  The losses of :mod:`detectors.calibration`, and the error score - label; each in whole
steps (:mod:`detectors.fixed_point`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors.calibration import LOSS_STEP, log_losses, squared_losses
from detectors.fixed_point import to_fixed
from detectors.kernels import FIXED_POINT_CLIP, SQUARES_BITS, SQUARES_MASK
from engine.panes import Counts
from engine.performance_layout import (
    ASSUMED,
    DECIDED,
    DELAY_CELLS,
    DELAY_EDGES_MS,
    DELAYS,
    GROUPS,
    MATCHED,
    PREDICTED,
    SCORED,
    SUM_CELLS,
    VALUE_STEP,
    PerformanceLayout,
)

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Matches:
    """Columns of matches, all of shape (n,) but ``segments``; n may be 0."""

    slots: Integers
    """Which vector each adds to."""
    weights: Integers
    scores: Floats
    """NaN where the prediction has none."""
    decisions: Integers
    """Binary 0 or 1, multiclass the class's number; -1 where there is none."""
    values: Floats
    """What is at stake; NaN where nobody said."""
    segments: Integers
    """Number of each segment's value, shape (segments, n)."""
    labels: Floats
    """Binary 0 or 1, multiclass the class's number, regression what was true; NaN for a prediction
    that is only to be counted as made."""
    delays_ms: Integers
    assumed: npt.NDArray[np.bool_]


def count_matches(layout: PerformanceLayout, matches: Matches, slots: int) -> Counts:
    """Cells of all matches, shape (slots, layout.size)."""
    adder = _Adder(layout, matches, slots)
    made = np.isnan(matches.labels)
    adder.add(made, PREDICTED)
    if layout.decisions:
        adder.add(made & (matches.decisions >= 0), layout.made + matches.decisions)
    matched = ~made
    adder.add(matched, MATCHED)
    adder.add(matched & matches.assumed, ASSUMED)
    delays = np.searchsorted(np.array(DELAY_EDGES_MS), matches.delays_ms, side="right")
    adder.add(matched & ~matches.assumed, DELAYS + delays)
    kinds = {"binary": _binary, "multiclass": _multiclass, "regression": _regression}
    kinds[layout.kind](layout, matches, matched, adder)
    return adder.counts


class _Adder:
    """Adds whole numbers to the cells of chosen matches."""

    def __init__(self, layout: PerformanceLayout, matches: Matches, slots: int) -> None:
        self._matches = matches
        self._segments = layout.segments
        self._firsts = matches.slots * layout.size
        """First cell of each match's vector, all vectors being one after the other."""
        self.counts = np.zeros((slots, layout.size), dtype=np.int64)
        self._cells = self.counts.reshape(-1)

    def add(
        self,
        chosen: npt.NDArray[np.bool_],
        cells: int | Integers,
        amounts: int | Integers = 1,
    ) -> None:
        """Add ``amounts`` to ``cells`` (each one of all, or one a match) of the chosen matches."""
        found = np.flatnonzero(chosen)
        if not len(found):
            return
        rows = slice(None) if len(found) == len(chosen) else found
        cell = cells[rows] if isinstance(cells, np.ndarray) else cells
        amount = amounts[rows] if isinstance(amounts, np.ndarray) else amounts
        np.add.at(self._cells, self._firsts[rows] + cell, self._matches.weights[rows] * amount)

    def add_sums(self, chosen: npt.NDArray[np.bool_], first: int, fixed: Integers) -> None:
        """Add whole numbers and their squares to the SUM_CELLS from ``first`` on."""
        squares = fixed * fixed
        self.add(chosen, first, fixed)
        self.add(chosen, first + 1, squares & SQUARES_MASK)
        self.add(chosen, first + 2, squares >> SQUARES_BITS)

    def add_to_segments(
        self, chosen: npt.NDArray[np.bool_], groups: int | Integers, amounts: int | Integers = 1
    ) -> None:
        """Add to one of the GROUPS cells of each match's segments."""
        for segment, codes in zip(self._segments, self._matches.segments, strict=True):
            self.add(chosen, segment.start + codes * GROUPS + groups, amounts)


def _binary(
    layout: PerformanceLayout,
    matches: Matches,
    matched: npt.NDArray[np.bool_],
    adder: _Adder,
) -> None:
    label = np.where(matched, matches.labels, 0.0).astype(np.int64)
    decided = matched & (matches.decisions >= 0)
    group = 2 * label + np.maximum(matches.decisions, 0)
    adder.add(decided, DECIDED)
    adder.add(decided, layout.confusion + group)
    adder.add_to_segments(decided, group)
    delays = np.searchsorted(np.array(DELAY_EDGES_MS), matches.delays_ms, side="right")
    cells = layout.decision_delays + np.maximum(matches.decisions, 0) * DELAY_CELLS + delays
    adder.add(decided & ~matches.assumed, cells)
    valued = decided & np.isfinite(matches.values)
    worth = _fixed(np.where(valued, matches.values, 0.0), VALUE_STEP)
    adder.add(valued, layout.confusion + GROUPS + group, worth)
    squares = worth * worth
    adder.add(valued, layout.value_squares + 2 * group, squares & SQUARES_MASK)
    adder.add(valued, layout.value_squares + 2 * group + 1, squares >> SQUARES_BITS)
    score = np.where(np.isfinite(matches.scores), matches.scores, -1.0)
    scored = matched & (score >= 0.0) & (score <= 1.0)
    if not layout.score_cells:
        return
    cell = np.searchsorted(layout.edges, score, side="right").astype(np.int64)
    adder.add(scored, SCORED)
    adder.add(scored, layout.histogram + label * layout.score_cells + cell)
    first_sum = layout.histogram + 2 * layout.score_cells
    probability = np.clip(score, 0.0, 1.0)
    adder.add(scored, first_sum + cell, _fixed(probability, LOSS_STEP))
    for first, losses in (
        (layout.sums, log_losses(probability, label)),
        (layout.sums + SUM_CELLS, squared_losses(probability, label)),
    ):
        adder.add_sums(scored, first, _fixed(losses, LOSS_STEP))


def _multiclass(
    layout: PerformanceLayout,
    matches: Matches,
    matched: npt.NDArray[np.bool_],
    adder: _Adder,
) -> None:
    label = np.where(matched, matches.labels, 0.0).astype(np.int64)
    decided = matched & (matches.decisions >= 0)
    decision = np.maximum(matches.decisions, 0)
    adder.add(decided, DECIDED)
    adder.add(decided, layout.confusion + label * layout.classes_counted + decision)
    adder.add_to_segments(decided, (label == decision).astype(np.int64))


def _regression(
    layout: PerformanceLayout,
    matches: Matches,
    matched: npt.NDArray[np.bool_],
    adder: _Adder,
) -> None:
    scored = matched & np.isfinite(matches.scores)
    score = np.where(scored, matches.scores, 0.0)
    truth = np.where(scored, matches.labels, 0.0)
    error = _fixed(score - truth, layout.step)
    adder.add(scored, SCORED)
    adder.add_sums(scored, layout.sums, error)
    adder.add_sums(scored, layout.sums + SUM_CELLS, _fixed(truth - layout.center, layout.step))
    third = layout.sums + 2 * SUM_CELLS
    adder.add_sums(scored, third, _fixed(np.square(score - truth), layout.square_step))
    adder.add(scored, third + SUM_CELLS, np.abs(error))
    adder.add_to_segments(scored, 0)
    adder.add_to_segments(scored, 1, np.abs(error))


def _fixed(values: Floats, step: float) -> Integers:
    """Finite values in whole steps, at most FIXED_POINT_CLIP of them."""
    return to_fixed(values, step, step * FIXED_POINT_CLIP)
