"""Where each count of performance stands: one int64 vector a pane, as for the data.

Rule.  A match, that is a prediction with its label, adds to the cells of one pane and nothing else
does, so partitions, panes and windows add up and a corrected label is taken away again exactly.
Sums of reals are fixed point (:mod:`detectors.fixed_point`'s form: whole steps, and the squares in
two halves).

Segments have the values that the reference names, the most frequent first, at most
MAX_SEGMENT_VALUES of them; any other is counted as other and an absent one as missing.  Values
first seen in production would depend on the order of reading.  Classes are those of the reference's
labels likewise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from engine.canonical import content_hash
from engine.layout import FIXED_POINT_STEPS_PER_STDDEV
from engine.profile import Profile
from engine.spec import Spec

MAX_CLASSES: Final = 50
"""Classes counted by name; the others are counted as one."""
MAX_SEGMENT_VALUES: Final = 20

MATCHED: Final = 0
"""Predictions with a label."""
PREDICTED: Final = 1
"""Predictions made, labelled or not; only a cohort counts them."""
DECIDED: Final = 2
"""Matches whose prediction has a decision."""
SCORED: Final = 3
"""Matches whose score is a number (of a binary model: a probability)."""
ASSUMED: Final = 4
"""Matches whose label is the negative that ``negative_after`` assumes."""
DELAYS: Final = 5
"""First cell of the delay of labels."""

DELAY_EDGES_MS: Final = (
    *(60_000, 600_000, 3_600_000, 6 * 3_600_000),
    *(days * 86_400_000 for days in (1, 3, 7, 14, 30, 60, 90)),
)
"""Label time less prediction time; a cell holds what is at or above its left edge."""
DELAY_CELLS: Final = len(DELAY_EDGES_MS) + 1
GROUPS: Final = 4
"""Cells of a segment's value.  Binary: tn, fp, fn, tp.  Multiclass: wrong, right.  Regression:
matches, and the sum of absolute errors."""
SUM_CELLS: Final = 3
"""Sum, and the sum of squares in its lower and upper part."""
VALUE_STEP: Final = 0.01
"""Values of wrong decisions are summed in hundredths, each clipped at 2**31 of them."""


@dataclass(frozen=True, slots=True)
class SegmentCells:
    """The cells of one segment: GROUPS for each value, then for other and for missing."""

    name: str
    start: int
    values: tuple[str, ...]

    @property
    def end(self) -> int:
        """One past its last cell."""
        return self.start + (len(self.values) + 2) * GROUPS


@dataclass(frozen=True, slots=True, eq=False)
class PerformanceLayout:
    """The cells of performance of one model."""

    kind: Literal["binary", "multiclass", "regression"]
    edges: npt.NDArray[np.float64]
    """Of the score's fine cells; empty where the profile has no score, or for multiclass."""
    step: float
    """Fixed-point step of a regression's errors, and of what was true."""
    center: float
    """What is taken from a regression's truths before they are summed."""
    classes: tuple[str, ...]
    confusion: int
    """Binary: tn, fp, fn, tp, then the sums of their values.  Multiclass: one row a true class."""
    made: int
    """Predictions made by decision, ``decisions`` of them, as PREDICTED counts them."""
    decisions: int
    """Decisions told apart: 2 of a binary model, the classes of a multiclass one, else 0."""
    decision_delays: int
    """Binary: DELAY_CELLS of the predictions decided 0, then of those decided 1."""
    histogram: int
    """Binary: score cells of the negatives, of the positives, then the score's sum per cell."""
    sums: int
    """Binary: log loss and squared loss.  Regression: error, truth, squared error
    (SUM_CELLS each), |error|."""
    segments: tuple[SegmentCells, ...]
    value_squares: int
    """Binary: sums of the squared values of tn, fp, fn, tp, each in its lower and upper part."""
    size: int
    hash: str

    @property
    def square_step(self) -> float:
        """Fixed-point step of a regression's squared errors: that of errors of one stddev."""
        return self.step * self.step * FIXED_POINT_STEPS_PER_STDDEV

    @property
    def score_cells(self) -> int:
        """How many cells the score has."""
        return len(self.edges) + 1 if len(self.edges) else 0

    @property
    def classes_counted(self) -> int:
        """Rows of the matrix: the classes, and one for the others."""
        return len(self.classes) + 1 if self.kind == "multiclass" else 0

    def counted_cells(self) -> npt.NDArray[np.bool_]:
        """Which cells are counts and so never negative over a whole pane, shape (size,)."""
        counted = np.ones(self.size, dtype=np.bool_)
        first_segment = self.segments[0].start if self.segments else self.size
        counted[self.sums : first_segment] = False
        if self.kind == "regression":
            for segment in self.segments:
                counted[segment.start + 1 : segment.end : GROUPS] = False
        if self.kind == "binary":
            counted[self.value_squares :] = False
            counted[self.confusion + GROUPS : self.confusion + 2 * GROUPS] = False
            counted[self.histogram + 2 * self.score_cells : self.sums] = False
        return counted


def build_performance_layout(spec: Spec, profile: Profile) -> PerformanceLayout:
    """Lay out the cells of a model's performance."""
    kind = spec.prediction.type
    reference = profile.performance
    classes = reference.classes if reference is not None and kind == "multiclass" else ()
    score = profile.score
    edges = np.empty(0)
    if kind == "binary" and score is not None:
        edges = np.array(score.edges, dtype=np.float64)
    cells = len(edges) + 1 if len(edges) else 0
    confusion = DELAYS + DELAY_CELLS
    width = {"binary": 2 * GROUPS, "multiclass": (len(classes) + 1) ** 2, "regression": 0}[kind]
    made = confusion + width
    decisions = {"binary": 2, "multiclass": len(classes) + 1, "regression": 0}[kind]
    delays = made + decisions
    histogram = delays + (2 * DELAY_CELLS if kind == "binary" else 0)
    sums = histogram + 3 * cells
    start = sums + 2 * SUM_CELLS + (SUM_CELLS + 1 if kind == "regression" else 0)
    segments = []
    for name in spec.segments:
        values = () if reference is None else reference.segments.get(name, ())
        if values:
            segments.append(SegmentCells(name, start, values))
            start = segments[-1].end
    return PerformanceLayout(
        kind=kind,
        edges=edges,
        step=1.0 if score is None else score.stddev / FIXED_POINT_STEPS_PER_STDDEV,
        center=0.0 if score is None else score.mean,
        classes=classes,
        confusion=confusion,
        made=made,
        decisions=decisions,
        decision_delays=delays,
        histogram=histogram,
        sums=sums,
        segments=tuple(segments),
        value_squares=start,
        size=start + (2 * GROUPS if kind == "binary" else 0),
        hash=content_hash(
            [
                kind,
                edges.tolist(),
                [score.mean, score.stddev] if score is not None else None,
                spec.prediction.threshold,
                list(classes),
                [[s.name, list(s.values)] for s in segments],
            ]
        ),
    )
