"""Small models, event bytes and batches, all from seeds, and a way through the core."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
import orjson

from detectors.kernels import murmur2_partitions
from engine.effects import Publish
from engine.model import MonitoredModel, build_model
from engine.pipeline import Pipeline
from engine.profile import decode_profile, encode_profile
from engine.profile_building import build_profile
from engine.records import Headers, RecordBatch
from engine.reference_table import ReferenceTable
from engine.spec import Topic
from engine.spec_reading import read_spec
from tests.engine.reference_tables import MADE_BY, MONDAY

START: Final = MONDAY + 10 * 3_600_000
"""2013-01-07T10:00:00Z: a multiple of every window used here."""
SECOND: Final = 1_000
MINUTE: Final = 60_000
HOUR: Final = 3_600_000
WORDS: Final = ("a", "b", "c", "d")

SPEC: Final = """\
model: {name}
version: {version}
inventory: {{owner: risk}}
time: {{pane: 10s, lateness: 30s, amend: 2m, idle: 30s}}
windows: [{{length: 1m, judge_every: 20s}}, {{length: 5m, judge_every: 1m}}]
features:
  x: {{type: numeric, bins: 5, fine_bins: 20}}
  y: {{type: numeric, bins: 5, fine_bins: 20, range: [-2, 2]}}
  c: {{type: categorical, categories: 3}}
budget: {{false_pages: 1000, per: 1d}}
retraining:
  cooldown: 3m
  rules:
    psi_features: {{above: 0.2, features: 2, window: 1m, at_least: 2, of_last: 3}}
"""


def spec_text(name: str = "m", version: str = "v1", **sections: str) -> str:
    """The YAML of a small spec; a keyword replaces or adds a top-level key (``windows="[1m]"``)."""
    lines = SPEC.format(name=name, version=version).splitlines()
    for key, value in sections.items():
        start = next((i for i, line in enumerate(lines) if line.startswith(f"{key}:")), len(lines))
        end = start + 1
        while end < len(lines) and lines[end].startswith(" "):
            end += 1
        lines[start:end] = [f"{key}: {value}"]
    return "\n".join(lines) + "\n"


def reference(rows: int = 3_000, seed: int = 1, step_ms: int | None = None) -> ReferenceTable:
    """Training rows: x and y normal, c of four words, scores uniform; times only with a step."""
    random = np.random.default_rng(seed)
    return ReferenceTable(
        rows=rows,
        numeric={"x": random.normal(size=rows), "y": random.normal(size=rows)},
        categorical={"c": random.choice(WORDS, rows, p=[0.4, 0.3, 0.2, 0.1]).tolist()},
        score=random.random(rows),
        ts_ms=None if step_ms is None else MONDAY + np.arange(rows, dtype=np.int64) * step_ms,
    )


def model_of(text: str | None = None, table: ReferenceTable | None = None) -> MonitoredModel:
    """A model from spec text and a training table, its profile sealed as if read from a file."""
    spec = read_spec(text if text is not None else spec_text())
    profile = build_profile(spec, table if table is not None else reference(), MADE_BY)
    return build_model(spec, decode_profile(encode_profile(profile)))


def event(number: int, ts: float | str, **changes: object) -> dict[str, Any]:
    """A good prediction of model m@v1; a keyword replaces or adds a field, ``...`` removes it."""
    tree: dict[str, Any] = {
        "event_id": f"e{number}",
        "model": "m",
        "version": "v1",
        "ts": ts,
        "features": {"x": 0.1, "y": 0.2, "c": "a"},
        "score": 0.25,
        "latency_ms": 7.5,
    }
    tree.update(changes)
    return {name: value for name, value in tree.items() if value is not ...}


def raw(number: int, ts: float | str, **changes: object) -> bytes:
    """The bytes of :func:`event`."""
    return orjson.dumps(event(number, ts, **changes))


def beat(ts: int | str, model: str = "m") -> bytes:
    """A heartbeat."""
    return orjson.dumps({"heartbeat": True, "model": model, "ts": ts})


def batch(
    values: Sequence[bytes | None],
    *,
    first: int = 0,
    topic: Topic = "predictions",
    partition: int = 0,
    record_ms: int = -1,
    headers: list[Headers | None] | None = None,
) -> RecordBatch:
    """Records with consecutive offsets from ``first``."""
    rows = len(values)
    return RecordBatch(
        topic,
        partition,
        list(range(first, first + rows)),
        [record_ms] * rows,
        [None] * rows,
        list(values),
        headers,
    )


def part(whole: RecordBatch, start: int, end: int | None = None) -> RecordBatch:
    """The records of a batch at positions [start, end)."""
    rows = slice(start, end)
    return RecordBatch(
        whole.topic,
        whole.partition,
        whole.offsets[rows],
        whole.timestamps_ms[rows],
        whole.keys[rows],
        whole.values[rows],
        None if whole.headers is None else whole.headers[rows],
    )


def pieces(whole: RecordBatch, cuts: Iterable[int]) -> list[RecordBatch]:
    """A batch cut at these positions."""
    bounds = [0, *sorted(set(cuts) - {0, len(whole)}), len(whole)]
    return [part(whole, a, b) for a, b in pairwise(bounds)]


def home(event_id: str, partitions: int) -> int:
    """The partition that Kafka's own producers would choose for an event."""
    data = np.frombuffer(event_id.encode(), dtype=np.uint8)
    return int(murmur2_partitions(data, np.array([len(data)], dtype=np.int64), partitions)[0])


def stream(
    seed: int, rows: int, *, step_ms: int = 400, shift: float = 0.0, shift_after: float = 0.5
) -> list[dict[str, Any]]:
    """Events in order of time; from ``shift_after`` of the rows on, x and y move by ``shift``."""
    random = np.random.default_rng(seed)
    x, y, score = random.normal(size=rows), random.normal(size=rows), random.random(rows)
    moved = np.arange(rows) >= shift_after * rows
    words = random.choice(WORDS, rows, p=[0.4, 0.3, 0.2, 0.1]).tolist()
    events = []
    for i in range(rows):
        by = shift if moved[i] else 0.0
        features = {"x": float(x[i] + by), "y": float(y[i] + by), "c": words[i]}
        if i % 37 == 5:
            features["x"] = None
        if i % 41 == 7:
            features["y"] = "text"
        ts = START + i * step_ms + int(random.integers(0, step_ms))
        events.append(event(i, ts, features=features, score=float(score[i])))
    return events


def disordered(
    events: Sequence[dict[str, Any]], seed: int, *, lateness_ms: int, amend_ms: int
) -> list[dict[str, Any]]:
    """The events as they arrive: 10 % late inside the lateness, 1 % inside amend, 0.1 % beyond."""
    random = np.random.default_rng(seed)
    kind = random.random(len(events))
    within = random.random(len(events))
    arrivals = []
    for i, tree in enumerate(events):
        delay = 0.0
        if kind[i] < 0.001 or i == len(events) // 3:
            delay = lateness_ms + amend_ms + (1.2 + within[i]) * lateness_ms
        elif kind[i] < 0.011:
            delay = 1.2 * lateness_ms + within[i] * (amend_ms - lateness_ms)
        elif kind[i] < 0.111:
            delay = within[i] * lateness_ms * 0.9
        arrivals.append((tree["ts"] + delay, i))
    return [events[i] for _, i in sorted(arrivals)]


def logs_of(
    events: Iterable[dict[str, Any]], partitions: int, topic: Topic = "predictions"
) -> list[RecordBatch]:
    """One whole log per partition, each record where its event_id belongs."""
    values: list[list[bytes | None]] = [[] for _ in range(partitions)]
    for tree in events:
        values[home(tree["event_id"], partitions)].append(orjson.dumps(tree))
    return [batch(v, partition=p, topic=topic) for p, v in enumerate(values)]


def ended(logs: Sequence[RecordBatch], ts: int, model: str = "m") -> list[RecordBatch]:
    """The logs with a heartbeat behind each."""
    return [
        batch([*log.values, beat(ts, model)], partition=log.partition, topic=log.topic)
        for log in logs
    ]


def run(
    models: Sequence[MonitoredModel], partitions: int, steps: Iterable[RecordBatch | None]
) -> tuple[list[Publish], Pipeline]:
    """Batches through the pipeline, None being a flush, with a flush at the end."""
    pipeline = Pipeline(models, partitions)
    out: list[Publish] = []
    for step in [*steps, None]:
        out += pipeline.flush() if step is None else pipeline.accept(step)
    return out, pipeline


SAID: Final = ("judgements", "alerts", "retraining-triggers")


def said(effects: Iterable[Publish], topics: Sequence[str] = SAID) -> dict[str, list[bytes]]:
    """What was published on each topic, in order."""
    found: dict[str, list[bytes]] = {topic: [] for topic in topics}
    for effect in effects:
        if effect.topic in found:
            assert effect.value is not None
            found[effect.topic].append(effect.value)
    return found


def trees(effects: Iterable[Publish], topic: str) -> list[dict[str, Any]]:
    """The JSON records of one topic."""
    return [orjson.loads(value) for value in said(effects, [topic])[topic]]
