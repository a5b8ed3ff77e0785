"""Exact tests of rates: has 0.2 % become 0.4 %, which no distance of histograms sees.

Rule.  Counts in, one p-value out for each, no lower than P_VALUE_FLOOR; arrays broadcast, so all
features of a window are one call.  The direction is what would be bad: ``greater``, ``less``, or
``either``, which doubles the smaller tail (and so agrees with Clopper-Pearson's interval).

Two shares: Fisher's exact test (1935): given all the events of both samples, those of the current
one are hypergeometric.  Chosen over Boschloo's and Barnard's, which are a little stronger below
about a hundred trials: they maximise over an unknown share, at a second a test, where this takes
microseconds (:mod:`detectors.rate_kernels`).

One share against a known one: the binomial tail.  Where the known share is itself the estimate of
m trials, the tail is taken at the end of its interval that misses with REFERENCE_MISS, which is
added (Berger and Boos 1994): valid for every m, weaker than Fisher's where m is small.

Two rates with exposures: given all events, those of the current window are binomial with its share
of the exposure (Przyborowski and Wilenski 1940).

Power: with a reference of a million trials at 0.2 %, Fisher's test finds a rise to 0.4 % in 9 of 10
windows of n = 27,000 trials at p <= 1e-6, and of n = 15,000 at p <= 0.001.  The PSI of those two
shares is 0.0014 at every n.

Speed, a thousand features: Fisher's test 0.4 ms of 100,000 trials at 0.2 %, 6 ms of twenty million
at one half (ten times as many in the reference); the other two tests up to 25 ms.

When they lie: trials that come in clusters (one batch, one user, one hour) are fewer than they
seem, and every p-value here is then too small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from scipy.special import betainc, betaincc, betaincinv

from detectors.contract import P_VALUE_FLOOR
from detectors.rate_kernels import hypergeometric_tails

if TYPE_CHECKING:
    import numpy.typing as npt

    from detectors.contract import FloatArray

Direction = Literal["greater", "less", "either"]

REFERENCE_MISS: Final = P_VALUE_FLOOR / 10.0
"""Chance that the true reference share is beyond the end that is tested against."""


def fisher(
    successes: npt.ArrayLike,
    trials: npt.ArrayLike,
    reference_successes: npt.ArrayLike,
    reference_trials: npt.ArrayLike,
    direction: Direction,
) -> FloatArray:
    """P-value of a current share against a reference share, shapes broadcast.

    Without a trial on a side it is NaN.  Raises ValueError for counts that cannot be.
    """
    hits, size = counts(successes, trials)
    reference_hits, reference_size = counts(reference_successes, reference_trials)
    sides = [
        np.ascontiguousarray(side)
        for side in np.broadcast_arrays(hits, size, reference_hits, reference_size)
    ]
    low, high = np.empty(sides[0].size), np.empty(sides[0].size)
    own, whole, other, behind = (side.reshape(-1) for side in sides)
    hypergeometric_tails(own, whole, other, behind, low, high)
    shape = np.broadcast_shapes(hits.shape, size.shape, reference_hits.shape, reference_size.shape)
    known = ((whole > 0) & (behind > 0)).reshape(shape)
    return reported(low.reshape(shape), high.reshape(shape), known, direction)


def binomial_test(
    successes: npt.ArrayLike,
    trials: npt.ArrayLike,
    share: npt.ArrayLike,
    direction: Direction,
    reference_trials: npt.ArrayLike = np.inf,
) -> FloatArray:
    """P-value of a current share against a reference share, shapes broadcast.

    Args:
        successes: events of the current window.
        trials: of the current window; 0 gives NaN.
        share: of the reference, in [0, 1].
        direction: which change would be bad.
        reference_trials: how many trials the reference share rests on, > 0; infinite where it is
            known exactly, as a target is.

    Raises ValueError for counts or shares that cannot be.

    """
    hits, size = counts(successes, trials)
    known_share = np.asarray(share, np.float64)
    behind = np.asarray(reference_trials, np.float64)
    if not ((known_share >= 0.0) & (known_share <= 1.0)).all():
        raise ValueError("a reference share is in [0, 1]")
    if not (behind > 0.0).all():
        raise ValueError("a reference share rests on more than 0 trials, or on infinitely many")
    lowest, highest = reference_ends(known_share, behind)
    missed = np.where(np.isinf(behind), 0.0, REFERENCE_MISS)
    low, _ = binomial_tails(hits, size, lowest)
    _, high = binomial_tails(hits, size, highest)
    return reported(low + missed, high + missed, size > 0, direction)


def reference_ends(share: FloatArray, trials: FloatArray) -> tuple[FloatArray, FloatArray]:
    """One-sided Clopper-Pearson ends of a share, each missing with REFERENCE_MISS."""
    finite = np.where(np.isinf(trials), 1.0, trials)
    hits = share * finite
    misses = finite - hits
    tiny = np.finfo(np.float64).tiny
    low = np.where(
        hits > 0.0, betaincinv(np.maximum(hits, tiny), misses + 1.0, REFERENCE_MISS), 0.0
    )
    high = np.where(
        misses > 0.0, betaincinv(hits + 1.0, np.maximum(misses, tiny), 1.0 - REFERENCE_MISS), 1.0
    )
    known = np.isinf(trials)
    return np.where(known, share, low), np.where(known, share, high)


def poisson_test(
    events: npt.ArrayLike,
    exposure: npt.ArrayLike,
    reference_events: npt.ArrayLike,
    reference_exposure: npt.ArrayLike,
    direction: Direction,
) -> FloatArray:
    """P-value of a current rate (events / exposure) against a reference rate, shapes broadcast.

    Exposures are in one unit (hours, requests) and finite, > 0; 0 on a side gives NaN.  Raises
    ValueError for events or exposures that cannot be.
    """
    own, other = np.asarray(events), np.asarray(reference_events)
    unit = np.asarray(exposure, np.float64)
    reference_unit = np.asarray(reference_exposure, np.float64)
    for name, values in (("events", own), ("events", other)):
        if values.dtype.kind not in "iu" or (values < 0).any():
            raise ValueError(f"{name} are whole numbers, none below zero")
    for values in (unit, reference_unit):
        if not (np.isfinite(values) & (values >= 0.0)).all():
            raise ValueError("an exposure is finite and not below zero")
    known = (unit > 0.0) & (reference_unit > 0.0)
    with np.errstate(invalid="ignore"):
        share = np.where(known, unit / (unit + reference_unit), 0.5)
    low, high = binomial_tails(own, own + other, share)
    return reported(low, high, known, direction)


def counts(successes: npt.ArrayLike, trials: npt.ArrayLike) -> tuple[npt.NDArray[np.int64], ...]:
    """Both as int64; ValueError unless they are whole and 0 <= successes <= trials."""
    hits, size = np.asarray(successes), np.asarray(trials)
    if hits.dtype.kind not in "iu" or size.dtype.kind not in "iu":
        raise ValueError("exact tests take whole numbers of successes and trials")
    if (hits < 0).any() or (hits > size).any():
        raise ValueError("there are between 0 and all trials successful")
    return hits.astype(np.int64), size.astype(np.int64)


def binomial_tails(
    hits: npt.NDArray[np.int64], trials: npt.NDArray[np.int64], share: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """P(X <= hits) and P(X >= hits) of binomial X, shapes broadcast."""
    misses = trials - hits
    low = np.where(misses > 0, betaincc(hits + 1.0, np.maximum(misses, 1), share), 1.0)
    high = np.where(hits > 0, betainc(np.maximum(hits, 1), misses + 1.0, share), 1.0)
    return low, high


def reported(
    low: FloatArray, high: FloatArray, known: npt.NDArray[np.bool_], direction: Direction
) -> FloatArray:
    """The p-value of the direction, floored; NaN where there is nothing to compare.

    Raises ValueError for another direction.
    """
    if direction not in {"greater", "less", "either"}:
        raise ValueError(f"direction must be greater, less or either, not {direction!r}")
    tails = {"greater": high, "less": low, "either": 2.0 * np.minimum(low, high)}
    return np.where(known, np.clip(tails[direction], P_VALUE_FLOOR, 1.0), np.nan)
