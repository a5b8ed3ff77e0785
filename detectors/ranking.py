"""How well a score ranks: AUC, average precision and class separation, from two histograms.

Rule.  Scores are kept as counts per cell and label, over the same cells from low to high, so that
partitions and panes add up.  Within a cell the order is lost: every number goes out with its value
for ties, and with the least and the most that it could be over all orders inside the cells, ties
included.  That is the binning bound; the number of the raw scores is always inside it.

Formulas.  AUC (ROC) = P(score of a positive > score of a negative) + P(equal) / 2 (Mann and
Whitney); its bounds give the pairs inside a cell nothing, or all.  Average precision = sum over
thresholds of (rise of recall) x precision, no interpolation, a cell being one threshold.  Under tp
positives and fp negatives in higher cells, the j-th of p positives that share a cell with n
negatives has a precision between (tp + j) / (tp + j + fp + n), when all the negatives come first,
and (tp + p) / (tp + p + fp), when the positives come first as one tie.  KS is max |F - G| of the
two classes at the edges, its bound as in :mod:`detectors.ks`.

Intervals (of sampling; the binning bound is not in them).  AUC: DeLong, DeLong and Clarke-Pearson
(1988), because from a histogram the placements of both classes are as exact as from raw scores,
where Hanley and McNeil (1982) assume exponential ones; on the logit scale.  A few members of the
rarer class do not tell their spread (5 positives: 95 % intervals hold 77 %), so its variance is
averaged with Newcombe's (2006, method 5), which knows only AUC and sizes, as if that had been
learnt from SHRUNK_BY events; then they hold 93 to 99 %.  Where the variance is 0 (perfect
separation, all scores equal) or a class has one member, the interval rests on the k = min(P, N)
disjoint pairs, which are independent: Clopper-Pearson's bound at 0 and 1, Hoeffding's (1963)
between.  Average precision: the logit interval of Boyd, Eng and Page (2013), Clopper-Pearson at 1.

When it lies: AUC is blind to calibration and, at a rare class, to what matters at the top of the
list.  Average precision moves with the share of positives, however well the score ranks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import digamma

from detectors.intervals import (
    ABSENT,
    CONFIDENCE,
    Estimate,
    clopper_pearson,
    logit_interval,
    normal_quantile,
    wilson,
)

if TYPE_CHECKING:
    from detectors.contract import FloatArray, IntArray

SHRUNK_BY: Final = 10.0
"""Events of the rarer class that the assumed variance of AUC weighs as much as."""
SERIES_FROM: Final = 100.0
"""From here on sums of 1 / m are by series: the difference of two digammas would lose digits."""


@dataclass(frozen=True, slots=True)
class Binned:
    """A number from a histogram: with its interval of sampling and its bound of binning."""

    estimate: Estimate
    """Ties inside a cell count as ties."""
    least: float
    """Least over all orders inside the cells; NaN where absent."""
    most: float
    """Most over all orders inside the cells; NaN where absent."""


NOT_BINNED: Final = Binned(ABSENT, math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class Ranking:
    """How well a score ranks positives above negatives; all absent unless there are both."""

    positives: int
    negatives: int
    auc: Binned
    average_precision: Binned
    """The area under the precision-recall curve."""
    ks: Binned
    """Largest distance of the classes' distribution functions; its interval is absent (NaN)."""


def ranking(negatives: IntArray, positives: IntArray, confidence: float = CONFIDENCE) -> Ranking:
    """Ranking of a score whose high values say positive.

    Args:
        negatives: labelled negatives per cell, low to high, shape (cells,).
        positives: labelled positives per cell, the same shape.
        confidence: rate of the intervals.

    Raises ValueError unless both are counts over the same cells.

    """
    check_histograms(negatives, positives)
    totals = int(positives.sum()), int(negatives.sum())
    if not min(totals):
        return Ranking(*totals, NOT_BINNED, NOT_BINNED, NOT_BINNED)
    below, above = negatives.astype(np.float64), positives.astype(np.float64)
    return Ranking(
        *totals,
        auc(below, above, confidence),
        average_precision(below, above, confidence),
        class_distance(below, above),
    )


def check_histograms(negatives: IntArray, positives: IntArray) -> None:
    """Raise ValueError unless both are counts over the same cells, one at least."""
    if negatives.ndim != 1 or negatives.shape != positives.shape or not negatives.size:
        raise ValueError(
            f"the histograms of both labels are over the same cells, not {negatives.shape} "
            f"and {positives.shape}"
        )
    if min(negatives.min(), positives.min()) < 0:
        raise ValueError("a histogram holds counts, none below zero")


def auc(negatives: FloatArray, positives: FloatArray, confidence: float) -> Binned:
    """AUC of the ROC curve, of one positive and one negative at least."""
    size = float(positives.sum()), float(negatives.sum())
    # Placements: the share of the other class that each member of a cell is on the right side of.
    of_positives = (negatives.cumsum() - negatives / 2.0) / size[1]
    of_negatives = (size[0] - positives.cumsum() + positives / 2.0) / size[0]
    value = min(float(positives @ of_positives) / size[0], 1.0)
    ties = float((positives / size[0]) @ (negatives / size[1])) / 2.0
    interval = pairs_interval(value, min(size), confidence)
    if min(size) > 1.0:
        spread = [
            float(own @ (places - value) ** 2) / (many - 1.0) / many
            for own, places, many in (
                (positives, of_positives, size[0]),
                (negatives, of_negatives, size[1]),
            )
        ]
        if sum(spread) > 0.0 and 0.0 < value < 1.0:
            rarer = min(size)
            variance = SHRUNK_BY * assumed_variance(value, *size) + rarer * sum(spread)
            variance /= SHRUNK_BY + rarer
            interval = logit_interval(value, math.sqrt(variance), confidence)
    return Binned(interval, max(value - ties, 0.0), min(value + ties, 1.0))


def assumed_variance(value: float, positives: float, negatives: float) -> float:
    """Newcombe's variance of an AUC of so many positives and negatives."""
    others = (positives + negatives) / 2.0 - 1.0
    shape = (1.0 - value) / (2.0 - value) + value / (1.0 + value)
    return value * (1.0 - value) * (1.0 + others * shape) / (positives * negatives)


def pairs_interval(value: float, pairs: float, confidence: float) -> Estimate:
    """Interval of AUC that rests on independent pairs only."""
    if value in {0.0, 1.0}:
        low, high = clopper_pearson(value * pairs, pairs, confidence)
        return Estimate(value, float(low), float(high))
    normal_quantile(confidence)
    half = math.sqrt(math.log(2.0 / (1.0 - confidence)) / (2.0 * pairs))
    return Estimate(value, max(value - half, 0.0), min(value + half, 1.0))


def average_precision(negatives: FloatArray, positives: FloatArray, confidence: float) -> Binned:
    """Average precision, of one positive at least."""
    filled = positives > 0.0
    down_positives, down_negatives = positives[::-1].cumsum()[::-1], negatives[::-1].cumsum()[::-1]
    own, wrong = positives[filled], negatives[filled]
    upto, false = down_positives[filled], down_negatives[filled]
    size = float(positives.sum())
    tied = min(float(own @ (upto / (upto + false))) / size, 1.0)
    first = min(float(own @ (upto / (upto + false - wrong))) / size, 1.0)
    last = float((own - false * reciprocals(upto - own + false + 1.0, own)).sum()) / size
    if tied == 1.0:
        low, high = clopper_pearson(size, size, confidence)
        interval = Estimate(tied, float(low), float(high))
    else:
        interval = logit_interval(tied, math.sqrt(tied * (1.0 - tied) / size), confidence)
    return Binned(interval, min(max(last, 0.0), tied), max(first, tied))


def reciprocals(start: FloatArray, terms: FloatArray) -> FloatArray:
    """Sum of 1 / (start + i), i from 0 to terms - 1, accurate also for 2**40 and few terms.

    By the Euler-Maclaurin series of digamma about half a step lower,
    ln x + 1 / (24 x^2) - 7 / (960 x^4) + 31 / (8064 x^6).
    """
    low = np.maximum(start, SERIES_FROM) - 0.5
    high = low + terms
    series = np.log1p(terms / low)
    for factor, power in ((1.0 / 24.0, 2), (-7.0 / 960.0, 4), (31.0 / 8064.0, 6)):
        series += factor * (high**-power - low**-power)
    plain = digamma(start + terms) - digamma(start)
    return np.where(start < SERIES_FROM, plain, series)


def class_distance(negatives: FloatArray, positives: FloatArray) -> Binned:
    """KS of the two classes, of one member each at least."""
    low, high = negatives / negatives.sum(), positives / positives.sum()
    gap = np.minimum(low.cumsum(), 1.0) - np.minimum(high.cumsum(), 1.0)
    value = min(float(np.abs(gap).max()), 1.0)
    # Within a cell: one function at its end against the other one at its start.
    steps = np.maximum(gap + high, low - gap)
    return Binned(
        Estimate(value, math.nan, math.nan), value, min(max(float(steps.max()), value), 1.0)
    )


def recall_at(
    negatives: IntArray, positives: IntArray, share: float, confidence: float = CONFIDENCE
) -> Binned:
    """Recall when the ``share`` of events with the highest scores are the alarms.

    The cell that the last alarm falls into is taken in proportion; the bounds give its alarms to
    the negatives, or to the positives, first.  The interval is Wilson's.

    Args:
        negatives: labelled negatives per cell, low to high, shape (cells,).
        positives: labelled positives per cell, the same shape.
        share: alarms of all labelled events, in [0, 1].
        confidence: rate of the interval.

    Raises ValueError for a share outside [0, 1] and as :func:`ranking`.

    """
    check_histograms(negatives, positives)
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"a share of alarms is in [0, 1], not {share}")
    size = int(positives.sum())
    if not size:
        return NOT_BINNED
    events = (negatives + positives)[::-1]
    alarms = share * float(events.sum())
    before = events.cumsum() - events
    taken = np.clip(alarms - before, 0.0, events)
    own = positives[::-1]
    with np.errstate(invalid="ignore"):
        found = float(np.where(events > 0, own * (taken / events), 0.0).sum())
    least = float(np.maximum(taken - negatives[::-1], 0.0).sum())
    most = float(np.minimum(taken, own).sum())
    estimate = wilson(min(found, float(size)), size, confidence)
    return Binned(estimate, min(least, found) / size, min(max(most, found) / size, 1.0))
