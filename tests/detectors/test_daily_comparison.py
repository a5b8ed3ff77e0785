"""Champion against challenger, looked at daily: how often equals are told apart, and betters found.

Thirty days of 200 pairs, one in ten discordant (20 positives a day for AUC), seeded; alpha 0.05,
one-sided, shared by the looks.  A challenger is promoted at its first look above the boundary with
a difference above 2 points; who goes on looking at one that is above the boundary and not so far
ahead errs no more often, because to be promoted it must have crossed.

Found (O'Brien-Fleming-like / Pocock-like), in %:

* equals told apart: accuracy 5.5 / 5.0 of 1,000 runs and 4.98 / 4.98 of 20,000, AUC 5.1 / 5.1;
  promoted: accuracy 0.3 / 1.9, AUC 1.8 / 4.0;
* a gain of just the margin taken for more than it: 5.3 / 5.0 of 20,000;
* a gain of 1, 2, 5 points found: accuracy 73, 99.8, 100 / 65, 99, 100, AUC 41, 94, 100 / 36, 90,
  100; promoted: accuracy 11, 72, 100 / 20, 77, 100, AUC 17, 71, 100 / 24, 75, 100; shown to be
  more than the margin: accuracy 0, 5, 100 / 0, 5, 100.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Final

import numpy as np
import pytest
from scipy.stats import norm

from detectors.alpha_spending import Family, Plan, looks_at
from detectors.boundary_crossing import crossing_chances
from detectors.contract import FloatArray, IntArray
from detectors.intervals import clopper_pearson
from detectors.mcnemar import score
from detectors.paired_auc import paired_auc, worth

DAYS: Final = 30
RUNS: Final = 1_000
PAIRS: Final = 200
"""A day."""
POSITIVES: Final = 20
"""Of these."""
APART: Final = 0.10
MARGIN: Final = 0.02
BINS: Final = 10
FAMILIES: Final[tuple[Family, ...]] = ("obrien_fleming", "pocock")
families = pytest.mark.parametrize("family", FAMILIES)


def boundaries(family: Family, daily: float) -> FloatArray:
    """Of each day, infinite where there is no look; shape (days,)."""
    information = [daily * day for day in range(1, DAYS + 1)]
    bounds = dict.fromkeys(information, math.inf)
    looks = looks_at(information, Plan(daily * DAYS, 0.05, family))
    bounds.update({look.information: look.boundary for look in looks})
    return np.array(list(bounds.values()))


def found(z: FloatArray, bounds: FloatArray, *also: IntArray | FloatArray) -> float:
    """Share of the runs with a day at or above its boundary where all else holds as well."""
    held = z >= bounds
    for each in also:
        held &= each > 0
    return float(held.any(axis=1).mean())


def at_most(rate: float, runs: int, limit: float = 0.05) -> bool:
    """Whether so many of the runs are what an error of at most the limit may show, 99 in 100."""
    low, _ = clopper_pearson(round(rate * runs), runs, 0.98)
    return bool(low <= limit)


@cache
def decided(gain: float, runs: int = RUNS) -> tuple[IntArray, IntArray, IntArray]:
    """Champion only, challenger only and pairs by the end of each day, shape (runs, days)."""
    rng = np.random.default_rng([7, round(gain * 1000)])
    chances = [APART / 2, APART / 2 + gain, 1.0 - APART - gain]
    counts = rng.multinomial(PAIRS, chances, (runs, DAYS)).cumsum(axis=1)
    return counts[..., 0], counts[..., 1], counts.sum(axis=-1)


@cache
def ranked(gain: float) -> tuple[FloatArray, FloatArray]:
    """DeLong's z and the difference by the end of each day, shape (runs, days).

    Binormal scores that correlate by 0.8, the champion's AUC 0.80, the challenger's higher by the
    gain; in bins.
    """
    rng = np.random.default_rng([8, round(gain * 1000)])
    means = [math.sqrt(2.0) * float(norm.ppf(0.80 + more)) for more in (0.0, gain)]
    shares = []
    for label, size in ((0, PAIRS - POSITIVES), (1, POSITIVES)):
        noise = rng.normal(size=(300_000, 2)) * math.sqrt(0.2)
        scores = rng.normal(size=(300_000, 1)) * math.sqrt(0.8) + noise + label * np.array(means)
        places = np.searchsorted(np.linspace(-1.2, 2.2, BINS - 1), scores)
        joint = np.bincount(places @ [BINS, 1], minlength=BINS * BINS).reshape(BINS, BINS)
        # Equal models are equal to the last digit.
        joint = joint if gain else joint + joint.T
        drawn = rng.multinomial(size, (joint / joint.sum()).ravel(), (RUNS, DAYS))
        shares.append(drawn.cumsum(axis=1).reshape(RUNS, DAYS, BINS, BINS))
    compared = paired_auc(shares[0], shares[1])
    return compared.z, compared.difference


@families
def test_equally_accurate_models_are_told_apart_at_most_at_alpha(family: Family) -> None:
    """1,000 A/A runs, and 20,000 for a tighter bound; fewer are promoted."""
    bounds = boundaries(family, PAIRS)
    for runs in (RUNS, 20_000):
        lost, won, pairs = decided(0.0, runs)
        rate = found(score(lost, won, pairs), bounds)
        assert at_most(rate, runs), rate
        assert rate > 0.03, "nothing is found: the boundaries are not those of alpha"
        promoted = found(score(lost, won, pairs), bounds, won - lost - MARGIN * pairs)
        assert promoted <= min(rate, 0.05)


@families
def test_equally_ranking_models_are_told_apart_at_most_at_alpha(family: Family) -> None:
    """1,000 A/A runs of AUC, by counts over pairs of bins."""
    z, gap = ranked(0.0)
    bounds = boundaries(family, float(worth(POSITIVES, PAIRS - POSITIVES)))
    rate = found(z, bounds)
    assert at_most(rate, RUNS), rate
    assert rate > 0.03
    assert found(z, bounds, gap - MARGIN) <= min(rate, 0.05)


@families
def test_a_gain_of_just_the_margin_is_no_gain_beyond_it(family: Family) -> None:
    """Where the challenger is better by exactly 2 points, the score against a margin of 2 points
    errs at most at alpha; against one of 1 point it finds most."""
    lost, won, pairs = decided(MARGIN, 20_000)
    bounds = boundaries(family, PAIRS)
    rate = found(score(lost, won, pairs, MARGIN), bounds)
    assert at_most(rate, 20_000), rate
    assert rate > 0.03
    assert found(score(lost, won, pairs, 0.01), bounds) > 0.5


def test_the_same_looks_at_the_plain_level_err() -> None:
    """Both tests, looked at daily at 1.64: more than 20 of 100 equal pairs are told apart."""
    plain = np.full(DAYS, 1.6449)
    lost, won, pairs = decided(0.0)
    assert found(score(lost, won, pairs), plain) > 0.2
    assert found(ranked(0.0)[0], plain) > 0.2


@families
def test_power_for_accuracy(family: Family) -> None:
    """Better at all, promoted, and better by more than the margin, at +1, +2 and +5 points; the
    first as the boundaries' own integral says."""
    bounds = boundaries(family, PAIRS)
    least = {
        "obrien_fleming": {0.01: (0.68, 0.07, 0.0), 0.02: (0.98, 0.65, 0.03), 0.05: (1, 1, 0.99)},
        "pocock": {0.01: (0.60, 0.15, 0.0), 0.02: (0.97, 0.7, 0.03), 0.05: (1, 1, 0.99)},
    }[family]
    rates = []
    for gain, due in least.items():
        lost, won, pairs = decided(gain)
        z, ahead = score(lost, won, pairs), won - lost - MARGIN * pairs
        rates.append((
            found(z, bounds),
            found(z, bounds, ahead),
            found(score(lost, won, pairs, MARGIN), bounds),
        ))  # fmt: skip
        assert all(rate >= one for rate, one in zip(rates[-1], due, strict=True)), (gain, rates)
        days = np.flatnonzero(np.isfinite(bounds))
        drift = gain / math.sqrt(APART + gain)
        looked = (PAIRS * (days + 1.0)).tolist()
        expected = crossing_chances(looked, bounds[days].tolist(), drift).sum()
        assert rates[-1][0] == pytest.approx(float(expected), abs=0.05)
    assert (np.diff(rates, axis=0) >= 0.0).all()


@families
def test_power_for_auc(family: Family) -> None:
    """Better at all, and promoted, at +1, +2 and +5 points."""
    bounds = boundaries(family, float(worth(POSITIVES, PAIRS - POSITIVES)))
    least = {
        "obrien_fleming": {0.01: (0.36, 0.12), 0.02: (0.91, 0.65), 0.05: (1, 1)},
        "pocock": {0.01: (0.31, 0.18), 0.02: (0.86, 0.69), 0.05: (1, 1)},
    }[family]
    rates = []
    for gain, due in least.items():
        z, gap = ranked(gain)
        rates.append((found(z, bounds), found(z, bounds, gap - MARGIN)))
        assert all(rate >= one for rate, one in zip(rates[-1], due, strict=True)), (gain, rates)
    assert (np.diff(rates, axis=0) >= 0.0).all()
