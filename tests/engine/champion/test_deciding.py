"""PROMOTE, HOLD or REJECT over counts: errors and power of daily peeking, the lesson's example, and
every reason on its own."""

from __future__ import annotations

import math
from typing import Final

import msgspec
import numpy as np
import pytest

from detectors.intervals import Estimate, clopper_pearson
from engine.champion import cells
from engine.champion.cells import MatchLayout, arm_cell
from engine.champion.deciding import Decision, LookMade, decide_look
from engine.champion.guards import Guarded, check_guards, quantile_ms, usual_guards
from engine.champion.measuring import Measured, measure
from engine.comparison_rules import ComparisonRules, Guard, Measure, Mode
from engine.panes import Counts
from load_tests.champion_runs import DAY_MS, Outcome, outcomes, rules_of

SETUPS: Final[tuple[tuple[Measure, Mode], ...]] = (
    ("accuracy", "shadow"),
    ("auc", "shadow"),
    ("accuracy", "split"),
    ("auc", "split"),
)
setups = pytest.mark.parametrize(("kind", "mode"), SETUPS)


def share(found: list[Outcome], verdict: str) -> float:
    """Of the runs that ended so."""
    return sum(each.verdict == verdict for each in found) / len(found)


@setups
def test_equals_are_told_apart_at_most_at_the_significance(kind: Measure, mode: Mode) -> None:
    """200 A/A runs with daily looks; the 1,000 of the docs are made by load_tests.champion."""
    found = list(outcomes(kind, 0.0, 200, 3, mode))
    apart = sum(each.apart for each in found)
    low, _ = clopper_pearson(apart, len(found), 0.98)
    assert low <= 0.05
    assert apart >= 2, "nothing is ever found: the boundaries are not those of the significance"
    assert share(found, "PROMOTE") <= 0.05
    assert share(found, "HOLD") == 0.0, "the last look of equals rejects"


@setups
def test_what_is_better_is_promoted_the_more_often_the_better_it_is(
    kind: Measure, mode: Mode
) -> None:
    """At +1, +2 and +5 points."""
    least = {
        ("accuracy", "shadow"): (0.02, 0.55, 0.99),
        ("auc", "shadow"): (0.08, 0.55, 0.99),
        ("accuracy", "split"): (0.05, 0.4, 0.97),
        ("auc", "split"): (0.02, 0.08, 0.45),
    }[kind, mode]
    rates = [
        share(list(outcomes(kind, gain, 80, 4, mode)), "PROMOTE") for gain in (0.01, 0.02, 0.05)
    ]
    assert all(rate >= due for rate, due in zip(rates, least, strict=True)), rates
    assert rates == sorted(rates)


def test_what_is_worse_is_rejected_early() -> None:
    """By five points, within days and not at the end of the plan."""
    found = list(outcomes("accuracy", -0.05, 40, 5))
    assert share(found, "REJECT") == 1.0
    assert max(each.look for each in found) < 28


LESSON: Final = MatchLayout("shadow", 20)


def binormal(size: int, mean: float) -> Counts:
    """How many of ``size`` normal scores around ``mean`` fall into each bin of 20."""
    edges = np.linspace(-2.0, 4.0, 19)
    upto = np.array([0.5 * math.erfc(-(edge - mean) / math.sqrt(2.0)) for edge in edges])
    places = np.round(size * np.concatenate([[0.0], upto, [1.0]])).astype(np.int64)
    return np.diff(places)


def lesson() -> tuple[Counts, Counts]:
    """Arms and matches of 25,000 loans: AUC 0.87 v 0.90, default rate among the approved 3.2 % v
    2.8 %, approval 68 % v 71 %, latency 45 v 52 ms.

    The positive label is a default, the negative decision an approval.
    """
    loans = 25_000
    arms = cells.nothing(cells.ARMS_SIZE)
    arms[:2] = loans
    arms[cells.PAIRS] = loans
    for arm, (approved, latency_ms) in enumerate(((0.68, 45), (0.71, 52))):
        arms[arm_cell(arm, cells.DECIDED)] = loans
        arms[arm_cell(arm, cells.POSITIVE)] = round(loans * (1 - approved))
        arms[arm_cell(arm, cells.TIMED)] = loans
        arms[arm_cell(arm, cells.LATENCY_US)] = loans * latency_ms * 1000
        cell = int(np.searchsorted(cells.LATENCY_EDGES_MS, latency_ms, side="right"))
        arms[arm_cell(arm, cells.LATENCIES + cell)] = loans
    matches = cells.nothing(LESSON.size)
    matches[cells.MATCHED] = loans
    # By label, champion's decision, challenger's: 17,000 and 17,750 approved, 544 and 497 default.
    decisions = LESSON.decisions(matches)
    decisions[0, :2, :2] = [[15_956, 500], [1_297, 3_000]]
    decisions[1, :2, :2] = [[400, 144], [97, 3_606]]
    for label, total in ((0, 20_753), (1, 4_247)):
        means = [label * math.sqrt(2.0) * z for z in (1.1264, 1.2816)]
        sides = [binormal(total, mean) for mean in means]
        joint = LESSON.histograms(matches)[label]
        # Scores that order events alike: the north-west corner of both margins.
        row, column = 0, 0
        left = [side.copy() for side in sides]
        while row < 20 and column < 20:
            moved = min(left[0][row], left[1][column])
            joint[row, column] += moved
            left[0][row] -= moved
            left[1][column] -= moved
            if left[0][row] == 0:
                row += 1
            else:
                column += 1
    return arms, matches


def lesson_decided(**bounds: float) -> tuple[Decision, Measured, list[Guarded]]:
    """The lesson at its first look half way through, with a guard on the mean latency."""
    guards = usual_guards(
        {
            "latency_mean": Guard(**bounds),
            "default_rate": Guard(worse_by=0.0),
            "approval_rate": Guard(worse_by=0.0),
        }
    )
    rules = msgspec.structs.replace(rules_of("auc"), guards=guards, score_bins=20)
    arms, matches = lesson()
    found = measure(rules, LESSON, matches)
    checked = check_guards(guards, LESSON, arms, matches, "negative")
    half = rules.length_ms // 2
    return decide_look(rules, (), half, half, found, checked, split_sound=True), found, checked


def test_the_lesson_is_promoted_when_the_latency_guard_allows_it() -> None:
    """AUC 0.87 v 0.90, default 3.2 % v 2.8 %, approval 68 % v 71 %, latency 45 v 52 ms."""
    decided, found, checked = lesson_decided(at_most=52.0)
    assert (found.champion, found.challenger) == pytest.approx((0.87, 0.90), abs=0.005)
    values = {each.metric: (each.champion, each.challenger) for each in checked}
    assert values["default_rate"] == pytest.approx((0.032, 0.028), abs=0.0001)
    assert values["approval_rate"] == pytest.approx((0.68, 0.71), abs=0.0001)
    assert values["latency_mean"] == pytest.approx((45.0, 52.0))
    assert (decided.verdict, decided.reasons, decided.final) == ("PROMOTE", (), True)
    assert decided.p_value < 0.05
    assert found.difference.value > 0.02


@pytest.mark.parametrize("bounds", [{"at_most": 51.9}, {"worse_by": 5.0}, {"worse_by_share": 0.1}])
def test_the_lesson_is_held_when_the_latency_guard_does_not_allow_it(
    bounds: dict[str, float],
) -> None:
    """Only the guard holds it back, and the evidence says so."""
    decided, _, checked = lesson_decided(**bounds)
    assert (decided.verdict, decided.reasons) == ("HOLD", ("guard:latency_mean",))
    assert not decided.final
    (broken,) = [each for each in checked if not each.held]
    assert broken.as_tree() == {
        "metric": "latency_mean",
        "held": False,
        **bounds,
        "champion": 45.0,
        "challenger": 52.0,
    }


def test_without_a_word_on_latency_the_lesson_is_held_by_the_usual_guard() -> None:
    """52 ms are more than five per cent above 45."""
    guards = usual_guards({})
    arms, matches = lesson()
    held = {g.metric: g.held for g in check_guards(guards, LESSON, arms, matches, None)}
    assert held == {"latency_p95": False, "error_rate": True}


RULES: Final = rules_of("accuracy")


def measured(z: float, gap: float, information: float = 5_000.0, z_margin: float = 0.0) -> Measured:
    """A measure with this z and difference."""
    size = int(information)
    return Measured((size, size), 0.8, 0.8 + gap, Estimate(gap, gap, gap), z, z_margin, information)


def decided(found: Measured, day: int, rules: ComparisonRules = RULES, **sound: bool) -> Decision:
    """The first look, on this day."""
    at_ms = day * DAY_MS
    return decide_look(
        rules, (), at_ms, at_ms, found, (), split_sound=sound.get("split_sound", True)
    )


@pytest.mark.parametrize(
    ("found", "day", "verdict", "reasons", "final"),
    [
        (measured(9.0, 0.03), 14, "PROMOTE", (), True),
        (measured(9.0, 0.02), 14, "HOLD", ("not_by_margin",), False),
        (measured(9.0, 0.02), 28, "REJECT", ("not_by_margin",), True),
        (measured(1.0, 0.03), 14, "HOLD", ("not_significant",), False),
        (measured(1.0, 0.03), 28, "REJECT", ("not_significant",), True),
        (measured(-9.0, -0.001), 14, "REJECT", ("worse",), True),
        (measured(-1.0, -0.03), 14, "HOLD", ("not_significant", "not_by_margin"), False),
        (measured(math.nan, 0.0), 14, "HOLD", ("too_little",), False),
        (measured(math.nan, 0.0), 28, "REJECT", ("too_little",), True),
        (measured(9.0, 0.03), 0, "HOLD", ("too_little",), False),
        (measured(9.0, 0.03, 0.0), 14, "HOLD", ("too_little",), False),
    ],
)
def test_every_reason_on_its_own(
    found: Measured, day: int, verdict: str, reasons: tuple[str, ...], *, final: bool
) -> None:
    """Each verdict at a first look."""
    says = decided(found, day)
    assert (says.verdict, says.reasons, says.final) == (verdict, reasons, final)


def test_a_split_that_is_not_as_promised_promotes_nobody() -> None:
    """It is held even at the last look, where somebody may mend it."""
    for day, final in ((14, False), (28, True)):
        says = decided(measured(9.0, 0.03), day, split_sound=False)
        assert (says.verdict, says.reasons, says.final) == ("HOLD", ("sample_ratio",), final)


def test_a_tested_margin_asks_for_significance_beyond_it() -> None:
    """An estimate above the margin is enough by default, and not then."""
    strict = msgspec.structs.replace(RULES, margin="tested")
    assert decided(measured(9.0, 0.03, z_margin=1.0), 14).verdict == "PROMOTE"
    assert decided(measured(9.0, 0.03, z_margin=1.0), 14, strict).reasons == ("not_by_margin",)
    assert decided(measured(9.0, 0.03, z_margin=9.0), 14, strict).verdict == "PROMOTE"


def test_looks_spend_what_the_calendar_allows() -> None:
    """The boundary falls with the days; twice the traffic changes none of it; the p-value is below
    the significance just where a boundary is crossed."""
    looks: list[LookMade] = []
    for day in range(7, 29, 7):
        says = decide_look(
            RULES, looks, day * DAY_MS, day * DAY_MS, measured(0.5, 0.001, 100.0 * day), (),
            split_sound=True,
        )  # fmt: skip
        assert says.look is not None
        looks.append(says.look)
        assert says.p_value > 0.05
    bounds = [look.boundary for look in looks]
    assert bounds == sorted(bounds, reverse=True)
    assert looks[-1].spent == pytest.approx(0.025)
    assert bounds[-1] == pytest.approx(2.0, abs=0.06)
    for above in (1e-6, -1e-6):
        z = bounds[0] + above
        says = decided(measured(z, 0.03, 700.0), 7)
        assert (says.p_value <= 2 * looks[0].spent) == (above > 0)


def test_usual_guards_give_way_to_what_is_written() -> None:
    """A word on any latency replaces the usual one on P95."""
    written = {"latency_p50": Guard(at_most=10.0), "error_rate": Guard(at_most=0.5)}
    assert usual_guards(written) == written
    assert sorted(usual_guards({})) == ["error_rate", "latency_p95"]


def test_what_nobody_measures_holds_back_only_where_somebody_asked() -> None:
    """No latency, no errors, no labels."""
    asked = {"latency_mean": Guard(at_most=10.0), "recall": Guard(at_least=0.1)}
    arms, matches = cells.nothing(cells.ARMS_SIZE), cells.nothing(LESSON.size)
    held = [g.held for g in check_guards(usual_guards({}), LESSON, arms, matches, None)]
    assert held == [True, True]
    held = [g.held for g in check_guards(asked, LESSON, arms, matches, None)]
    assert held == [False, False]


def test_a_few_errors_more_are_chance_until_they_are_significant() -> None:
    """The usual guard of errors: 3 of 1,000 against none is chance, 60 against 20 is not."""
    for errors, held in (((0, 3), True), ((20, 60), False), ((60, 20), True)):
        arms = cells.nothing(cells.ARMS_SIZE)
        arms[:2] = 1_000
        for arm, count in enumerate(errors):
            arms[arm_cell(arm, cells.ERRORS)] = count
        matches = cells.nothing(LESSON.size)
        (one,) = check_guards(
            {"error_rate": usual_guards({})["error_rate"]}, LESSON, arms, matches, None
        )
        assert one.held is held


def test_quantiles_of_the_latency_are_those_of_the_values_within_a_cell() -> None:
    """Against numpy's, 8 % apart at most."""
    values = np.random.default_rng(4).lognormal(3.0, 0.6, 20_000)
    places = np.searchsorted(cells.LATENCY_EDGES_MS, values, side="right")
    counts = np.bincount(places, minlength=cells.LATENCY_CELLS).astype(np.int64)
    for part in (0.5, 0.95, 0.99):
        assert quantile_ms(counts, part) == pytest.approx(np.quantile(values, part), rel=0.02)
    assert math.isnan(quantile_ms(counts * 0, 0.5))
