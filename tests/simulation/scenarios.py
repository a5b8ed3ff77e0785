"""What happens in the world of events: models, the logs of their events, and the true outcome.

Rule.  A scenario is made of its number alone and kept, so that thousands of seeds share a few dozen
oracles.  The oracle is :class:`engine.pipeline.Pipeline` over the same logs, undisturbed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any, Final

import numpy as np
import orjson

from engine.effects import Publish
from engine.model import MonitoredModel
from engine.pipeline import Pipeline
from engine.records import RecordBatch
from engine.reference_table import ReferenceTable
from engine.spec import Topic
from streams.starting_offsets import Source
from tests.engine.models import (
    MINUTE,
    SECOND,
    START,
    beat,
    disordered,
    home,
    model_of,
    pieces,
    stream,
)
from tests.simulation.versions import Learned, Story

SCENARIOS: Final = 12
EVENTS: Final = 210
STEP_MS: Final = 3_000
LATENESS_MS: Final = 20 * SECOND
AMEND_MS: Final = MINUTE
END_MS: Final = START + 20 * MINUTE
IDLE_S: Final = 30
RECORD_DELAY_MS: Final = 700
BEATS_FOR_THE_SILENT: Final = 12

SPEC: Final = """\
model: {name}
version: v1
inventory: {{owner: risk}}
time: {{pane: 10s, lateness: 20s, amend: 1m, idle: {idle}s}}
windows: [{{length: 1m, judge_every: 1m}}, {{length: 3m, judge_every: 1m}}]
features:
  x: {{type: numeric, bins: 4, fine_bins: 8}}
  y: {{type: numeric, bins: 4, fine_bins: 8}}
inputs: {inputs}
{more}
budget: {{false_pages: 1000, per: 1d}}
retraining:
  cooldown: 3m{deadlines}
  rules:
    psi_features: {{above: 0.2, features: 2, window: 1m, at_least: 2, of_last: 3}}
"""
DEADLINES: Final = "\n  answer_within: 1m\n  ready_within: 4m"
"""Of scenarios in which triggers are answered; there as well, the oracle is one without answers."""
LABEL: Final = (
    "{ttl: 6m, lateness: 20s, amend: 1m, pane: 20s, maturities: [1m], negative_after: 5m}"
)
CONCEPT: Final = (
    "{estimators: {adwin: {clock: 4, delta: 0.5}, ddm: {warm_start: 5, drift_threshold: 1}, "
    "eddm: {warm_start: 3}}}"
)
"""Estimators that alarm on little."""
TTL_MS: Final = 6 * MINUTE
COOLDOWN_MS: Final = 3 * MINUTE


@dataclass(frozen=True)
class Scenario:
    """Logs, and what is true of them."""

    number: int
    partitions: int
    models: list[MonitoredModel]
    logs: dict[Source, RecordBatch]
    silent: tuple[int, ...]
    """Partitions without any record, which only idleness lets windows pass by."""
    pipeline: Pipeline
    said: dict[str, list[Publish]] = field(default_factory=dict)
    """What the undisturbed run publishes, by topic, in order."""
    story: Story | None = None
    """How the versions of a model change; None where they do not."""
    lessons: list[Learned] = field(default_factory=list)
    barriers: dict[Source, list[int]] = field(default_factory=dict)
    """Where each phase of the story begins in each source."""
    versions: list[MonitoredModel] = field(default_factory=list)
    """All there ever are, with a story."""


@cache
def table() -> ReferenceTable:
    """What all models were trained on."""
    random, rows = np.random.default_rng(1), 2_000
    numeric = {"x": random.normal(size=rows), "y": random.normal(size=rows)}
    return ReferenceTable(
        rows=rows, numeric=numeric, categorical={}, score=random.random(rows), ts_ms=None
    )


def spec_of(name: str, *, labels: bool, duplicates: bool, answered: bool = False) -> str:
    """The spec of one of the few models."""
    deadlines = DEADLINES if answered else ""
    more = "duplicates: {last: 30}" if duplicates else ""
    inputs = "[predictions, labels]" if labels else "[predictions]"
    if labels:
        more += f"\nlabel: {LABEL}\nconcept: {CONCEPT}"
    return SPEC.format(
        name=name, idle=IDLE_S, inputs=inputs, more=more.strip(), deadlines=deadlines
    )


@cache
def model(name: str, *, labels: bool, duplicates: bool, answered: bool = False) -> MonitoredModel:
    """One of the few models of all scenarios."""
    text = spec_of(name, labels=labels, duplicates=duplicates, answered=answered)
    return model_of(text, table())


def events_of(
    number: int, name: str, chance: Random, *, drifts: bool = False
) -> list[dict[str, Any]]:
    """A model's predictions as they arrive: drift (surely, and early, where it is asked for),
    disorder, repeats."""
    shift, after = chance.choice([0.0, 2.0, 2.5]), chance.random() * 0.6
    shift, after = (2.5, after / 6) if drifts else (shift, after)
    trees = stream(number, EVENTS, step_ms=STEP_MS, shift=shift, shift_after=after)
    for tree in trees:
        tree["model"] = name
        tree["event_id"] = f"{name}{tree['event_id']}"
        del tree["features"]["c"]
    late = disordered(trees, number, lateness_ms=LATENESS_MS, amend_ms=AMEND_MS)
    return [copy for tree in late for copy in ([tree] * (2 if chance.random() < 0.04 else 1))]


def noise(chance: Random, ts: int) -> bytes | None:
    """A record that is no good event of the models, now and then."""
    draw = chance.random()
    if draw < 0.02:
        return b'{"event_id": "bad'
    if draw < 0.04:
        return orjson.dumps({"event_id": "s", "model": "shadow", "version": "1", "ts": ts})
    if draw < 0.06:
        return beat(ts - LATENESS_MS)
    return None


def labels_of(tree: dict[str, Any], chance: Random) -> list[tuple[int, bytes]]:
    """What becomes known of an event: mostly nothing or one thing, at times another after it."""
    found = []
    at_ms = int(tree["ts"])
    for likely in (0.4, 0.2):
        if chance.random() > likely:
            break
        at_ms += chance.randint(0, MINUTE)
        found.append((at_ms, _label(tree, at_ms, chance.randint(0, 1))))
    return found


def odd_labels(tree: dict[str, Any], chance: Random) -> list[tuple[int, bytes]]:
    """What labels should not do and do: said before their prediction was made, twice, and after
    the time to live."""
    ts, truth = int(tree["ts"]), chance.randint(0, 1)
    draw = chance.random()
    if draw < 0.04:
        return [(ts, _label(tree, ts - chance.randint(1, LATENESS_MS), truth))]
    if draw < 0.08:
        return [(ts, _label(tree, ts + SECOND, truth))] * 2
    if draw < 0.12:
        at_ms = ts + TTL_MS + chance.randint(1, MINUTE)
        return [(at_ms, _label(tree, at_ms, truth))]
    return []


def _label(tree: dict[str, Any], at_ms: int, truth: int) -> bytes:
    label = {"event_id": tree["event_id"], "model": tree["model"], "ts": at_ms, "label": truth}
    return orjson.dumps(label)


def _logs(
    number: int, names: list[str], partitions: int, silent: tuple[int, ...], *, labels: bool
) -> dict[Source, RecordBatch]:
    """Every partition of every input topic."""
    # The odd ones have a generator of their own: the rest of a scenario stays as it was.
    chance, odd = Random(number), Random(f"odd labels {number}")
    late: dict[int, list[tuple[int, bytes]]] = {p: [] for p in range(partitions)}
    topics: list[Topic] = ["predictions", *(["labels"] if labels else [])]  # type: ignore[list-item]
    rows: dict[Source, list[tuple[int, bytes]]] = {
        (topic, p): [] for topic in ("features", "predictions", "labels") for p in range(partitions)
    }
    speaking = [p for p in range(partitions) if p not in silent]
    for name in names:
        for tree in events_of(number, name, chance):
            partition = home(tree["event_id"], partitions)
            if partition in silent:
                partition = speaking[0]
            ts = int(tree["ts"])
            rows["predictions", partition].append((ts, orjson.dumps(tree)))
            if (odd_one := noise(chance, ts)) is not None:
                rows["predictions", partition].append((ts, odd_one))
            if labels:
                rows["labels", partition] += labels_of(tree, chance)
                late[partition] += odd_labels(tree, odd)
    for partition, found in late.items():
        rows["labels", partition] = put_in(rows["labels", partition], found)
    # What has nothing more to say is idle after a while.  Where windows wait for a partition that
    # never spoke, the others must go on speaking until that one is idle.
    beats = 1 + (BEATS_FOR_THE_SILENT if silent else 0)
    for partition in speaking:
        for topic in topics:
            rows[topic, partition] += [(END_MS, beat(END_MS, name)) for name in names] * beats
    return {
        (topic, partition): log_of(topic, partition, found)  # type: ignore[arg-type]
        for (topic, partition), found in rows.items()
    }


def put_in(rows: list[Any], late: list[Any]) -> list[Any]:
    """Rows as they came, and each of the others where the log has reached its time."""
    order = [(newest, 0, row) for newest, row in zip(newest_ms(rows), rows, strict=True)]
    order += [(row[0], 1, row) for row in late]
    return [row for *_, row in sorted(order, key=lambda place: place[:2])]


def newest_ms(rows: list[Any]) -> list[int]:
    """The highest time so far, row by row."""
    return np.maximum.accumulate(np.array([row[0] for row in rows], dtype=np.int64)).tolist()


def log_of(topic: Topic, partition: int, rows: list[Any]) -> RecordBatch:
    """Rows of (event time, value, ...) as a log."""
    stamps = np.maximum.accumulate(np.array([row[0] for row in rows] or [0])) + RECORD_DELAY_MS
    return RecordBatch(
        topic,
        partition,
        list(range(len(rows))),
        stamps.tolist()[: len(rows)],
        [None] * len(rows),
        [row[1] for row in rows],
    )


def has_labels(number: int) -> bool:
    """Whether the models of this scenario are told what came true."""
    return number % 3 == 2


def is_silent(number: int) -> bool:
    """Whether a partition of this scenario has no record."""
    return number % 12 == 3


@cache
def scenario(number: int, *, answered: bool = False) -> Scenario:
    """The scenario of this number, with its oracle."""
    chance = Random(1_000 + number)
    partitions = chance.choice([2, 3])
    names = ["m", "n"] if number % 4 == 1 else ["m"]
    labels, duplicates = has_labels(number), number % 2 == 0
    silent = (partitions - 1,) if is_silent(number) else ()
    models = [
        model(name, labels=labels, duplicates=duplicates, answered=answered) for name in names
    ]
    logs = _logs(number, names, partitions, silent, labels=labels)
    return _undisturbed(Scenario(number, partitions, models, logs, silent, Pipeline([], 0)))


def _undisturbed(case: Scenario) -> Scenario:
    """Run the oracle: batches of one size, flushed as they come."""
    pipeline = Pipeline(case.models, case.partitions)
    effects: list[Publish] = []
    cut = [list(pieces(log, range(0, len(log), 40))) for log in case.logs.values() if len(log)]
    for number in range(max(map(len, cut))):
        for queue in cut:
            if number < len(queue):
                effects += pipeline.accept(queue[number])
        effects += pipeline.flush()
    for partition in case.silent:
        for model_ in case.models:
            pipeline.tallies[partition].declare_idle("predictions", model_.key)
    effects += pipeline.flush()
    said: dict[str, list[Publish]] = {}
    for effect in effects:
        said.setdefault(effect.topic, []).append(effect)
    return Scenario(
        case.number, case.partitions, case.models, case.logs, case.silent, pipeline, said
    )
