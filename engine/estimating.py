"""Performance before the labels come: what they will probably say of a window's scores.

Rule.  The training table's labels say how often each cell of the score came true; the window's own
scores do the rest (:mod:`detectors.cbpe`, which also says when it lies: it is blind to concept
drift).  Only for binary models whose training table had labels.  It belongs to the judgement of the
data, for which it needs no label, and is never a measurement.

The decision threshold is an edge of the score's cells, unless it is outside the reference's scores
or was changed after the profile was made: then the nearest edge is taken, and scores between the
two count on the wrong side.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import chdtrc

from detectors.cbpe import EstimatedPerformance, estimated_performance, fit_map
from detectors.intervals import Estimate
from engine.model import MonitoredModel
from engine.panes import Counts
from engine.performance import score_histogram
from engine.performance_layout import build_performance_layout
from engine.profile import Profile
from engine.spec import Spec


class ScoreMap:
    """How often each cell of one model's score came true in the reference."""

    def __init__(self, spec: Spec, profile: Profile) -> None:
        self._map = None
        self.usual: EstimatedPerformance | None = None
        """What it says of the reference's own scores; None where there is nothing to go by."""
        reference = profile.performance
        layout = build_performance_layout(spec, profile)
        if reference is None or not layout.score_cells or len(reference.cells) != layout.size:
            return
        cells = np.array(reference.cells, dtype=np.int64)
        negatives, positives, _ = score_histogram(layout, cells)
        if negatives.any() and positives.any():
            self._map = fit_map(negatives, positives)
        distance = np.abs(layout.edges - spec.prediction.threshold)
        self._threshold_cell = int(np.argmin(distance)) + 1
        self.usual = self.estimate(negatives + positives)

    def surprise(self, negatives: Counts, positives: Counts) -> tuple[float, float] | None:
        """How far labels come true otherwise than in the reference at the same scores, shape
        (cells,): the mean distance of the rates, weighted by events and less what chance alone
        would make of it, and the p-value of Pearson's chi-square over the cells.  None where there
        is nothing to go by."""
        events = negatives + positives
        held = events > 0
        if self._map is None or not held.any():
            return None
        n, p = events[held].astype(np.float64), self._map.probabilities[held]
        off = positives[held] / n - p
        inside = (n * p + 0.5) / (n + 1.0)
        variance = inside * (1.0 - inside) / n + self._map.variances[held]
        by_chance = np.sqrt(2.0 * variance / np.pi)
        distance = float(np.sum(n * (np.abs(off) - by_chance)) / n.sum())
        chance = float(chdtrc(float(held.sum()), float(np.sum(off * off / variance))))
        return max(0.0, distance), chance

    def estimate(self, scores: Counts) -> EstimatedPerformance | None:
        """Of events per cell of the score, shape (cells,); None where there is nothing to go by."""
        if self._map is None or not scores.any():
            return None
        return estimated_performance(self._map, scores, self._threshold_cell)


class Estimating:
    """Estimates the performance of one model's windows."""

    def __init__(self, model: MonitoredModel) -> None:
        self._column = model.layout.score
        self._map = ScoreMap(model.spec, model.profile)

    @property
    def usual(self) -> EstimatedPerformance | None:
        """Of the reference's own scores, through the same map; None where nothing is estimated."""
        return self._map.usual

    def estimate(self, counts: Counts) -> EstimatedPerformance | None:
        """Of a window of the data, shape (layout.size,); None where there is nothing to go by."""
        column = self._column
        if column is None:
            return None
        return self._map.estimate(counts[column.start : column.start + column.values])


def estimates(found: EstimatedPerformance) -> dict[str, Estimate]:
    """The measures that exist, by name."""
    named = {
        "accuracy": found.accuracy,
        "precision": found.precision,
        "recall": found.recall,
        "f1": found.f1,
        "auc": found.auc,
    }
    return {name: estimate for name, estimate in named.items() if not estimate.absent}


def estimated_tree(found: EstimatedPerformance) -> dict[str, Any]:
    """The section of a judgement."""
    known = estimates(found)
    tree: dict[str, Any] = {"predictions": found.events}
    tree.update({name: estimate.value for name, estimate in known.items()})
    tree["intervals"] = {
        name: [e.low, e.high]
        for name, e in known.items()
        if np.isfinite(e.low) and np.isfinite(e.high)
    }
    tree["unseen_ratio"] = found.unseen_share
    return tree
