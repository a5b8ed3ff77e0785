"""From numbers to levels: UNKNOWN, STABLE, WATCH, DRIFT.

Rule.  A level above STABLE needs an effect AND significance.  The effect is the bias-corrected PSI
over a floor: the bands 0.10 and 0.20 of the field, raised to what the reference's own blocks of the
window's length show (their 99 % quantile), because a feature that varies so much within its own
training period has not drifted.  Significance is the p-value at the effective sample size against
the share of the model's false-alarm budget that falls to one comparison, of features after the
false discovery rate (:mod:`engine.discoveries`).

A window is UNKNOWN when it is too small to tell the lower band from noise and not significant
either.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from scipy.special import chdtri

from detectors.contract import P_VALUE_FLOOR
from engine.budget_shares import window_share
from engine.spec import Spec, WindowRule

Level = Literal["UNKNOWN", "STABLE", "WATCH", "DRIFT"]
ORDER: Final[dict[Level, int]] = {"UNKNOWN": 0, "STABLE": 1, "WATCH": 2, "DRIFT": 3}
MAX_SIGNIFICANCE: Final = 0.05
"""However generous the budget, nothing less significant than this is called drift."""


def worst(levels: Iterable[Level]) -> Level:
    """The highest level; UNKNOWN of none."""
    return max(levels, key=ORDER.__getitem__, default="UNKNOWN")


def significance(spec: Spec, window: WindowRule) -> float:
    """The share of the false-alarm budget of one comparison of a window: features and score share
    what falls to it.  Never below what a p-value can tell."""
    return max(P_VALUE_FLOOR, comparison_share(spec, window))


def comparison_share(spec: Spec, window: WindowRule) -> float:
    """The same without that floor, for p-values that have none."""
    share = window_share(spec, window, len(spec.windows)) / (len(spec.features) + 1)
    return min(MAX_SIGNIFICANCE, share)


def noise(alpha: float, bins: int, size: float) -> float:
    """PSI that sampling noise alone exceeds with probability ``alpha``: chi2_{B-1} / n."""
    return float(chdtri(max(1, bins - 1), alpha)) / size


def feature_level(
    *,
    corrected: float,
    p_value: float,
    noise_psi: float,
    alpha: float,
    watch: float,
    drift: float,
) -> Level:
    """The level of one comparison; ``watch`` and ``drift`` are the floors with own blocks in."""
    significant = p_value <= alpha
    if not significant:
        return "UNKNOWN" if noise_psi > watch else "STABLE"
    if corrected > drift:
        return "DRIFT"
    return "WATCH" if corrected > watch else "STABLE"
