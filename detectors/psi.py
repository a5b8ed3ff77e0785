"""Population stability index: how far apart two histograms are, in both directions.

Formula.  PSI = sum((a - e) ln(a / e)) over the coarse bins, a and e the current and the reference
share.  It is Jeffreys' divergence: symmetric, never negative, 0 only for equal shares.

Conventions.  Bins empty on both sides are left out; on the others the same ``pseudo_count`` is
added to both sides' counts and the shares are taken of the sums after that, so they add up to 1.
With no data on a side the value is NaN.

Null law.  For two samples of n and m values of one distribution PSI is about
(1/n + 1/m) chi2 with B - 1 degrees of freedom over the B bins kept; hence its bias
(1/n + 1/m)(B - 1) and its p-value.  For the p-value a calibrated effective size N stands in for
n m / (n + m); the bias stays that of the counts, because what a feature does within its own
training period is the floor that the corrected value is compared with, and must not count twice.
Bins where the smaller sample expects fewer than :data:`LEAST_EXPECTED` values do not follow it.
They are resampled instead: given the T values that both samples have in a bin, each is a current
one with probability n / (n + m).  The p-value then is the share of the draws that reach the value;
beyond the draws it is the tail of the scaled chi-square that has their mean and variance, as a
bare 1 / (draws + 1) could never be significant at a strict budget however extreme the value.

``chance`` is the larger of that and of the p-value of the likelihood ratio over the same bins.
Far out PSI's tail is heavier than chi-square's: a bin that expects ten values and has none adds ten
times ln(10 / pseudo-count), and at n = 160 what chi-square calls 1e-6 happens seven times as often.
The likelihood ratio has no such tail (of 2.5 million draws each at n from 20 to 500 the larger of
the two was at most 1e-5 in no more than 1.2e-5), but is too light where bins are rare, which PSI's
is not.  It is taken at face value: what values that hang together are worth was calibrated on PSI,
and of that size the likelihood ratio, which has no such tail, would see next to nothing.  Whoever
compares at a strict budget compares ``chance``.

When it lies: it is blind to movement inside a bin and, for rare events, to anything small in
absolute share; with dependent values (one weather reading for a hundred flights) the nominal
p-value is far too small and an effective size is needed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import chdtrc, xlogy

from detectors.coarse import NOTHING, coarse_counts, effective_size, nominal_size, usable
from detectors.contract import P_VALUE_FLOOR, Kind, Measure, ValueType

if TYPE_CHECKING:
    from detectors.contract import FloatArray, Sample

KIND: Final[Kind] = "statistic"
APPLIES_TO: Final[tuple[ValueType, ...]] = ("numeric", "categorical")
SYMMETRIC: Final = True

LEAST_EXPECTED: Final = 5.0
"""Smallest count that the smaller sample may expect in a bin for the chi-square law (Cochran)."""
DRAWS_MAX: Final = 1000
DRAWN_CELLS_MAX: Final = 10_000
"""Draws times rare bins: bounds the time (about 50 ns each).  The more bins, the smoother the law
of their sum, so fewer draws do."""
TRUSTED_DRAWS: Final = 10
"""With fewer draws than this at or above the value, their tail is modelled, not counted."""
DRAWN_AT_ONCE: Final = 100
ENOUGH_REACHED: Final = 25
"""Draws at or above the value after which no more are drawn: the probability is known to a fifth of
itself then, and is 0.025 or more."""
SEED: Final = 20130101


@dataclass(frozen=True, slots=True)
class Params:
    """Raises ValueError unless ``pseudo_count`` is positive and finite."""

    pseudo_count: float = 0.5
    """Added to the counts of both sides in every bin that is kept."""

    def __post_init__(self) -> None:
        """Refuse what would make the value infinite or meaningless."""
        if not 0.0 < self.pseudo_count < math.inf:
            raise ValueError(f"psi: pseudo_count must be positive, not {self.pseudo_count}")


def psi_of_shares(expected: FloatArray, actual: FloatArray) -> float:
    """PSI of shares as they are, shape (bins,) each, without any pseudo-count.

    Bins empty on both sides are left out; a bin empty on one side only makes it infinite.
    """
    kept = (expected > 0) | (actual > 0)
    with np.errstate(divide="ignore"):
        return float(contributions_of(expected[kept], actual[kept]).sum())


def contributions_of(expected: FloatArray, actual: FloatArray) -> FloatArray:
    """(a - e) ln(a / e) of each bin; never negative, as both factors have the same sign."""
    result: FloatArray = (actual - expected) * np.log(actual / expected)
    return result


def measure(sample: Sample, params: Params) -> Measure:
    """PSI over the coarse bins, with ``bias``, ``corrected`` and ``bins`` (the number kept), and
    the contribution of every coarse bin (0 where left out).

    ``more["resampled"]`` is 1.0 when rare bins were resampled for the p-value, else 0.0.
    """
    expected, actual = coarse_counts(sample)
    expected_size, actual_size = float(expected.sum()), float(actual.sum())
    if not usable(expected_size, actual_size):
        return NOTHING
    pooled = expected + actual
    kept = pooled > 0
    if not kept.all():
        expected, actual, pooled = expected[kept], actual[kept], pooled[kept]
    bins = pooled.size
    added = params.pseudo_count * bins
    parts = contributions_of(
        (expected + params.pseudo_count) / (expected_size + added),
        (actual + params.pseudo_count) / (actual_size + added),
    )
    value = float(parts.sum())
    worth = effective_size(sample, expected_size, actual_size)
    bias = (bins - 1) / nominal_size(expected_size, actual_size)
    common = pooled * (min(expected_size, actual_size) / (expected_size + actual_size))
    rare = common < LEAST_EXPECTED
    resampled = bins > 1 and bool(rare.any())
    if resampled:
        # An effective size scales the null law; scaling the value back is the same comparison.
        scaled = value * worth / nominal_size(expected_size, actual_size)
        p_value = resampled_p_value(
            scaled, pooled[rare], bins, expected_size, actual_size, params.pseudo_count
        )
    else:
        p_value = float(chdtrc(bins - 1, value * worth)) if bins > 1 else 1.0
    contributions = np.zeros(kept.size)
    contributions[kept] = parts
    return Measure(
        value,
        max(p_value, P_VALUE_FLOOR),
        {
            "bias": bias,
            "corrected": value - bias,
            "bins": float(bins),
            "resampled": float(resampled),
        },
        contributions,
        max(p_value, ratio_chance(expected, actual, bins)),
    )


def ratio_chance(expected: FloatArray, actual: FloatArray, bins: int) -> float:
    """P-value of the likelihood ratio of two samples of independent values over the same bins, none
    empty on both sides.  1.0 of a single bin."""
    if bins < 2:  # noqa: PLR2004
        return 1.0
    sizes = float(expected.sum()), float(actual.sum())
    pooled = (expected + actual) / sum(sizes)
    ratio = sum(
        float(xlogy(counts, counts / (pooled * size)).sum())
        for counts, size in zip((expected, actual), sizes, strict=True)
    )
    return float(chdtrc(bins - 1, 2.0 * max(ratio, 0.0)))


def resampled_p_value(
    value: float,
    rare: FloatArray,
    bins: int,
    expected_size: float,
    actual_size: float,
    pseudo_count: float,
) -> float:
    """Probability of a PSI of at least ``value`` when ``rare`` of the bins are too small for the
    chi-square law.

    Drawing stops early where enough draws have reached the value (Besag and Clifford, Sequential
    Monte Carlo p-values, 1991): a probability that is far from small needs no more.  The same input
    gives the same draws.

    Args:
        value: PSI, on the scale of the nominal size.
        rare: values of both samples together in each rare bin, shape (rare bins,).
        bins: how many bins are kept, the rare ones included.
        expected_size: values in the reference.
        actual_size: current values.
        pseudo_count: as in the value.

    """
    random = np.random.Generator(np.random.PCG64(SEED))
    most = max(min(DRAWS_MAX, DRAWN_CELLS_MAX // rare.size), TRUSTED_DRAWS * 10)
    found: list[FloatArray] = []
    drawn = reached = 0
    while drawn < most and reached < ENOUGH_REACHED:
        size = min(DRAWN_AT_ONCE, most - drawn)
        draws = null_draws(random, size, rare, bins, expected_size, actual_size, pseudo_count)
        found.append(draws)
        drawn += size
        reached += int(np.count_nonzero(draws >= value))
    counted = (reached + 1) / (drawn + 1)
    if reached >= TRUSTED_DRAWS:
        return counted
    draws = np.concatenate(found)
    mean, variance = float(draws.mean()), float(draws.var())
    if variance == 0.0:
        return counted
    modelled = float(chdtrc(2.0 * mean * mean / variance, 2.0 * mean * value / variance))
    return min(counted, modelled)


def null_draws(
    random: np.random.Generator,
    size: int,
    rare: FloatArray,
    bins: int,
    expected_size: float,
    actual_size: float,
    pseudo_count: float,
) -> FloatArray:
    """PSI of pairs of samples of one distribution, shape (size,): the common bins by the
    chi-square law, the rare ones resampled."""
    pairs = np.rint(rare)
    share = actual_size / (expected_size + actual_size)
    actual = random.binomial(pairs.astype(np.int64), share, size=(size, rare.size)).astype(
        np.float64
    )
    added = pseudo_count * bins
    parts = contributions_of(
        (pairs - actual + pseudo_count) / (expected_size + added),
        (actual + pseudo_count) / (actual_size + added),
    )
    draws: FloatArray = parts.sum(axis=1)
    common = bins - rare.size
    if common > 1:
        worth = nominal_size(expected_size, actual_size)
        draws += random.chisquare(common - 1, size=size) / worth
    return draws
