"""The reference's own performance: its labels counted like those of production.

Rule.  The training table goes through the same counting as matches do, so that a baseline and a
window are numbers of one kind.  Rows without a label count nowhere here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec
import numpy as np

from engine.performance_counting import Matches, count_matches
from engine.performance_layout import (
    ASSUMED,
    MAX_CLASSES,
    MAX_SEGMENT_VALUES,
    PerformanceLayout,
    build_performance_layout,
)
from engine.profile import Profile, ReferencePerformance
from engine.reference_table import ReferenceTable, TextColumn
from engine.spec import Spec


def with_performance(profile: Profile, spec: Spec, table: ReferenceTable) -> Profile:
    """The profile with what the table says of performance; as it is for a spec without labels."""
    if "labels" not in spec.inputs:
        return profile
    segments = {
        name: _most_frequent(table.segments[name], MAX_SEGMENT_VALUES)
        for name in spec.segments
        if name in table.segments
    }
    classes: tuple[str, ...] = ()
    if spec.prediction.type == "multiclass" and table.labels is not None:
        named = [*table.labels, *(table.decided if table.decided is not None else ())]
        classes = _most_frequent(named, MAX_CLASSES)
    found = ReferencePerformance(segments=segments, classes=classes, cells=())
    framed = msgspec.structs.replace(profile, performance=found)
    if table.labels is None:
        return framed
    layout = build_performance_layout(spec, framed)
    cells = count_matches(layout, _matches(spec, layout, table), 1)[0]
    cells[ASSUMED] = 0
    counted = msgspec.structs.replace(found, cells=tuple(cells.tolist()))
    return msgspec.structs.replace(profile, performance=counted)


def _matches(spec: Spec, layout: PerformanceLayout, table: ReferenceTable) -> Matches:
    assert table.labels is not None
    rows = table.rows
    score = table.score if table.score is not None else np.full(rows, np.nan)
    decisions = np.full(rows, -1, dtype=np.int64)
    if layout.kind == "multiclass":
        number = {text: i for i, text in enumerate(layout.classes)}
        other = len(number)
        labels = _numbers(table.labels, number, other, np.nan)
        if table.decided is not None:
            decisions = _numbers(table.decided, number, other, -1).astype(np.int64)
    else:
        labels = np.array(table.labels, dtype=np.float64)
        labels[~np.isfinite(labels)] = np.nan
    if layout.kind == "binary":
        labels = np.where(np.isnan(labels), np.nan, (labels > 0).astype(np.float64))
        derived = np.where(np.isnan(score), -1, score >= spec.prediction.threshold)
        given = table.decision
        if given is not None:
            derived = np.where(np.isfinite(given), given > 0, derived)
        decisions = derived.astype(np.int64)
    segments = np.array(
        [_codes(table.segments[s.name], s.values) for s in layout.segments], dtype=np.int64
    ).reshape(len(layout.segments), rows)
    known = ~np.isnan(labels)
    return Matches(
        slots=np.zeros(int(known.sum()), dtype=np.int64),
        weights=np.ones(int(known.sum()), dtype=np.int64),
        scores=score[known],
        decisions=decisions[known],
        values=(table.values if table.values is not None else np.full(rows, np.nan))[known],
        segments=segments[:, known],
        labels=labels[known],
        delays_ms=np.zeros(int(known.sum()), dtype=np.int64),
        assumed=np.ones(int(known.sum()), dtype=np.bool_),  # it has no delay to be counted
    )


def _most_frequent(texts: Iterable[object], most: int) -> tuple[str, ...]:
    shares = Counter(str(text) for text in texts if text is not None)
    ranked = sorted(shares.items(), key=lambda item: (-item[1], item[0]))
    return tuple(text for text, _ in ranked[:most])


def _numbers(
    texts: Iterable[object], number: dict[str, int], other: int, nothing: float
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array(
        [nothing if text is None else number.get(str(text), other) for text in texts],
        dtype=np.float64,
    )


def _codes(texts: TextColumn, values: tuple[str, ...]) -> list[int]:
    number = {text: i for i, text in enumerate(values)}
    other = len(values)
    return [other + 1 if text is None else number.get(str(text), other) for text in texts]
