"""A straight line through readings, and how sure its slope is.

Theory.  Least squares over the means of blocks of BLOCK_S, because readings seconds apart repeat
one another.  What dependence is left between blocks is taken out of the sample size by the lag-1
autocorrelation r of the residuals, n (1 - r) / (1 + r), and the interval is Student's t with that
many readings less two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

BLOCK_S: Final = 30.0
CONFIDENCE: Final = 0.95
LEAST_BLOCKS: Final = 4
STRONGEST_DEPENDENCE: Final = 0.95
HOUR_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Slope:
    """Units an hour, with the interval that holds the true slope in CONFIDENCE of all runs."""

    per_hour: float
    low: float
    high: float

    def grows(self, limit_per_hour: float) -> bool:
        """Whether it is more than the limit and surely more than nothing."""
        return self.per_hour > limit_per_hour and self.low > 0.0


def slope(at_s: Sequence[float], values: Sequence[float]) -> Slope:
    """The slope of the values over time; ValueError for less than LEAST_BLOCKS blocks."""
    times, means = _blocks(np.asarray(at_s, float), np.asarray(values, float))
    if len(times) < LEAST_BLOCKS:
        raise ValueError(f"{len(times)} blocks of {BLOCK_S:g} s, a slope needs {LEAST_BLOCKS}")
    centred = times - times.mean()
    squares = float(centred @ centred)
    found = float(centred @ means) / squares
    residuals = means - means.mean() - found * centred
    spread = float(residuals @ residuals)
    dependence = float(residuals[1:] @ residuals[:-1]) / spread if spread else 0.0
    dependence = min(max(dependence, 0.0), STRONGEST_DEPENDENCE)
    free = max(len(times) * (1 - dependence) / (1 + dependence) - 2.0, 1.0)
    error = float(np.sqrt(spread / free / squares))
    reach = float(stats.t.ppf(0.5 + CONFIDENCE / 2, free)) * error
    return Slope(*(each * HOUR_S for each in (found, found - reach, found + reach)))


def _blocks(times: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    numbers = ((times - times.min()) // BLOCK_S).astype(int)
    present = np.unique(numbers)
    return (
        np.array([times[numbers == number].mean() for number in present]),
        np.array([values[numbers == number].mean() for number in present]),
    )
