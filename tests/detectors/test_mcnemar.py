"""Paired accuracy equals its plain twins, keeps its level and its interval, also at the ends."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm

from detectors.contract import P_VALUE_FLOOR
from detectors.mcnemar import difference, exact_p_value, paired_accuracy, score
from tests.detectors import naive_pairs as naive
from tests.thoroughness import examples

tables = st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(0, 200))
"""Champion only, challenger only, concordant."""


@settings(max_examples=examples(300))
@given(table=tables, margin=st.floats(-0.9, 0.9))
def test_the_score_is_that_of_the_likelihood(table: tuple[int, int, int], margin: float) -> None:
    """The closed root is where the twin finds the likelihood largest."""
    lost, won, same = table
    pairs = lost + won + same
    if not pairs or abs(margin) < 1e-3:
        return
    due = naive.tango_score(lost, won, pairs, margin)
    assert float(score(lost, won, pairs, margin)) == pytest.approx(due, rel=1e-5, abs=1e-5)


@given(table=tables)
def test_without_a_margin_it_is_mcnemars(table: tuple[int, int, int]) -> None:
    """(c - b) / sqrt(b + c) and the tail of the sign test, whatever the concordant pairs."""
    lost, won, same = table
    pairs = lost + won + same
    found = paired_accuracy(lost, won, pairs)
    if not pairs:
        assert found.difference.absent
        assert math.isnan(found.z)
        assert math.isnan(found.p_greater)
        return
    if lost + won:
        assert found.z == pytest.approx((won - lost) / math.sqrt(lost + won), rel=1e-12)
    else:
        assert math.isnan(found.z)
    above, below = naive.sign_tail(won, lost + won), naive.sign_tail(lost, lost + won)
    assert found.p_greater == pytest.approx(max(above, P_VALUE_FLOOR), rel=1e-9)
    both = min(1.0, max(2.0 * min(above, below), P_VALUE_FLOOR))
    assert found.p_either == pytest.approx(both, rel=1e-9)


@given(table=tables, margin=st.floats(-0.9, 0.9))
def test_the_models_may_change_places(table: tuple[int, int, int], margin: float) -> None:
    """Seen from the champion every sign is the other one."""
    lost, won, same = table
    pairs = lost + won + same
    there, back = score(lost, won, pairs, margin), score(won, lost, pairs, -margin)
    np.testing.assert_allclose(there, -back, rtol=1e-12)
    one, other = difference(lost, won, pairs), difference(won, lost, pairs)
    ends = [-other.high, -other.low]
    np.testing.assert_allclose([one.low, one.high], ends, rtol=0, atol=1e-12)


@given(table=tables)
def test_the_interval_is_what_the_score_does_not_reject(table: tuple[int, int, int]) -> None:
    """At an end inside (-1, 1) the score is the quantile; the value is always inside."""
    lost, won, same = table
    pairs = lost + won + same
    if not pairs:
        return
    found = difference(lost, won, pairs)
    assert -1.0 <= found.low <= found.value <= found.high <= 1.0
    assert found.low < found.high
    for end, sign in ((found.low, 1.0), (found.high, -1.0)):
        if abs(end) < 1.0 - 1e-9:
            at_end = float(score(lost, won, pairs, end))
            assert at_end == pytest.approx(sign * 1.959963984540054, rel=1e-6)


def test_tangos_own_example() -> None:
    """Two ways to disinfect contact lenses, 44 patients, one of whom tells them apart: z = 1.709
    against a difference of 0.1, p = 0.044 (Tango 1998)."""
    assert float(score(1, 0, 44, -0.1)) == pytest.approx(1.709, abs=5e-4)


@pytest.mark.parametrize(("lost", "won"), [(0.03, 0.03), (0.01, 0.05), (0.0, 0.004), (0.3, 0.36)])
def test_intervals_hold_the_truth_as_often_as_they_say(lost: float, won: float) -> None:
    """400 seeded samples of 300 pairs: 92 to 98.5 %, all of few discordant pairs, where Wald's do
    not hold 80 %."""
    rng = np.random.default_rng(6)
    drawn = rng.multinomial(300, [lost, won, 1 - lost - won], size=400)
    found = [difference(int(b), int(c), 300) for b, c, _ in drawn]
    held = np.mean([one.low <= won - lost <= one.high for one in found])
    assert 0.92 <= held <= (0.985 if won > 0.01 else 1.0)
    if won < 0.01:
        gap = (drawn[:, 1] - drawn[:, 0]) / 300
        half = 1.96 * np.sqrt((drawn[:, 0] + drawn[:, 1]) / 300 - gap**2) / math.sqrt(300)
        assert np.mean(np.abs(gap - (won - lost)) <= half) < 0.8


@pytest.mark.parametrize("margin", [0.0, 0.02])
def test_one_look_keeps_its_level(margin: float) -> None:
    """20,000 seeded samples where the difference is exactly the margin: 5 % at 5 %."""
    rng = np.random.default_rng(7)
    chances = [0.06, 0.06 + margin, 0.88 - margin]
    drawn = rng.multinomial(2_000, chances, size=20_000)
    found = score(drawn[:, 0], drawn[:, 1], 2_000, margin)
    assert 0.045 <= np.mean(found >= 1.6449) <= 0.055
    exact = exact_p_value(drawn[:, 0], drawn[:, 1], 2_000, "greater")
    if not margin:
        assert 0.035 <= np.mean(exact <= 0.05) <= 0.051


def test_huge_counts_and_ends() -> None:
    """2**40 pairs keep their digits, and where all pairs are discordant nothing divides by 0."""
    small, huge = score([3], [8], [100], 0.02), score([3 << 40], [8 << 40], [100 << 40], 0.02)
    np.testing.assert_allclose(huge, small * 2**20, rtol=1e-12)
    # Few discordant pairs far from the margin: the root cancels.
    far = score([1], [0], [2**40], 0.9)
    np.testing.assert_allclose(far, -0.9 * math.sqrt(2**40 / (0.9 * 0.1)), rtol=1e-9)
    assert difference(0, 7, 7).high == pytest.approx(1.0, abs=1e-12)
    assert difference(7, 0, 7).low == pytest.approx(-1.0, abs=1e-12)
    assert difference(0, 0, 1).low < -0.5
    assert paired_accuracy(0, 2**40, 2**41).p_greater == P_VALUE_FLOOR


def test_what_cannot_have_been_counted_is_refused() -> None:
    """More discordant pairs than pairs, counts below 0, parts of an event, margins beyond 1."""
    for counts in ((3, 3, 5), (-1, 0, 5), (6, 0, 5)):
        with pytest.raises(ValueError, match=r"pairs|successful"):
            paired_accuracy(*counts)
    with pytest.raises(ValueError, match="whole"):
        score(0.5, 1, 3)
    with pytest.raises(ValueError, match="margin"):
        score(1, 1, 3, 1.0)
    with pytest.raises(ValueError, match="confidence"):
        difference(1, 1, 3, 1.0)
    with pytest.raises(ValueError, match="direction"):
        exact_p_value(1, 1, 3, "up")  # type: ignore[arg-type]


def test_a_cautious_score_reaches_no_quantile_more_often_than_it_may() -> None:
    """Among so many discordant pairs of equals, by the binomial's own tail; without the caution it
    does for many of these sizes.  It is never further out, nor on the other side."""
    for apart in (8, 20, 45, 80, 200, 561):
        won = np.arange(apart + 1)
        chances = binom.pmf(won, apart, 0.5)
        plain, cautious = (
            score(apart - won, won, apart, cautious=careful) for careful in (False, True)
        )
        assert (np.abs(cautious) <= np.abs(plain)).all()
        assert (cautious * plain >= 0.0).all()
        quantiles = np.linspace(1.6, 4.0, 200)
        often = np.array([[chances[z >= q].sum() for q in quantiles] for z in (plain, cautious)])
        assert (often[1] <= 1.005 * norm.sf(quantiles)).all()
        assert (often[0] > norm.sf(quantiles)).any()
