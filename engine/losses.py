"""What a match costs: the losses of one prediction and its label, and of whole windows.

Rule.  Every loss is worse when it rises, so estimators look for a rise only.  A loss of bits is 0
(right) or 1 (wrong); a real one is in the unit that its line says.  A loss that a match does not
have is NaN: ``missed`` is of the positives only and ``false_alarm`` of the negatives only, so that
a rare class is not drowned by the other.

Of a window the same losses are told by the cells of performance, which are counted anyway.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Final

import numpy as np
import numpy.typing as npt

from detectors.calibration import LOSS_STEP
from detectors.contract import Takes
from detectors.intervals import ABSENT, Estimate, normal_interval, wilson
from engine.layout import FIXED_POINT_STEPS_PER_STDDEV
from engine.measures import Kind
from engine.panes import Counts
from engine.performance import class_matrix, confusion_of, fixed_sums
from engine.performance_layout import SCORED, SUM_CELLS, PerformanceLayout

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Loss:
    """One loss; it is worse when it rises."""

    name: str
    takes: Takes
    """``bits`` for 0 and 1, which every estimator can read, or ``reals``."""
    measure: str
    """The measure of performance that swings between blocks of the reference as this loss does."""
    of_one_class: bool = False
    """Whether it is of one class only, so that it does not depend on which labels came yet."""


LOSSES: Final[dict[Kind, tuple[Loss, ...]]] = {
    "binary": (
        Loss("error", "bits", "accuracy"),
        Loss("missed", "bits", "recall", of_one_class=True),
        Loss("false_alarm", "bits", "specificity", of_one_class=True),
        Loss("squared_error", "reals", "brier"),
    ),
    "multiclass": (Loss("error", "bits", "accuracy"),),
    "regression": (Loss("absolute_error", "reals", "mae"),),
}
"""By kind of prediction.  ``error``: the decision is not the label; ``missed``: a positive was
decided negative; ``false_alarm``: a negative was decided positive; ``squared_error``: of the score
as a probability, 0 to 1; ``absolute_error``: in standard deviations of the reference's score, at
most LARGEST_ERROR."""
LARGEST_ERROR: Final = 10.0
"""What estimators see of a larger absolute error: one wild label would blind them for as long as
they remember it."""


def error_unit(layout: PerformanceLayout) -> float:
    """The unit of a regression's absolute errors."""
    return layout.step * FIXED_POINT_STEPS_PER_STDDEV


def losses_of(
    layout: PerformanceLayout, scores: Floats, decisions: Integers, labels: Floats
) -> dict[str, Floats]:
    """Loss by name of matches, each shape (n,), NaN where a match has none.

    Scores, decisions and labels are those of :class:`engine.performance_counting.Matches`.
    """
    if layout.kind == "regression":
        with np.errstate(over="ignore"):
            errors = np.abs(scores - labels) / error_unit(layout)
        return {"absolute_error": np.minimum(errors, LARGEST_ERROR)}
    wrong = np.where(decisions >= 0, (decisions != labels).astype(np.float64), np.nan)
    if layout.kind == "multiclass":
        return {"error": wrong}
    probability = np.where((scores >= 0.0) & (scores <= 1.0), scores, np.nan)
    return {
        "error": wrong,
        "missed": np.where(labels > 0.0, wrong, np.nan),
        "false_alarm": np.where(labels > 0.0, np.nan, wrong),
        "squared_error": np.square(probability - labels),
    }


@dataclass(frozen=True, slots=True)
class MeanLoss:
    """One loss over a window."""

    count: int
    mean: Estimate
    """ABSENT of none."""


def mean_losses(layout: PerformanceLayout, counts: Counts) -> dict[str, MeanLoss]:
    """Loss by name over a vector of performance's cells."""
    if layout.kind == "regression":
        scored, third = int(counts[SCORED]), layout.sums + 2 * SUM_CELLS
        unit = error_unit(layout)
        if not scored:
            return {"absolute_error": MeanLoss(0, ABSENT)}
        mean = int(counts[third + SUM_CELLS]) * layout.step / scored / unit
        square = fixed_sums(counts, third, scored, layout.square_step).mean / unit / unit
        error = np.sqrt(max(0.0, square - mean * mean) / scored)
        estimate = normal_interval(mean, float(error), within=(0.0, inf))
        return {"absolute_error": MeanLoss(scored, estimate)}
    if layout.kind == "multiclass":
        matrix = class_matrix(layout, counts)
        decided = int(matrix.sum())
        return {"error": _share(decided - int(np.trace(matrix)), decided)}
    cells = confusion_of(layout, counts)
    scored = int(counts[SCORED])
    squared = MeanLoss(0, ABSENT)
    if scored:
        sums = fixed_sums(counts, layout.sums + SUM_CELLS, scored, LOSS_STEP)
        spread = sums.error_of_mean if scored > 1 else 0.0
        squared = MeanLoss(scored, normal_interval(sums.mean, spread, within=(0.0, 1.0)))
    return {
        "error": _share(cells.fp + cells.fn, cells.events),
        "missed": _share(cells.fn, cells.fn + cells.tp),
        "false_alarm": _share(cells.fp, cells.fp + cells.tn),
        "squared_error": squared,
    }


def _share(wrong: int, events: int) -> MeanLoss:
    return MeanLoss(max(0, events), wilson(wrong, events))
