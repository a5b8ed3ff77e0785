"""Scenarios in which the versions of a model change, with their oracles.

Rule.  The events are those of the scenario of the same number; who answers them is the story's.
A heartbeat begins each phase that waits until everybody has heard of its version: what of a clock
came before a version was known is nothing that it can be counted by.
"""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Any, Final

import orjson

from engine.effects import Publish
from engine.model import MonitoredModel
from engine.pipeline import Pipeline
from engine.profile import encode_profile
from engine.profile_building import build_profile
from engine.records import RecordBatch
from engine.spec_reading import read_spec
from streams.starting_offsets import Source
from tests.engine.models import MINUTE, START, beat, home, part, pieces
from tests.engine.reference_tables import MADE_BY
from tests.simulation.plan import Plan
from tests.simulation.scenarios import (
    END_MS,
    Scenario,
    events_of,
    has_labels,
    labels_of,
    log_of,
    newest_ms,
    noise,
    odd_labels,
    put_in,
    scenario,
    spec_of,
    table,
)
from tests.simulation.versions import (
    NAME,
    Barriers,
    Learned,
    Story,
    built_once,
    first_of,
    lessons,
    story_of,
    told_rows,
    version_text,
)

Rows = dict[Source, list[tuple[Any, ...]]]
TOLD_AT_ONCE: Final = 40


def case_of(plan: Plan) -> Scenario:
    """The scenario of a plan, with its story where it has one."""
    if not plan.story:
        return scenario(plan.scenario, answered=plan.answered)
    return version_scenario(plan.scenario, plan.story, labels=has_labels(plan.scenario))


@cache
def version_scenario(number: int, name: str, *, labels: bool) -> Scenario:
    """The scenario of this number with the story of this name."""
    story = story_of(name, number, labels=labels)
    chance = Random(1_000 + number)
    partitions = chance.choice([2, 3])
    names = [NAME, "n"] if number % 4 == 1 else [NAME]
    texts, models = _models(number, names, story, labels=labels)
    rows = _rows(number, names, partitions, story, labels=labels)
    barriers = _with_beats(rows, story, beats=len(names) * len(_beats_ms()))
    logs = {source: log_of(*source, found) for source, found in rows.items()}  # type: ignore[arg-type]
    files = [m for m in models if m.spec.model != NAME or m.spec.version in story.files]
    learned = lessons(story, files, texts, models)
    _check_first_events(logs, barriers, story)
    pipeline, said = _undisturbed(files, partitions, logs, barriers, learned)
    return Scenario(
        number, partitions, files, logs, (), pipeline, said, story, learned, barriers, models
    )


def _models(
    number: int, names: list[str], story: Story, *, labels: bool
) -> tuple[dict[str, str], list[MonitoredModel]]:
    texts: dict[str, str] = {}
    models = []
    for name in names:
        text = spec_of(name, labels=labels, duplicates=number % 2 == 0)
        for version in story.versions if name == NAME else ["v1"]:
            own = version_text(text, version, story)
            if name == NAME:
                texts[version] = own
            profile = build_profile(read_spec(own), table(), MADE_BY)
            models.append(built_once(own, encode_profile(profile)))
    return texts, models


def _rows(number: int, names: list[str], partitions: int, story: Story, *, labels: bool) -> Rows:
    chance, odd, told = Random(number), Random(f"odd labels {number}"), Random(f"told {number}")
    topics = ("predictions", "labels") if labels else ("predictions",)
    rows: Rows = {
        (topic, p): [] for topic in ("features", "predictions", "labels") for p in range(partitions)
    }
    late: dict[int, list[tuple[Any, ...]]] = {p: [] for p in range(partitions)}
    for name in names:
        waiting: list[tuple[int, int, int, tuple[Any, ...]]] = []
        trees = events_of(number, name, chance, drifts=name == NAME)
        for at, tree in enumerate(trees):
            partition, ts = home(tree["event_id"], partitions), int(tree["ts"])
            phase, truth = story.phase_of(ts), None
            if labels:
                known = [(at_ms, value, phase) for at_ms, value in labels_of(tree, chance)]
                rows["labels", partition] += known
                late[partition] += [(at_ms, v, phase) for at_ms, v in odd_labels(tree, odd)]
                truth = orjson.loads(known[-1][1])["label"] if known else 0
            if name == NAME:
                found = told_rows(tree, story, told, truth)
            else:
                found = [(0, (ts, orjson.dumps(tree)))]
            if (more := noise(chance, ts)) is not None:
                found.append((0, (ts, more)))
            waiting += [(at + lag, at, partition, row) for lag, row in found]
            for due in sorted(one for one in waiting if one[0] <= at):
                rows["predictions", due[2]].append(due[3])
            waiting = [one for one in waiting if one[0] > at]
        for _, _, partition, row in sorted(waiting):
            rows["predictions", partition].append(row)
    for partition, found in late.items():
        rows["labels", partition] = put_in(rows["labels", partition], found)
    for partition in range(partitions):
        for topic in topics:
            rows[topic, partition] += [
                (at_ms, beat(at_ms, name)) for at_ms in _beats_ms() for name in names
            ]
    return rows


def _beats_ms() -> range:
    """When the clocks move on behind the last event, in steps: terms end between them."""
    return range(START + 12 * MINUTE, END_MS + 1, MINUTE // 2)


def _with_beats(rows: Rows, story: Story, *, beats: int) -> Barriers:
    """Where each phase begins in each source, behind the heartbeats that are put there."""
    waits = {r.phase for r in story.registrations if r.mode != "moment"}
    barriers = {}
    for source, found in rows.items():
        if not found:
            continue
        for phase in range(1, len(story.phases) + 1):
            at = first_of(found, phase, beats)[phase - 1]
            if phase in waits and at:
                newest = newest_ms(found[:at])[-1]
                found.insert(at, (newest, beat(newest, NAME), phase))
        barriers[source] = first_of(found, len(story.phases), beats)
    return barriers


def _check_first_events(logs: dict[Source, RecordBatch], barriers: Barriers, story: Story) -> None:
    """A version that is learned at the last moment knows no clock from before: no heartbeat may
    have been ahead of its first event."""
    moments = [r.phase for r in story.registrations if r.mode == "moment" and story.in_time]
    for source, at in barriers.items():
        for phase in moments if source[0] == "predictions" else ():
            values = logs[source].values[: at[phase - 1] + 1]
            trees = [orjson.loads(value) for value in values if value and value.endswith(b"}")]
            beats = [tree["ts"] for tree in trees if "heartbeat" in tree]
            assert max(beats, default=0) <= trees[-1]["ts"], source


def _undisturbed(
    files: list[MonitoredModel],
    partitions: int,
    logs: dict[Source, RecordBatch],
    barriers: Barriers,
    learned: list[Learned],
) -> tuple[Pipeline, dict[str, list[Publish]]]:
    """The oracle: everything before a phase is read, told and judged, then it learns."""
    pipeline = Pipeline(files, partitions)
    effects: list[Publish] = []
    places = dict.fromkeys(barriers, 0)
    for number in range(len(learned) + 1):
        ends = {
            source: at[learned[number].registration.phase - 1]
            if number < len(learned)
            else len(logs[source])
            for source, at in barriers.items()
        }
        cut = [
            pieces(part(logs[s], places[s], ends[s]), range(0, ends[s] - places[s], TOLD_AT_ONCE))
            for s in barriers
            if places[s] < ends[s]
        ]
        for turn in range(max(map(len, cut), default=0)):
            for queue in cut:
                if turn < len(queue):
                    effects += pipeline.accept(queue[turn])
            effects += pipeline.flush()
        places = ends
        if number < len(learned):
            effects += pipeline.learn(learned[number].models, learned[number].terms)
    said: dict[str, list[Publish]] = {}
    for effect in effects:
        said.setdefault(effect.topic, []).append(effect)
    return pipeline, said
