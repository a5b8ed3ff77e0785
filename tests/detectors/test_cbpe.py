"""Estimated performance holds what the labels say, as often as it says, and lies where it says."""

from __future__ import annotations

import itertools
import math
from typing import Final

import numpy as np
import pytest

from detectors.cbpe import (
    CalibrationMap,
    EstimatedPerformance,
    estimated_performance,
    fit_map,
)
from detectors.confusion import Confusion, binary_performance
from detectors.contract import FloatArray, IntArray
from detectors.ranking import ranking
from tests.detectors import naive_performance as naive

NUMBERS: Final = ("accuracy", "precision", "recall", "f1", "auc")
CELLS: Final = 60
THRESHOLD: Final = CELLS // 2
RUNS: Final = 250


def drawn(
    rng: np.random.Generator, size: int, shift: float = 0.0, concept: float = 0.0
) -> tuple[IntArray, IntArray]:
    """Negatives and positives per cell of a calibrated score; ``shift`` moves the score,
    ``concept`` what it means (in logits)."""
    logits = rng.normal(-1.5 + shift, 1.5, size)
    cells = (CELLS / (1.0 + np.exp(-logits))).astype(np.int64)
    labels = rng.random(size) < 1.0 / (1.0 + np.exp(-logits - concept))
    negatives, positives = (
        np.bincount(cells[labels == label], minlength=CELLS) for label in (False, True)
    )
    return negatives, positives


def truths(
    negatives: IntArray, positives: IntArray, threshold: int = THRESHOLD
) -> dict[str, float]:
    """What the labels say."""
    tp, fp = int(positives[threshold:].sum()), int(negatives[threshold:].sum())
    fn, tn = int(positives[:threshold].sum()), int(negatives[:threshold].sum())
    found = binary_performance(Confusion(tp, fp, fn, tn))
    values = {name: getattr(found, name).value for name in NUMBERS[:-1]}
    return values | {"auc": ranking(negatives, positives).auc.estimate.value}


def held(found: EstimatedPerformance, due: dict[str, float]) -> list[bool]:
    """Whether each number's interval holds the truth."""
    return [getattr(found, name).low <= due[name] <= getattr(found, name).high for name in NUMBERS]


def runs(
    reference: int, size: int, shift: float = 0.0, concept: float = 0.0
) -> tuple[FloatArray, list[EstimatedPerformance]]:
    """Share of RUNS seeded windows whose labels each interval holds, and the estimates."""
    holds, estimates = [], []
    for seed in range(RUNS):
        rng = np.random.default_rng(seed)
        fitted = fit_map(*drawn(rng, reference))
        window = drawn(rng, size, shift, concept)
        estimates.append(estimated_performance(fitted, sum(window), THRESHOLD))
        holds.append(held(estimates[-1], truths(*window)))
    return np.mean(holds, axis=0), estimates


@pytest.mark.parametrize(
    ("reference", "size", "shift"),
    [(20_000, 2000, 0.0), (2000, 20_000, 0.0), (20_000, 5000, 0.7), (5000, 1000, -0.5)],
)
def test_labels_fall_into_the_interval_as_often_as_it_says(
    reference: int, size: int, shift: float
) -> None:
    """95 % give or take three standard errors of 250 runs, whether the labels' or the map's part
    is the larger, and when the scores have moved."""
    shares, _ = runs(reference, size, shift)
    error = 3 * math.sqrt(0.95 * 0.05 / RUNS)
    for name, share in zip(NUMBERS, shares, strict=True):
        assert 0.95 - error <= share <= 0.95 + error + 1e-9, (name, share)


def test_a_rare_class_with_a_handful_of_alarms() -> None:
    """A share of 0.7 % and three alarms a window, which may all be wrong: what is held is at least
    as often as said, less three standard errors of 250 runs, because ends are whole counts."""
    edges = np.linspace(-10.0, 4.0, CELLS - 1)
    threshold = int(np.searchsorted(edges, -1.0))
    held_runs, empty = [], 0
    for seed in range(RUNS):
        rng = np.random.default_rng(seed)
        counts = []
        for size in (20_000, 5000):
            logits = rng.normal(-6.5, 1.8, size)
            cells = np.searchsorted(edges, logits, side="right")
            labels = rng.random(size) < 1.0 / (1.0 + np.exp(-logits))
            counts += [np.bincount(cells[labels == one], minlength=CELLS) for one in (0, 1)]
        window = counts[2:]
        found = estimated_performance(fit_map(*counts[:2]), sum(window), threshold)
        due = truths(*window, threshold)
        empty += due["recall"] == 0.0
        held_runs.append(held(found, due))
    assert empty > 10
    assert (np.mean(held_runs, axis=0) >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / RUNS)).all()


def test_it_is_blind_to_concept_drift() -> None:
    """Scores as ever that mean something else: the estimate stays, and holds next to nothing."""
    shares, estimates = runs(20_000, 5000, concept=-1.5)
    _, before = runs(20_000, 5000)
    for name, share in zip(NUMBERS, shares, strict=True):
        if name != "auc":
            assert share < 0.05, (name, share)
        values = [[getattr(one, name).value for one in some] for some in (estimates, before)]
        assert abs(np.mean(values[0]) - np.mean(values[1])) < 0.002, name


def test_it_sees_what_moves_the_scores() -> None:
    """Harder cases: the estimate of accuracy falls with the truth, by the same amount."""
    rng = np.random.default_rng(2)
    fitted = fit_map(*drawn(rng, 200_000))
    windows = [drawn(rng, 200_000, shift) for shift in (0.0, 1.2)]
    estimates = [estimated_performance(fitted, sum(one), THRESHOLD) for one in windows]
    due = [truths(*one)["accuracy"] for one in windows]
    fall = estimates[0].accuracy.value - estimates[1].accuracy.value
    assert due[0] - due[1] > 0.05
    assert fall == pytest.approx(due[0] - due[1], abs=0.005)


@pytest.mark.parametrize("seed", range(8))
def test_the_map_is_isotonic_regression(seed: int) -> None:
    """By its min-max formula; empty cells lie on the line between their neighbours."""
    rng = np.random.default_rng(seed)
    negatives, positives = rng.integers(0, 6, 15), rng.integers(0, 4, 15)
    negatives[[0, 7, 8]] = positives[[0, 7, 8]] = 0
    found = fit_map(negatives, positives)
    events = negatives + positives
    filled = np.flatnonzero(events)
    due = naive.isotonic(
        (positives[filled] / events[filled]).tolist(), events[filled].astype(float).tolist()
    )
    np.testing.assert_allclose(found.probabilities[filled], due, rtol=1e-12, atol=1e-15)
    assert (np.diff(found.probabilities) >= -1e-15).all()
    assert found.probabilities[0] == found.probabilities[filled[0]]
    assert (found.variances > 0).all()


def test_expectations_are_those_over_all_labels() -> None:
    """A window of five events, all thirty-two outcomes, each with its probability."""
    chances = np.array([0.1, 0.4, 0.9])
    fitted = CalibrationMap(chances, np.full(3, 1e-6), np.full(3, 10**6))
    cells = [0, 1, 1, 2, 2]
    sums = dict.fromkeys(("tp", "fn", "accuracy", "precision", "won", "pairs"), 0.0)
    for labels in itertools.product((0, 1), repeat=5):
        weight = math.prod(
            chances[cell] if label else 1 - chances[cell]
            for cell, label in zip(cells, labels, strict=True)
        )
        tp = sum(labels[1:])
        pairs = sum(labels) * (5 - sum(labels))
        sums["tp"] += weight * tp
        sums["fn"] += weight * labels[0]
        sums["accuracy"] += weight * (tp + 1 - labels[0]) / 5
        sums["precision"] += weight * tp / 4
        sums["pairs"] += weight * pairs
        sums["won"] += weight * pairs * (naive.auc(cells, labels) if pairs else 0.0)
    found = estimated_performance(fitted, np.array([1, 2, 2]), 1)
    assert (found.tp, found.fn) == pytest.approx((sums["tp"], sums["fn"]))
    assert found.fp == pytest.approx(4 - sums["tp"])
    assert found.tn == pytest.approx(1 - sums["fn"])
    assert found.accuracy.value == pytest.approx(sums["accuracy"])
    assert found.precision.value == pytest.approx(sums["precision"])
    assert found.auc.value == pytest.approx(sums["won"] / sums["pairs"])
    assert found.recall.value == pytest.approx(sums["tp"] / (sums["tp"] + sums["fn"]))
    assert found.f1.value == pytest.approx(2 * sums["tp"] / (4 + sums["tp"] + sums["fn"]))


def test_undefined_is_absent() -> None:
    """No events, no alarms, a reference of one class."""
    rng = np.random.default_rng(1)
    fitted = fit_map(*drawn(rng, 1000))
    nothing = estimated_performance(fitted, np.zeros(CELLS, np.int64), THRESHOLD)
    assert all(getattr(nothing, name).absent for name in NUMBERS)
    assert math.isnan(nothing.unseen_share)
    scores = sum(drawn(rng, 1000))
    quiet = estimated_performance(fitted, scores, CELLS)
    assert quiet.precision.absent
    assert quiet.recall.value == 0.0
    negatives = fit_map(np.ones(CELLS, np.int64), np.zeros(CELLS, np.int64))
    found = estimated_performance(negatives, scores, THRESHOLD)
    assert (found.tp, found.fn, found.precision.value) == (0.0, 0.0, 0.0)
    assert found.recall.absent
    assert found.auc.absent
    assert found.precision.high > 0.0


def test_scores_that_say_nothing() -> None:
    """All equal, or the wrong way round: a flat map at the base rate, and an AUC of one half."""
    inverted = np.array([1, 5, 10, 30]), np.array([30, 10, 5, 1])
    equal = np.array([0, 0, 46, 0]), np.array([0, 0, 46, 0])
    for negatives, positives in (inverted, equal):
        fitted = fit_map(negatives, positives)
        np.testing.assert_allclose(fitted.probabilities, 0.5)
        found = estimated_performance(fitted, negatives + positives, 2)
        assert found.auc.value == pytest.approx(0.5)
        assert found.accuracy.low < found.accuracy.value == pytest.approx(0.5)


def test_one_event() -> None:
    """A number, and an interval that says that it is worth nothing."""
    fitted = fit_map(np.array([300, 100]), np.array([100, 300]))
    found = estimated_performance(fitted, np.array([0, 1]), 1)
    assert (found.tp, found.fp, found.fn, found.tn) == (0.75, 0.25, 0.0, 0.0)
    assert found.accuracy.low < 0.2
    assert found.accuracy.high > 0.95
    assert found.auc.absent


def test_scores_that_the_reference_never_had_are_told() -> None:
    """Their share, and an interval that hardly says anything."""
    negatives, positives = np.array([50, 0, 0, 20]), np.array([5, 0, 0, 60])
    fitted = fit_map(negatives, positives)
    found = estimated_performance(fitted, np.array([0, 30, 0, 10]), 2)
    assert found.unseen_share == 0.75
    seen = estimated_performance(fitted, np.array([30, 0, 0, 10]), 2)
    assert seen.unseen_share == 0.0
    width = [one.accuracy.high - one.accuracy.low for one in (found, seen)]
    assert width[0] > 2 * width[1]


def test_huge_counts_and_a_perfect_reference() -> None:
    """2**40 events a cell do not overflow; a reference that never erred still has a variance."""
    fitted = fit_map(np.array([2**40, 0]), np.array([0, 2**40]))
    found = estimated_performance(fitted, np.array([2**40, 2**40]), 1)
    for name in NUMBERS:
        one = getattr(found, name)
        assert one.value == 1.0
        assert one.low < 1.0 <= one.high


def test_what_does_not_fit_is_refused() -> None:
    """An empty reference, other cells, negative counts, a threshold beyond the cells."""
    with pytest.raises(ValueError, match="no event"):
        fit_map(np.zeros(3, np.int64), np.zeros(3, np.int64))
    fitted = fit_map(np.array([3, 1]), np.array([1, 3]))
    with pytest.raises(ValueError, match="cells, the map over"):
        estimated_performance(fitted, np.array([1]), 1)
    with pytest.raises(ValueError, match="below zero"):
        estimated_performance(fitted, np.array([1, -1]), 1)
    for threshold in (-1, 3):
        with pytest.raises(ValueError, match="threshold_cell"):
            estimated_performance(fitted, np.array([1, 1]), threshold)
