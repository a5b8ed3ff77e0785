"""The numbers of performance, from the cells of one window.

Rule.  A number that the counts do not give is absent, never zero.  What a window says stands beside
what the training table's own labels say, as a difference with an interval.

Formulas.  The measures are those of confusion, ranking, calibration and regression_errors in
:mod:`detectors`.  The interval of a difference is Newcombe's (1998, method 10): from the two
intervals, the distances of the lower and of the upper ends combined as a square root of squares.
It takes the two samples as independent, and events within a sample too: labels that come in lumps
are worth less.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import hypot, isfinite

import numpy as np

from detectors.calibration import LOSS_STEP, brier, calibration, log_loss
from detectors.confusion import Confusion, binary_performance, multiclass_performance
from detectors.fixed_point import FixedSums
from detectors.intervals import Estimate
from detectors.ranking import ranking
from detectors.regression_errors import regression_performance
from engine.panes import Counts
from engine.performance_layout import (
    GROUPS,
    MATCHED,
    PREDICTED,
    SCORED,
    SUM_CELLS,
    PerformanceLayout,
)


@dataclass(frozen=True, slots=True)
class Performance:
    """What the matches of one window, or of the reference, say."""

    labelled: int
    predicted: int
    """Predictions made; 0 where they are not counted (only cohorts count them)."""
    measures: Mapping[str, Estimate]
    """Measure -> its value and interval; one that does not exist is left out."""


def measure(layout: PerformanceLayout, counts: Counts) -> Performance:
    """The measures of a vector of cells, shape (layout.size,)."""
    kinds = {"binary": _binary, "multiclass": _multiclass, "regression": _regression}
    found = kinds[layout.kind](layout, counts)
    return Performance(
        int(counts[MATCHED]),
        int(counts[PREDICTED]),
        {name: estimate for name, estimate in found.items() if isfinite(estimate.value)},
    )


def difference(now: Estimate, then: Estimate) -> Estimate:
    """``now`` less ``then`` with Newcombe's interval; its ends are NaN where one of theirs is."""
    value = now.value - then.value
    low = value - hypot(now.value - now.low, then.high - then.value)
    high = value + hypot(now.high - now.value, then.value - then.low)
    return Estimate(value, low, high)


def confusion_of(layout: PerformanceLayout, counts: Counts) -> Confusion:
    """Decided matches of a binary model."""
    tn, fp, fn, tp = counts[layout.confusion : layout.confusion + GROUPS].tolist()
    return Confusion(tp=tp, fp=fp, fn=fn, tn=tn)


def score_histogram(layout: PerformanceLayout, counts: Counts) -> tuple[Counts, Counts, Counts]:
    """Negatives, positives and score sums per cell of a binary model's score, shape (cells,)."""
    cells, first = layout.score_cells, layout.histogram
    negatives, positives, sums = (
        counts[first + part * cells : first + (part + 1) * cells] for part in range(3)
    )
    return negatives, positives, sums


def fixed_sums(counts: Counts, first: int, events: int, step: float) -> FixedSums:
    """The SUM_CELLS from ``first`` on as sums of ``events`` values."""
    total, low, high = counts[first : first + SUM_CELLS].tolist()
    return FixedSums(events, total, step, low, high)


def _binary(layout: PerformanceLayout, counts: Counts) -> dict[str, Estimate]:
    plain = binary_performance(confusion_of(layout, counts))
    found = {
        "accuracy": plain.accuracy,
        "precision": plain.precision,
        "recall": plain.recall,
        "f1": plain.f1,
        "specificity": plain.specificity,
    }
    scored = int(counts[SCORED])
    if scored:
        negatives, positives, sums = score_histogram(layout, counts)
        ranked = ranking(negatives, positives)
        found["auc"] = ranked.auc.estimate
        found["pr_auc"] = ranked.average_precision.estimate
        positive = int(positives.sum())
        second = layout.sums + SUM_CELLS
        found["log_loss"] = log_loss(
            fixed_sums(counts, layout.sums, scored, LOSS_STEP), positive
        ).loss
        found["brier"] = brier(fixed_sums(counts, second, scored, LOSS_STEP), positive).loss
        table = calibration(negatives + positives, positives, sums, LOSS_STEP)
        found["calibration_error"] = Estimate(table.expected_error, np.nan, np.nan)
    return found


def class_matrix(layout: PerformanceLayout, counts: Counts) -> Counts:
    """Decided matches of a multiclass model, a row a true class and a column a decided one."""
    size = layout.classes_counted
    return counts[layout.confusion : layout.confusion + size * size].reshape(size, size)


def _multiclass(layout: PerformanceLayout, counts: Counts) -> dict[str, Estimate]:
    matrix = class_matrix(layout, counts)
    if not matrix.any():
        return {}
    found = multiclass_performance(matrix)
    return {
        "accuracy": found.accuracy,
        "precision": found.average_precision.macro,
        "recall": found.average_recall.macro,
        "f1": found.average_f1.macro,
    }


def _regression(layout: PerformanceLayout, counts: Counts) -> dict[str, Estimate]:
    scored = int(counts[SCORED])
    if not scored:
        return {}
    second, third = layout.sums + SUM_CELLS, layout.sums + 2 * SUM_CELLS
    found = regression_performance(
        fixed_sums(counts, layout.sums, scored, layout.step),
        int(counts[third + SUM_CELLS]),
        fixed_sums(counts, second, scored, layout.step),
        fixed_sums(counts, third, scored, layout.square_step),
    )
    return {"mae": found.mae, "rmse": found.rmse, "bias": found.bias, "r2": found.r2}


def numbers(**found: float) -> dict[str, float]:
    """Those numbers that exist."""
    return {name: number for name, number in found.items() if isfinite(number)}
