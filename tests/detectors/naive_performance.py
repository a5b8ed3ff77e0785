"""Slow, plain twins of performance from counts: one event, one pair or one term at a time.

Rule.  As in :mod:`tests.detectors.naive`: no shared code, no trick, Python numbers.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def fixed(value: float, step: float, clip: float) -> int:
    """Fixed point of one value, NaN as 0."""
    if math.isnan(value):
        return 0
    # Python's round sends halves to the even neighbour.
    return round(max(-clip, min(clip, value)) / step)


def auc(scores: Sequence[float], labels: Sequence[int]) -> float:
    """Share of the pairs that are in order, ties one half."""
    won, pairs = 0.0, 0
    for score, label in zip(scores, labels, strict=True):
        for other, other_label in zip(scores, labels, strict=True):
            if label == 1 and other_label == 0:
                pairs += 1
                won += 1.0 if score > other else 0.5 if score == other else 0.0
    return won / pairs


def average_precision(scores: Sequence[float], labels: Sequence[int]) -> float:
    """Precision at the threshold of each positive, averaged."""
    total = 0.0
    for score, label in zip(scores, labels, strict=True):
        if label == 1:
            alarms = [one for one, other in zip(labels, scores, strict=True) if other >= score]
            total += sum(alarms) / len(alarms)
    return total / sum(labels)


def orders(items: Sequence[int]) -> Iterator[list[int]]:
    """Every weak order of a few items: a rank for each, ties included."""
    if not items:
        yield []
        return
    for rest in orders(items[1:]):
        levels = sorted(set(rest))
        for level in levels:
            yield [level, *rest]
        for gap in [(levels[0] if levels else 0) - 1, *levels]:
            # Between a level and the next: the half keeps every rank apart.
            yield [2 * gap + 1, *(2 * one for one in rest)]


def hypergeometric_tails(hits: int, trials: int, other_hits: int, other: int) -> tuple[float, ...]:
    """P(X <= hits) and P(X >= hits), in whole numbers to the end."""
    total = hits + other_hits
    ways = [math.comb(trials, k) * math.comb(other, total - k) for k in range(total + 1)]
    return (
        float(Fraction(sum(ways[: hits + 1]), math.comb(trials + other, total))),
        float(Fraction(sum(ways[hits:]), math.comb(trials + other, total))),
    )


def isotonic(rates: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Isotonic regression by its min-max formula: for every cell the largest, over starts at or
    before it, of the smallest mean, over ends at or after it."""

    def mean(start: int, end: int) -> float:
        held = range(start, end + 1)
        return sum(rates[i] * weights[i] for i in held) / sum(weights[i] for i in held)

    cells = range(len(rates))
    return [
        max(min(mean(start, end) for end in cells[cell:]) for start in range(cell + 1))
        for cell in cells
    ]
