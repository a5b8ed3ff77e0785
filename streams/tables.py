"""A training table from a file: what a reference profile is built from.

Rule.  Only the columns that the spec speaks of are read.  NDJSON holds the events themselves, of
which those of the spec's model and version count; Parquet and CSV are read through ``columns``.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import polars as pl

from engine.category_text import category_text
from engine.columns import decided_classes, numeric_column
from engine.reference_table import ReferenceTable
from engine.spec import Spec
from engine.timestamps import TimestampError, rfc3339_to_ms
from streams.table_columns import EventColumns, TableError, reference_columns
from streams.table_events import read_events
from streams.table_files import collect, data_sha256, file_kind, lines, number_columns, scan
from streams.table_values import numbers, text_values, times_ms, whole_values

__all__ = ["TableError", "data_sha256", "read_events", "read_table"]


def read_table(path: Path, spec: Spec) -> ReferenceTable:
    """The reference table in ``path`` (.parquet, .csv[.gz] or .ndjson[.gz] of events).

    Raises TableError: a missing column, a column of a wrong kind, a row without a time where the
    table has times, or a file that cannot be read.
    """
    if file_kind(path) == "ndjson":
        return _from_events(path, spec)
    frame = scan(path)
    columns = reference_columns(path, spec, frame.collect_schema().names())
    untyped = number_columns(path, frame, spec)
    return _from_columns(path, spec, columns, collect(path, frame.select(columns.all)), untyped)


def _from_columns(
    path: Path, spec: Spec, columns: EventColumns, frame: pl.DataFrame, untyped: frozenset[str]
) -> ReferenceTable:
    numeric: dict[str, npt.NDArray[np.float64]] = {}
    categorical: dict[str, list[str | None]] = {}
    invalid: dict[str, int] = {}
    faults: list[str] = []
    for feature in spec.features:
        column = frame[feature.name]
        try:
            if feature.type == "numeric":
                _refuse_text(path, column)
                numeric[feature.name] = numbers(path, column)
            else:
                texts = text_values(path, column, untyped=feature.name in untyped)
                categorical[feature.name] = texts
                invalid[feature.name] = _infinities(column)
        except TableError as error:
            faults += error.faults
    places = columns.fields
    ts_ms = score = decision = None
    try:
        if "ts" in places:
            column = frame[places["ts"]]
            ts_ms = _all_times(path, column, times_ms(path, column, spec.columns.get("ts_zone")))
        if "score" in places:
            score = numbers(path, frame[places["score"]])
    except TableError as error:
        faults += error.faults
    if faults:
        raise TableError(path, faults)
    if "decision" in places and spec.prediction.type == "binary":
        decisions = whole_values(frame[places["decision"]])
        decision = numeric_column(decisions, checked=False)
        _refuse_words(path, places["decision"], decisions, decision)
    return ReferenceTable(
        frame.height,
        numeric,
        categorical,
        score,
        decision,
        ts_ms,
        invalid,
        **_truth(path, spec, columns, frame),
    )


def _truth(path: Path, spec: Spec, columns: EventColumns, frame: pl.DataFrame) -> dict[str, Any]:
    """What a table with labels says of performance."""
    found: dict[str, Any] = {}
    places = columns.fields
    if "label" in places:
        labels = whole_values(frame[places["label"]])
        if spec.prediction.type == "multiclass":
            found["labels"] = [None if v is None else category_text(v) for v in labels]
        else:
            found["labels"] = numeric_column(labels, checked=False)
            _refuse_words(path, places["label"], labels, found["labels"])
    if spec.prediction.type == "multiclass":
        found["decided"] = _decided(path, columns, frame)
    if "value" in places:
        found["values"] = numbers(path, frame[places["value"]])
    found["segments"] = {
        name: text_values(path, frame[column], untyped=False)
        for name, column in columns.segments.items()
    }
    return found


def _refuse_words(
    path: Path, name: str, given: Sequence[Any], values: npt.NDArray[np.float64]
) -> None:
    """Labels that are all words would be dead letters, and performance would have no baseline; such
    decisions would count for nothing."""
    words = [value for value in given if isinstance(value, str)]
    if words and not np.isfinite(values).any():
        shown = " and ".join(repr(word[:20]) for word in sorted(set(words))[:2])
        told = f"column {name!r} has words such as {shown}"
        raise TableError(path, [f"{told}: write numbers, 0 and 1 where there are two"])


def _decided(path: Path, columns: EventColumns, frame: pl.DataFrame) -> list[str | None] | None:
    """The decided class of each row, as the decoder takes it from decision or scores."""
    if "decision" not in columns.fields and not columns.scores:
        return None
    decisions: Sequence[Any] = [None] * frame.height
    if "decision" in columns.fields:
        decisions = whole_values(frame[columns.fields["decision"]])
    by_class = {name: numbers(path, frame[c]).tolist() for name, c in columns.scores.items()}
    rows = [
        {name: values[row] for name, values in by_class.items() if isfinite(values[row])}
        for row in range(frame.height)
    ]
    return [None if v is None else category_text(v) for v in decided_classes(decisions, rows)]


def _refuse_text(path: Path, column: pl.Series) -> None:
    """In a typed file text is no number; in a CSV everything is text."""
    if column.dtype == pl.String and file_kind(path) == "parquet":
        raise TableError(path, [f"column {column.name!r} is text, and the spec says numeric"])


def _infinities(column: pl.Series) -> int:
    return int(column.is_infinite().sum()) if column.dtype.is_float() else 0


def _all_times(path: Path, column: pl.Series, times: Sequence[Any]) -> npt.NDArray[np.int64]:
    """Times as an array; a training row without one belongs to no block, slice or hour."""
    without = [row for row, time in enumerate(times) if not isinstance(time, int)]
    if without:
        told = f"column {column.name!r} has {len(without)} rows without a usable time"
        unread = next((column[row] for row in without if column[row] is not None), None)
        mend = "leave those rows out"
        if unread is not None:
            told += f", such as {str(unread)[:40]!r}"
            mend = "write times as 2026-01-01T09:00:00Z or epoch milliseconds, or " + mend
        raise TableError(path, [f"{told}: {mend}"])
    return np.array(times, dtype=np.int64)


def _from_events(path: Path, spec: Spec) -> ReferenceTable:
    """Events of the spec's model and version; their order is of no matter."""
    features: list[dict[str, Any]] = []
    outcomes: list[tuple[Any, Any, Any]] = []
    times: list[Any] = []
    for number, line in enumerate(lines(path), start=1):
        try:
            event = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise TableError(path, [f"line {number} is not JSON: {error}"]) from error
        if not isinstance(event, dict) or event.get("heartbeat"):
            continue
        if (event.get("model"), event.get("version")) != (spec.model, spec.version):
            continue
        given = event.get("features")
        features.append(given if isinstance(given, dict) else {})
        outcomes.append((event.get("score"), event.get("decision"), event.get("scores")))
        times.append(_event_time(path, number, event.get("ts")))
    if not features:
        raise TableError(path, [f"has no event of {spec.model}@{spec.version}"])
    numeric = {}
    categorical = {}
    invalid = {}
    for feature in spec.features:
        values = [row.get(feature.name) for row in features]
        if feature.type == "numeric":
            numeric[feature.name] = numeric_column(values, checked=False)
            continue
        texts = [category_text(value) for value in values]
        categorical[feature.name] = texts
        invalid[feature.name] = texts.count(None) - values.count(None)
    scores, decisions, by_class = zip(*outcomes, strict=True)
    decided = None
    if spec.prediction.type == "multiclass":
        named = decided_classes(decisions, [s if isinstance(s, dict) else None for s in by_class])
        decided = [None if value is None else category_text(value) for value in named]
    return ReferenceTable(
        rows=len(features),
        numeric=numeric,
        categorical=categorical,
        score=_given(scores),
        decision=_given(decisions) if spec.prediction.type == "binary" else None,
        ts_ms=np.array(times, dtype=np.int64),
        invalid_categories=invalid,
        decided=decided,
    )


def _given(values: Sequence[Any]) -> npt.NDArray[np.float64] | None:
    return None if all(v is None for v in values) else numeric_column(values, checked=False)


def _event_time(path: Path, number: int, ts: object) -> int:
    if isinstance(ts, int) and not isinstance(ts, bool):
        return ts
    try:
        return rfc3339_to_ms(ts if isinstance(ts, str) else "")
    except TimestampError as error:
        raise TableError(path, [f"line {number} has no usable ts: {ts!r}"]) from error
