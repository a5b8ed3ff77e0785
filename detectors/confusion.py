"""What a confusion matrix says: accuracy, precision, recall, F1, specificity, with intervals.

Rule.  Counts in, and counts of partitions, panes and windows add up before they come here.  A
number whose denominator is zero is absent (NaN): a model that raised no alarm has no precision,
not a precision of zero.

Formulas.  Accuracy, precision, recall and specificity are shares of independent events: Wilson's
interval.  F1 = 2 tp / (2 tp + fp + fn) = 2 J / (1 + J), where J = tp / (tp + fp + fn) is a share,
of the events that are not true negatives; its interval is Wilson's of J sent the same way, which
is increasing, so it holds at the same rate.  Balanced accuracy is the mean of two independent
shares: their Wilson intervals are joined by squaring and adding (Newcombe 1998, method 10).

Classes.  Averages over classes are taken over those where the number is defined.  Their intervals
are by the delta method for multinomial counts (Takahashi and others 2022 give macro F1): with g the
derivative by the count of each cell, variance = sum of count g^2, as sum of count g is 0 for what
depends on shares only.  Where that variance is 0, as when every decision is right, the classes'
Wilson bounds are averaged instead, which is wider than needed and never a point.

When it lies: the share of positives in the window moves precision, F1 and accuracy without the
model getting better or worse; recall and specificity do not depend on it.  Delta intervals are too
short for classes with fewer than about ten events.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from detectors.intervals import (
    ABSENT,
    CONFIDENCE,
    Estimate,
    logit_interval,
    wilson,
    wilson_bounds,
)

if TYPE_CHECKING:
    from detectors.contract import FloatArray, IntArray


ROUNDING: Final = 1e-24
"""A variance per event that is no larger is the rounding of zero."""


@dataclass(frozen=True, slots=True)
class Confusion:
    """Decided and labelled events of a binary model; adding two is merging them.

    Raises ValueError for a negative count.
    """

    tp: int
    fp: int
    fn: int
    tn: int

    def __post_init__(self) -> None:
        """Refuse what cannot have been counted."""
        if min(self.tp, self.fp, self.fn, self.tn) < 0:
            raise ValueError(f"a confusion matrix holds counts, not {self}")

    def __add__(self, other: Confusion) -> Confusion:
        return Confusion(
            self.tp + other.tp, self.fp + other.fp, self.fn + other.fn, self.tn + other.tn
        )

    @property
    def events(self) -> int:
        """All of them."""
        return self.tp + self.fp + self.fn + self.tn


@dataclass(frozen=True, slots=True)
class BinaryPerformance:
    """What a binary confusion matrix says, all in [0, 1]."""

    events: int
    positives: int
    """Labelled positive."""
    alarms: int
    """Decided positive."""
    accuracy: Estimate
    precision: Estimate
    recall: Estimate
    f1: Estimate
    specificity: Estimate
    balanced_accuracy: Estimate


@dataclass(frozen=True, slots=True)
class PerClass:
    """One number for each class, each array of shape (classes,), NaN where it is absent."""

    values: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True, slots=True)
class Averages:
    """Averages over the classes where the number is defined."""

    macro: Estimate
    """Every class counts the same."""
    weighted: Estimate
    """Every class counts by its support."""


@dataclass(frozen=True, slots=True)
class MulticlassPerformance:
    """What a confusion matrix of K classes says.

    Micro-averaged precision, recall and F1 over all classes are all the same as ``accuracy``.
    """

    events: int
    support: IntArray
    """Labelled events of each class, shape (classes,)."""
    accuracy: Estimate
    precision: PerClass
    recall: PerClass
    f1: PerClass
    average_precision: Averages
    average_recall: Averages
    average_f1: Averages


def f1_of_jaccard(share: FloatArray) -> FloatArray:
    """F1 of J = tp / (tp + fp + fn), any shape."""
    result: FloatArray = 2.0 * share / (1.0 + share)
    return result


def binary_performance(confusion: Confusion, confidence: float = CONFIDENCE) -> BinaryPerformance:
    """The numbers of a binary model; ``confidence`` is the rate of every interval."""
    tp, fp, fn, tn = confusion.tp, confusion.fp, confusion.fn, confusion.tn
    recall = wilson(tp, tp + fn, confidence)
    specificity = wilson(tn, tn + fp, confidence)
    jaccard = wilson(tp, tp + fp + fn, confidence)
    f1 = ABSENT
    if not jaccard.absent:
        # The value from the counts, not by way of J: one rounding fewer.
        bounds = f1_of_jaccard(np.array([jaccard.low, jaccard.high])).tolist()
        value = float(2 * tp / (2 * tp + fp + fn))
        f1 = Estimate(value, min(bounds[0], value), max(bounds[1], value))
    return BinaryPerformance(
        events=confusion.events,
        positives=tp + fn,
        alarms=tp + fp,
        accuracy=wilson(tp + tn, confusion.events, confidence),
        precision=wilson(tp, tp + fp, confidence),
        recall=recall,
        f1=f1,
        specificity=specificity,
        balanced_accuracy=mean_of_two(recall, specificity),
    )


def mean_of_two(first: Estimate, second: Estimate) -> Estimate:
    """Mean of two independent estimates, their intervals joined by squaring and adding."""
    if first.absent or second.absent:
        return ABSENT
    value = (first.value + second.value) / 2.0
    down = math.hypot(first.value - first.low, second.value - second.low) / 2.0
    up = math.hypot(first.high - first.value, second.high - second.value) / 2.0
    return Estimate(value, max(value - down, 0.0), min(value + up, 1.0))


def multiclass_performance(
    matrix: IntArray, confidence: float = CONFIDENCE
) -> MulticlassPerformance:
    """The numbers of a model with several classes.

    Args:
        matrix: events by true class (row) and decided class (column), shape (classes, classes).
        confidence: rate of every interval.

    Raises ValueError unless the matrix is square and holds counts.

    """
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:  # noqa: PLR2004
        raise ValueError(f"a confusion matrix is square, not of shape {matrix.shape}")
    if (matrix < 0).any():
        raise ValueError("a confusion matrix holds counts, none below zero")
    hits, support, decided = matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0)
    events = int(matrix.sum())
    precision = shares(hits, decided, confidence)
    recall = shares(hits, support, confidence)
    jaccard = shares(hits, support + decided - hits, confidence)
    with np.errstate(invalid="ignore"):
        exact_f1 = 2.0 * hits / (support + decided)
    f1 = PerClass(
        exact_f1,
        np.minimum(f1_of_jaccard(jaccard.low), exact_f1),
        np.maximum(f1_of_jaccard(jaccard.high), exact_f1),
    )
    return MulticlassPerformance(
        events=events,
        support=support,
        accuracy=wilson(int(hits.sum()), events, confidence),
        precision=precision,
        recall=recall,
        f1=f1,
        average_precision=averages(matrix, precision, (0, 1), confidence),
        average_recall=averages(matrix, recall, (1, 0), confidence),
        average_f1=averages(matrix, f1, (1, 1), confidence),
    )


def shares(hits: IntArray, sizes: IntArray, confidence: float) -> PerClass:
    """Wilson's interval of each class's share of hits, shape (classes,) each."""
    with np.errstate(invalid="ignore"):
        values = hits / sizes
    return PerClass(values, *wilson_bounds(hits, sizes, confidence))


def averages(
    matrix: IntArray, numbers: PerClass, parts: tuple[int, int], confidence: float
) -> Averages:
    """Macro and weighted average of a number of each class.

    Args:
        matrix: as in :func:`multiclass_performance`.
        numbers: of each class; (p + q) hits / (p support + q decided).
        parts: p and q of that fraction.
        confidence: rate of the intervals.

    """
    support = matrix.sum(axis=1).astype(np.float64)
    defined = ~np.isnan(numbers.values)
    kept = np.where(defined, support, 0.0)
    return Averages(
        _average(matrix, numbers, parts, defined.astype(np.float64), confidence),
        _average(matrix, numbers, parts, kept, confidence, by_support=True),
    )


def _average(
    matrix: IntArray,
    numbers: PerClass,
    parts: tuple[int, int],
    weights: FloatArray,
    confidence: float,
    *,
    by_support: bool = False,
) -> Estimate:
    """The weighted mean with its delta interval; ABSENT when nothing has any weight.

    ``by_support`` says that the weights are the supports, which vary with the counts.
    """
    if not weights.any():
        return ABSENT
    weighed = weights > 0.0
    share = weights / weights.sum()
    of_class = np.where(weighed, numbers.values, 0.0)
    value = float(share @ of_class)
    support, decided = matrix.sum(axis=1), matrix.sum(axis=0)
    size = np.where(weighed, parts[0] * support + parts[1] * decided, 1)
    by_row = -parts[0] * share * of_class / size
    by_column = -parts[1] * share * of_class / size
    if by_support:
        by_row = by_row + np.where(weighed, of_class - value, 0.0) / weights.sum()
    slopes = by_row[:, np.newaxis] + by_column[np.newaxis, :]
    slopes += np.diag((parts[0] + parts[1]) * share / size)
    variance = float((matrix * slopes * slopes).sum())
    if variance <= ROUNDING / float(matrix.sum()):
        low = float(share @ np.where(weighed, numbers.low, 0.0))
        high = float(share @ np.where(weighed, numbers.high, 0.0))
        return Estimate(value, min(low, value), max(high, value))
    return logit_interval(value, math.sqrt(variance), confidence)
