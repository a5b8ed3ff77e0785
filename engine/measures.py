"""The measures of performance that can be judged: for which models, and which way is worse."""

from __future__ import annotations

from math import copysign
from typing import Final, Literal

from detectors.intervals import Estimate

Kind = Literal["binary", "multiclass", "regression"]

MEASURES: Final[dict[Kind, tuple[str, ...]]] = {
    "binary": (
        *("accuracy", "precision", "recall", "f1", "auc"),
        *("specificity", "pr_auc", "log_loss", "brier"),
    ),
    "multiclass": ("accuracy", "precision", "recall", "f1"),
    "regression": ("mae", "rmse", "bias", "r2"),
}
"""Those that have an interval, without which nothing is judged."""
USUAL_MEASURES: Final[dict[Kind, tuple[str, ...]]] = {
    "binary": ("accuracy", "precision", "recall", "f1", "auc"),
    "multiclass": ("accuracy", "precision", "recall", "f1"),
    "regression": ("mae", "rmse"),
}
"""Those that are judged unless the spec says otherwise."""
SHARES: Final = frozenset(
    {"accuracy", "precision", "recall", "f1", "specificity", "auc", "pr_auc", "calibration_error"}
)
"""Measures from 0 to 1; R2, which has no lower end, is none."""
HIGHER_IS_WORSE: Final = frozenset({"log_loss", "brier", "mae", "rmse", "bias"})
UNSIGNED: Final = frozenset({"bias"})
"""Judged by their size: too much and too little are both wrong."""


def comparable(measure: str, estimate: Estimate) -> Estimate:
    """The estimate in the form in which it is judged: that of an unsigned measure is folded."""
    if measure not in UNSIGNED:
        return estimate
    sign = copysign(1.0, estimate.value)
    ends = sorted((sign * estimate.low, sign * estimate.high))
    return Estimate(abs(estimate.value), max(0.0, ends[0]), ends[1])
