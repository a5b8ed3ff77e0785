"""The measure that champion and challenger are compared by, from the counts of their matches.

Rule.  Differences are challenger less champion.  ``shadow``: both answered the same events, so the
tests are paired (:mod:`detectors.mcnemar`, :mod:`detectors.paired_auc`).  ``split``: the arms have
events of their own, so the variances of the two add up.

Formulas of ``split``.  Accuracy: z = (q - p) / sqrt(r (1 - r) (1/m + 1/n)), r the share of both
together (the score test of two proportions); the interval is Newcombe's (1998, method 10), made of
Wilson's two.  AUC: z = (B - A) / sqrt(var A + var B) with DeLong's variances.  Information, for
looks: 1 / (1/m + 1/n) of events, of :func:`detectors.paired_auc.worth` for AUC.

When they lie: the events of one user come together, so where units of a split come back often, z
is too large by the square root of events a unit.  AUC is over events with a score, accuracy over
those with a decision, of both in a pair.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from detectors import mcnemar
from detectors.intervals import ABSENT, CONFIDENCE, Estimate, normal_quantile, wilson
from detectors.paired_auc import LEAST_OF_CLASS, paired_auc, worth
from engine.champion.cells import ARMS, CHALLENGER, CHAMPION, LABELS, MatchLayout

if TYPE_CHECKING:
    from engine.comparison_rules import ComparisonRules
    from engine.panes import Counts


@dataclass(frozen=True, slots=True)
class Measured:
    """The two versions by one measure."""

    events: tuple[int, int]
    """Labelled events of champion and challenger; of a pair both are the same ones."""
    champion: float
    """NaN where the counts do not define it, as all that follows."""
    challenger: float
    difference: Estimate
    z: float
    """Of no difference."""
    z_margin: float
    """Of a difference of ``better_by``."""
    information: float
    """A count in proportion to which 1 / variance grows; never of how it turned out."""


def measure(rules: ComparisonRules, layout: MatchLayout, counts: Counts) -> Measured:
    """The measure of the rules over a vector of matches."""
    if rules.measure == "auc":
        histograms = layout.histograms(counts)
        if rules.mode == "shadow":
            return _paired_auc(histograms, rules.better_by)
        return _arms_auc(histograms, rules.better_by)
    decisions = layout.decisions(counts)
    if rules.mode == "shadow":
        return _paired_accuracy(decisions, rules.better_by)
    return _arms_accuracy(decisions, rules.better_by)


def _paired_accuracy(decisions: Counts, margin: float) -> Measured:
    both = decisions[:, :LABELS, :LABELS]
    pairs = int(both.sum())
    right = [both[label, label, :].sum() for label in range(LABELS)]
    champion_right = int(sum(right))
    challenger_right = int(sum(both[label, :, label].sum() for label in range(LABELS)))
    both_right = int(sum(both[label, label, label] for label in range(LABELS)))
    lost, won = champion_right - both_right, challenger_right - both_right
    if not pairs:
        return _unknown((0, 0), 0.0)
    return Measured(
        (pairs, pairs),
        champion_right / pairs,
        challenger_right / pairs,
        mcnemar.difference(lost, won, pairs),
        float(mcnemar.score(lost, won, pairs)),
        float(mcnemar.score(lost, won, pairs, margin)),
        float(pairs),
    )


def _paired_auc(histograms: Counts, margin: float) -> Measured:
    found = paired_auc(histograms[0], histograms[1])
    positives, negatives = int(found.positives), int(found.negatives)
    error = math.sqrt(found.variance) if found.variance > 0.0 else math.nan
    gap = float(found.difference)
    z = float(found.z)
    return Measured(
        (positives + negatives,) * 2,
        float(found.champion),
        float(found.challenger),
        Estimate(gap, float(found.low), float(found.high)),
        z,
        math.nan if math.isnan(z) else (gap - margin) / error,
        float(worth(positives, negatives)),
    )


def _arms_accuracy(decisions: Counts, margin: float) -> Measured:
    decided = decisions[:, :, :LABELS]
    sizes = [int(decided[:, arm].sum()) for arm in range(ARMS)]
    hits = [int(sum(decided[x, arm, x] for x in range(LABELS))) for arm in range(ARMS)]
    events = (sizes[CHAMPION], sizes[CHALLENGER])
    if not all(sizes):
        return _unknown(events, 0.0)
    p, q = (wilson(hit, size) for hit, size in zip(hits, sizes, strict=True))
    gap = q.value - p.value
    low = gap - math.hypot(q.value - q.low, p.high - p.value)
    high = gap + math.hypot(q.high - q.value, p.value - p.low)
    shared = sum(hits) / sum(sizes)
    inverse = sum(1.0 / size for size in sizes)
    error = math.sqrt(shared * (1.0 - shared) * inverse)
    return Measured(
        events,
        p.value,
        q.value,
        Estimate(gap, max(low, -1.0), min(high, 1.0)),
        gap / error if error else math.nan,
        (gap - margin) / error if error else math.nan,
        1.0 / inverse,
    )


def _arms_auc(histograms: Counts, margin: float) -> Measured:
    # The second axis of one bin says nothing of the other model.
    found = [paired_auc(side[0][:, None], side[1][:, None]) for side in np.moveaxis(histograms, 1, 0)]
    worths = [float(worth(each.positives, each.negatives)) for each in found]
    events = tuple(int(each.positives) + int(each.negatives) for each in found)
    information = 1.0 / sum(1.0 / each for each in worths) if all(worths) else 0.0
    champion, challenger = (float(each.champion) for each in found)
    variance = sum(float(each.champion_variance) for each in found)
    gap = challenger - champion
    enough = all(min(int(e.positives), int(e.negatives)) >= LEAST_OF_CLASS for e in found)
    if not enough or not variance > 0.0:
        unknown = Estimate(gap, math.nan, math.nan)
        sides = (events[CHAMPION], events[CHALLENGER])
        return Measured(sides, champion, challenger, unknown, math.nan, math.nan, information)
    error = math.sqrt(variance)
    half = normal_quantile(CONFIDENCE) * error
    return Measured(
        (events[CHAMPION], events[CHALLENGER]),
        champion,
        challenger,
        Estimate(gap, max(gap - half, -1.0), min(gap + half, 1.0)),
        gap / error,
        (gap - margin) / error,
        information,
    )


def _unknown(events: tuple[int, int], information: float) -> Measured:
    nan = math.nan
    return Measured(events, nan, nan, ABSENT, nan, nan, information)
