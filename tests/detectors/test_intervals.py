"""Intervals equal SciPy's, are defined where they should be, and hold the truth as often."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from detectors.intervals import (
    clopper_pearson,
    garwood,
    logit_interval,
    normal_interval,
    wilson,
    wilson_bounds,
)


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999])
@pytest.mark.parametrize(
    ("hits", "trials"), [(0, 1), (1, 1), (0, 30), (30, 30), (3, 1000), (2**39, 2**40), (1, 2**40)]
)
def test_shares_equal_scipy(hits: int, trials: int, confidence: float) -> None:
    """Wilson as SciPy has it, Clopper-Pearson by SciPy's tails, at the ends and for huge counts."""
    test = scipy.stats.binomtest(hits, trials)
    due = test.proportion_ci(confidence, method="wilson")
    found = wilson(hits, trials, confidence)
    assert found.value == hits / trials
    assert np.allclose([found.low, found.high], [due.low, due.high], rtol=1e-9, atol=1e-18)
    # Exact by its definition: at each end the tail that reaches the count has half the rest.
    low, high = clopper_pearson(hits, trials, confidence)
    tail = pytest.approx((1.0 - confidence) / 2.0, rel=1e-5)
    assert scipy.stats.binom.sf(hits - 1, trials, low) == tail if hits else low == 0.0
    assert scipy.stats.binom.cdf(hits, trials, high) == tail if hits < trials else high == 1.0
    assert found.low <= found.value <= found.high


@pytest.mark.parametrize("events", [0, 1, 7, 1000, 2**40])
def test_garwood_is_the_chi_square_interval(events: int) -> None:
    """Half of chi-square quantiles with 2k and 2k + 2 degrees of freedom, per exposure."""
    low, high = garwood(events, 10.0)
    due_low = scipy.stats.chi2.ppf(0.025, 2 * events) / 20.0 if events else 0.0
    assert math.isclose(low, due_low, rel_tol=1e-9)
    assert math.isclose(high, scipy.stats.chi2.ppf(0.975, 2 * events + 2) / 20.0, rel_tol=1e-9)


@pytest.mark.parametrize("share", [0.002, 0.1, 0.5])
def test_exact_intervals_hold_at_least_as_often_as_they_say(share: float) -> None:
    """Coverage summed over all outcomes of 200 trials: Clopper-Pearson never below, Wilson near."""
    outcomes = np.arange(201)
    chances = scipy.stats.binom.pmf(outcomes, 200, share)
    low, high = clopper_pearson(outcomes, 200)
    assert chances[(low <= share) & (share <= high)].sum() >= 0.95
    low, high = wilson_bounds(outcomes, 200)
    assert 0.92 <= chances[(low <= share) & (share <= high)].sum() <= 0.99


def test_nothing_has_no_interval() -> None:
    """No trials and no exposure are NaN; so is the shape kept."""
    assert wilson(0, 0).absent
    for ends in (wilson_bounds([0, 1], [0, 2]), clopper_pearson([0, 1], [0, 2])):
        assert [math.isnan(one) for one in ends[0]] == [True, False]
        assert [math.isnan(one) for one in ends[1]] == [True, False]
    assert np.isnan(garwood(3, 0.0)).all()


def test_normal_and_logit_intervals_stay_where_they_belong() -> None:
    """Cut to the range; on the logit scale inside (0, 1) and about as wide in the middle."""
    assert normal_interval(0.01, 0.1, within=(0.0, 1.0)).low == 0.0
    wide = logit_interval(0.99, 0.05)
    assert 0.0 < wide.low < 0.99 < wide.high < 1.0
    middle = logit_interval(0.5, 0.001)
    assert math.isclose(middle.high - middle.low, 2 * 1.959964 * 0.001, rel_tol=1e-4)
    assert logit_interval(1.0, 0.1).high == 1.0
    assert logit_interval(0.3, 0.0) == normal_interval(0.3, 0.0)


@pytest.mark.parametrize("confidence", [0.0, 1.0, -1.0, 95.0, math.nan])
def test_a_confidence_that_is_no_probability_is_refused(confidence: float) -> None:
    """95 is not 0.95."""
    with pytest.raises(ValueError, match="confidence"):
        wilson(1, 2, confidence)
    with pytest.raises(ValueError, match="confidence"):
        clopper_pearson(1, 2, confidence)
    with pytest.raises(ValueError, match="confidence"):
        garwood(1, 2.0, confidence)
