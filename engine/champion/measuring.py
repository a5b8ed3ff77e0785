"""The measure that champion and challenger are compared by, from the counts of their matches.

Rule.  Differences are challenger less champion.  ``shadow``: both answered the same events, so the
tests are paired (:mod:`detectors.mcnemar`, cautious, and :mod:`detectors.paired_auc`, whose z is
Student's with one less than the rarer class has events).  ``split``: the arms have
events of their own, so the variances of the two add up.

Formulas of ``split``.  Accuracy: z = (q - p) / sqrt(r (1 - r) (1/m + 1/n)), r the share of both
together (the score test of two proportions), the numerator nearer to 0 by (1/m + 1/n) / 2 (Yates
1934); the interval is Newcombe's (1998, method 10), made of Wilson's two.  AUC: z is the difference
of logits over the root of the two variances, DeLong's.  With few events the variance of an AUC is
small just where the AUC is too high by luck; so that of the arm with less is not below what the
other arm's would be with so little.  Information, for
looks: 1 / (1/m + 1/n) of events, of :func:`detectors.paired_auc.worth` for AUC.

When they lie: the events of one user come together, so where units of a split come back often, z
is too large by the square root of events a unit.  AUC is over events with a score, accuracy over
those with a decision, of both in a pair.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import logit, ndtri, stdtr

from detectors import mcnemar
from detectors.intervals import ABSENT, CONFIDENCE, Estimate, normal_quantile, wilson
from detectors.paired_auc import LEAST_OF_CLASS, paired_auc, worth
from engine.champion.cells import ARMS, CHALLENGER, CHAMPION, LABELS, MatchLayout

if TYPE_CHECKING:
    from engine.comparison_rules import ComparisonRules
    from engine.panes import Counts


ALMOST_ONE: Final = 1.0 - 1e-9


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
        float(mcnemar.score(lost, won, pairs, cautious=True)),
        float(mcnemar.score(lost, won, pairs, margin, cautious=True)),
        float(pairs),
    )


def _paired_auc(histograms: Counts, margin: float) -> Measured:
    found = paired_auc(histograms[0], histograms[1])
    positives, negatives = int(found.positives), int(found.negatives)
    error = math.sqrt(found.variance) if found.variance > 0.0 else math.nan
    gap = float(found.difference)
    z = float(found.z)
    freedom = min(positives, negatives) - 1.0
    return Measured(
        (positives + negatives,) * 2,
        float(found.champion),
        float(found.challenger),
        Estimate(gap, float(found.low), float(found.high)),
        z if math.isnan(z) else _normal(z, freedom),
        math.nan if math.isnan(z) else _normal((gap - margin) / error, freedom),
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
        _nearer(gap, inverse / 2.0) / error if error else math.nan,
        _nearer(gap - margin, inverse / 2.0) / error if error else math.nan,
        1.0 / inverse,
    )


def _arms_auc(histograms: Counts, margin: float) -> Measured:
    # The second axis of one bin says nothing of the other model.
    sides = np.moveaxis(histograms, 1, 0)
    found = [paired_auc(side[0][:, None], side[1][:, None]) for side in sides]
    worths = [float(worth(each.positives, each.negatives)) for each in found]
    sizes = [int(each.positives) + int(each.negatives) for each in found]
    events = (sizes[CHAMPION], sizes[CHALLENGER])
    information = 1.0 / sum(1.0 / each for each in worths) if all(worths) else 0.0
    champion, challenger = (float(each.champion) for each in found)
    gap = challenger - champion
    few = [min(int(each.positives), int(each.negatives)) for each in found]
    variances = [float(each.champion_variance) for each in found]
    inside = all(0.0 < each < 1.0 for each in (champion, challenger))
    if min(few) < LEAST_OF_CLASS or not inside or not min(variances) > 0.0:
        unknown = Estimate(gap, math.nan, math.nan)
        return Measured(events, champion, challenger, unknown, math.nan, math.nan, information)
    less = CHAMPION if worths[CHAMPION] < worths[CHALLENGER] else CHALLENGER
    due = variances[1 - less] * worths[1 - less] / worths[less]
    variances[less] = max(variances[less], due)
    freedom = sum(variances) ** 2 / sum(
        each * each / (count - 1) for each, count in zip(variances, few, strict=True)
    )
    half = normal_quantile(CONFIDENCE) * math.sqrt(sum(variances))
    return Measured(
        events,
        champion,
        challenger,
        Estimate(gap, max(gap - half, -1.0), min(gap + half, 1.0)),
        _logit_z(champion, challenger, variances, freedom),
        _logit_z(min(champion + margin, ALMOST_ONE), challenger, variances, freedom),
        information,
    )


def _nearer(gap: float, step: float) -> float:
    """A difference that is nearer to 0."""
    return math.copysign(max(abs(gap) - step, 0.0), gap)


def _logit_z(known: float, found: float, variances: list[float], freedom: float) -> float:
    """How far ``found`` is from ``known`` on the logit scale, as a normal z."""
    slopes = [1.0 / (each * (1.0 - each)) for each in (known, found)]
    error = math.sqrt(sum(v * slope * slope for v, slope in zip(variances, slopes, strict=True)))
    return _normal(float(logit(found) - logit(known)) / error, freedom)


def _normal(t: float, freedom: float) -> float:
    """The normal z whose tail is that of Student's ``t``: a variance of few events of a class is
    itself uncertain."""
    # The tail below, so that nothing is lost far out; where doubles end, so does z.
    tail = max(float(stdtr(freedom, -abs(t))), sys.float_info.min)
    return math.copysign(float(ndtri(tail)), t)


def _unknown(events: tuple[int, int], information: float) -> Measured:
    nan = math.nan
    return Measured(events, nan, nan, ABSENT, nan, nan, information)
