"""Sample ratio mismatch: do the arms get the shares of users that they were promised.

Rule.  Counts of users per arm in, which add over partitions and panes, and the share that each arm
is to get; an e-value out that may be looked at after every event (Lindon and Malek 2022).  A split
that is not the promised one has lost or doubled users somewhere, mostly not at random, and nothing
that the arms are compared by can then be believed.

Formula.  The chance of the users seen, were the shares drawn from a Dirichlet prior around the
promised ones, over their chance under those: with n users, s_i of them in arm i of share p_i, and
k = CONCENTRATION, B being the multivariate beta function,

    E = B(k p + s) / B(k p) / product of p_i^s_i

Each user multiplies E by the predicted over the promised share of the arm, whose mean is 1 where
the promise holds.  So E exceeds 1 / alpha at any time with a chance of alpha at most (Ville 1939),
and 1 over its highest value is a p-value however often one looks.

Stages.  Where shares change (a canary of 5, then 20 %), each stage has counts of its own and E is
the product over the stages: every user still multiplies by a factor of mean 1, in whichever order
the stages' users are read.  An arm that is to get nothing is no arm of the stage; one arm alone
says nothing, E = 1.  A count that was amended moves E, and the highest one stays.

Power at 80/20: half of the splits that are 79/21 are found at p = 0.001 within 26,000 users, of
those that are 75/25 within 1,600, at 50/50 within 180.

When it lies: the unit must be what the split draws, once each.  Events of users drawn by user come
in clusters: with 5 events a user, 30 days of daily looks find a mismatch at p = 0.001 in 3 of 10
sound splits, with geometric numbers of events around 5 in 6 of 10.  Count each user once; where
only events can be counted, ``dispersion`` holds them at so many fewer.  It is sum m^2 / sum m of
the m events of each user, 1 for one each; swings of the ratio between days
(:func:`detectors.rate_shift.dispersion`) show it only as far as users do not come back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import chdtrc, gammaln

from detectors.contract import P_VALUE_FLOOR

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from detectors.contract import FloatArray, IntArray

CONCENTRATION: Final = 1000.0
"""Users that the prior is worth: splits are wrong by a few percent, or grossly and seen anyway."""
SERIES_FROM: Final = 20.0
"""From here on Stirling's remainder is its series, right to 14 digits of a small number."""
SHARES_TOLERANCE: Final = 1e-9
NEAR: Final = 1e-3
"""Relative gaps below this are summed by series, where the plain formula would cancel."""


@dataclass(frozen=True, slots=True)
class MismatchEvidence:
    """What was the highest e-value so far; plain data for whoever keeps it."""

    highest: float = 0.0
    """Its natural logarithm, >= 0: before the first user the e-value is 1."""

    def after(self, log_e: float) -> MismatchEvidence:
        """With one more e-value looked at, which NaN is not."""
        return MismatchEvidence(log_e) if log_e > self.highest else self

    @property
    def p_value(self) -> float:
        """The p-value that holds at any time, in [P_VALUE_FLOOR, 1]; it never rises."""
        return max(math.exp(-self.highest), P_VALUE_FLOOR)


@dataclass(frozen=True, slots=True)
class FixedSampleTest:
    """Pearson's test of one look, for display: looked at daily it errs far more often."""

    chi_square: float
    p_value: float


def log_e_value(
    counts: IntArray, shares: Sequence[float] | FloatArray, dispersion: float = 1.0
) -> FloatArray:
    """Logarithm of the e-value of one stage.

    Args:
        counts: users per arm, shape (..., arms).
        shares: promised to each arm, > 0 and 1 together, shape (arms,).
        dispersion: counts that are worth one user, >= 1.

    Returns shape (...); 0 of no users and of one arm.  Raises ValueError for counts, shares or a
    dispersion that cannot be.

    """
    seen, promised = stage(counts, shares, dispersion)
    total = seen.sum(axis=-1)
    prior, after = CONCENTRATION * promised, CONCENTRATION * promised + seen
    whole = CONCENTRATION + total
    # ln B by Stirling: what grows with n is a divergence from the promise, and told apart from it.
    grown = divergence(after, whole[..., None] * promised).sum(axis=-1)
    roots = 0.5 * (np.log(after / prior).sum(axis=-1) - np.log(whole / CONCENTRATION))
    rest = (remainder(after) - remainder(prior)).sum(axis=-1)
    rest -= remainder(whole) - remainder(np.asarray(CONCENTRATION))
    found: FloatArray = np.where(total > 0.0, grown - roots + rest, 0.0)
    return found if seen.shape[-1] > 1 else np.zeros_like(total)


def log_e_of_stages(
    stages: Iterable[tuple[IntArray, Sequence[float] | FloatArray]], dispersion: float = 1.0
) -> float:
    """Logarithm of the product over stages of (counts, shape (arms,), and shares); 0 of none.

    Raises ValueError as :func:`log_e_value`.
    """
    return math.fsum(float(log_e_value(counts, shares, dispersion)) for counts, shares in stages)


def fixed_sample_test(
    counts: IntArray, shares: Sequence[float] | FloatArray, dispersion: float = 1.0
) -> FixedSampleTest:
    """Pearson's chi-square of one stage's counts, shape (arms,), arms - 1 degrees of freedom.

    NaN of no users; p is 1 of one arm.  Raises ValueError as :func:`log_e_value`.
    """
    seen, promised = stage(counts, shares, dispersion)
    total = float(seen.sum())
    if not total:
        return FixedSampleTest(math.nan, math.nan)
    due = total * promised
    value = float(((seen - due) ** 2 / due).sum())
    p_value = float(chdtrc(seen.size - 1, value)) if seen.size > 1 else 1.0
    return FixedSampleTest(value, max(p_value, P_VALUE_FLOOR))


def stage(
    counts: IntArray, shares: Sequence[float] | FloatArray, dispersion: float
) -> tuple[FloatArray, FloatArray]:
    """Users' worth per arm and shares that add up to 1; ValueError for what cannot be."""
    seen, promised = np.asarray(counts), np.asarray(shares, np.float64)
    if promised.ndim != 1 or not promised.size or seen.shape[-1:] != promised.shape:
        raise ValueError(f"every arm has a count and a share, not {seen.shape}, {promised.shape}")
    if not (promised > 0.0).all() or not abs(promised.sum() - 1.0) <= SHARES_TOLERANCE:
        raise ValueError("shares are above 0 and 1 together; an arm without one is no arm")
    if seen.dtype.kind not in "iu" or (seen.size and seen.min() < 0):
        raise ValueError("users are whole numbers, none below zero")
    if not 1.0 <= dispersion < math.inf:
        raise ValueError(f"a dispersion is finite and at least 1, not {dispersion}")
    return seen / dispersion, promised / promised.sum()


def divergence(found: FloatArray, due: FloatArray) -> FloatArray:
    """Each term of sum x ln(x / y) - x + y, accurate also where x is nearly y."""
    gap = (found - due) / due
    near = np.abs(gap) < NEAR
    series = gap * gap * (0.5 - gap * (1.0 / 6.0 - gap * (1.0 / 12.0 - gap * (1.0 / 20.0))))
    plain = (1.0 + gap) * np.log1p(np.where(near, 0.0, gap)) - gap
    return due * np.where(near, series, plain)


def remainder(x: FloatArray) -> FloatArray:
    """What ln Gamma(x) is beyond (x - 1/2) ln x - x + ln(2 pi) / 2, for x > 0."""
    large = np.maximum(x, SERIES_FROM)
    inverse = 1.0 / (large * large)
    series = (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse / 1680))) / large
    small = np.minimum(x, SERIES_FROM)
    plain = gammaln(small) - (small - 0.5) * np.log(small) + small - 0.5 * math.log(2.0 * math.pi)
    return np.where(x < SERIES_FROM, plain, series)
