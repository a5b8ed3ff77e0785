"""When payments happen: a Poisson process in the rhythm of a week.

Theory.  A non-homogeneous Poisson process of intensity rate * w(t), w the weekly rhythm with mean
1, is a unit Poisson process on the clock W(t), the integral of the intensity (time rescaling:
Cinlar, Introduction to Stochastic Processes, 4.7).  So unit exponential steps are added up on that
clock and read off on the calendar; a surge by a factor divides the steps.  Times are whole
milliseconds, in order, UTC.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from examples.fraud.population import Floats, Integers

SECOND_MS: Final = 1_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
WEEK_MS: Final = 7 * DAY_MS
HOURLY_SHARE: Final = (
    np.array(
        [8, 5, 3, 2, 2, 4, 12, 28, 40, 45, 50, 58, 68, 62, 55, 55, 60, 70, 75, 62, 45, 32, 22, 14]
    )
    / 877.0
)
"""Payments per hour of the day, UTC, of a whole day."""
WEEKDAY_FACTOR: Final = np.array([1.0, 1.15, 1.25, 0.75, 0.9, 0.95, 1.0])
"""Payments per day, Thursday first, as the epoch's weeks begin; mean 1."""
_WEEK: Final = np.concatenate(
    [[0.0], np.cumsum(np.outer(WEEKDAY_FACTOR, HOURLY_SHARE).ravel() / WEEKDAY_FACTOR.sum())]
)
"""Share of a week's payments up to each of its hours, shape (169,)."""
_HOURS: Final = np.arange(len(_WEEK)) * float(HOUR_MS)


class Rhythm:
    """The times of one stream, block after block; the only thing that blocks hand on."""

    def __init__(self, start_ms: int, rate_per_s: float) -> None:
        """Begin at ``start_ms``, with ``rate_per_s`` payments a second on an average of a week."""
        if not rate_per_s > 0.0:
            raise ValueError(f"rate_per_s must be positive, not {rate_per_s}")
        self._per_week = rate_per_s * WEEK_MS / SECOND_MS
        inside = float(np.interp(start_ms % WEEK_MS, _HOURS, _WEEK))
        self._week, self._inside = start_ms // WEEK_MS, inside

    def advance(self, rng: np.random.Generator, surge: Floats) -> Integers:
        """The next ``len(surge)`` times, epoch milliseconds; a surge of 0 is none, of 1 doubles
        the rate."""
        steps = rng.standard_exponential(len(surge)) / ((1.0 + surge) * self._per_week)
        weeks = self._inside + np.cumsum(steps)
        whole = np.floor(weeks)
        inside_ms = np.interp(weeks - whole, _WEEK, _HOURS).astype(np.int64)
        times = (self._week + whole.astype(np.int64)) * WEEK_MS + inside_ms
        self._week += int(whole[-1])
        self._inside = float(weeks[-1] - whole[-1])
        return times
