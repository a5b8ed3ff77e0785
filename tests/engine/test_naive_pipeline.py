"""The real pipeline against its slow, plain twin on random streams."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest

from engine.layout import FIXED_POINT_STEPS_PER_STDDEV, NumericColumn
from engine.model import MonitoredModel
from engine.records import RecordBatch
from engine.timestamps import rfc3339_to_ms
from tests.engine.models import (
    HOUR,
    MINUTE,
    SECOND,
    START,
    batch,
    event,
    model_of,
    run,
    spec_text,
    trees,
)
from tests.engine.naive_pipeline import Event, Key, judge_all

WILD: list[Any] = [None, "text", True, False, [1], {"a": 1}, 0, -1, 3, 1e300, -1e300, 2.0, "a", "z"]


def random_log(random: np.random.Generator, rows: int, *, gap_ms: int) -> list[Event]:
    """Events out of order, repeated, with silences, heartbeats and all sorts of values."""
    events: list[Event] = []
    now = START
    for i in range(rows):
        now += int(random.exponential(gap_ms))
        if random.random() < 0.01:
            now += int(random.integers(0, 20 * MINUTE))
        if random.random() < 0.03:
            events.append({"heartbeat": True, "model": "m", "ts": now})
        delay = int(random.integers(0, 40 * SECOND)) if random.random() < 0.2 else 0
        delay = int(random.integers(0, 4 * MINUTE)) if random.random() < 0.05 else delay
        features: dict[str, Any] = {}
        for name in "xyc":
            drawn: Any = float(random.normal()) if name != "c" else "abcd"[int(random.integers(4))]
            if random.random() < 0.1:
                drawn = WILD[int(random.integers(len(WILD)))]
            if random.random() < 0.95:
                features[name] = drawn
        tree = event(i, now - delay, features=features, score=float(random.random()))
        events.append(tree)
        if random.random() < 0.05:
            events.append(events[int(random.integers(max(0, len(events) - 30), len(events)))])
    return events


def real(model: MonitoredModel, logs: list[list[Event]], random: np.random.Generator) -> Any:  # noqa: ANN401
    """Judgements by key, and the pipeline that made them, from random cuts and flushes."""
    steps: list[RecordBatch | None] = []
    queues = [[orjson.dumps(e) for e in log] for log in logs]
    offsets = [0] * len(queues)
    while any(queues):
        p = int(random.integers(len(queues)))
        some = int(random.integers(1, 80))
        taken, queues[p] = queues[p][:some], queues[p][some:]
        if taken:
            steps.append(batch(taken, first=offsets[p], partition=p))
            offsets[p] += len(taken)
        if random.random() < 0.3:
            steps.append(None)
    out, pipeline = run([model], len(logs), steps)
    found: dict[Key, Any] = {}
    for j in trees(out, "judgements"):
        key = (j["window"], rfc3339_to_ms(j["end"]), j["revision"])
        assert key not in found, "a window judged twice"
        found[key] = j
    return found, pipeline


@pytest.mark.parametrize("seed", range(12))
def test_the_twin_agrees(seed: int) -> None:
    """Which windows are judged and revised, their events, each feature's valid, missing and invalid
    values, PSI, means, positive rates, late and duplicate records: all as the plain way says."""
    random = np.random.default_rng(seed)
    partitions = 1 + seed % 3
    last = (0, 10, 1_000)[seed // 4]
    text = spec_text(duplicates=f"{{last: {last}}}") if last else spec_text()
    model = model_of(text)
    logs = [
        random_log(random, 60 + 40 * (seed % 4), gap_ms=(1_500, 4_000, 15_000)[seed % 3])
        for _ in range(partitions)
    ]
    if seed % 2:
        for log in logs:
            log.append({"heartbeat": True, "model": "m", "ts": START + 12 * HOUR})
    counted, expected = judge_all(model, logs)
    found, pipeline = real(model, logs, random)
    ends: dict[str, int] = {}
    for tally in pipeline.tallies:
        for name, n in tally.outcomes.by_outcome.items():
            ends[name] = ends.get(name, 0) + n
    assert ends.get("predictions/late", 0) == counted.late
    assert ends.get("predictions/duplicate", 0) == counted.duplicates
    assert ends["predictions/tallied"] == len(counted.on_time) + len(counted.amended)
    assert pipeline.judges["m@v1"].clock_ms == counted.clock_ms
    assert sorted(found) == sorted(expected)
    assert len(expected) > 3
    for key, plain in expected.items():
        same(model, found[key], plain)


def same(model: MonitoredModel, told: dict[str, Any], plain: dict[str, Any]) -> None:
    """One judgement is what the plain way says."""
    assert told["events"] == plain["events"]
    assert told.get("prediction", {}).get("positive_rate") == plain["positive_rate"]
    for name, numbers in plain["features"].items():
        feature = told["features"][name]
        for count in ("events", "missing", "invalid"):
            assert feature[count] == numbers[count], (name, count)
        assert ("psi" in feature) == ("psi" in numbers)
        if "psi" in numbers:
            assert feature["psi"] == pytest.approx(numbers["psi"], rel=1e-9, abs=1e-12)
        column = model.layout.column(name)
        if "mean" in numbers and isinstance(column, NumericColumn):
            step = column.step
            assert feature["mean"] == pytest.approx(numbers["mean"], abs=step)


def test_the_fixed_point_step_is_a_thousandth_of_the_spread() -> None:
    """What the tolerance of means above rests on."""
    assert FIXED_POINT_STEPS_PER_STDDEV == 1024
