"""Prediction drift that PSI cannot see: the share of positive decisions, and the score's moments.

Theory.  0.2 % become 0.4 % is twice as many alarms for those who answer them, and PSI 0.0014.  So
the positive decisions of a window are tested against the profile's with Fisher's exact test, at the
size that the window is worth, and the effect is the odds ratio: over ``rate_watch`` (or under its
inverse) is WATCH, over ``rate_drift`` DRIFT, and neither inside of what the reference's own blocks
do.  The mean of the score moves by a number of the reference's standard deviations; its p-value is
that of a z-test at the effective size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import ndtr

from detectors.contract import P_VALUE_FLOOR
from detectors.rate_shift import odds_ratio, p_value
from engine.layout import DECIDED, POSITIVE
from engine.levels import Level
from engine.measuring import mean_and_stddev
from engine.profile import OwnRate

if TYPE_CHECKING:
    from engine.model import MonitoredModel
    from engine.panes import Counts
    from engine.spec import PredictionSpec

MIN_RARER: Final = 10.0
"""Expected decisions of the rarer kind below which silence means UNKNOWN and not STABLE."""
_PARTS: Final = 2
"""Score and rate share the significance of the prediction."""


AS_COUNTED: Final = OwnRate(blocks=0, lower=1.0, upper=0.0, dispersion=1.0)
"""Of a reference without blocks: every event counts for one, and no rate is usual."""
Sizes = tuple[int, int, int, int]
"""Hits and size of the window, hits and size of the reference."""


@dataclass(frozen=True, slots=True)
class RateVerdict:
    """A share of a window's decisions against the reference's."""

    level: Level
    rate: float
    expected: float
    odds_ratio: float
    p_value: float


@dataclass(frozen=True, slots=True)
class ScoreMoments:
    """The score's mean and spread against the reference's."""

    mean_shift: float
    """In standard deviations of the reference."""
    mean_p_value: float
    stddev_ratio: float


def positive_rate(
    model: MonitoredModel, counts: Counts, window: str, alpha: float
) -> RateVerdict | None:
    """None where either side has no decisions."""
    profile = model.profile
    decided, positives = int(counts[DECIDED]), int(counts[POSITIVE])
    if not decided or not profile.decided:
        return None
    return rate_verdict(
        (positives, decided, profile.positives, profile.decided),
        profile.positive_own.get(window, AS_COUNTED),
        model.spec.prediction,
        alpha / _PARTS,
    )


def rate_verdict(sizes: Sizes, own: OwnRate, rules: PredictionSpec, alpha: float) -> RateVerdict:
    """Judge one share whose sizes are not zero; ``alpha`` is the significance of this one test."""
    hits, size, reference_hits, reference_size = sizes
    rate, expected = hits / size, reference_hits / reference_size
    worth, reference = int(size / own.dispersion), int(reference_size / own.dispersion)
    ratio = odds_ratio(*sizes)
    chance = p_value(round(rate * worth), worth, round(expected * reference), reference, "either")
    level: Level = "STABLE"
    if chance > max(P_VALUE_FLOOR, alpha):
        rarer = size / own.dispersion * min(expected, 1.0 - expected)
        level = "STABLE" if rarer >= MIN_RARER else "UNKNOWN"
    elif rate > own.upper or rate < own.lower:
        effect = max(ratio, 1.0 / ratio)
        if effect >= rules.rate_watch:
            level = "DRIFT" if effect >= rules.rate_drift else "WATCH"
    return RateVerdict(level, rate, expected, ratio, chance)


def score_moments(model: MonitoredModel, counts: Counts, window: str) -> ScoreMoments | None:
    """None where either side has no scores, or all of the reference are the same."""
    column, reference = model.layout.score, model.profile.score
    if column is None or reference is None or np.count_nonzero(reference.counts) < 2:  # noqa: PLR2004
        return None
    n = float(counts[column.start : column.start + column.values].sum())
    m = float(sum(reference.counts))
    if not n:
        return None
    mean, stddev = mean_and_stddev(column, counts)
    own = reference.own.get(window)
    size = n * m / (n + m)
    size = size if own is None else min(size, own.worth)
    shift = (mean - reference.mean) / reference.stddev
    chance = 2.0 * float(ndtr(-abs(shift) * np.sqrt(size)))
    return ScoreMoments(shift, max(P_VALUE_FLOOR, chance), stddev / reference.stddev)
