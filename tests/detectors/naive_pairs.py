"""Slow, plain twins of the comparison of two models: one pair, one event or one term at a time.

Rule.  As in :mod:`tests.detectors.naive`: no shared code, no trick, Python numbers.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def likelihood(lost: int, won: int, pairs: int, share: float, gap: float) -> float:
    """Log likelihood of P(only the champion is right) = ``share`` where the challenger's is larger
    by ``gap``; minus infinity where that cannot be."""
    total = 0.0
    terms = ((lost, share), (won, share + gap), (pairs - lost - won, 1.0 - 2.0 * share - gap))
    for count, chance in terms:
        if chance < 0.0 or (count and chance <= 0.0):
            return -math.inf
        total += count * math.log(chance) if count else 0.0
    return total


def likeliest_share(lost: int, won: int, pairs: int, gap: float) -> float:
    """The share of largest likelihood, by thirds: the likelihood is concave."""
    low, high = max(0.0, -gap), (1.0 - gap) / 2.0
    for _ in range(200):
        third = (high - low) / 3.0
        left, right = low + third, high - third
        if likelihood(lost, won, pairs, left, gap) < likelihood(lost, won, pairs, right, gap):
            low = left
        else:
            high = right
    return (low + high) / 2.0


def tango_score(lost: int, won: int, pairs: int, gap: float) -> float:
    """Observed difference less the supposed one, over its standard error where that is true."""
    share = likeliest_share(lost, won, pairs, gap)
    variance = (share + share + gap - gap**2) / pairs
    return ((won - lost) / pairs - gap) / math.sqrt(variance)


def sign_tail(won: int, apart: int) -> float:
    """P(at least so many of the discordant pairs), each way equally likely, in whole numbers."""
    ways = sum(math.comb(apart, k) for k in range(won, apart + 1))
    return float(Fraction(ways, 2**apart))


Event = tuple[int, float, float]
"""Label, the champion's score and the challenger's."""


def beats(positive: float, negative: float) -> float:
    """1 in order, one half for a tie, else 0."""
    return 1.0 if positive > negative else 0.5 if positive == negative else 0.0


def mean(values: Sequence[float]) -> float:
    """Their mean."""
    return math.fsum(values) / len(values)


def covariance(one: Sequence[float], other: Sequence[float]) -> float:
    """Of a sample, over one less than its size."""
    centre, other_centre = mean(one), mean(other)
    products = [(a - centre) * (b - other_centre) for a, b in zip(one, other, strict=True)]
    return math.fsum(products) / (len(one) - 1)


def delong(events: Sequence[Event]) -> tuple[list[float], list[list[float]]]:
    """AUCs of both models and their covariance matrix, from every pair of a positive and a
    negative (DeLong, DeLong and Clarke-Pearson 1988)."""
    positives = [event for event in events if event[0]]
    negatives = [event for event in events if not event[0]]
    of_positives, of_negatives = [], []
    for model in (1, 2):
        of_positives.append(
            [mean([beats(one[model], other[model]) for other in negatives]) for one in positives]
        )
        of_negatives.append(
            [mean([beats(one[model], other[model]) for one in positives]) for other in negatives]
        )
    matrix = [
        [
            covariance(of_positives[i], of_positives[j]) / len(positives)
            + covariance(of_negatives[i], of_negatives[j]) / len(negatives)
            for j in range(2)
        ]
        for i in range(2)
    ]
    return [mean(each) for each in of_positives], matrix


def dirichlet_evidence(order: Sequence[int], shares: Sequence[float], prior: float) -> float:
    """Log e-value of units that came in this order: each one's chance as predicted from those
    before it, over the one expected."""
    seen = [prior * share for share in shares]
    total, evidence = sum(seen), 0.0
    for arm in order:
        evidence += math.log(seen[arm] / total) - math.log(shares[arm])
        seen[arm] += 1.0
        total += 1.0
    return evidence
