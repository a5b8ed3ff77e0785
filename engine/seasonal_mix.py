"""Expected counts for a window of a seasonal feature: the reference's slices, mixed as it is.

Theory.  A feature that swings with the hour of day differs from its own daily mean in every hour.
Compared are therefore like with like: with w_s the share of the window's events in slice s and p_s
the reference's distribution in that slice, the expected distribution is ``sum_s w_s p_s``.  Its
sampling variance is that of ``1 / sum_s (w_s^2 / n_s)`` independent values, so it is returned as
counts of that total; with the reference's own shares that is the plain sum of its slices.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from engine.durations import UNITS_MS
from engine.spec import Season

SLICES: Final[dict[Season, int]] = {"hour": 24, "weekday": 7}
_EPOCH_WEEKDAY: Final = 3
"""1970-01-01 was a Thursday; Monday is 0."""


def slice_of(ts_ms: npt.NDArray[np.int64], season: Season) -> npt.NDArray[np.int64]:
    """The slice of each time: hour of day, or weekday with Monday 0; both UTC."""
    if season == "hour":
        return ts_ms // UNITS_MS["h"] % 24
    return (ts_ms // UNITS_MS["d"] + _EPOCH_WEEKDAY) % 7


def mix_slices(slices: npt.ArrayLike, events: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Mix reference slices by a window's events per slice.

    ``slices`` has shape (..., slices, cells), ``events`` (..., slices); the result (..., cells).
    Slices that the reference does not have take no part; where none is left, the slices are summed.
    """
    counts = np.asarray(slices, dtype=np.float64)
    weights = np.asarray(events, dtype=np.float64)
    totals = counts.sum(axis=-1)
    known = totals > 0
    weights = np.where(known, weights, 0.0)
    weight = weights.sum(axis=-1, keepdims=True)
    shares = np.divide(weights, weight, out=np.zeros_like(weights), where=weight > 0)
    per_value = np.divide(shares, totals, out=np.zeros_like(shares), where=known)
    distribution = np.einsum("...s,...sc->...c", per_value, counts)
    variance = (shares * per_value).sum(axis=-1, keepdims=True)
    size = np.divide(1.0, variance, out=np.zeros_like(variance), where=variance > 0)
    mixed: npt.NDArray[np.float64] = distribution * size
    return np.where(weight > 0, mixed, counts.sum(axis=-2))
