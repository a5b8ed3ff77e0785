"""Confusion matrices say what scikit-learn says of the raw labels, with honest intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    precision_recall_fscore_support,
)

from detectors.confusion import (
    BinaryPerformance,
    Confusion,
    binary_performance,
    multiclass_performance,
)
from detectors.contract import IntArray

NUMBERS = ("accuracy", "precision", "recall", "f1", "specificity", "balanced_accuracy")
COUNTS = [
    (40, 7, 3, 150), (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1), (0, 5, 7, 0),
    (9, 0, 0, 9), (0, 0, 4, 6), (3, 2, 0, 0), (1, 1, 1, 1), (0, 3, 0, 7),
]  # fmt: skip


@pytest.mark.parametrize("counts", COUNTS)
def test_binary_equals_scikit_learn(counts: tuple[int, int, int, int]) -> None:
    """Every number that is defined; where scikit-learn must be told what to do, it is absent."""
    tp, fp, fn, tn = counts
    truth = [1] * tp + [0] * fp + [1] * fn + [0] * tn
    decided = [1] * (tp + fp) + [0] * (fn + tn)
    found = binary_performance(Confusion(*counts))
    precision, recall, f1, _ = precision_recall_fscore_support(
        truth, decided, average="binary", zero_division=np.nan
    )
    due = {"precision": precision, "recall": recall, "f1": f1}
    due["accuracy"] = accuracy_score(truth, decided)
    if len(set(truth)) == 2:
        due["balanced_accuracy"] = balanced_accuracy_score(truth, decided)
    for name, value in due.items():
        np.testing.assert_allclose(getattr(found, name).value, value, rtol=1e-14, err_msg=name)
    check_intervals(found)


def check_intervals(found: BinaryPerformance) -> None:
    """Around the value, inside [0, 1], never a point, or absent altogether."""
    for name in NUMBERS:
        one = getattr(found, name)
        if one.absent:
            assert math.isnan(one.low)
            assert math.isnan(one.high)
        else:
            assert 0.0 <= one.low <= one.value <= one.high <= 1.0, name
            assert one.low < one.high, name


def test_undefined_is_absent_and_never_zero() -> None:
    """No alarm has no precision; no positive no recall; no event nothing at all."""
    quiet = binary_performance(Confusion(0, 0, 5, 10))
    assert quiet.precision.absent
    assert quiet.f1.value == 0.0
    healthy = binary_performance(Confusion(0, 2, 0, 10))
    assert healthy.recall.absent
    assert healthy.balanced_accuracy.absent
    assert binary_performance(Confusion(0, 0, 0, 3)).f1.absent
    assert all(getattr(binary_performance(Confusion(0, 0, 0, 0)), name).absent for name in NUMBERS)


def test_huge_counts_keep_their_digits() -> None:
    """2**40 of each and one more."""
    found = binary_performance(Confusion(2**40, 2**40, 1, 2**40))
    assert math.isclose(found.precision.value, 0.5)
    assert 1.0 - found.recall.value == pytest.approx(2.0**-40, rel=1e-3)
    check_intervals(found)
    matrix = np.full((3, 3), 2**40)
    assert multiclass_performance(matrix).average_f1.macro.value == pytest.approx(1 / 3)


def test_merging_is_adding() -> None:
    """Two partitions are one matrix."""
    assert Confusion(1, 2, 3, 4) + Confusion(10, 20, 30, 40) == Confusion(11, 22, 33, 44)


@pytest.mark.parametrize(
    "shares", [(0.05, 0.02, 0.03, 0.9), (0.4, 0.1, 0.2, 0.3), (0.02, 0.01, 0.005, 0.965)]
)
def test_intervals_hold_the_truth_about_as_often_as_they_say(shares: tuple[float, ...]) -> None:
    """Over 500 seeded windows of 1,000 events every 95 % interval holds 92 to 98.5 % of them."""
    truth = binary_performance(Confusion(*(round(share * 10**6) for share in shares)))
    windows = np.random.default_rng(11).multinomial(1000, shares, size=500).tolist()
    found = [binary_performance(Confusion(*window)) for window in windows]
    for name in NUMBERS:
        value = getattr(truth, name).value
        held = [getattr(one, name).low <= value <= getattr(one, name).high for one in found]
        assert 0.92 <= np.mean(held) <= 0.985, name


@pytest.mark.parametrize("seed", range(5))
def test_multiclass_equals_scikit_learn(seed: int) -> None:
    """Per class, macro and weighted, with classes that never occur or are never decided."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(6, 300, p=[0.4, 0.3, 0.2, 0.07, 0.03, 0.0])
    guess = np.where(rng.random(300) < 0.7, truth, rng.choice(5, 300))
    if seed % 2:
        guess[guess == 4] = 0
    matrix = np.zeros((6, 6), np.int64)
    np.add.at(matrix, (truth, guess), 1)
    found = multiclass_performance(matrix)
    every = list(range(6))
    parts = precision_recall_fscore_support(truth, guess, labels=every, zero_division=np.nan)
    names = ("precision", "recall", "f1")
    for name, due in zip(names, parts, strict=False):
        np.testing.assert_allclose(getattr(found, name).values, due, rtol=1e-14)
    np.testing.assert_array_equal(found.support, parts[3])
    assert math.isclose(found.accuracy.value, accuracy_score(truth, guess))
    for kind in ("macro", "weighted"):
        sums = precision_recall_fscore_support(
            truth, guess, labels=every, average=kind, zero_division=np.nan
        )
        for name, due in zip(names, sums, strict=False):
            one = getattr(getattr(found, f"average_{name}"), kind)
            assert math.isclose(one.value, due, rel_tol=1e-13), (name, kind)
            assert one.low < one.value < one.high
    micro = precision_recall_fscore_support(truth, guess, average="micro")
    assert micro[0] == micro[1] == micro[2] == pytest.approx(found.accuracy.value)


def test_multiclass_of_two_classes_is_the_binary_one() -> None:
    """Class 1 of a two by two matrix is the positive class, interval and all."""
    many = multiclass_performance(np.array([[150, 7], [3, 40]]))
    two = binary_performance(Confusion(40, 7, 3, 150))
    for name in ("precision", "recall", "f1"):
        one, due = getattr(many, name), getattr(two, name)
        assert math.isclose(one.values[1], due.value)
        assert math.isclose(one.low[1], due.low)
        assert math.isclose(one.high[1], due.high)


def test_averages_hold_the_truth_about_as_often_as_they_say() -> None:
    """Delta intervals of 400 seeded windows of 500 events hold 92 to 98 % of them."""
    shares = np.array([[0.5, 0.05, 0.02], [0.03, 0.2, 0.05], [0.02, 0.03, 0.1]])
    truth = multiclass_performance((shares * 1e9).astype(np.int64))
    windows = np.random.default_rng(4).multinomial(500, shares.ravel(), size=400).reshape(-1, 3, 3)
    found = [multiclass_performance(window) for window in windows]
    for name in ("average_precision", "average_recall", "average_f1"):
        for kind in ("macro", "weighted"):
            value = getattr(getattr(truth, name), kind).value
            ends = [getattr(getattr(one, name), kind) for one in found]
            held = np.mean([end.low <= value <= end.high for end in ends])
            assert 0.92 <= held <= 0.98, (name, kind)


@pytest.mark.parametrize("name", ["average_precision", "average_recall", "average_f1"])
@pytest.mark.parametrize("kind", ["macro", "weighted"])
def test_average_intervals_are_those_of_numeric_derivatives(name: str, kind: str) -> None:
    """Variance = sum of count x derivative squared, each derivative by one event more."""
    matrix = np.array([[500, 50, 20], [30, 200, 50], [20, 30, 0]]) * 10**4

    def value(counts: IntArray) -> float:
        return float(getattr(getattr(multiclass_performance(counts), name), kind).value)

    start, variance = value(matrix), 0.0
    for cell in np.ndindex(3, 3):
        more = matrix.copy()
        more[cell] += 1000
        variance += matrix[cell] * ((value(more) - start) / 1000) ** 2
    found = getattr(getattr(multiclass_performance(matrix), name), kind)
    half = 1.959963984540054 * math.sqrt(variance)
    assert found.high - found.low == pytest.approx(2 * half, rel=1e-3)


def test_a_perfect_matrix_has_no_point_interval_and_an_empty_one_no_value() -> None:
    """Ten right decisions do not prove a model."""
    perfect = multiclass_performance(np.diag([3, 7])).average_recall
    assert perfect.macro.value == perfect.weighted.value == 1.0
    assert perfect.macro.low < 0.7
    empty = multiclass_performance(np.zeros((2, 2), np.int64))
    assert empty.accuracy.absent
    assert empty.average_f1.macro.absent
    assert empty.average_f1.weighted.absent
    assert np.isnan(empty.precision.values).all()


def test_what_cannot_have_been_counted_is_refused() -> None:
    """Negative counts and matrices that are not square."""
    with pytest.raises(ValueError, match="counts"):
        Confusion(1, -1, 0, 0)
    with pytest.raises(ValueError, match="square"):
        multiclass_performance(np.zeros((2, 3), np.int64))
    with pytest.raises(ValueError, match="square"):
        multiclass_performance(np.zeros((0, 0), np.int64))
    with pytest.raises(ValueError, match="below zero"):
        multiclass_performance(np.array([[1, -1], [0, 1]]))
