"""A file as the events that a service would have published, in the order of the file.

Rule.  Nothing is dropped: a row without id or time makes an event without it, which the core then
rejects and counts, and a line of NDJSON goes on byte for byte, broken or not.  The one exception is
a row without a label, of which there is no label event.  Memory is one slice of the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import orjson
import polars as pl

from engine.spec import Spec, Topic
from engine.timestamps import TimestampError, rfc3339_to_ms
from streams.table_columns import (
    EventColumns,
    feature_columns,
    label_columns,
    prediction_columns,
)
from streams.table_files import file_kind, lines, number_columns, scan, slices
from streams.table_values import number_values, text_values, times_ms, whole_values

NO_TIME_MS: Final = -1
"""The time of a record that says none."""
NO_ID: Final = ""

FileEvent = tuple[str, int, bytes]
"""event_id (``NO_ID`` where there is none), ts in epoch ms (``NO_TIME_MS``), the event's bytes."""
_WHOLE: Final = {"decision", "label"}
_NUMBERS: Final = {"score", "latency_ms", "value"}


def read_events(path: Path, spec: Spec, kind: Topic) -> Iterator[FileEvent]:
    """The events of one topic in ``path``, in file order.

    Raises TableError at once for a missing column or naive times, and while reading for a damaged
    file.
    """
    if file_kind(path) == "ndjson":
        return _as_they_stand(path)
    frame = scan(path)
    names = frame.collect_schema().names()
    finders: dict[Topic, Callable[[object, Spec, list[str]], EventColumns]] = {
        "predictions": prediction_columns,
        "features": feature_columns,
        "labels": label_columns,
    }
    columns = finders[kind](path, spec, names)
    untyped = number_columns(path, frame, spec) if columns.features else frozenset[str]()
    time = columns.fields["ts"]
    # The kind of the times is refused before the first event, not in the middle of a replay.
    times_ms(path, frame.select(time).head(1).collect()[time], spec.columns.get("ts_zone"))
    maker = _EventMaker(path, spec, kind, columns, untyped)
    return (
        event for piece in slices(path, frame.select(columns.all)) for event in maker.events(piece)
    )


class _EventMaker:
    """Makes the events of one slice at a time."""

    def __init__(
        self, path: Path, spec: Spec, kind: Topic, columns: EventColumns, untyped: frozenset[str]
    ) -> None:
        self.path = path
        self.spec = spec
        self.kind = kind
        self.columns = columns
        self.untyped = untyped
        self.numeric = {f.name for f in spec.features if f.type == "numeric"}
        self.head = {"model": spec.model}
        if kind != "labels":
            self.head["version"] = spec.version

    def events(self, piece: pl.DataFrame) -> Iterator[FileEvent]:
        """The events of the rows of one slice."""
        fields = self.columns.fields
        if self.kind == "labels":
            piece = _labelled(piece, fields["label"])
        ids = text_values(self.path, piece[fields["event_id"]], untyped=False)
        times = times_ms(self.path, piece[fields["ts"]], self.spec.columns.get("ts_zone"))
        others = {
            name: self._field(name, piece[column])
            for name, column in fields.items()
            if name not in {"event_id", "ts"}
        }
        groups = {
            "features": {name: self._feature(piece[name]) for name in self.columns.features},
            "segment": {
                name: text_values(self.path, piece[column], untyped=False)
                for name, column in self.columns.segments.items()
            },
            "scores": {
                name: number_values(piece[column]) for name, column in self.columns.scores.items()
            },
        }
        nested = {name: _rows(columns) for name, columns in groups.items() if columns}
        if "segment" in nested:
            nested["segment"] = (
                {k: v for k, v in row.items() if v is not None} for row in nested["segment"]
            )
        return self._joined(ids, times, {**nested, **others})

    def _joined(
        self, ids: list[str | None], times: Sequence[Any], fields: Mapping[str, Iterable[Any]]
    ) -> Iterator[FileEvent]:
        names = ("event_id", *self.head, "ts", *fields)
        constants = tuple(self.head.values())
        dumps = orjson.dumps
        values = zip(*fields.values(), strict=True) if fields else (() for _ in ids)
        for event_id, ts, row in zip(ids, times, values, strict=True):
            event = dict(zip(names, (event_id, *constants, ts, *row), strict=True))
            yield (
                NO_ID if event_id is None else event_id,
                ts if type(ts) is int else NO_TIME_MS,
                dumps(event),
            )

    def _feature(self, column: pl.Series) -> list[Any]:
        if column.name in self.numeric:
            return number_values(column)
        return text_values(self.path, column, untyped=column.name in self.untyped)

    def _field(self, name: str, column: pl.Series) -> list[Any]:
        if name in _WHOLE:
            return whole_values(column)
        if name in _NUMBERS:
            return number_values(column)
        if name == "error":
            return column.to_list()
        return text_values(self.path, column, untyped=False)


def _rows(columns: dict[str, list[Any]]) -> Iterator[dict[str, Any]]:
    """The rows one at a time: a slice of small objects held at once keeps the collector busy."""
    names = tuple(columns)
    return (dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True))


def _labelled(piece: pl.DataFrame, label: str) -> pl.DataFrame:
    """The rows that have a label; NaN is none."""
    has = pl.col(label).is_not_null()
    if piece.schema[label].is_float():
        has &= pl.col(label).is_not_nan()
    return piece.filter(has)


class _Data(msgspec.Struct):
    event_id: str = NO_ID
    ts: int | str = NO_TIME_MS


class _Peek(msgspec.Struct):
    """Id and time of an event, bare or in a structured CloudEvents envelope."""

    event_id: str = NO_ID
    ts: int | str = NO_TIME_MS
    data: _Data | None = None


def _as_they_stand(path: Path) -> Iterator[FileEvent]:
    peek = msgspec.json.Decoder(_Peek).decode
    for line in lines(path):
        try:
            seen = peek(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            yield NO_ID, NO_TIME_MS, line
            continue
        known = seen.data if seen.data is not None and not seen.event_id else seen
        yield known.event_id, _peeked_ms(known.ts), line


def _peeked_ms(ts: int | str) -> int:
    if isinstance(ts, int):
        return ts
    try:
        return rfc3339_to_ms(ts)
    except TimestampError:
        return NO_TIME_MS
