"""One labelled stream of the fraud generator in which everything happens, replayed once.

Amounts drift half-way; in the last quarter one amount in five is null, one answer in ten an error
and many are slow, and events come twice; one record is no event.  Two small models of the other
kinds stand beside it, with record times, for what only those have.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import orjson
import polars as pl

from engine.model import build_model
from engine.pipeline import Pipeline
from engine.profile import decode_profile, encode_profile
from engine.profile_building import build_profile
from engine.reference_table import ReferenceTable
from engine.spec_reading import read_spec
from examples.fraud.payments import BLOCK, REFERENCE, START_MS, generate
from examples.fraud.rhythm import DAY_MS
from examples.fraud.tables import frame
from examples.fraud.users import users_of
from streams.replay import Source, replay
from streams.tables import read_table
from tests.engine.models import (
    HOUR,
    MINUTE,
    SECOND,
    START,
    batch,
    beat,
    event,
    model_of,
    reference,
    run,
    spec_text,
)
from tests.engine.reference_tables import MADE_BY

SEED: Final = 7
RATE_PER_S: Final = 0.06
REFERENCE_DAYS: Final = 10
EVENTS: Final = 12_000
SPEC: Final = """
model: fraud
version: "2026.11"
inventory: {owner: payments-risk}
time: {pane: 1m, lateness: 30s, amend: 10m}
windows: [{length: 6h, judge_every: 6h}]
features:
  amount: {type: numeric, range: [0, 10000]}
  amount_to_usual: {type: numeric}
  mcc: {type: categorical}
  country: {type: categorical, sensitive: true}
  device: {type: categorical}
prediction: {type: binary, threshold: 0.2}
inputs: [predictions, labels]
segments: [channel]
duplicates: {last: 1000}
estimators: {adwin: {}, stale: {after: 200}}
label: {ttl: 2d, lateness: 1m, amend: 10m, maturities: [2h], pane: 1h}
quality: {window: 6h}
operations: {window: 6h}
business:
  window: 6h
  approved: negative
  approval_rate: {min: 0.999}
  default_rate: {max: 0.0001}
  costs: {false_positive: {each: 2}, false_negative: {of_value: 1}}
retraining:
  cooldown: 1d
  time_zone: Europe/Berlin
  schedule: {every: year, at: "02:00", window: 6h}
  budget: {per_quarter: 40}
  rules:
    psi_features: {above: 0.2, features: 1, window: 6h, at_least: 1, of_last: 1}
    volume: {factor: 3, window: 6h}
"""


@dataclass(frozen=True)
class Story:
    """What came of the stream."""

    pipeline: Pipeline
    judgements: list[dict[str, Any]]
    alerts: list[dict[str, Any]]
    triggers: list[dict[str, Any]]


@cache
def story() -> Story:
    """Profile, replay, and what it wrote."""
    with TemporaryDirectory() as name:
        directory = Path(name)
        spec, users = read_spec(SPEC, {"adwin", "stale"}), users_of(SEED)
        table = directory / "reference.parquet"
        rows = int(REFERENCE_DAYS * DAY_MS / 1000 * RATE_PER_S)
        blocks = generate(SEED, rows, START_MS, RATE_PER_S, (), REFERENCE, 0.02)
        frames = [frame(block, users, SEED, n * BLOCK) for n, block in enumerate(blocks)]
        times = pl.col("ts", "label_ts").cast(pl.Datetime("ms", "UTC"))
        pl.concat(frames).with_columns(times).write_parquet(table)
        profile = build_profile(spec, read_table(table, spec), MADE_BY)
        model = build_model(spec, decode_profile(encode_profile(profile)))
        sources = [
            Source("predictions", directory / "predictions.ndjson", spec),
            Source("labels", directory / "labels.ndjson", spec),
        ]
        _write_stream(sources[0].path, sources[1].path)
        summary = replay([model], sources, 2, directory / "out")
        assert summary.pipeline is not None
        told = [
            [orjson.loads(line) for line in (directory / "out" / name).read_bytes().splitlines()]
            for name in ("judgements.ndjson", "alerts.ndjson", "retraining-triggers.ndjson")
        ]
        return Story(summary.pipeline, *told)


def _write_stream(predictions: Path, labels: Path) -> None:
    """Events as services publish them, and the label of each an hour later."""
    begins_ms = START_MS + 14 * DAY_MS
    blocks = generate(SEED, EVENTS, begins_ms, RATE_PER_S, fraud_rate=0.02)
    users = users_of(SEED)
    table = pl.concat([frame(block, users, SEED, n * BLOCK) for n, block in enumerate(blocks)])
    made, known = [], []
    for i, row in enumerate(table.iter_rows(named=True)):
        amount, last = row["amount"], i >= 3 * EVENTS // 4
        if i >= EVENTS // 2:
            amount *= 4
        features = {name: row[name] for name in ("amount_to_usual", "mcc", "country", "device")}
        told = {
            "event_id": row["event_id"],
            "model": "fraud",
            "version": "2026.11",
            "ts": row["ts"],
            "features": {"amount": None if last and i % 5 == 0 else amount, **features},
            "score": row["score"],
            "latency_ms": row["latency_ms"] * (9 if last and i % 3 == 0 else 1),
            "segment": {"channel": row["channel"]},
            "value": row["value"],
            "error": "time-out" if last and i % 10 == 0 else None,
        }
        made += [orjson.dumps(told)] * (2 if last and i % 4 == 0 else 1)
        label = {"event_id": row["event_id"], "model": "fraud", "ts": row["ts"] + HOUR}
        known.append(orjson.dumps({**label, "label": row["label"]}))
    made.append(orjson.dumps({"event_id": "old", "model": "fraud", "version": "2026.11", "ts": 0}))
    predictions.write_bytes(b"\n".join(made) + b"\n")
    labels.write_bytes(b"\n".join(known) + b"\n")


@cache
def small(kind: str) -> Pipeline:
    """A labelled stream of a model of another kind, with record times and too old records."""
    rows = 2_000
    known, ordered = reference(rows), np.arange(rows)
    classes = [("cat", "dog", "owl")[i % 3] for i in range(rows)]
    is_multiclass = kind == "multiclass"
    table = ReferenceTable(
        rows=rows,
        numeric=known.numeric,
        categorical=known.categorical,
        score=known.score,
        decided=classes if is_multiclass else None,
        labels=classes if is_multiclass else ordered % 10 / 10,
    )
    text = spec_text(
        prediction=f"{{type: {kind}}}",
        inputs="[predictions, labels]",
        label="{ttl: 10m, lateness: 0s, amend: 1m, pane: 1m, maturities: [1m]}",
        windows="[5m]",
        quality="{window: 5m, freshness: 1m}",
        retraining="{rules: {}}",
    )
    made, labels = [], []
    for i in range(600):
        ts = START + i * 400
        decided = {"decision": classes[i]} if is_multiclass else {}
        made.append(orjson.dumps(event(i, ts, score=i % 7 / 7, **decided)))
        truth = classes[i + i % 2] if is_multiclass else i % 10 / 10
        told = {"event_id": f"e{i}", "model": "m", "ts": ts + 20 * SECOND, "label": truth}
        labels.append(orjson.dumps(told))
    predictions = batch(
        [*made, beat(START + 5 * MINUTE + 30 * SECOND)], record_ms=START + 7 * MINUTE
    )
    ends = batch([*labels, beat(START + 6 * MINUTE)], topic="labels")
    return run([model_of(text, table)], 1, [predictions, ends])[1]
