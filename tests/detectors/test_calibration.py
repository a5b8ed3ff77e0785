"""Calibration errors and losses equal those of the raw scores, to the stated step."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss
from sklearn.metrics import log_loss as sklearn_log_loss

from detectors.calibration import (
    LOG_LOSS_CLIP,
    LOSS_STEP,
    Calibration,
    brier,
    calibration,
    log_loss,
    log_losses,
    squared_losses,
)
from detectors.contract import FloatArray, IntArray
from detectors.fixed_point import FixedSums, fixed_sums, to_fixed

STEP = 2.0**-20
CELLS = 10


def table(scores: FloatArray, labels: IntArray) -> Calibration:
    """Ten equal cells of [0, 1]."""
    cells = np.minimum((scores * CELLS).astype(np.int64), CELLS - 1)
    sums = np.zeros(CELLS, np.int64)
    np.add.at(sums, cells, to_fixed(scores, STEP, 1.0))
    positives = np.bincount(cells[labels == 1], minlength=CELLS)
    return calibration(np.bincount(cells, minlength=CELLS), positives, sums, STEP)


def loss_sums(losses: FloatArray) -> FixedSums:
    """Fixed-point sums of losses."""
    return fixed_sums(to_fixed(losses, LOSS_STEP, LOG_LOSS_CLIP), LOSS_STEP)


@pytest.mark.parametrize("seed", range(5))
def test_reliability_table_is_scikit_learns(seed: int) -> None:
    """Rates and mean scores of the filled cells, and the errors that follow from them."""
    rng = np.random.default_rng(seed)
    scores = rng.beta(0.7, 2.0, 3000)
    labels = (rng.random(3000) < scores**1.5).astype(np.int64)
    found = table(scores, labels)
    rate, mean = calibration_curve(labels, scores, n_bins=CELLS)
    filled = found.events > 0
    np.testing.assert_allclose(found.positive_rate[filled], rate, rtol=1e-14)
    np.testing.assert_allclose(found.mean_score[filled], mean, atol=STEP / 2)
    weights = found.events[filled] / 3000
    assert abs(found.expected_error - weights @ np.abs(rate - mean)) <= STEP / 2
    assert abs(found.maximum_error - np.abs(rate - mean).max()) <= STEP / 2
    inside = (found.rate_low <= found.positive_rate) & (found.positive_rate <= found.rate_high)
    assert inside[filled].all()


def test_noise_is_what_a_calibrated_score_shows() -> None:
    """The mean expected error of 200 seeded calibrated windows is within 10 % of their noise."""
    rng = np.random.default_rng(6)
    ratios = []
    for _ in range(200):
        scores = rng.random(1000)
        found = table(scores, (rng.random(1000) < scores).astype(np.int64))
        ratios.append(found.expected_error / found.noise)
    assert 0.9 <= np.mean(ratios) <= 1.1


def test_empty_cells_have_no_rate_and_an_empty_table_no_error() -> None:
    """NaN, not zero."""
    found = table(np.full(4, 0.25), np.array([0, 0, 0, 1]))
    assert np.isnan(found.positive_rate).sum() == CELLS - 1
    assert (found.expected_error, found.maximum_error) == (0.0, 0.0)
    empty = table(np.empty(0), np.empty(0, np.int64))
    assert all(map(math.isnan, (empty.expected_error, empty.maximum_error, empty.noise)))


@pytest.mark.parametrize("seed", range(4))
def test_losses_are_scikit_learns_within_half_a_step(seed: int) -> None:
    """Brier score and log loss of random scores, and their skills."""
    rng = np.random.default_rng(seed)
    scores = rng.beta(0.5, 3.0, 2000)
    labels = (rng.random(2000) < scores).astype(np.int64)
    positives = int(labels.sum())
    rate = positives / 2000
    square = brier(loss_sums(squared_losses(scores, labels)), positives)
    nats = log_loss(loss_sums(log_losses(scores, labels)), positives)
    assert abs(square.loss.value - brier_score_loss(labels, scores)) <= LOSS_STEP / 2
    assert abs(nats.loss.value - sklearn_log_loss(labels, scores)) <= LOSS_STEP / 2
    assert math.isclose(square.base, brier_score_loss(labels, np.full(2000, rate)))
    assert math.isclose(nats.base, sklearn_log_loss(labels, np.full(2000, rate)))
    for one in (square, nats):
        assert math.isclose(one.skill.value, 1 - one.loss.value / one.base)
        assert one.loss.low < one.loss.value < one.loss.high
        assert one.skill.low < one.skill.value < one.skill.high


def test_certain_mistakes_cost_the_clip_and_certain_truths_nothing() -> None:
    """Scores of exactly 0 and 1, and of next to them."""
    scores = np.array([0.0, 1.0, 0.0, 1.0, 5e-324, 1.0 - 2.0**-53])
    labels = np.array([1, 0, 0, 1, 1, 1])
    found = log_losses(scores, labels)
    assert found[:5].tolist() == [LOG_LOSS_CLIP, LOG_LOSS_CLIP, 0.0, 0.0, LOG_LOSS_CLIP]
    assert 0.0 < found[5] < 2e-16
    assert log_losses(np.array([1e-20]), np.array([0])).tolist() == [1e-20]


def test_always_saying_the_base_rate_has_no_skill() -> None:
    """Fair and useless: loss equals base, skill 0; one class alone has no skill at all."""
    labels = np.repeat([0, 1], [900, 100])
    for losses, say in ((squared_losses, brier), (log_losses, log_loss)):
        found = say(loss_sums(losses(np.full(1000, 0.1), labels)), 100)
        assert abs(found.skill.value) < 1e-5
        assert say(loss_sums(losses(np.full(10, 0.1), labels[:10])), 0).skill.absent
        nothing = say(loss_sums(np.empty(0)), 0)
        assert nothing.loss.absent
        assert nothing.skill.absent


def test_loss_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """Of 300 seeded windows of 500 events between 91 and 98 %."""
    rng = np.random.default_rng(9)
    kinds = ((squared_losses, brier, 1 / 6), (log_losses, log_loss, 0.5))
    held = np.zeros(2)
    for _ in range(300):
        scores = rng.random(500)
        labels = (rng.random(500) < scores).astype(np.int64)
        for kind, (losses, say, truth) in enumerate(kinds):
            one = say(loss_sums(losses(scores, labels)), int(labels.sum())).loss
            held[kind] += one.low <= truth <= one.high
    assert ((held / 300 >= 0.91) & (held / 300 <= 0.98)).all()


def test_one_event_and_bare_sums_have_a_loss_without_interval() -> None:
    """What has no spread has no interval."""
    for sums in (loss_sums(np.array([0.25])), FixedSums(10, 5 * 2**20, LOSS_STEP)):
        found = brier(sums, 1)
        assert not found.loss.absent
        assert math.isnan(found.loss.low)
        assert math.isnan(found.loss.high)


def test_huge_counts_do_not_overflow() -> None:
    """2**40 events a cell, of a score that is exactly right."""
    events = np.array([2**40, 2**40])
    found = calibration(events, events // 4, events << 18, STEP)
    assert (found.expected_error, found.maximum_error) == (0.0, 0.0)


def test_counts_that_cannot_be_are_refused() -> None:
    """More positives than events, other shapes, a step of nothing."""
    one = np.array([1, 1])
    with pytest.raises(ValueError, match="between 0 and all"):
        calibration(one, one * 2, one, STEP)
    with pytest.raises(ValueError, match="same cells"):
        calibration(one, one[:1], one, STEP)
    with pytest.raises(ValueError, match="step"):
        calibration(one, one, one, 0.0)
    for positives in (-1, 2):
        with pytest.raises(ValueError, match="a count is wrong"):
            brier(FixedSums(1, 1, STEP), positives)
