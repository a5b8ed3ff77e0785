"""Two scores of the same events: which of them ranks better, from counts over pairs of bins.

Rule.  For each class a histogram over (bin of the champion's score, bin of the challenger's score),
which adds over partitions and panes.  Bins run from low to high; scores of one bin are ties.  That
makes it the exact test of the binned scores: bins too wide cost power and never the level.
Differences are challenger less champion.  Leading axes are comparisons of their own, so all
segments or all days are one call.

Formulas.  DeLong, DeLong and Clarke-Pearson (1988).  The placement of a positive is the share of
negatives below it, ties one half, and of a negative the share of positives above it; the AUC is the
mean of either.  For m positives and n negatives

    var(A) = var(placements of positives) / m + var(placements of negatives) / n

and covariances likewise.  The variance of the difference is that of the differences of placements,
term by term, so equal models have exactly 0 and nothing cancels.  z = difference / its error.

What is told of little: the AUCs of one event of each class; variances, of two each.  Where the
variance is 0 (models that order alike, two perfect ones) z, p and the interval are NaN: nothing
tells them apart, and NaN crosses no boundary.  The variance of few events is no variance (with 3
positives z exceeds 1.64 in 9 % of cases and 3.72 in 1 %, with 20 in 6 % and 0.05 %), so all of
these are NaN as well below LEAST_OF_CLASS of either class.

Looks.  The differences of growing counts have independent increments for large samples (Koopmeiners
and Feng 2011), with information proportional to m n / (m + n) (:func:`worth`), a count of what has
been seen and never of how it turned out.

When it lies: AUC is blind to calibration.  Events that come in clusters are fewer than they seem.
Where one model is the other with terms added and both were fitted to these very events, z has no
normal law (Demler, Pencina and D'Agostino 2012); events of production were fitted by neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import ndtr

from detectors.contract import P_VALUE_FLOOR
from detectors.intervals import CONFIDENCE, normal_quantile

if TYPE_CHECKING:
    import numpy.typing as npt

    from detectors.contract import FloatArray, IntArray

LEAST_OF_CLASS: Final = 20
"""Events of either class from which a variance is taken for one."""
ROUNDING: Final = 1e-13
"""Placements nearer to their mean than this are at it, so that a variance of 0 is 0."""
CHAMPION: Final = -2
"""Axis of the champion's bins."""
CHALLENGER: Final = -1
"""Axis of the challenger's bins."""


@dataclass(frozen=True, slots=True)
class PairedAuc:
    """Challenger against champion; every array has the leading shape of the histograms."""

    positives: IntArray
    negatives: IntArray
    champion: FloatArray
    """AUC in [0, 1]; NaN without both classes, as the next two."""
    challenger: FloatArray
    difference: FloatArray
    """AUC of the challenger less that of the champion."""
    champion_variance: FloatArray
    """NaN without two events of each class, as the next three."""
    challenger_variance: FloatArray
    covariance: FloatArray
    variance: FloatArray
    """Of the difference."""
    z: FloatArray
    """Difference over its standard error; NaN where that is 0 or worth nothing."""
    p_greater: FloatArray
    """That the challenger ranks no better; NaN as z."""
    p_either: FloatArray
    """That neither ranks better; NaN as z."""
    low: FloatArray
    """Interval of the difference, in [-1, 1]; NaN as z."""
    high: FloatArray


def paired_auc(
    negatives: IntArray, positives: IntArray, confidence: float = CONFIDENCE
) -> PairedAuc:
    """DeLong's paired comparison of two scores whose high values say positive.

    Args:
        negatives: labelled negatives per pair of bins, shape (..., champion's bins, challenger's
            bins), low to high on both axes.
        positives: labelled positives, the same shape.
        confidence: rate of the interval.

    Raises ValueError unless both are counts over the same bins, and for a confidence outside
    (0, 1).

    """
    check(negatives, positives)
    quantile = normal_quantile(confidence)
    few, many = (side.sum(axis=(CHAMPION, CHALLENGER)) for side in (negatives, positives))
    below = [placements(negatives, axis) for axis in (CHAMPION, CHALLENGER)]
    # Of positives, the share above is 1 less the share below, ties halved alike.
    above = [1.0 - placements(positives, axis) for axis in (CHAMPION, CHALLENGER)]
    means, spread = moments(positives, many, below[0][..., :, None], below[1][..., None, :])
    _, more = moments(negatives, few, above[0][..., :, None], above[1][..., None, :])
    champion, challenger, gap = means
    of_champion, of_challenger, covariance, variance = spread + more
    enough = np.minimum(few, many) >= LEAST_OF_CLASS
    error = np.sqrt(np.where(enough & (variance > 0.0), variance, np.nan))
    z = gap / error
    return PairedAuc(
        positives=many,
        negatives=few,
        champion=np.clip(champion, 0.0, 1.0),
        challenger=np.clip(challenger, 0.0, 1.0),
        difference=np.clip(gap, -1.0, 1.0),
        champion_variance=of_champion,
        challenger_variance=of_challenger,
        covariance=covariance,
        variance=variance,
        z=z,
        p_greater=np.clip(ndtr(-z), P_VALUE_FLOOR, 1.0),
        p_either=np.clip(2.0 * ndtr(-np.abs(z)), P_VALUE_FLOOR, 1.0),
        low=np.maximum(gap - quantile * error, -1.0),
        high=np.minimum(gap + quantile * error, 1.0),
    )


def check(negatives: IntArray, positives: IntArray) -> None:
    """Raise ValueError unless both are counts over the same pairs of bins, one at least."""
    if negatives.shape != positives.shape or negatives.ndim < -CHAMPION:
        raise ValueError(
            f"both classes are counted over the same pairs of bins, not {negatives.shape} and "
            f"{positives.shape}"
        )
    if 0 in negatives.shape[CHAMPION:]:
        raise ValueError("a score has one bin at least")
    for counts in (negatives, positives):
        if counts.dtype.kind not in "iu" or (counts.size and counts.min() < 0):
            raise ValueError("a histogram holds counts, none below zero")


def placements(counts: IntArray, axis: int) -> FloatArray:
    """Share of the counts below each bin of one model, its own bin one half.

    Args:
        counts: shape (..., champion's bins, challenger's bins).
        axis: of the model whose bins are asked about.

    Returns shape (..., bins of that model), NaN of no counts.

    """
    own = counts.sum(axis=CHALLENGER if axis == CHAMPION else CHAMPION)
    upto = own.cumsum(axis=-1)
    with np.errstate(invalid="ignore"):
        share: FloatArray = ((upto - own) + own / 2.0) / upto[..., -1:]
    return share


def moments(
    counts: IntArray, size: IntArray, own: FloatArray, other: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Means and variances of the means of one class's placements.

    Args:
        counts: of the class, shape (..., champion's bins, challenger's bins).
        size: how many those are, shape (...).
        own: placements by the champion, shape (..., bins, 1).
        other: placements by the challenger, shape (..., 1, bins).

    Returns means of champion, challenger and difference, shape (3, ...), NaN of no counts, and
    variances of the two means, their covariance and the variance of the difference, shape (4, ...),
    NaN of fewer than two.

    """
    both = (CHAMPION, CHALLENGER)
    with np.errstate(invalid="ignore", divide="ignore"):
        weights = counts / size[..., None, None]
        apart = other - own
        means = [(weights * each).sum(axis=both) for each in (own, other, apart)]
        away = [
            each - mean[..., None, None]
            for each, mean in zip((own, other, apart), means, strict=True)
        ]
        first, second, third = (np.where(np.abs(each) < ROUNDING, 0.0, each) for each in away)
        products = (first * first, second * second, first * second, third * third)
        scale = 1.0 / np.where(size > 1, size - 1.0, np.nan)
        spread = [(weights * each).sum(axis=both) * scale for each in products]
    return np.stack(means), np.stack(spread)


def worth(positives: npt.ArrayLike, negatives: npt.ArrayLike) -> FloatArray:
    """The information m n / (m + n) of m positives and n negatives but for a factor that is the
    models' own; shapes broadcast, 0 of none.

    It grows with either count, so that counts that grow make information that grows.
    """
    many, few = np.asarray(positives, np.float64), np.asarray(negatives, np.float64)
    total = many + few
    return many * (few / np.where(total > 0.0, total, 1.0))
