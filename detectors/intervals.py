"""Intervals of shares, rates and estimates with a known standard error.

Rule.  A number that was measured goes out with the interval that it may as well have been; what
has no value is ``ABSENT``, NaN throughout, never zero.  Counts in, no data kept.

Formulas.  Wilson's score interval (1927) for a share of independent events: short, near its nominal
rate also for few events and shares near 0 or 1.  Clopper and Pearson (1934) for a share and Garwood
(1936) for a rate are exact: they hold at least their nominal rate whatever the truth, and are
wider for it.  Both are quantiles of the beta and gamma distribution.

When they lie: events that come in clusters (a hundred flights in one weather, one customer's
retries) are worth fewer than their count, and every interval here is then too short.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import betaincinv, expit, gammaincinv, logit, ndtri

if TYPE_CHECKING:
    import numpy.typing as npt

    from detectors.contract import FloatArray

CONFIDENCE: Final = 0.95
"""Rate at which an interval is to hold the truth, where nothing else is asked for."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its interval; NaN where the data do not define it."""

    value: float
    low: float
    high: float

    @property
    def absent(self) -> bool:
        """Whether the data do not define it."""
        return math.isnan(self.value)


ABSENT: Final = Estimate(math.nan, math.nan, math.nan)


def normal_quantile(confidence: float) -> float:
    """The z with P(|Z| <= z) = ``confidence``; ValueError unless that is inside (0, 1)."""
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must be between 0 and 1, not {confidence}")
    return float(ndtri(0.5 + confidence / 2.0))


def wilson_bounds(
    successes: npt.ArrayLike, trials: npt.ArrayLike, confidence: float = CONFIDENCE
) -> tuple[FloatArray, FloatArray]:
    """Wilson's interval of each share, shapes broadcast; NaN of no trials."""
    z = normal_quantile(confidence)
    hits, size = np.asarray(successes, np.float64), np.asarray(trials, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        middle = (hits + z * z / 2.0) / (size + z * z)
        half = z / (size + z * z) * np.sqrt(hits * (size - hits) / size + z * z / 4.0)
        # The share itself is always inside; rounding must not say otherwise at 0 and 1.
        low = np.clip(np.where(hits == 0.0, 0.0, middle - half), 0.0, hits / size)
        high = np.clip(np.where(hits == size, 1.0, middle + half), hits / size, 1.0)
    return np.where(size > 0.0, low, np.nan), np.where(size > 0.0, high, np.nan)


def wilson(successes: float, trials: float, confidence: float = CONFIDENCE) -> Estimate:
    """A share of independent events with Wilson's interval; ABSENT of no trials."""
    if trials <= 0:
        return ABSENT
    low, high = wilson_bounds(successes, trials, confidence)
    return Estimate(float(successes / trials), float(low), float(high))


def clopper_pearson(
    successes: npt.ArrayLike, trials: npt.ArrayLike, confidence: float = CONFIDENCE
) -> tuple[FloatArray, FloatArray]:
    """The exact interval of each share, shapes broadcast; NaN of no trials."""
    hits, size = np.broadcast_arrays(
        np.asarray(successes, np.float64), np.asarray(trials, np.float64)
    )
    normal_quantile(confidence)
    tail = (1.0 - confidence) / 2.0
    low = np.where(hits > 0.0, betaincinv(np.maximum(hits, 1.0), size - hits + 1.0, tail), 0.0)
    high = np.where(
        hits < size, betaincinv(hits + 1.0, np.maximum(size - hits, 1.0), 1.0 - tail), 1.0
    )
    return np.where(size > 0.0, low, np.nan), np.where(size > 0.0, high, np.nan)


def garwood(
    events: npt.ArrayLike, exposure: npt.ArrayLike, confidence: float = CONFIDENCE
) -> tuple[FloatArray, FloatArray]:
    """The exact interval of each Poisson rate, events per unit of exposure; NaN without exposure.

    Args:
        events: counts, shapes broadcast.
        exposure: hours, requests or whatever the rate is per, > 0.
        confidence: rate at which it holds the truth, at least.

    """
    count, unit = np.asarray(events, np.float64), np.asarray(exposure, np.float64)
    normal_quantile(confidence)
    tail = (1.0 - confidence) / 2.0
    with np.errstate(invalid="ignore", divide="ignore"):
        low = np.where(count > 0.0, gammaincinv(np.maximum(count, 1.0), tail), 0.0) / unit
        high = gammaincinv(count + 1.0, 1.0 - tail) / unit
    return np.where(unit > 0.0, low, np.nan), np.where(unit > 0.0, high, np.nan)


def normal_interval(
    value: float,
    error: float,
    confidence: float = CONFIDENCE,
    within: tuple[float, float] = (-math.inf, math.inf),
) -> Estimate:
    """``value`` give or take z standard errors, cut to the range ``within``."""
    half = normal_quantile(confidence) * error
    return Estimate(value, max(value - half, within[0]), min(value + half, within[1]))


def logit_interval(value: float, error: float, confidence: float = CONFIDENCE) -> Estimate:
    """The same for a share, symmetric on the scale of ln(p / (1 - p)), so that it stays inside
    (0, 1) and leans away from the nearer end; at 0 and 1, where that scale ends, it is
    :func:`normal_interval` cut to [0, 1]."""
    if not 0.0 < value < 1.0:
        return normal_interval(value, error, confidence, (0.0, 1.0))
    half = normal_quantile(confidence) * error / (value * (1.0 - value))
    place = float(logit(value))
    # Rounding of the way there and back must not leave the value outside.
    return Estimate(
        value, min(float(expit(place - half)), value), max(float(expit(place + half)), value)
    )
