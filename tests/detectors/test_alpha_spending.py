"""Boundaries are the published ones, spend alpha and no more, also by walks that were drawn."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from detectors.alpha_spending import (
    LEAST_STEP,
    Family,
    Look,
    Plan,
    looks_at,
    next_look,
    p_value,
    spendable,
)
from detectors.boundary_crossing import crossing_chances
from detectors.contract import P_VALUE_FLOOR, FloatArray
from tests.thoroughness import examples

FAMILIES: tuple[Family, ...] = ("obrien_fleming", "pocock")
families = pytest.mark.parametrize("family", FAMILIES)
DAILY = [float(day) for day in range(1, 31)]


def error(looks: tuple[Look, ...]) -> float:
    """Chance to cross any of their boundaries without a difference."""
    return float(
        crossing_chances([one.information for one in looks], [one.boundary for one in looks]).sum()
    )


def drawn_scores(information: list[float], walks: int, drift: float, seed: int) -> FloatArray:
    """Scores of walks at each look, shape (walks, looks), drawn step by step."""
    steps = np.diff(information, prepend=0.0)
    normal = np.random.default_rng(seed).normal(size=(walks, len(information)))
    places = (normal * np.sqrt(steps) + drift * steps).cumsum(axis=1)
    return places / np.sqrt(information)


@pytest.mark.parametrize(
    ("family", "due"),
    [
        ("obrien_fleming", (4.8769, 3.3569, 2.6803, 2.2898, 2.0310)),
        ("pocock", (2.4380, 2.4268, 2.4101, 2.3966, 2.3859)),
    ],
)
def test_five_equal_looks_have_the_published_boundaries(
    family: Family, due: tuple[float, ...]
) -> None:
    """Alpha 0.025, one-sided, as in the tables of Lan and DeMets' functions."""
    looks = looks_at([1, 2, 3, 4, 5], Plan(5.0, 0.025, family))
    assert [look.boundary for look in looks] == pytest.approx(due, abs=1.5e-4)
    assert looks[-1].spent == 0.025


@pytest.mark.parametrize(
    ("boundary", "looks"), [(2.413, 5), (2.178, 2), (2.555, 10)], ids=["five", "two", "ten"]
)
def test_pococks_constants_keep_five_percent(boundary: float, looks: int) -> None:
    """His constants are two-sided; one side of them errs half as often, crossings of both sides
    being next to impossible (Pocock 1977; Jennison and Turnbull 2000, table 2.1)."""
    chances = crossing_chances(list(range(1, looks + 1)), [boundary] * looks)
    assert float(chances.sum()) == pytest.approx(0.025, abs=2e-4)


@families
@pytest.mark.parametrize("drift", [0.0, 0.3, 0.6])
def test_the_chances_are_those_of_drawn_walks(family: Family, drift: float) -> None:
    """First crossings of 100,000 seeded walks, thirty looks, within four standard errors."""
    looks = looks_at(DAILY, Plan(30.0, 0.05, family))
    reached = [one.information for one in looks]
    bounds = np.array([one.boundary for one in looks])
    chances = crossing_chances(reached, bounds.tolist(), drift)
    above = drawn_scores(reached, 100_000, drift, seed=11) >= bounds
    first = np.where(above.any(axis=1), above.argmax(axis=1), len(looks))
    found = np.bincount(first, minlength=len(looks) + 1)[:-1] / 100_000
    due = np.sqrt(chances * (1.0 - chances) / 100_000)
    assert (np.abs(found - chances) <= 4.0 * due + 2e-5).all()
    assert abs(found.sum() - chances.sum()) <= 4.0 * math.sqrt(0.25 / 100_000)


def test_one_look_is_the_plain_test() -> None:
    """At the planned information, or beyond it: the normal quantile."""
    for information in (8.0, 80.0):
        (look,) = looks_at([information], Plan(8.0, 0.05))
        assert look.boundary == pytest.approx(norm.isf(0.05), rel=1e-12)
        assert p_value([look], 1.0) == pytest.approx(norm.sf(1.0), rel=1e-12)


@settings(max_examples=examples(60))
@given(
    steps=st.lists(st.floats(0.0, 0.4), min_size=1, max_size=25),
    family=st.sampled_from(FAMILIES),
    alpha=st.floats(0.001, 0.4),
)
def test_any_looks_spend_what_they_say(steps: list[float], family: Family, alpha: float) -> None:
    """Uneven looks, looks that bring nothing and looks beyond the plan: the chance to cross is the
    alpha spent, never more than alpha, all of it once the plan is reached."""
    information = np.cumsum(steps).tolist()
    plan = Plan(1.0, alpha, family)
    looks = looks_at(information, plan)
    if not looks:
        assert information[-1] < 1.0
        return
    assert error(looks) == pytest.approx(looks[-1].spent, abs=1e-8)
    assert looks[-1].spent <= alpha
    assert (looks[-1].spent == alpha) == (information[-1] >= 1.0)
    assert looks[-1].spent == spendable(looks[-1].information, plan)
    assert all(after.spent > before.spent for before, after in pairwise(looks))
    assert all(math.isfinite(look.boundary) for look in looks)


@families
def test_a_look_without_news_is_none(family: Family) -> None:
    """The same information, less of it or a little more: nothing is spent, and the next look with
    news has the boundary that it would have had."""
    plan = Plan(10.0, 0.05, family)
    plain = looks_at([2.0, 4.0, 10.0], plan)
    nudge = 0.9 * LEAST_STEP * 10.0
    noisy = looks_at([2.0, 2.0, 1.0, 2.0 + nudge, 4.0, 4.0, 3.9, 10.0, 10.0, 11.0, 30.0], plan)
    assert noisy == plain
    assert next_look(plain, 50.0, plan) is None
    assert next_look((), 0.0, plan) is None


def test_overrunning_keeps_alpha() -> None:
    """The last look came with twice the information: its boundary takes the weaker correlation
    with those before, where the one planned would err more often."""
    plan = Plan(10.0, 0.05, "pocock")
    inside, over = looks_at([3.0, 6.0, 10.0], plan), looks_at([3.0, 6.0, 20.0], plan)
    assert error(over) == pytest.approx(0.05, abs=1e-10)
    assert over[-1].boundary > inside[-1].boundary
    naive = (*over[:-1], Look(20.0, 0.05, inside[-1].boundary))
    assert error(naive) > 0.0505


def test_a_plan_may_change_between_looks() -> None:
    """What was spent stays spent: a longer plan waits for its share, a shorter one ends."""
    looks = looks_at([5.0, 8.0], Plan(10.0))
    assert next_look(looks, 9.0, Plan(20.0)) is None
    longer = next_look(looks, 20.0, Plan(20.0))
    assert longer is not None
    assert error((*looks, longer)) == pytest.approx(0.05, abs=1e-10)
    shorter = next_look(looks, 9.0, Plan(9.0))
    assert shorter is not None
    assert shorter.spent == 0.05


@families
def test_the_p_value_is_at_most_what_was_spent_where_the_boundary_is_reached(
    family: Family,
) -> None:
    """Just at it equal, above it less; NaN of nothing; never below the floor."""
    looks = looks_at([1.0, 2.0, 3.0], Plan(3.0, 0.05, family))
    for made in (looks[:1], looks[:2], looks):
        at = p_value(made, made[-1].boundary)
        assert at == pytest.approx(max(made[-1].spent, P_VALUE_FLOOR), rel=1e-6)
        assert p_value(made, made[-1].boundary + 0.1) < at or at == P_VALUE_FLOOR
        assert p_value(made, made[-1].boundary - 0.1) > at
    assert math.isnan(p_value((), 2.0))
    assert math.isnan(p_value(looks, math.nan))


def test_peeking_without_spending_errs() -> None:
    """Thirty looks at 1.64 find something in 24 % of equal pairs, as the head says."""
    plain = float(crossing_chances(DAILY, [1.6449] * 30).sum())
    assert plain == pytest.approx(0.239, abs=0.001)


def test_a_year_of_daily_looks_stays_exact() -> None:
    """365 of them: as often as drawn walks, and the first forty as if they were all."""
    days = [float(day) for day in range(1, 366)]
    chances = crossing_chances(days, [2.5] * 365)
    above = drawn_scores(days, 20_000, 0.0, seed=3) >= 2.5
    assert float(chances.sum()) == pytest.approx(float(above.any(axis=1).mean()), abs=0.006)
    assert chances[:40] == pytest.approx(crossing_chances(days[:40], [2.5] * 40), abs=1e-9)


def test_the_ends_are_answered() -> None:
    """Boundaries that everybody or nobody crosses, drift out of reach, and tiny steps."""
    assert crossing_chances([1, 2], [-50.0, 0.0]).tolist() == pytest.approx([1.0, 0.0])
    assert crossing_chances([1, 2], [math.inf, math.inf]).tolist() == [0.0, 0.0]
    assert crossing_chances([1, 2], [3.0, 3.0], drift=100.0)[0] == pytest.approx(1.0)
    assert crossing_chances([1, 2], [3.0, 3.0], drift=-100.0).sum() == 0.0
    close = crossing_chances([1.0, 1.0 + 1e-6], [2.0, 2.0])
    assert 0.0 < close[1] < 1e-3 * close[0] * 10


@pytest.mark.parametrize(
    ("planned", "alpha", "family"),
    [(0.0, 0.05, "pocock"), (math.inf, 0.05, "pocock"), (1.0, 0.0, "pocock"),
     (1.0, 0.5, "pocock"), (math.nan, 0.05, "pocock"), (1.0, 0.05, "haybittle")],
)  # fmt: skip
def test_a_plan_that_means_nothing_is_refused(planned: float, alpha: float, family: Family) -> None:
    """Each of its three numbers."""
    with pytest.raises(ValueError, match=r"planned|alpha|spending"):
        Plan(planned, alpha, family)


def test_looks_that_cannot_be_are_refused() -> None:
    """In no order, without news, without a boundary, with information that is no number."""
    with pytest.raises(ValueError, match="order"):
        next_look((Look(3.0, 0.01, 2.0), Look(2.0, 0.02, 2.0)), 8.0, Plan(9.0))
    with pytest.raises(ValueError, match="brings information"):
        crossing_chances([1.0, 1.0], [2.0, 2.0])
    with pytest.raises(ValueError, match="one boundary"):
        crossing_chances([1.0], [2.0, 2.0])
    with pytest.raises(ValueError, match="finite"):
        next_look((), math.nan, Plan(9.0))
