"""What a batch adds to the panes of performance, as columns.

Theory.  A contribution is one match, or in a cohort one prediction made, in one pane of one plane
(:class:`engine.join_entry.Contribution`).  All of them pass through here, those of the simple cases
as arrays from the start (:mod:`engine.join_simple`), the others record by record; whoever counts
them, or wants anything else of a match, reads these columns and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.join_batches import Integers, LabelColumns, Mask, PredictionColumns
from engine.join_entry import Delta, JoinRules, Label

_NOTHING = Label(-1, 0, 0, on_time=True, label=float("nan"))
"""What stands for the label of a prediction that is only counted as made."""


@dataclass(frozen=True, slots=True)
class Contributions:
    """Columns of shape (n,); in no order that matters."""

    planes: Integers
    """Number of the plane."""
    starts_ms: Integers
    """Start of the pane."""
    amended: Mask
    weights: Integers
    """1, -1 for what is taken away, or 0 where nothing stands any more and its pane is told."""
    made: PredictionColumns
    known: LabelColumns
    """NaN as the label of a prediction that is only counted as made; its other columns then say
    nothing.  The offset of an assumed label is -1."""
    assumed: Mask
    """Whether the label is the negative that ``negative_after`` assumes."""

    def __len__(self) -> int:
        """Rows, not columns."""
        return len(self.planes)

    def at(self, rows: Integers | Mask | slice) -> Contributions:
        """Those of the chosen rows."""
        return Contributions(
            self.planes[rows],
            self.starts_ms[rows],
            self.amended[rows],
            self.weights[rows],
            self.made.at(rows),
            self.known.at(rows),
            self.assumed[rows],
        )


def contributions_of(deltas: Sequence[Delta], segments: int) -> Contributions:
    """The columns of contributions with their weights."""
    found = [contribution for contribution, _ in deltas]
    labels = [_NOTHING if c.label is None else c.label for c in found]
    return Contributions(
        np.array([c.plane for c in found], dtype=np.int64),
        np.array([c.start_ms for c in found], dtype=np.int64),
        np.array([c.amended for c in found], dtype=np.bool_),
        np.array([weight for _, weight in deltas], dtype=np.int64),
        PredictionColumns.of([c.prediction for c in found], segments),
        LabelColumns.of(labels),
        np.array([x.assumed for x in labels], dtype=np.bool_),
    )


def predictions_made(made: PredictionColumns, rules: JoinRules) -> list[Contributions]:
    """:func:`engine.join_entry.predicted` of columns: one part a cohort."""
    rows = len(made.ts_ms)
    none = LabelColumns.none(rows)
    return [
        _part(plane.number, made.ts_ms, plane.pane_ms, ~made.on_time, made, none)
        for plane in rules.planes
        if plane.maturity_ms is not None and rows
    ]


def first_matches(
    made: PredictionColumns, known: LabelColumns, rules: JoinRules
) -> list[Contributions]:
    """What predictions with their first labels add: one part a plane."""
    if not len(made.ts_ms):
        return []
    amended = ~(made.on_time & known.on_time)
    delays_ms = known.ts_ms - made.ts_ms
    found = []
    for plane in rules.planes:
        if plane.maturity_ms is None:
            at_ms = np.maximum(made.ts_ms, known.ts_ms)
            found.append(_part(plane.number, at_ms, plane.pane_ms, amended, made, known))
            continue
        timely = delays_ms <= plane.maturity_ms
        if timely.all():
            found.append(_part(plane.number, made.ts_ms, plane.pane_ms, amended, made, known))
        elif timely.any():
            chosen = made.at(timely), known.at(timely)
            at_ms = chosen[0].ts_ms
            found.append(_part(plane.number, at_ms, plane.pane_ms, amended[timely], *chosen))
    return found


def _part(
    plane: int,
    at_ms: Integers,
    pane_ms: int,
    amended: Mask,
    made: PredictionColumns,
    known: LabelColumns,
) -> Contributions:
    rows = len(at_ms)
    return Contributions(
        np.full(rows, plane, dtype=np.int64),
        at_ms // pane_ms * pane_ms,
        amended,
        np.ones(rows, dtype=np.int64),
        made,
        known,
        np.zeros(rows, dtype=np.bool_),
    )


def together(parts: Sequence[Contributions], segments: int) -> Contributions:
    """All parts as one."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return contributions_of((), segments)
    made, known = [part.made for part in parts], [part.known for part in parts]
    return Contributions(
        np.concatenate([part.planes for part in parts]),
        np.concatenate([part.starts_ms for part in parts]),
        np.concatenate([part.amended for part in parts]),
        np.concatenate([part.weights for part in parts]),
        PredictionColumns(
            np.concatenate([m.offsets for m in made]),
            np.concatenate([m.ts_ms for m in made]),
            np.concatenate([m.on_time for m in made]),
            np.concatenate([m.scores for m in made]),
            np.concatenate([m.decisions for m in made]),
            np.concatenate([m.values for m in made]),
            np.concatenate([m.segments for m in made], axis=1),
        ),
        LabelColumns(
            np.concatenate([k.offsets for k in known]),
            np.concatenate([k.ts_ms for k in known]),
            np.concatenate([k.watermarks_ms for k in known]),
            np.concatenate([k.on_time for k in known]),
            np.concatenate([k.labels for k in known]),
        ),
        np.concatenate([part.assumed for part in parts]),
    )
