"""Reals as whole numbers: exact to half a step, the same in any order, clipped where it says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.fixed_point import FixedSums, fixed_sums, fixed_value, to_fixed
from detectors.kernels import FIXED_POINT_CLIP, SQUARES_BITS
from tests.detectors import naive_performance as naive
from tests.detectors.test_kernels import jit_is_off, wild
from tests.thoroughness import examples

STEP = 2.0**-20
CLIP = 1024.0


def test_the_leaf_ran_compiled() -> None:
    """After a call it has a compiled signature (or, announced, is a plain function)."""
    assert fixed_value(1.0, 0.5, 4.0) == 2
    assert bool(getattr(fixed_value, "nopython_signatures", [])) is not jit_is_off()


@settings(max_examples=examples(300), deadline=None)
@given(value=wild, step=st.sampled_from([STEP, 0.1, 1.0, 3.0]), clip=st.floats(0.5, 1000.0))
def test_leaf_and_column_equal_the_twin(value: float, step: float, clip: float) -> None:
    """NaN, infinities, huge and tiny values; the column refuses NaN, which the leaf counts as 0."""
    due = naive.fixed(value, step, clip)
    assert fixed_value(value, step, clip) == due
    if math.isnan(value):
        with pytest.raises(ValueError, match="missing value"):
            to_fixed(np.array([value]), step, clip)
    else:
        assert to_fixed(np.array([[value]]), step, clip).tolist() == [[due]]


@settings(max_examples=examples(200), deadline=None)
@given(value=st.floats(-CLIP, CLIP))
def test_a_value_within_the_clip_is_off_by_half_a_step_at_most(value: float) -> None:
    """Exactly so for a step that is a power of two."""
    assert abs(fixed_value(value, STEP, CLIP) * STEP - value) <= STEP / 2


@pytest.mark.parametrize(("halves", "due"), [(0.5, 0), (1.5, 2), (2.5, 2), (-0.5, 0), (-1.5, -2)])
def test_halves_go_to_the_even_neighbour(halves: float, due: int) -> None:
    """So that rounding has no direction."""
    assert fixed_value(halves * STEP, STEP, CLIP) == due
    assert to_fixed(np.array([halves * STEP]), STEP, CLIP).tolist() == [due]


def test_an_empty_column_is_an_empty_column() -> None:
    """Of whole numbers, and its sums are zero."""
    found = to_fixed(np.empty(0), STEP, CLIP)
    assert (found.dtype, found.size) == (np.int64, 0)
    sums = fixed_sums(found, STEP)
    assert (sums.events, sums.total, sums.squares_low, sums.squares_high) == (0, 0, 0, 0)
    assert all(map(math.isnan, (sums.mean, sums.mean_square, sums.variance, sums.error_of_mean)))


def test_sums_hold_the_clip_and_merge_to_the_last_bit() -> None:
    """Any division of the values gives the same sums; squares come apart and together exactly."""
    rng = np.random.default_rng(2)
    values = np.concatenate([rng.standard_cauchy(5000) * 1000, [np.inf, -np.inf, np.inf]])
    fixed = to_fixed(values, STEP, FIXED_POINT_CLIP * STEP)
    whole = fixed_sums(fixed, STEP)
    assert whole.squares == sum(int(one) ** 2 for one in fixed)
    assert whole.total == sum(fixed.tolist())
    for cut in (0, 1, 700, 5003):
        parts = rng.permutation(fixed)
        assert fixed_sums(parts[:cut], STEP) + fixed_sums(parts[cut:], STEP) == whole


def test_mean_and_variance_are_those_of_the_values() -> None:
    """Of the rounded values, to rounding, far from zero too, where squares of doubles cancel."""
    fixed = to_fixed(np.random.default_rng(3).normal(900.0, 1e-3, 10_000), STEP, CLIP)
    sums = fixed_sums(fixed, STEP)
    values = fixed * STEP
    assert math.isclose(sums.mean, values.mean(), rel_tol=1e-12)
    assert math.isclose(sums.variance, (values - 900.0).var(ddof=1), rel_tol=1e-9)
    assert math.isclose(sums.error_of_mean, math.sqrt(sums.variance / 10_000))
    assert math.isclose(sums.mean_square, (values**2).mean(), rel_tol=1e-12)


def test_huge_counts_do_not_overflow() -> None:
    """2**40 values of about the clip, as python's whole numbers."""
    events, size = 2**40, FIXED_POINT_CLIP
    squares = events * size * size
    sums = FixedSums(events, events * size, 1.0, squares % 2**SQUARES_BITS, squares >> SQUARES_BITS)
    assert (sums.mean, sums.variance, sums.mean_square) == (size, 0.0, float(size) ** 2)


def test_without_squares_there_is_a_mean_and_nothing_else() -> None:
    """What was not kept is NaN, not zero, and merging does not bring it back."""
    bare = FixedSums(4, 8, 0.5)
    assert bare.mean == 1.0
    assert all(map(math.isnan, (bare.variance, bare.error_of_mean, bare.mean_square)))
    assert (bare + FixedSums(1, 1, 0.5, 1, 0)).squares is None


@pytest.mark.parametrize(
    ("step", "clip"), [(0.0, 1.0), (-1.0, 1.0), (math.nan, 1.0), (1.0, 0.0), (1.0, 2.0**32)]
)
def test_steps_and_clips_that_mean_nothing_are_refused(step: float, clip: float) -> None:
    """The caller is told which."""
    with pytest.raises(ValueError, match=r"step|clip"):
        to_fixed(np.ones(1), step, clip)


def test_sums_that_do_not_belong_together_are_refused() -> None:
    """Of different steps, or of a negative number of values."""
    with pytest.raises(ValueError, match="do not add up"):
        FixedSums(1, 1, 0.5) + FixedSums(1, 1, 0.25)
    with pytest.raises(ValueError, match="no fewer than 0"):
        FixedSums(-1, 1, 0.5)
