"""The evidence against a split is the twin's, holds at any time, and finds what it should."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gammaln
from scipy.stats import chisquare

from detectors.contract import P_VALUE_FLOOR, FloatArray, IntArray
from detectors.sample_ratio import (
    CONCENTRATION,
    MismatchEvidence,
    fixed_sample_test,
    log_e_of_stages,
    log_e_value,
)
from tests.detectors import naive_pairs as naive

SPLIT = (0.8, 0.2)
RUNS, DAYS, USERS = 4_000, 30, 2_000

splits = st.lists(st.floats(0.01, 1.0), min_size=2, max_size=5).map(
    lambda parts: [part / math.fsum(parts) for part in parts]
)


def daily(share: float, runs: int = RUNS, seed: int = 1) -> IntArray:
    """Users of both arms by the end of each day, shape (runs, days, 2)."""
    second = np.random.default_rng(seed).binomial(USERS, share, (runs, DAYS)).cumsum(axis=1)
    return np.stack([USERS * np.arange(1, DAYS + 1) - second, second], axis=-1)


def ever(log_e: FloatArray, alpha: float) -> float:
    """Share of the runs that are found by any of their daily looks."""
    return float((log_e >= -math.log(alpha)).any(axis=-1).mean())


@given(shares=splits, order=st.lists(st.integers(0, 4), max_size=60))
def test_it_is_the_product_of_predictions(shares: list[float], order: list[int]) -> None:
    """User by user, in whichever order: of counts only their order-free product is left."""
    users = [arm % len(shares) for arm in order]
    counts = np.bincount(users, minlength=len(shares)).astype(np.int64)
    due = naive.dirichlet_evidence(users, shares, CONCENTRATION)
    assert float(log_e_value(counts, shares)) == pytest.approx(due, rel=1e-9, abs=1e-11)
    backwards = naive.dirichlet_evidence(users[::-1], shares, CONCENTRATION)
    assert backwards == pytest.approx(due, rel=1e-9, abs=1e-11)


@pytest.mark.parametrize("scale", [1, 10, 10**3, 10**6])
@pytest.mark.parametrize("counts", [(1, 0), (0, 3), (80, 20), (50, 50), (81, 19), (3, 900)])
def test_it_is_the_ratio_of_beta_functions(counts: tuple[int, int], scale: int) -> None:
    """By log gammas, as far as those have digits."""
    seen, prior = np.array(counts) * scale, CONCENTRATION * np.array(SPLIT)
    due = gammaln(prior + seen).sum() - gammaln(CONCENTRATION + seen.sum())
    due += gammaln(CONCENTRATION) - gammaln(prior).sum() - seen @ np.log(SPLIT)
    lost = 1e-14 * seen.sum() * math.log(seen.sum() + 2.0) + 1e-11
    assert float(log_e_value(seen, SPLIT)) == pytest.approx(due, rel=1e-12, abs=lost)


def test_huge_counts_keep_their_digits() -> None:
    """An exact split of 2**50 users, where log gammas are off by whole units: -ln sqrt(n/k) as it
    must be; one off by a thousandth of a percent is found."""
    users = 10 * 2**50
    exact = float(log_e_value(np.array([users * 4 // 5, users // 5]), SPLIT))
    assert exact == pytest.approx(-0.5 * math.log(users / CONCENTRATION), abs=1e-3)
    moved = users // 10**5
    off = float(log_e_value(np.array([users * 4 // 5 + moved, users // 5 - moved]), SPLIT))
    assert off == pytest.approx(users * 1e-10 / (2 * 0.16), rel=1e-3)


@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.001])
def test_daily_looks_err_at_most_at_alpha(alpha: float) -> None:
    """4,000 sound splits of 2,000 users a day over thirty days: below alpha, where the chi-square
    of each day goes far above it."""
    counts = daily(0.2)
    found = ever(log_e_value(counts, SPLIT), alpha)
    assert found <= alpha
    assert found > 0.0 or alpha <= 0.001
    due = counts.sum(axis=-1, keepdims=True) * np.array(SPLIT)
    statistic = ((counts - due) ** 2 / due).sum(axis=-1)
    assert (
        np.mean((statistic > {0.05: 3.841, 0.01: 6.635, 0.001: 10.828}[alpha]).any(1)) > 3 * alpha
    )


def test_the_mean_of_the_e_value_is_one() -> None:
    """Over the binomial law of 400 users exactly: neither wasteful nor too bold."""
    second = np.arange(401)
    log_e = log_e_value(np.stack([400 - second, second], axis=-1), SPLIT)
    chances = gammaln(401) - gammaln(second + 1) - gammaln(401 - second)
    chances += second * math.log(0.2) + (400 - second) * math.log(0.8)
    assert float(np.exp(log_e + chances).sum()) == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize(("share", "days"), [(0.21, 30), (0.22, 9), (0.25, 2), (0.5, 1)])
def test_a_mismatch_is_found(share: float, days: int) -> None:
    """Of 500 seeded ones 95 % at p = 0.001 by that day."""
    assert ever(log_e_value(daily(share, 500), SPLIT)[:, :days], 0.001) > 0.95


def test_stages_multiply() -> None:
    """5, then 20 %, then all: each against its own shares.  A mismatch of the first stage is not
    forgotten in the next, sound stages together err at most at alpha, and merged counts would not.
    """
    rng = np.random.default_rng(4)
    first, second = rng.binomial(3_000, 0.05, 3_000), rng.binomial(3_000, 0.2, 3_000)
    runs = [
        log_e_of_stages([
            (np.array([3_000 - one, one]), (0.95, 0.05)),
            (np.array([3_000 - two, two]), SPLIT),
            (np.array([700]), (1.0,)),
        ])
        for one, two in zip(first.tolist(), second.tolist(), strict=True)
    ]  # fmt: skip
    assert np.mean(np.array(runs) >= math.log(20)) <= 0.05
    merged = log_e_value(np.stack([6_000 - first - second, first + second], axis=-1), SPLIT)
    assert (merged > math.log(1e6)).all()
    broken = (np.array([2_700, 300]), (0.95, 0.05))
    sound = (np.array([2_400, 600]), SPLIT)
    assert log_e_of_stages([broken, sound]) == log_e_of_stages([sound, broken]) > math.log(1e6)
    assert log_e_of_stages([]) == 0.0


def test_the_highest_stays() -> None:
    """The p-value never rises, whatever comes after; NaN and doubt change nothing."""
    state, values = MismatchEvidence(), []
    for log_e in (-3.0, 1.0, 4.0, math.nan, 2.0, -50.0, 4.5):
        state = state.after(log_e)
        values.append(state.p_value)
    assert values == sorted(values, reverse=True)
    assert values[0] == 1.0
    assert values[-1] == pytest.approx(math.exp(-4.5))
    assert MismatchEvidence().after(math.inf).p_value == P_VALUE_FLOOR


@pytest.mark.parametrize("events", ["five", "geometric"])
def test_events_are_no_users(events: str) -> None:
    """Sound splits by user, counted by event: found in 3 to 6 of 10 at 0.001; held at their
    dispersion (5, and 9 of the geometric) within alpha again."""
    users = np.diff(daily(0.2), axis=1, prepend=0)
    more = np.random.default_rng(2).negative_binomial(np.maximum(users, 1), 0.2)
    counts = (users * 5 if events == "five" else users + more).cumsum(axis=1)
    assert ever(log_e_value(counts, SPLIT), 0.001) > 0.25
    dispersion = {"five": 5.0, "geometric": 9.0}[events]
    assert ever(log_e_value(counts, SPLIT, dispersion), 0.05) <= 0.05


@given(
    counts=st.lists(st.integers(0, 10**6), min_size=3, max_size=3),
    dispersion=st.sampled_from([1.0, 4.0]),
)
def test_the_fixed_sample_test_is_pearsons(counts: list[int], dispersion: float) -> None:
    """As SciPy has it, over the dispersion; NaN of no users; the floor holds."""
    shares = np.array([0.5, 0.3, 0.2])
    found = fixed_sample_test(np.array(counts), shares, dispersion)
    if not sum(counts):
        assert math.isnan(found.chi_square)
        assert math.isnan(found.p_value)
        return
    due = chisquare(np.array(counts) / dispersion, sum(counts) * shares / dispersion)
    assert found.chi_square == pytest.approx(due.statistic, rel=1e-9, abs=1e-9)
    assert found.p_value == pytest.approx(max(due.pvalue, P_VALUE_FLOOR), rel=1e-6)


def test_nothing_is_said_of_nothing() -> None:
    """No users, the first user, and an arm that is alone."""
    assert log_e_value(np.zeros((3, 2), np.int64), SPLIT).tolist() == [0.0, 0.0, 0.0]
    assert float(log_e_value(np.array([1, 0]), SPLIT)) == pytest.approx(0.0, abs=1e-12)
    assert log_e_value(np.array([[5], [2**60]]), [1.0]).tolist() == [0.0, 0.0]
    assert fixed_sample_test(np.array([9]), [1.0]).p_value == 1.0


def test_what_cannot_be_is_refused() -> None:
    """Shares that are none, arms without one, counts that are none, and dispersions below 1."""
    counts, parts = np.array([5, 5]), np.array([0.5, 1.0])
    wrong: list[Any] = [(1.0, 0.0), (0.5, 0.6), (1.5, -0.5), (math.nan, 0.5), (1.0,), ()]
    for shares in wrong:
        with pytest.raises(ValueError, match="share"):
            log_e_value(counts, shares)
    for users in (np.array([-1, 2]), parts):
        with pytest.raises(ValueError, match="users"):
            fixed_sample_test(users, SPLIT)
    for dispersion in (0.5, math.inf, math.nan):
        with pytest.raises(ValueError, match="dispersion"):
            log_e_value(counts, SPLIT, dispersion)
