"""One window's rate against scipy's exact tests, and the bounds on what blocks do by chance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from detectors.contract import P_VALUE_FLOOR
from detectors.rate_shift import dispersion, limit_p_value, odds_ratio, p_value, upper_rate
from tests.thoroughness import examples


@settings(max_examples=examples(200), deadline=None)
@given(
    size=st.integers(1, 3_000),
    reference_size=st.integers(1, 100_000),
    share=st.floats(0, 1),
    moved=st.floats(0, 1),
)
def test_the_tail_is_fishers(size: int, reference_size: int, share: float, moved: float) -> None:
    """One-sided p-values equal scipy's hypergeometric tail, down to the floor."""
    hits, reference_hits = int(size * moved), int(reference_size * share)
    table = stats.hypergeom(size + reference_size, hits + reference_hits, size)
    due = max(P_VALUE_FLOOR, float(table.sf(hits - 1)))
    assert p_value(hits, size, reference_hits, reference_size, "greater") == pytest.approx(
        due, rel=1e-5
    )


@pytest.mark.parametrize(
    ("hits", "size", "reference_hits", "reference_size"),
    [(4_000, 1_000_000, 2_000, 1_000_000), (2_100, 1_000_000, 2_000, 1_000_000), (0, 10, 0, 10)],
)
def test_large_tables(hits: int, size: int, reference_hits: int, reference_size: int) -> None:
    """A million on both sides is as exact as a hundred."""
    table = stats.hypergeom(size + reference_size, hits + reference_hits, size)
    due = max(P_VALUE_FLOOR, float(table.sf(hits - 1)))
    assert p_value(hits, size, reference_hits, reference_size, "greater") == pytest.approx(
        due, rel=1e-5
    )


def test_a_rare_class_that_doubles_is_seen() -> None:
    """0.2 % become 0.4 % in 10,000 decisions, which PSI (0.0014) cannot see."""
    assert p_value(40, 10_000, 200, 100_000, "either") < 1e-3
    assert p_value(20, 10_000, 200, 100_000, "either") > 0.5
    assert odds_ratio(40, 10_000, 200, 100_000) == pytest.approx(2.0, abs=0.05)


def test_false_alarms_are_within_alpha() -> None:
    """Under equal rates the exact test errs in at most 1 % of windows at 1 %."""
    rng = np.random.default_rng(5)
    window, reference = rng.binomial(500, 0.03, 2_000), rng.binomial(20_000, 0.03, 2_000)
    found = [
        p_value(int(w), 500, int(r), 20_000, "either")
        for w, r in zip(window, reference, strict=True)
    ]
    assert np.mean(np.array(found) <= 0.01) <= 0.012


def test_nothing_is_said_of_nothing() -> None:
    """An empty side has no test and no ratio."""
    assert p_value(0, 0, 3, 10, "greater") == p_value(0, 5, 0, 0, "either") == 1.0
    assert limit_p_value(0, 0, 0.1, "greater") == 1.0
    assert np.isnan(odds_ratio(0, 0, 3, 10))


def test_bounds_of_blocks() -> None:
    """One more block of the same kind exceeds the bound about once in a hundred; the dispersion of
    binomial blocks is 1 and of swinging ones the factor of their variance."""
    rng = np.random.default_rng(3)
    exceeded = 0
    for _ in range(2_000):
        rates = np.clip(rng.normal(0.3, 0.05, 9), 0, 1)
        exceeded += rates[8] > upper_rate(rates[:8])
    assert exceeded / 2_000 <= 0.015
    sizes = np.full(200, 1_000.0)
    assert dispersion(rng.binomial(1_000, 0.2, 200).astype(float), sizes) < 1.3
    swinging = rng.binomial(1_000, np.clip(rng.normal(0.2, 0.05, 200), 0, 1)).astype(float)
    assert dispersion(swinging, sizes) == pytest.approx(1 + 0.05**2 * 1_000 / 0.16, rel=0.3)
    assert dispersion(np.zeros(3), np.full(3, 50.0)) == 1.0


def test_a_limit_is_held_against_the_binomial_tail() -> None:
    """As scipy's, either way; a forged count beyond the size is taken as the size."""
    due = stats.binom.sf(19, 300, 0.05)
    assert limit_p_value(20, 300, 0.05, "greater") == pytest.approx(due, rel=1e-9)
    due = stats.binom.cdf(20, 300, 0.05)
    assert limit_p_value(20, 300, 0.05, "less") == pytest.approx(due, rel=1e-9)
    assert limit_p_value(30, 20, 0.5, "greater") == limit_p_value(20, 20, 0.5, "greater")
    assert p_value(30, 20, 5, 3, "greater") == p_value(20, 20, 3, 3, "greater") == 1.0
