"""PROMOTE, HOLD or REJECT over counts: errors and power of daily peeking, and
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
from engine.champion.measuring import Measured
from engine.comparison_rules import ComparisonRules, Guard, Measure, Mode
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
    """120 A/A runs with daily looks; the 1,000 of the docs are made by load_tests.champion."""
    found = list(outcomes(kind, 0.0, 120, 3, mode))
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
        share(list(outcomes(kind, gain, 50, 4, mode)), "PROMOTE") for gain in (0.01, 0.02, 0.05)
    ]
    assert all(rate >= due for rate, due in zip(rates, least, strict=True)), rates
    assert rates == sorted(rates)


def test_what_is_worse_is_rejected_early() -> None:
    """By five points, within days and not at the end of the plan."""
    found = list(outcomes("accuracy", -0.05, 40, 5))
    assert share(found, "REJECT") == 1.0
    assert max(each.look for each in found) < 28


CELLS: Final = MatchLayout("shadow", 20)
RULES: Final = rules_of("accuracy")


def measured(z: float, gap: float, information: float = 5_000.0, z_margin: float = 0.0) -> Measured:
    """A measure with this z and difference."""
    size = int(information)
    return Measured((size, size), 0.8, 0.8 + gap, Estimate(gap, gap, gap), z, z_margin, information)


def decided(found: Measured, day: int, rules: ComparisonRules = RULES) -> Decision:
    """The first look, on this day."""
    at_ms = day * DAY_MS
    return decide_look(rules, (), at_ms, at_ms, found, ())


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
        (measured(math.nan, 0.001), 14, "HOLD", ("too_little",), False),
        (measured(math.nan, 0.001), 28, "REJECT", ("too_little",), True),
        (measured(math.nan, 0.0), 14, "HOLD", ("no_difference",), False),
        (measured(math.nan, 0.0, 0.0), 14, "HOLD", ("too_little",), False),
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


def test_a_last_look_that_tells_nothing_new_says_what_the_one_before_showed() -> None:
    """Held by a guard alone it stays held; nobody has shown then that it is no better."""
    last, held = (
        RULES.length_ms,
        (Guarded("latency_p95", 45.0, 60.0, Guard(at_most=50.0), held=False),),
    )
    before = decide_look(RULES, (), last // 2, last // 2, measured(9.0, 0.03), held)
    assert before.verdict == "HOLD"
    assert before.look is not None
    nothing = measured(math.nan, 0.001)
    says = decide_look(RULES, [before.look], last, last, nothing, held)
    expected = ("HOLD", ("too_little", "guard:latency_p95"), True)
    assert (says.verdict, says.reasons, says.final) == expected
    strict = msgspec.structs.replace(RULES, margin="tested")
    assert decide_look(strict, [before.look], last, last, nothing, held).verdict == "REJECT"


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
            RULES, looks, day * DAY_MS, day * DAY_MS, measured(0.5, 0.001, 100.0 * day), ()
        )
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
    arms, matches = cells.nothing(cells.ARMS_SIZE), cells.nothing(CELLS.size)
    held = [g.held for g in check_guards(usual_guards({}), CELLS, arms, matches, None)]
    assert held == [True, True]
    held = [g.held for g in check_guards(asked, CELLS, arms, matches, None)]
    assert held == [False, False]


def test_a_few_errors_more_are_chance_until_they_are_significant() -> None:
    """The usual guard of errors: 3 of 1,000 against none is chance, 60 against 20 is not."""
    for errors, held in (((0, 3), True), ((20, 60), False), ((60, 20), True)):
        arms = cells.nothing(cells.ARMS_SIZE)
        arms[:2] = 1_000
        for arm, count in enumerate(errors):
            arms[arm_cell(arm, cells.ERRORS)] = count
        matches = cells.nothing(CELLS.size)
        (one,) = check_guards(
            {"error_rate": usual_guards({})["error_rate"]}, CELLS, arms, matches, None
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
