"""The reference's own performance: its labels counted like those of production.

Rule.  The training table goes through the same counting as matches do, so that a baseline and a
window are numbers of one kind.  Rows without a label are predictions made, as in a cohort.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import msgspec
import numpy as np

from engine.label_windows import label_windows
from engine.own_performance import matches_of, own_performance
from engine.performance import measure
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
    rows = _matches(spec, layout, table)
    known = np.flatnonzero(~np.isnan(rows.labels))
    labelled = matches_of(rows, known, np.zeros(len(known), dtype=np.int64))
    made = replace(rows, labels=np.full(table.rows, np.nan))
    cells = (count_matches(layout, labelled, 1) + count_matches(layout, made, 1))[0]
    cells[ASSUMED] = 0
    own = {}
    if table.ts_ms is not None:
        whole = measure(layout, cells)
        own = own_performance(layout, labelled, table.ts_ms[known], whole, label_windows(spec))
    counted = msgspec.structs.replace(found, cells=tuple(cells.tolist()), own=own)
    return msgspec.structs.replace(profile, performance=counted)


def _matches(spec: Spec, layout: PerformanceLayout, table: ReferenceTable) -> Matches:
    """Every row of the table; a label that is not known is NaN."""
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
    return Matches(
        slots=np.zeros(rows, dtype=np.int64),
        weights=np.ones(rows, dtype=np.int64),
        scores=score,
        decisions=decisions,
        values=table.values if table.values is not None else np.full(rows, np.nan),
        segments=segments,
        labels=labels,
        delays_ms=np.zeros(rows, dtype=np.int64),
        assumed=np.ones(rows, dtype=np.bool_),  # it has no delay to be counted
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
