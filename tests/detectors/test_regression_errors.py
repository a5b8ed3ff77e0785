"""Regression errors equal scikit-learn's of the raw values, to the stated step."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from detectors.contract import FloatArray
from detectors.fixed_point import FixedSums, fixed_sums, to_fixed
from detectors.kernels import FIXED_POINT_CLIP
from detectors.regression_errors import RegressionPerformance, regression_performance

STEP = 2.0**-10
SQUARE_STEP = 2.0**-8


def measured(truths: FloatArray, predictions: FloatArray) -> RegressionPerformance:
    """By sums, as a window keeps them."""
    errors = to_fixed(predictions - truths, STEP, STEP * FIXED_POINT_CLIP)
    squares = to_fixed((predictions - truths) ** 2, SQUARE_STEP, SQUARE_STEP * FIXED_POINT_CLIP)
    center = 50.0
    return regression_performance(
        fixed_sums(errors, STEP),
        int(np.abs(errors).sum()),
        fixed_sums(to_fixed(truths - center, STEP, STEP * FIXED_POINT_CLIP), STEP),
        fixed_sums(squares, SQUARE_STEP),
    )


@pytest.mark.parametrize("tails", ["normal", "student", "constant error", "perfect"])
def test_errors_are_scikit_learns_within_half_a_step(tails: str) -> None:
    """Bias, MAE and RMSE; R2 as far as the RMSE and the spread of the truths allow."""
    rng = np.random.default_rng(1)
    truths = rng.normal(50, 20, 5000)
    errors = {
        "normal": rng.normal(0.5, 3, 5000),
        "student": rng.standard_t(2, 5000) * 3,
        "constant error": np.full(5000, 2.0),
        "perfect": np.zeros(5000),
    }[tails]
    predictions = truths + errors
    found = measured(truths, predictions)
    half = STEP / 2 * (1 + 1e-9)
    assert abs(found.bias.value - (predictions - truths).mean()) <= half
    assert abs(found.mae.value - mean_absolute_error(truths, predictions)) <= half
    assert abs(found.rmse.value - root_mean_squared_error(truths, predictions)) <= half
    assert math.isclose(found.r2.value, r2_score(truths, predictions), rel_tol=1e-4)
    for one in (found.bias, found.mae, found.rmse, found.r2):
        assert one.low <= one.value <= one.high
    assert found.mae.low >= 0.0
    assert found.rmse.low >= 0.0


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """400 seeded windows of 300 skewed errors: 91 to 98 % each."""
    rng = np.random.default_rng(5)
    # Exponential less 0.5: mean 0.5, mean absolute 2 e**-0.5 - 0.5, mean square 1.25.
    due = {"bias": 0.5, "mae": 2 * math.exp(-0.5) - 0.5, "rmse": math.sqrt(1.25)}
    held = dict.fromkeys(due, 0)
    for _ in range(400):
        found = measured(np.full(300, 50.0), 50.0 + rng.exponential(size=300) - 0.5)
        for name, value in due.items():
            one = getattr(found, name)
            held[name] += one.low <= value <= one.high
    assert all(0.91 <= count / 400 <= 0.98 for count in held.values()), held


def test_what_the_sums_do_not_say_is_absent() -> None:
    """Nothing, one event, a constant truth, no sums of truths or squares."""
    nothing = measured(np.empty(0), np.empty(0))
    assert all(one.absent for one in (nothing.bias, nothing.mae, nothing.rmse, nothing.r2))
    single = measured(np.array([1.0]), np.array([3.0]))
    assert (single.bias.value, single.mae.value, single.rmse.value) == (2.0, 2.0, 2.0)
    assert all(math.isnan(one.low) for one in (single.bias, single.mae, single.rmse))
    assert single.r2.absent
    assert measured(np.full(5, 7.0), np.arange(5.0)).r2.absent
    bare = regression_performance(FixedSums(3, 3, 1.0, 5, 0), 3)
    assert bare.rmse.value == math.sqrt(5 / 3)
    assert math.isnan(bare.rmse.low)
    assert bare.r2.absent
    assert regression_performance(FixedSums(3, 3, 1.0), 3).rmse.absent


def test_r2_without_its_interval_is_a_value() -> None:
    """A negative one too, where the model is worse than the mean."""
    truths = FixedSums(3, 0, 1.0, 2, 0)
    found = regression_performance(FixedSums(3, 0, 1.0, 8, 0), 4, truths)
    assert found.r2.value == pytest.approx(-3.0)
    assert math.isnan(found.r2.low)


def test_huge_counts_do_not_overflow() -> None:
    """2**40 errors of one step each way."""
    many = 2**40
    found = regression_performance(FixedSums(many, 0, STEP, many, 0), many)
    assert (found.bias.value, found.mae.value, found.rmse.value) == (0.0, STEP, STEP)


def test_sums_that_do_not_belong_together_are_refused() -> None:
    """Of different events, or with a sum of sizes below the sum itself."""
    errors = FixedSums(3, 3, 1.0, 5, 0)
    with pytest.raises(ValueError, match="4 and of 3 events"):
        regression_performance(errors, 3, FixedSums(4, 0, 1.0, 1, 0))
    with pytest.raises(ValueError, match="below the sum"):
        regression_performance(errors, 2)
