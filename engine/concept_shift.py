"""Whether a mean loss rose because other events came or because the same events are judged worse.

Rule.  The change against the reference is taken apart (:mod:`detectors.conditional_shift`) over the
cells of the score, which a binary model has, and over the values of each segment.

* The mix *moved* when PSI of any of them is above ``psi.watch`` of the spec, corrected for its bias
  and significant.
* It *fell* when the conditional part is above a tenth of the reference's loss, and its interval
  above 0: over the score where there is one (at an equal score more is wrong), else over every
  segment.

``covariate``: it moved and did not fall.  ``concept``: it fell and did not move.  ``both``, or
``none``.  ``unknown``: too few labels, or no reference to compare with.

When it lies: over the score, errors are those of the spec's threshold, so decisions that follow
another rule are not seen; without a score, what moved inside a segment passes for concept drift;
and a move of P(X) that shows neither in the score nor in a segment is only seen by the data's
verdicts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from detectors import psi
from detectors.conditional_shift import CellLosses, Decomposition, decompose, shares_of
from detectors.contract import FloatArray, IntArray, Sample
from engine.losses import error_unit, mean_losses
from engine.model import MonitoredModel
from engine.panes import Counts
from engine.performance import fixed_sums, score_histogram
from engine.performance_layout import GROUPS, SCORED, SUM_CELLS, PerformanceLayout, SegmentCells
from engine.performance_levels import WORSE_BY_RATIO

Kind = Literal["unknown", "none", "covariate", "concept", "both"]
SCORE = "score"


@dataclass(frozen=True, slots=True)
class Grouping:
    """The change over one set of cells."""

    name: str
    """``score``, or a segment's."""
    parts: Decomposition
    width: float
    """Standard errors on each side of an interval."""
    psi: float
    """Of the mix, corrected for its bias."""
    psi_p_value: float
    moved: bool

    @property
    def fell(self) -> bool:
        """Whether the conditional part is worse, in effect and significance."""
        part = self.parts.conditional
        effect = part.value > WORSE_BY_RATIO * self.parts.before
        return effect and part.bounds(self.width)[0] > 0.0


@dataclass(frozen=True, slots=True)
class Shift:
    """What kind of change it is, with the groupings that say so."""

    kind: Kind
    groupings: tuple[Grouping, ...] = ()


def shift_of(
    model: MonitoredModel, reference: Counts, counts: Counts, alpha: float, width: float
) -> Shift:
    """Compare a window's cells with those of the reference, both of the performance layout."""
    layout = model.performance
    assert layout is not None, "only a model with performance is judged"
    found = []
    for name, cells, sample in _groupings(model, layout, reference, counts):
        parts = decompose(*cells)
        if parts is None:
            continue
        mix = psi.measure(sample, psi.Params(pseudo_count=model.spec.pseudo_count))
        p_value = 1.0 if mix.p_value is None else mix.p_value
        corrected = mix.more.get("corrected", mix.value)
        moved = corrected > model.spec.psi_watch and p_value <= alpha
        found.append(Grouping(name, parts, width, corrected, p_value, moved))
    if not found:
        return Shift("unknown")
    deciding = [each for each in found if each.name == SCORE] or found
    moved = any(each.moved for each in found)
    if all(each.fell for each in deciding):
        return Shift("both" if moved else "concept", tuple(found))
    return Shift("covariate" if moved else "none", tuple(found))


def _groupings(
    model: MonitoredModel, layout: PerformanceLayout, reference: Counts, counts: Counts
) -> Iterator[tuple[str, tuple[CellLosses, CellLosses], Sample]]:
    """Name, the losses of the reference and of the window, and the same cells as a sample."""
    score = model.profile.score
    if layout.score_cells and score is not None:
        threshold = model.spec.prediction.threshold
        then, now = (_by_score(layout, each, threshold) for each in (reference, counts))
        sample = Sample(
            then.counts.astype(np.float64),
            now.counts,
            np.array(score.coarse, np.int64),
            layout.edges,
        )
        yield SCORE, (then, now), sample
    for segment in layout.segments:
        then, now = (_by_segment(layout, segment, each) for each in (reference, counts))
        places = np.arange(len(now.counts), dtype=np.int64)
        sample = Sample(then.counts.astype(np.float64), now.counts, places, np.empty(0))
        yield segment.name, (then, now), sample


def _by_score(layout: PerformanceLayout, counts: Counts, threshold: float) -> CellLosses:
    negatives, positives, _ = score_histogram(layout, counts)
    decided = np.arange(layout.score_cells) >= np.searchsorted(layout.edges, threshold, "right")
    return shares_of(negatives + positives, np.where(decided, negatives, positives))


def _by_segment(layout: PerformanceLayout, segment: SegmentCells, counts: Counts) -> CellLosses:
    groups: IntArray = counts[segment.start : segment.end].reshape(-1, GROUPS)
    if layout.kind == "binary":
        return shares_of(groups.sum(axis=1), groups[:, 1] + groups[:, 2])
    if layout.kind == "multiclass":
        return shares_of(groups[:, 0] + groups[:, 1], groups[:, 0])
    events = groups[:, 0]
    totals: FloatArray = groups[:, 1].astype(np.float64) * (layout.step / error_unit(layout))
    spread = np.full(len(events), _spread(layout, counts))
    return CellLosses(events, totals, spread)


def _spread(layout: PerformanceLayout, counts: Counts) -> float:
    """Variance of a regression's absolute error over all segments."""
    scored, unit = int(counts[SCORED]), error_unit(layout)
    if not scored:
        return 0.0
    squares = fixed_sums(counts, layout.sums + 2 * SUM_CELLS, scored, layout.square_step).mean
    mean = mean_losses(layout, counts)["absolute_error"].mean.value
    return float(max(0.0, squares / unit / unit - mean * mean))
