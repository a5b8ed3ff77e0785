"""Small tables and files of events, made for tests."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path
from typing import Any

import polars as pl

from engine.spec import Spec, Topic
from engine.spec_reading import read_spec
from streams.table_events import read_events

TS = 1_700_000_000_000


def spec_of(columns: str = "event_id: id, ts: when", more: str = "") -> Spec:
    """A model with one numeric and one categorical feature."""
    return read_spec(
        "model: m\nversion: v1\ninventory: {owner: risk}\nwindows: [1h]\n"
        "features:\n  x: {type: numeric}\n  c: {type: categorical}\n"
        f"columns: {{{columns}}}\n{more}"
    )


def rows(**changed: object) -> dict[str, Any]:
    """Three rows of a table."""
    columns: dict[str, Any] = {
        "id": ["a", "b", "c"],
        "when": [TS, TS + 1, TS + 2],
        "x": [1.5, None, math.nan],
        "c": ["de", None, "at"],
        "score": [0.1, 0.6, 0.9],
        "decision": [0, 1, 1],
        "label": [0, None, 1],
    }
    return {**columns, **changed}


def parquet(folder: Path, **changed: object) -> Path:
    """The rows as a Parquet file."""
    path = folder / "table.parquet"
    pl.DataFrame(rows(**changed), strict=False).write_parquet(path)
    return path


def csv(folder: Path, text: str) -> Path:
    """A CSV file."""
    path = folder / "table.csv"
    path.write_text(text)
    return path


def events(path: Path, spec: Spec, kind: Topic = "predictions") -> list[dict[str, Any]]:
    """The events of a file, decoded."""
    return [json.loads(value) for _, _, value in read_events(path, spec, kind)]


LINES = [
    (
        b'{"event_id":"a","model":"m","version":"v1","ts":1700000000000,"score":0.5,'
        b'"features":{"x":1.5,"c":5411.0}}'
    ),
    (
        b'{"event_id" : "b" ,"model":"m","version":"v1","ts":"2023-11-14T22:13:20.001Z","score":1,'
        b'"features":{"x":true,"c":[1]}, "other": 1}'
    ),
    b'{"heartbeat":true,"model":"m","ts":1700000000009}',
    b'{"event_id":"z","model":"other","version":"v1","ts":1700000000002,"score":0.5}',
]


def ndjson(folder: Path, lines: list[bytes], *, packed: bool = False) -> Path:
    """A file of events."""
    data = b"\n".join(lines) + b"\n"
    path = folder / ("events.ndjson.gz" if packed else "events.ndjson")
    path.write_bytes(gzip.compress(data) if packed else data)
    return path
