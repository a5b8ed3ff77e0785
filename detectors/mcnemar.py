"""Two models on the same events: is the challenger right more often, and by more than a margin.

Rule.  Three counts in, which add over partitions and panes: the events that both models answered
(pairs), and of these the ones that only the champion got right (b) and that only the challenger got
right (c).  What both got right or wrong tells them apart in nothing but the size of the sample.
Differences are challenger less champion, so above 0 is better.

Exact test.  Given the b + c discordant pairs, c is binomial with 1/2 where the models are equally
accurate (McNemar 1947, exact by the binomial tail); the other direction and both as in
:mod:`detectors.rate_tests`.  No discordant pair among some pairs is p = 1.

Score test.  For a difference of accuracies of ``margin`` (d), with n pairs (Tango 1998):

    z = (c - b - n d) / sqrt(n (2 q + d (1 - d)))
    q = (w + sqrt(w^2 + 8 n b d (1 - d))) / (4 n),    w = b + c - d (2 n - c + b)

q is the likelihood's estimate of P(only the champion is right) under that difference.  At d = 0 it
is McNemar's (c - b) / sqrt(b + c).  c - b - n d is a sum over the pairs, so the scores of growing
counts are those of a random walk, which is what :mod:`detectors.alpha_spending` asks for, with the
pairs as information.  Where the variance is 0 (no pairs; no discordant ones at d = 0) z is NaN:
nothing is known, and NaN crosses no boundary.

A *cautious* z has a numerator that is one nearer to 0 (Edwards 1948): counts are whole, and without
that z reaches a normal quantile too often by up to half of a count's chance.  With it z is about
what the exact test says or less, and looks that are made daily err below their level.

Interval.  Tango's: all differences that the score test does not reject, two-sided.  Chosen over
Wald's, which is too short for few discordant pairs and has no length at all for none, and over
Newcombe's (1998, method 10), which needs a fourth count and can contradict the test.

When they lie: events that come in clusters (one user's, one hour's) are fewer than they seem, and
both tests then find too much.  A model whose answers decide which labels come (a refused loan is
never paid back) is compared on the events that its champion chose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from detectors.intervals import ABSENT, CONFIDENCE, Estimate, normal_quantile
from detectors.rate_tests import Direction, binomial_test, counts

if TYPE_CHECKING:
    import numpy.typing as npt

    from detectors.contract import FloatArray

CAUTION: Final = 1.0
"""Half of the distance between two values of c - b of the same number of discordant pairs."""
HALVINGS: Final = 60
"""Steps of the bisection for an interval's ends: 2 / 2**60 is below a double's last digit."""


@dataclass(frozen=True, slots=True)
class PairedAccuracy:
    """Challenger against champion on the same events."""

    pairs: int
    champion_only: int
    """Pairs that only the champion got right."""
    challenger_only: int
    """Pairs that only the challenger got right."""
    difference: Estimate
    """Accuracy of the challenger less that of the champion, in [-1, 1]; ABSENT of no pairs."""
    z: float
    """Score of no difference; NaN without discordant pairs."""
    beyond_margin: float
    """Score of a difference of exactly the margin; NaN of no pairs."""
    p_greater: float
    """Exact p-value that the challenger is not better; NaN of no pairs."""
    p_either: float
    """Exact p-value that neither is better; NaN of no pairs."""


def paired_accuracy(
    champion_only: int,
    challenger_only: int,
    pairs: int,
    margin: float = 0.0,
    confidence: float = CONFIDENCE,
) -> PairedAccuracy:
    """All that the counts of one comparison tell.

    Args:
        champion_only: pairs that only the champion got right.
        challenger_only: pairs that only the challenger got right.
        pairs: events with an answer of both and a label, concordant ones included.
        margin: of accuracy, in (-1, 1), by which the challenger is to be better.
        confidence: rate of the interval.

    Raises ValueError for counts that cannot be, or a margin or a confidence outside its range.

    """
    found = [
        float(exact_p_value(champion_only, challenger_only, pairs, direction))
        for direction in ("greater", "either")
    ]
    return PairedAccuracy(
        pairs,
        champion_only,
        challenger_only,
        difference(champion_only, challenger_only, pairs, confidence),
        float(score(champion_only, challenger_only, pairs)),
        float(score(champion_only, challenger_only, pairs, margin)),
        *found,
    )


def score(
    champion_only: npt.ArrayLike,
    challenger_only: npt.ArrayLike,
    pairs: npt.ArrayLike,
    margin: npt.ArrayLike = 0.0,
    *,
    cautious: bool = False,
) -> FloatArray:
    """Tango's z of a difference of ``margin``, shapes broadcast; NaN where its variance is 0.

    Raises ValueError for counts that cannot be, or a margin outside (-1, 1).
    """
    lost, won, size = discordant(champion_only, challenger_only, pairs)
    gap = np.asarray(margin, np.float64)
    if not (np.abs(gap) < 1.0).all():
        raise ValueError(f"a margin of accuracy is between -1 and 1, not {margin!r}")
    return score_of(lost, won, size, gap, CAUTION if cautious else 0.0)


def score_of(
    lost: FloatArray, won: FloatArray, size: FloatArray, gap: FloatArray, caution: float = 0.0
) -> FloatArray:
    """The same of counts as reals; ``gap`` in [-1, 1], the numerator nearer to 0 by ``caution``."""
    # Below 0 the models change places, so that the root is P(only the model ahead is wrong).
    fewer = np.where(gap < 0.0, won, lost)
    ahead = np.abs(gap)
    spread = ahead * (1.0 - ahead)
    slope = lost + won - ahead * (2.0 * size - (lost + won) + 2.0 * fewer)
    product = 8.0 * size * fewer * spread
    root = np.sqrt(slope * slope + product)
    with np.errstate(invalid="ignore", divide="ignore"):
        # Where the slope is negative the sum cancels, and is nothing beside the other term.
        variance = (slope + root) / 2.0 + size * spread
        beyond = won - lost - size * gap
        found = np.sign(beyond) * np.maximum(np.abs(beyond) - caution, 0.0) / np.sqrt(variance)
    return np.where(variance > 0.0, found, np.nan)


def exact_p_value(
    champion_only: npt.ArrayLike,
    challenger_only: npt.ArrayLike,
    pairs: npt.ArrayLike,
    direction: Direction,
) -> FloatArray:
    """Exact p-value of no difference, ``greater`` for a better challenger, shapes broadcast.

    NaN of no pairs.  Raises ValueError for counts that cannot be or another direction.
    """
    lost, won, size = discordant(champion_only, challenger_only, pairs)
    apart = (lost + won).astype(np.int64)
    found = binomial_test(won.astype(np.int64), apart, 0.5, direction)
    return np.where(size > 0.0, np.where(apart > 0, found, 1.0), np.nan)


def difference(
    champion_only: int, challenger_only: int, pairs: int, confidence: float = CONFIDENCE
) -> Estimate:
    """Accuracy of the challenger less that of the champion with Tango's interval.

    ABSENT of no pairs.  Raises ValueError for counts that cannot be, or a confidence outside
    (0, 1).
    """
    z = normal_quantile(confidence)
    lost, won, size = discordant(champion_only, challenger_only, pairs)
    if not size:
        return ABSENT
    value = float((won - lost) / size)
    # Above the low end and below the high end the score is inside (-z, z); it falls with d.
    outer, inner = np.array([-1.0, 1.0]), np.array([value, value])
    for _ in range(HALVINGS):
        middle = (outer + inner) / 2.0
        kept = np.abs(score_of(lost, won, size, middle)) < z
        inner, outer = np.where(kept, middle, inner), np.where(kept, outer, middle)
    low, high = outer.tolist()
    return Estimate(value, min(low, value), max(high, value))


def discordant(
    champion_only: npt.ArrayLike, challenger_only: npt.ArrayLike, pairs: npt.ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The three counts as reals, broadcast; ValueError unless they are whole, none below zero, and
    the discordant ones are at most all."""
    lost, _ = counts(champion_only, pairs)
    won, size = counts(challenger_only, pairs)
    if (lost + won > size).any():
        raise ValueError("at most all pairs are discordant")
    reals = (each.astype(np.float64) for each in np.broadcast_arrays(lost, won, size))
    first, second, third = reals
    return first, second, third
