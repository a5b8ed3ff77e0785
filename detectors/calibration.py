"""Whether a score of 0.3 comes true three times in ten, and the losses that measure it.

Rule.  Cells with counts and fixed-point sums in (:mod:`detectors.fixed_point`), so that everything
adds up over partitions.  A cell without labelled events has no rate (NaN) and counts in no error.

Formulas.  Expected calibration error = sum over cells of (share of the events) x |mean score - rate
of positives|, maximum error the largest of these (Naeini and others 2015).  Brier score = mean of
(score - label)^2 (1950); log loss = mean of -ln(the probability given to what happened), each cut
at LOG_LOSS_CLIP.  Normalised by the base rate b, as fair scores of a rare class would look perfect:
skill = 1 - loss / loss of always saying b, which is b (1 - b) or the entropy of b.  1 is perfect, 0
says that the base rate alone does as well, below 0 that it does better.

Error of fixed point.  Half a step of the scores on the calibration errors, of the losses on theirs.

When it lies: the expected error is never 0 in a finite window, however well calibrated; ``noise``
is about what it would be then, sum of share x sqrt(2 s (1 - s) / (pi n)) with s the mean score and
n the events of a cell.  The maximum is mostly of the smallest cell.  Gaps of both signs inside one
cell cancel.  Intervals of losses are normal ones and too short for few events or a few huge losses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import entr

from detectors.fixed_point import FixedSums, check_step
from detectors.intervals import ABSENT, CONFIDENCE, Estimate, normal_interval, wilson_bounds

if TYPE_CHECKING:
    from detectors.contract import FloatArray, IntArray

LOG_LOSS_CLIP: Final = 32.0
"""Largest log loss of one event, in nats: a probability of e**-32 (1e-14) given to what happened.
Without it a single certain mistake would be infinite."""
LOSS_STEP: Final = 2.0**-20
"""Fixed-point step of both losses; a mean is off by 4.8e-7 at most."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """The reliability table and its errors; arrays of shape (cells,), NaN in empty cells."""

    events: IntArray
    mean_score: FloatArray
    positive_rate: FloatArray
    rate_low: FloatArray
    """Wilson's interval of the rate."""
    rate_high: FloatArray
    expected_error: float
    """NaN without labelled events."""
    maximum_error: float
    noise: float
    """About what the expected error would be if every score came true as often as it says."""


@dataclass(frozen=True, slots=True)
class Loss:
    """A mean loss and its skill over always saying the base rate."""

    loss: Estimate
    """Its interval is absent (NaN) where squares were not kept or there are fewer than two."""
    base: float
    """Loss of the base rate; NaN without events."""
    skill: Estimate
    """1 - loss / base, the base held fixed; ABSENT when all labels are the same."""


def calibration(
    events: IntArray,
    positives: IntArray,
    score_sums: IntArray,
    step: float,
    confidence: float = CONFIDENCE,
) -> Calibration:
    """The reliability table of a score that is a probability.

    Args:
        events: labelled events per cell of the score, shape (cells,).
        positives: those labelled positive, shape (cells,).
        score_sums: sum of the events' scores in whole steps, shape (cells,).
        step: size of a step, > 0.
        confidence: rate of the intervals of the cells' rates.

    Raises ValueError for shapes that differ or counts that cannot be.

    """
    check_step(step)
    if not events.shape == positives.shape == score_sums.shape:
        raise ValueError("calibration: events, positives and score sums are over the same cells")
    if (positives < 0).any() or (positives > events).any():
        raise ValueError("calibration: a cell has between 0 and all of its events positive")
    size = float(events.sum())
    with np.errstate(invalid="ignore"):
        mean_score = score_sums / events * step
        rate = positives / events
    gap = np.abs(mean_score - rate)
    low, high = wilson_bounds(positives, events, confidence)
    expected = maximum = noise = math.nan
    filled = events > 0
    if filled.any():
        expected = float(events[filled] @ gap[filled]) / size
        maximum = float(gap[filled].max())
        certain = np.clip(mean_score[filled], 0.0, 1.0)
        spread = np.sqrt(2.0 / math.pi * certain * (1.0 - certain) * events[filled])
        noise = float(spread.sum()) / size
    return Calibration(events, mean_score, rate, low, high, expected, maximum, noise)


def squared_losses(scores: FloatArray, labels: IntArray) -> FloatArray:
    """(score - label)^2 of each event, shape (events,); labels are 0 or 1."""
    result: FloatArray = (scores - labels) ** 2
    return result


def log_losses(scores: FloatArray, labels: IntArray) -> FloatArray:
    """-ln(the probability given to what happened), nats, at most LOG_LOSS_CLIP, shape (events,).

    Scores are in [0, 1], labels 0 or 1.
    """
    with np.errstate(divide="ignore"):
        losses = np.where(labels == 1, -np.log(scores), -np.log1p(-scores))
    return np.minimum(losses, LOG_LOSS_CLIP)


def brier(losses: FixedSums, positives: int, confidence: float = CONFIDENCE) -> Loss:
    """Brier score of fixed-point sums of :func:`squared_losses`, ``positives`` of them labelled so.

    Raises ValueError unless ``positives`` is between 0 and all.
    """
    rate = base_rate(losses.events, positives)
    return mean_loss(losses, rate * (1.0 - rate), confidence)


def log_loss(losses: FixedSums, positives: int, confidence: float = CONFIDENCE) -> Loss:
    """Log loss, nats, of fixed-point sums of :func:`log_losses`, ``positives`` labelled so.

    Raises ValueError unless ``positives`` is between 0 and all.
    """
    rate = base_rate(losses.events, positives)
    return mean_loss(losses, float(entr(rate) + entr(1.0 - rate)), confidence)


def base_rate(events: int, positives: int) -> float:
    """Share of positives; NaN of no events, ValueError for what cannot have been counted."""
    if not 0 <= positives <= events:
        raise ValueError(f"{positives} positives of {events} events: a count is wrong")
    return positives / events if events else math.nan


def mean_loss(losses: FixedSums, base: float, confidence: float) -> Loss:
    """A mean loss, never below 0, against the loss ``base`` of the base rate."""
    if not losses.events:
        return Loss(ABSENT, math.nan, ABSENT)
    found = normal_interval(losses.mean, losses.error_of_mean, confidence, (0.0, math.inf))
    if math.isnan(losses.error_of_mean):
        found = Estimate(found.value, math.nan, math.nan)
    if base <= 0.0:
        return Loss(found, base, ABSENT)
    skill = Estimate(1.0 - found.value / base, 1.0 - found.high / base, 1.0 - found.low / base)
    return Loss(found, base, skill)
