"""Confidence-based performance estimation: what the labels will probably say, before they come.

Rule.  A calibration map says how often each cell of the score came true in the reference.  The
score histogram of a window without labels then gives the expected true and false positives and
negatives, and from those every number that a confusion matrix or a ranking gives.

Formulas (after NannyML's documentation and Kivimaki, Bialek, Kuberski and Nurminen, Performance
estimation in binary classification using calibrated confidence, 2025).  The map is the isotonic
regression of the rate of positives on the cell, weighted by events (pool adjacent violators); a
cell that the reference left empty lies on the line between its neighbours.  With c events and
probability p in a cell, tp = sum of c p over the cells of the alarms, fn over the others.
Accuracy and precision are then exact expectations, recall, F1 and AUC ratios of expectations (AUC
of the expected ordered pairs of different events over all expected pairs).

Intervals hold what the labels will say.  Two variances add up, both by the delta method with g the
derivative by one label in a cell: the labels are independent Bernoulli draws, sum of c p (1 - p)
g^2; and the map was estimated, sum of (c g)^2 v.  There v is the variance of the cell's rate under
Jeffreys' prior around the map, p' (1 - p') / (m + 2) with p' = (m p + 1/2) / (m + 1) and m the
reference's events in the cell; not less for pooled cells, which errs on the long side.  Cells that
the reference left empty are off together, so there the roots of (c g)^2 v are added before they are
squared.  The interval is symmetric on the logit scale and ends at whole counts, outwards: three
alarms with a chance of 0.2 each have no precision of 0.01, but often one of 0.

When it lies: it assumes that a score means today what it meant in the reference.  It sees
covariate drift that moves the scores, and is blind to concept drift, a change of P(label | score):
its estimate then stays where it was, interval and all, while the model is wrong.  Never read it as
a measurement, and close the loop when labels come.  Scores where the reference had (next to) none
are guesses: ``unseen_share`` says how many.  A map fitted on training predictions is too good, and
one of a score that ranks the wrong way round is flat: it says that the score knows nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from detectors.intervals import ABSENT, CONFIDENCE, Estimate, logit_interval
from detectors.ranking import check_histograms

if TYPE_CHECKING:
    import numpy.typing as npt

    from detectors.contract import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class CalibrationMap:
    """P(positive | cell of the score), from a labelled reference; arrays of shape (cells,)."""

    probabilities: FloatArray
    """Non-decreasing, in [0, 1]."""
    variances: FloatArray
    """Of the probability of each cell, > 0."""
    reference_events: IntArray


@dataclass(frozen=True, slots=True)
class EstimatedPerformance:
    """Expected counts and what follows from them; absent where not even expected to be defined."""

    events: int
    tp: float
    fp: float
    fn: float
    tn: float
    unseen_share: float
    """Share of the events in cells where the reference has none; NaN without events."""
    accuracy: Estimate
    precision: Estimate
    recall: Estimate
    f1: Estimate
    auc: Estimate


@dataclass(frozen=True, slots=True)
class _Window:
    """One window seen through the map; arrays of shape (cells,)."""

    counts: FloatArray
    chances: FloatArray
    variances: FloatArray
    unseen: npt.NDArray[np.bool_]
    confidence: float

    def estimate(self, value: float, slopes: FloatArray, unit: float = 0.0) -> Estimate:
        """The interval of a number that changes by ``slopes`` with one label of each cell, and that
        labels can only make a multiple of about ``unit``."""
        labels = float((self.counts * self.chances * (1.0 - self.chances)) @ slopes**2)
        errors = np.sqrt(self.variances) * np.abs(self.counts * slopes)
        fitted = float((errors[~self.unseen] ** 2).sum() + errors[self.unseen].sum() ** 2)
        value = min(max(value, 0.0), 1.0)
        found = logit_interval(value, math.sqrt(labels + fitted), self.confidence)
        if not unit:
            return found
        low, high = math.floor(found.low / unit) * unit, math.ceil(found.high / unit) * unit
        return Estimate(value, min(low, found.low), min(max(high, found.high), 1.0))


def fit_map(negatives: IntArray, positives: IntArray) -> CalibrationMap:
    """The calibration map of a labelled reference that the model was not fitted on.

    Args:
        negatives: labelled negatives per cell of the score, low to high, shape (cells,).
        positives: labelled positives per cell, the same shape.

    Raises ValueError unless both are counts over the same cells, with one event at least.

    """
    # Half a second of imports that a worker without labels does not wait for.
    from scipy.optimize import isotonic_regression  # noqa: PLC0415

    check_histograms(negatives, positives)
    events = negatives + positives
    filled = np.flatnonzero(events)
    if not filled.size:
        raise ValueError("a calibration map needs a labelled reference, this one has no event")
    size = events[filled].astype(np.float64)
    fitted = isotonic_regression(positives[filled] / size, weights=size).x
    cells = np.arange(events.size)
    probabilities = np.interp(cells, filled, np.clip(fitted, 0.0, 1.0))
    drawn = (events * probabilities + 0.5) / (events + 1.0)
    variances = drawn * (1.0 - drawn) / (events + 2.0)
    return CalibrationMap(probabilities, variances, events)


def estimated_performance(
    calibration: CalibrationMap,
    scores: IntArray,
    threshold_cell: int,
    confidence: float = CONFIDENCE,
) -> EstimatedPerformance:
    """What the labels of a window will probably say.

    Args:
        calibration: of the reference, over the same cells.
        scores: events per cell of the score, labels unknown, shape (cells,).
        threshold_cell: first cell of the alarms; the decision threshold is an edge.  From 0 (all
            are alarms) to the number of cells (none is).
        confidence: rate of the intervals.

    Raises ValueError for other cells than the map's, or a threshold that is not among them.

    """
    window = _seen(calibration, scores, confidence)
    if not 0 <= threshold_cell <= scores.size:
        raise ValueError(f"threshold_cell {threshold_cell} of {scores.size} cells")
    alarm = np.arange(scores.size) >= threshold_cell
    events, alarms = float(scores.sum()), float(scores[alarm].sum())
    expected = window.counts * window.chances
    tp, fn = float(expected[alarm].sum()), float(expected[~alarm].sum())
    fp, tn = alarms - tp, events - alarms - fn
    accuracy = precision = recall = f1 = ABSENT
    if events:
        slopes = np.where(alarm, 1.0, -1.0) / events
        accuracy = window.estimate((tp + tn) / events, slopes, 1.0 / events)
    if alarms:
        precision = window.estimate(tp / alarms, alarm / alarms, 1.0 / alarms)
    if tp + fn > 0.0:
        slopes = np.where(alarm, fn, -tp) / (tp + fn) ** 2
        recall = window.estimate(tp / (tp + fn), slopes, 1.0 / (tp + fn))
    double = alarms + tp + fn
    if double > 0.0:
        slopes = np.where(alarm, 2.0 * (double - tp), -2.0 * tp) / double**2
        f1 = window.estimate(2.0 * tp / double, slopes, 2.0 / double)
    unseen = float(scores[window.unseen].sum())
    return EstimatedPerformance(
        events=int(scores.sum()),
        tp=tp,
        fp=fp,
        fn=fn,
        tn=tn,
        unseen_share=unseen / events if events else math.nan,
        accuracy=accuracy,
        precision=precision,
        recall=recall,
        f1=f1,
        auc=_estimated_auc(window),
    )


def _seen(calibration: CalibrationMap, scores: IntArray, confidence: float) -> _Window:
    if scores.shape != calibration.probabilities.shape:
        raise ValueError(
            f"scores over {scores.shape} cells, the map over {calibration.probabilities.shape}"
        )
    if (scores < 0).any():
        raise ValueError("a histogram holds counts, none below zero")
    return _Window(
        scores.astype(np.float64),
        calibration.probabilities,
        calibration.variances,
        calibration.reference_events == 0,
        confidence,
    )


def _estimated_auc(window: _Window) -> Estimate:
    """Expected ordered pairs over expected pairs, ties within a cell at one half."""
    positives = window.counts * window.chances
    negatives = window.counts - positives
    size = float(positives.sum()), float(negatives.sum())
    # An event is in no pair with itself.
    own = positives * (1.0 - window.chances)
    pairs = size[0] * size[1] - float(own.sum())
    if not pairs > 0.0:
        return ABSENT
    negatives_below = negatives.cumsum() - negatives / 2.0
    positives_above = size[0] - positives.cumsum() + positives / 2.0
    value = (float(positives @ negatives_below) - float(own.sum()) / 2.0) / pairs
    slopes = (negatives_below - positives_above - value * (size[1] - size[0])) / pairs
    return window.estimate(value, slopes)
