"""Exact tests are exact: by whole numbers, by SciPy, for huge counts, without drift and in time."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.contract import P_VALUE_FLOOR
from detectors.psi import psi_of_shares
from detectors.rate_kernels import SUMMED_SPREAD, hypergeometric_tails
from detectors.rate_tests import Direction, binomial_test, fisher, poisson_test
from tests.detectors import naive_performance as naive
from tests.detectors.test_kernels import jit_is_off
from tests.thoroughness import examples

FEATURES = 1000


def tails(*counts: list[int]) -> tuple[list[float], list[float]]:
    """Both tails of pairs of samples."""
    low, high = np.empty(len(counts[0])), np.empty(len(counts[0]))
    hypergeometric_tails(*(np.array(one, np.int64) for one in counts), low, high)
    return low.tolist(), high.tolist()


def test_the_kernel_ran_compiled() -> None:
    """After a call it has a compiled signature (or, announced, is a plain function)."""
    assert tails([], [], [], []) == ([], [])
    assert bool(getattr(hypergeometric_tails, "nopython_signatures", [])) is not jit_is_off()


@settings(max_examples=examples(300), deadline=None)
@given(data=st.data(), trials=st.integers(0, 60), other=st.integers(0, 300))
def test_tails_equal_the_twin(data: st.DataObject, trials: int, other: int) -> None:
    """Against sums of whole numbers, every count that two samples can have."""
    hits = data.draw(st.integers(0, trials))
    other_hits = data.draw(st.integers(0, other))
    low, high = tails([hits], [trials], [other_hits], [other])
    due = naive.hypergeometric_tails(hits, trials, other_hits, other)
    assert math.isclose(low[0], due[0], rel_tol=1e-11, abs_tol=1e-13)
    assert math.isclose(high[0], due[1], rel_tol=1e-11, abs_tol=1e-13)


@pytest.mark.parametrize(
    ("hits", "trials", "other_hits", "other"),
    [(30, 5000, 300, 10**5), (4, 10**6, 3, 10**6), (90, 100, 700, 800), (9, 400, 0, 3000)],
)
def test_far_tails_keep_their_digits(hits: int, trials: int, other_hits: int, other: int) -> None:
    """Also where they are small: relative to themselves."""
    due = naive.hypergeometric_tails(hits, trials, other_hits, other)
    low, high = tails([hits], [trials], [other_hits], [other])
    assert math.isclose(high[0], due[1], rel_tol=1e-10)
    assert math.isclose(low[0], due[0], rel_tol=1e-10)


@pytest.mark.parametrize("z", [-4.0, -1.0, 0.0, 0.5, 2.0, 5.0])
@pytest.mark.parametrize("share", [0.5, 0.02])
def test_the_integral_continues_the_sum(z: float, share: float) -> None:
    """Where the sum ends and the integral begins both are SciPy's sums."""
    for spread in (SUMMED_SPREAD * 0.98, SUMMED_SPREAD * 1.02):
        trials = int(2 * spread**2 / (share * (1 - share)))
        middle = int(trials * share)
        hits = middle + int(z * spread)
        low, high = tails([hits], [trials], [middle], [trials])
        law = scipy.stats.hypergeom(2 * trials, hits + middle, trials)
        assert math.isclose(high[0], law.sf(hits - 1), rel_tol=1e-7)
        assert math.isclose(low[0], law.cdf(hits), rel_tol=1e-7)


@pytest.mark.parametrize("share", [0.5, 0.1, 0.002])
def test_the_tails_of_neighbours_add_up_where_they_are_integrals(share: float) -> None:
    """The lower tail of a count, by way of the failures, and the upper tail of the next."""
    trials = 10**9
    middle = int(trials * share)
    counts = [middle - 2, middle - 1, middle, middle + 1]
    low, _ = tails(counts, [trials] * 4, [2 * middle - one for one in counts], [trials] * 4)
    following = [one + 1 for one in counts]
    _, high = tails(following, [trials] * 4, [2 * middle - one for one in following], [trials] * 4)
    np.testing.assert_allclose(np.add(low, high), 1.0, rtol=1e-9)


def test_huge_counts() -> None:
    """2**40 trials on each side: few events by hand, many by the normal law they tend to."""
    low, high = tails([3, 2**40, 0], [2**40] * 3, [1, 0, 2**40], [2**40] * 3)
    assert high[:2] == [pytest.approx(5 / 16), 0.0]
    assert low == [pytest.approx(15 / 16), 1.0, 0.0]
    assert high[2] == 1.0
    spread = math.sqrt(2**40 / 4 / 2)
    for z in (-3.0, 0.0, 1.0, 4.0):
        hits = 2**39 + round(z * spread)
        # The mean moves half of the way with the total.
        _, high = tails([hits], [2**40], [2**39], [2**40])
        assert math.isclose(high[0], scipy.stats.norm.sf(z / 2), rel_tol=2e-5)


@pytest.mark.parametrize("direction", ["greater", "less", "either"])
def test_fisher_equals_scipy(direction: Direction) -> None:
    """One-sided as SciPy; either side is the smaller tail doubled; the floor holds."""
    rng = np.random.default_rng(2)
    trials, other = rng.integers(1, 3000, 60), rng.integers(1, 9000, 60)
    hits, other_hits = rng.binomial(trials, 0.03), rng.binomial(other, 0.02)
    found = fisher(hits, trials, other_hits, other, direction)
    for place in range(60):
        square = [
            [hits[place], trials[place] - hits[place]],
            [other_hits[place], other[place] - other_hits[place]],
        ]
        sides = [scipy.stats.fisher_exact(square, side).pvalue for side in ("greater", "less")]
        due = {"greater": sides[0], "less": sides[1], "either": min(1.0, 2 * min(sides))}
        assert math.isclose(found[place], max(due[direction], P_VALUE_FLOOR), rel_tol=1e-8)


@pytest.mark.parametrize("direction", ["greater", "less", "either"])
def test_binomial_and_poisson_equal_scipy(direction: Direction) -> None:
    """A known share, and rates given their sum."""
    side = {"greater": "greater", "less": "less", "either": "two-sided"}[direction]
    for hits, trials, share in ((0, 10, 0.3), (10, 10, 0.3), (7, 400, 0.01), (2**39, 2**40, 0.5)):
        found = float(binomial_test(hits, trials, share, direction))
        if direction == "either":
            ends = [
                scipy.stats.binomtest(hits, trials, share, one).pvalue
                for one in ("greater", "less")
            ]
            due = min(1.0, 2 * min(ends))
        else:
            due = scipy.stats.binomtest(hits, trials, share, side).pvalue
        assert math.isclose(found, max(due, P_VALUE_FLOOR), rel_tol=1e-9)
    # For equal exposures and either side doubling is what SciPy's symmetric law does too.
    for events, other in ((0, 0), (4, 1), (0, 9), (30, 22)):
        due = (
            scipy.stats.binomtest(events, events + other, 0.5, side).pvalue if events + other else 1
        )
        found = float(poisson_test(events, 3.0, other, 3.0, direction))
        assert math.isclose(found, max(due, P_VALUE_FLOOR), rel_tol=1e-9)
    found = float(poisson_test(8, 2.0, 10, 10.0, "greater"))
    assert math.isclose(found, scipy.stats.binom.sf(7, 18, 1 / 6), rel_tol=1e-9)


def test_no_drift_raises_no_more_alarms_than_said() -> None:
    """4,000 seeded pairs: P(p <= level) is at most the level and three standard errors, also for a
    reference share that itself is an estimate, and not far below it for a hundred events."""
    rng = np.random.default_rng(7)
    many = 4000
    hits, other = rng.binomial(20_000, 0.005, many), rng.binomial(60_000, 0.005, many)
    found = {
        "fisher": fisher(hits, 20_000, other, 60_000, "greater"),
        "poisson": poisson_test(hits, 1.0, other, 3.0, "greater"),
        "binomial": binomial_test(hits, 20_000, other / 60_000, "greater", 60_000),
        "either": fisher(hits, 20_000, other, 60_000, "either"),
    }
    for name, p_values in found.items():
        for level in (0.05, 0.005):
            error = 3 * math.sqrt(level * (1 - level) / many)
            assert np.mean(p_values <= level) <= level + error, (name, level)
    assert np.mean(found["fisher"] <= 0.05) >= 0.03


def test_a_rise_is_found_where_psi_sees_nothing() -> None:
    """0.2 % to 0.4 %: PSI 0.0014; the stated sizes give the stated power, the bound says so."""
    assert psi_of_shares(np.array([0.998, 0.002]), np.array([0.996, 0.004])) == pytest.approx(
        0.0014, abs=5e-5
    )
    rng = np.random.default_rng(3)
    reference = rng.binomial(10**6, 0.002, 3000)
    for trials, level in ((27_000, P_VALUE_FLOOR), (15_000, 1e-3)):
        hits = rng.binomial(trials, 0.004, 3000)
        found = fisher(hits, trials, reference, 10**6, "greater") <= level
        assert 0.88 <= np.mean(found) <= 0.94
        known = binomial_test(hits, trials, reference / 10**6, "greater", 10**6) <= level
        assert np.mean(known) > 0.6
    assert np.mean(fisher(hits, 15_000, reference, 10**6, "less")) > 0.99


def test_a_reference_of_few_trials_proves_less() -> None:
    """The same share from more trials; infinitely many are the plain binomial test."""
    found = [
        float(binomial_test(40, 10_000, 0.002, "greater", behind))
        for behind in (1000, 10_000, 10**6, 10**9, math.inf)
    ]
    assert found == sorted(found, reverse=True)
    assert math.isclose(found[-1], scipy.stats.binom.sf(39, 10_000, 0.002), rel_tol=1e-9)
    # By Berger and Boos: the tail at the end that misses with 1e-7, and that chance.
    end = scipy.stats.beta.isf(1e-7, 2001, 10**6 - 2000)
    due = scipy.stats.binom.sf(44, 10_000, end) + 1e-7
    assert 1e-6 < due < 2e-5
    found_p = float(binomial_test(45, 10_000, 0.002, "greater", 10**6))
    assert math.isclose(found_p, due, rel_tol=1e-6)
    assert float(binomial_test(3, 1000, 0.0, "greater", 100)) > 0.9
    assert float(binomial_test(3, 1000, 0.0, "greater")) == P_VALUE_FLOOR
    assert float(binomial_test(5, 5, 1.0, "less", 100)) == 1.0


def test_a_thousand_features_take_no_time() -> None:
    """Each test of a window's features, twenty million trials included, under half a second."""
    rng = np.random.default_rng(4)
    for share, trials in ((0.002, 100_000), (0.3, 1_000_000), (0.5, 20_000_000)):
        hits = rng.binomial(trials, share, FEATURES)
        other = rng.binomial(10 * trials, share, FEATURES)
        for run in (
            lambda hits=hits, other=other, n=trials: fisher(hits, n, other, 10 * n, "either"),
            lambda hits=hits, n=trials, p=share: binomial_test(hits, n, p, "either", 10 * n),
            lambda hits=hits, other=other: poisson_test(hits, 1.0, other, 10.0, "either"),
        ):
            run()
            began = time.process_time()
            assert run().shape == (FEATURES,)
            assert time.process_time() - began < 0.5


def test_nothing_to_compare_is_absent_and_shapes_broadcast() -> None:
    """No trials, no exposure: NaN.  A matrix against one reference keeps its shape."""
    found = fisher([[0, 1], [2, 3]], [[0, 9], [9, 9]], 3, 100, "greater")
    assert found.shape == (2, 2)
    assert np.isnan(found).tolist() == [[True, False], [False, False]]
    assert math.isnan(fisher(1, 9, 0, 0, "less"))
    assert math.isnan(binomial_test(0, 0, 0.1, "less"))
    assert math.isnan(poisson_test(0, 0.0, 3, 1.0, "less"))
    assert float(poisson_test(0, 1.0, 0, 1.0, "either")) == 1.0
    assert fisher(np.empty(0, np.int64), 1, 1, 2, "less").shape == (0,)


def test_what_is_no_count_is_refused() -> None:
    """Fractions, negatives, more successes than trials, other directions, bad exposures."""
    with pytest.raises(ValueError, match="whole numbers"):
        fisher(0.5, 2, 1, 2, "less")
    with pytest.raises(ValueError, match="between 0 and all"):
        fisher(3, 2, 1, 2, "less")
    with pytest.raises(ValueError, match="between 0 and all"):
        binomial_test(-1, 2, 0.5, "less")
    with pytest.raises(ValueError, match="share"):
        binomial_test(1, 2, 1.5, "less")
    with pytest.raises(ValueError, match="rests on"):
        binomial_test(1, 2, 0.5, "less", 0)
    with pytest.raises(ValueError, match="below zero"):
        poisson_test(-1, 1.0, 1, 1.0, "less")
    with pytest.raises(ValueError, match="exposure"):
        poisson_test(1, math.inf, 1, 1.0, "less")
    with pytest.raises(ValueError, match="direction"):
        fisher(1, 2, 1, 2, "up")  # type: ignore[arg-type]
