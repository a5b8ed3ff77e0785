"""Simulated comparisons, look by look through the decision code, from seeds.

A run is DAYS daily looks at counts that grow: DAILY events a day, of which POSITIVES are positive.
``accuracy``: in APART of the events just one of the two is right.  ``auc``: binormal scores that
correlate by CORRELATION, the champion's AUC BASE, in BINS bins.  In ``split`` the challenger gets
so many events, which are CHALLENGERS_SHARE of all.

Counts of who was right are few and come again in other runs: what is measured of them is kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from engine.champion.cells import LABELS, MATCH_CELLS, MatchLayout
from engine.champion.deciding import LookMade, Verdict, decide_look
from engine.champion.measuring import Measured, measure
from engine.comparison_rules import ComparisonRules, Measure, Mode

DAYS: Final = 28
DAY_MS: Final = 86_400_000
DAILY: Final = 200
POSITIVES: Final = 20
APART: Final = 0.10
BASE: Final = 0.80
CORRELATION: Final = 0.8
BINS: Final = 10
CHALLENGERS_SHARE: Final = 0.2
BLOCK: Final = 1_000
"""Runs of one seed, so that many runs may be made in pieces."""
SAMPLED: Final = 300_000
"""Scores that the shares of the pairs of bins are taken from."""
Counts = npt.NDArray[np.int64]
KEPT: Final = 200_000
"""Counts of decisions of which it is known what is measured."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    verdict: Verdict
    look: int
    """Number of the look that was final, from 1."""
    apart: bool
    """Whether any look found the two different."""


def rules_of(kind: Measure, mode: Mode = "shadow") -> ComparisonRules:
    """The rules of a spec that leaves everything else at its default."""
    return ComparisonRules(
        champion="v1",
        mode=mode,
        measure=kind,
        better_by=0.02,
        margin="estimated",
        significance=0.05,
        looks_ms=DAY_MS,
        length_ms=DAYS * DAY_MS,
        maturity_ms=7 * DAY_MS,
        within_ms=0,
        score_bins=BINS,
        guards={},
    )


def outcomes(
    kind: Measure, gain: float, runs: int, seed: int, mode: Mode = "shadow", *, first: int = 0
) -> Iterator[Outcome]:
    """How ``runs`` comparisons of a challenger that is better by ``gain`` ended, from the run
    ``first`` on, which begins a block."""
    assert first % BLOCK == 0, "a block has a seed"
    rules, layout = rules_of(kind, mode), MatchLayout(mode, BINS)
    drawn = [seed, round(abs(gain) * 1000), kind == "auc", mode == "split"]
    for number in range(first, first + runs):
        if number % BLOCK == 0:
            rng = np.random.default_rng([*drawn, number // BLOCK])
        yield _run(rules, layout, _days(kind, mode, gain, layout, rng))


def _run(rules: ComparisonRules, layout: MatchLayout, days: Counts) -> Outcome:
    looks: list[LookMade] = []
    apart = False
    for number, counts in enumerate(days.cumsum(axis=0), 1):
        at_ms = number * DAY_MS
        found = _measured(rules, layout, counts)
        decided = decide_look(rules, looks, at_ms, at_ms, found, ())
        if decided.look is not None:
            looks.append(decided.look)
            apart = apart or abs(decided.look.z) >= decided.look.boundary
        if decided.final:
            return Outcome(decided.verdict, number, apart)
    raise AssertionError("the last look is final")


def _measured(rules: ComparisonRules, layout: MatchLayout, counts: Counts) -> Measured:
    if rules.measure == "accuracy":
        return _measured_of(rules.mode, counts[: layout.scores].tobytes())
    return measure(rules, layout, counts)


@lru_cache(maxsize=KEPT)
def _measured_of(mode: Mode, decisions: bytes) -> Measured:
    """What is measured of accuracy over the cells before the scores."""
    layout = MatchLayout(mode, BINS)
    counts = np.zeros(layout.size, dtype=np.int64)
    counts[: layout.scores] = np.frombuffer(decisions, dtype=np.int64)
    return measure(rules_of("accuracy", mode), layout, counts)


def _days(
    kind: Measure, mode: Mode, gain: float, layout: MatchLayout, rng: np.random.Generator
) -> Counts:
    """What each day adds, shape (days, layout.size)."""
    days = np.zeros((DAYS, layout.size), dtype=np.int64)
    if kind == "accuracy":
        return _decided(mode, gain, days, rng)
    joint = _joint(gain)
    for label, size in ((0, DAILY - POSITIVES), (1, POSITIVES)):
        if mode == "shadow":
            cells = rng.multinomial(size, joint[label].ravel(), DAYS)
            wide = np.zeros((DAYS, layout.bins + 1, layout.bins + 1), dtype=np.int64)
            wide[:, :-1, :-1] = cells.reshape(DAYS, BINS, BINS)
        else:
            wide = np.zeros((DAYS, 2, layout.bins + 1), dtype=np.int64)
            rest = round(size * (1.0 / CHALLENGERS_SHARE - 1.0))
            for arm, (axis, arms_size) in enumerate(((1, rest), (0, size))):
                wide[:, arm, :-1] = rng.multinomial(arms_size, joint[label].sum(axis=axis), DAYS)
        first = layout.scores + label * layout.score_cells
        days[:, first : first + layout.score_cells] = wide.reshape(DAYS, -1)
    return days


def _decided(mode: Mode, gain: float, days: Counts, rng: np.random.Generator) -> Counts:
    if mode == "shadow":
        # Of a negative: both right, only the champion, only the challenger.
        shares = [1.0 - APART - gain, APART / 2, APART / 2 + gain]
        cells = [MATCH_CELLS + at for at in (0, 1, 3)]
        days[:, cells] = rng.multinomial(DAILY, shares, DAYS)
        return days
    rest = round(DAILY * (1.0 / CHALLENGERS_SHARE - 1.0))
    for arm, (size, right) in enumerate(((rest, 0.9), (DAILY, 0.9 + gain))):
        first = MATCH_CELLS + 3 * arm
        days[:, first : first + LABELS] = rng.multinomial(size, [right, 1.0 - right], DAYS)
    return days


@cache
def _joint(gain: float) -> npt.NDArray[np.float64]:
    """Share of each pair of bins among the negatives and positives, shape (2, bins, bins)."""
    rng = np.random.default_rng([8, round(gain * 1000)])
    means = [math.sqrt(2.0) * float(norm.ppf(BASE + more)) for more in (0.0, gain)]
    found = np.zeros((LABELS, BINS, BINS))
    for label in range(LABELS):
        own = rng.normal(size=(SAMPLED, 2)) * math.sqrt(1.0 - CORRELATION)
        scores = rng.normal(size=(SAMPLED, 1)) * math.sqrt(CORRELATION) + own
        places = np.searchsorted(np.linspace(-1.2, 2.2, BINS - 1), scores + label * np.array(means))
        joint = np.bincount(places @ [BINS, 1], minlength=BINS * BINS).reshape(BINS, BINS)
        # Equal models are equal to the last digit.
        joint = joint if gain else joint + joint.T
        found[label] = joint / joint.sum()
    return found
