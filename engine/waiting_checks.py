"""Whether what was restored of a join can be counted into its model's cells.

Rule.  A cell is chosen by a decision, a label and the numbers of segments.  Whoever restores a
state looks at all of them once, so that a state with others is refused when it is read and does not
end the worker, or count in another pane's cells, when a label comes for it.
"""

from __future__ import annotations

from itertools import chain

import numpy as np

from engine.join_batches import Floats, Integers, LabelColumns, PredictionColumns
from engine.performance_layout import PerformanceLayout
from engine.snapshot import SnapshotError
from engine.waiting_blocks import FURTHEST
from engine.waiting_rows import KNOWN, MADE, WaitingRows


def refuse_uncountable(rows: WaitingRows, layout: PerformanceLayout) -> None:
    """SnapshotError where decisions, labels or segments of the entries are none of the model's."""
    simple = rows.live()
    states = rows.states[simple]
    made, known = simple[states & MADE != 0], simple[states & KNOWN != 0]
    if len(made):
        _refuse_predictions(rows.made(made), layout)
    _refuse_labels(rows.known_labels(known), layout)
    others = rows.others.values()
    predictions = list(chain.from_iterable(entry.predictions for entry in others))
    labels = list(chain.from_iterable(entry.labels for entry in others))
    wanted = len(layout.segments)
    if any(len(p.segments) != wanted or abs(p.decision) > FURTHEST for p in predictions):
        raise SnapshotError("a prediction of a join that is none of this model's")
    if any(abs(label.watermark_ms) > FURTHEST for label in labels):
        raise SnapshotError("a time in a join that cannot be")
    if predictions:
        _refuse_predictions(PredictionColumns.of(predictions, wanted), layout)
    if labels:
        _refuse_labels(LabelColumns.of(labels).labels, layout)


def _refuse_predictions(made: PredictionColumns, layout: PerformanceLayout) -> None:
    highest = max(1, layout.decisions - 1)
    if np.any((made.decisions < -1) | (made.decisions > highest)):
        raise SnapshotError("a decision of a join that the model cannot make")
    if len(made.segments) != len(layout.segments):
        raise SnapshotError(f"predictions of a join with {len(made.segments)} segments")
    for segment, codes in zip(layout.segments, made.segments, strict=True):
        if np.any((codes < 0) | (codes > len(segment.values) + 1)):
            raise SnapshotError(f"a value of segment {segment.name} that there is not")


def _refuse_labels(labels: Floats | Integers, layout: PerformanceLayout) -> None:
    if layout.kind == "regression":
        fitting = np.isfinite(labels)
    else:
        highest = layout.classes_counted - 1 if layout.kind == "multiclass" else 1
        fitting = (labels >= 0) & (labels <= highest) & (labels == np.floor(labels))
    if not np.all(fitting):
        raise SnapshotError("a label of a join that the model cannot have")
