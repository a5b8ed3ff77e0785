"""Performance is a function of the logs: cut, flushed, interleaved, restarted as they may be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import msgspec
import numpy as np
import pytest

from engine.effects import Publish
from engine.judge import Judge
from engine.model import MonitoredModel
from engine.panes import PaneError, PaneRecord, decode, encode
from engine.pipeline import Pipeline
from engine.records import RecordBatch
from engine.tally import Tally
from tests.engine.models import (
    HOUR,
    MINUTE,
    SECOND,
    START,
    disordered,
    ended,
    logs_of,
    model_of,
    run,
    spec_text,
    stream,
    trees,
)
from tests.engine.test_invariance import shuffled_steps

ROWS = 300
END = START + 3 * HOUR
LABEL = "{ttl: 40m, lateness: 1m, amend: 4m, maturities: [2m, 10m], negative_after: 30m, pane: 1m}"


@cache
def model() -> MonitoredModel:
    """Labels are joined; two maturities; what is not labelled in half an hour is negative."""
    text = spec_text(inputs="[predictions, labels]", label=LABEL, estimators="{}")
    return model_of(text)


@cache
def logs() -> list[RecordBatch]:
    """Disordered predictions, and labels for most of them: late, again, other than before, for
    nobody, and one long after."""
    random = np.random.default_rng(5)
    made = stream(7, ROWS, step_ms=3_000)
    arrivals = disordered(made, 7, lateness_ms=30 * SECOND, amend_ms=2 * MINUTE)
    repeats = [copy for i, e in enumerate(arrivals) for copy in ([e, e] if i % 83 == 5 else [e])]
    labels: list[dict[str, Any]] = []
    for i, event in enumerate(made):
        kind = random.random()
        if kind < 0.2:
            continue
        ts = event["ts"] + int(random.exponential(3 * MINUTE))
        truth = int(random.random() < event["score"])
        one = {"event_id": event["event_id"], "model": "m", "ts": ts, "label": truth}
        labels.append(one)
        if kind < 0.3:
            labels.append({**one, "ts": ts + int(random.exponential(2 * MINUTE))})
        elif kind < 0.45:
            labels.append(
                {**one, "ts": ts + int(random.exponential(3 * MINUTE)), "label": 1 - truth}
            )
        elif kind < 0.5:
            labels.append({**one, "event_id": f"nobody{i}"})
    labels.append({"event_id": "e3", "model": "m", "ts": START + 2 * HOUR, "label": 1})
    labels.sort(key=lambda tree: tree["ts"])
    labels = disordered(labels, 9, lateness_ms=MINUTE, amend_ms=4 * MINUTE)
    return [
        *ended(logs_of(repeats, 2), END),
        *ended(logs_of(labels, 2, "labels"), END),
    ]


def by_section(effects: Iterable[Publish]) -> dict[str, list[dict[str, Any]]]:
    """Judgements in order, of each plane apart: how planes fall between each other is free."""
    found: dict[str, list[dict[str, Any]]] = {}
    for tree in trees(effects, "judgements"):
        section = tree.get("section", "data")
        name = next(iter(tree["cohorts"])) if section == "cohorts" else section
        found.setdefault(name, []).append(tree)
    return found


@cache
def undisturbed() -> dict[str, list[dict[str, Any]]]:
    """Both topics whole, one flush."""
    return by_section(run([model()], 2, logs())[0])


def test_the_stream_exercises_everything() -> None:
    """Every outcome of a label happens, and so do amendments and assumed negatives."""
    _, pipeline = run([model()], 2, logs())
    outcomes: dict[str, int] = {}
    late = 0
    for tally in pipeline.tallies:
        joining = tally.joinings["m@v1"]
        assert joining.join.counts.add_up()
        assert joining.join.counts.unplaced == 0
        for name, count in joining.join.counts.by_outcome.items():
            outcomes[name] = outcomes.get(name, 0) + count
        late += tally.outcomes.by_outcome.get("labels/late", 0)
        assert joining.join.counts.labels == tally.outcomes.by_outcome["labels/tallied"]
    assert late > 0
    assert {name for name, count in outcomes.items() if count} >= {
        *("matched", "corrected", "duplicate", "expired")
    }
    found = undisturbed()
    assert found.keys() == {"data", "performance", "2m", "10m"}
    for name in ("performance", "2m", "10m"):
        assert {tree["revision"] for tree in found[name]} == {0, 1}
    assert sum(t["performance"].get("assumed_negative", 0) for t in found["performance"]) > 0


@pytest.mark.parametrize("seed", range(4))
def test_cut_and_flushed_anywhere(seed: int) -> None:
    """Of each plane the judgements are the same, in the same order."""
    steps = shuffled_steps(logs(), seed, cuts=40, flushes=(0.02, 0.2, 0.6, 1.0)[seed])
    out, pipeline = run([model()], 2, steps)
    assert by_section(out) == undisturbed()
    whole = run([model()], 2, logs())[1]
    for found, expected in zip(pipeline.tallies, whole.tallies, strict=True):
        kept, truth = found.joinings["m@v1"], expected.joinings["m@v1"]
        assert dict(kept.store.items()) == dict(truth.store.items())
        assert kept.join.counts.by_outcome == truth.join.counts.by_outcome


def told(steps: Iterable[RecordBatch | None]) -> dict[tuple[int, int, int], PaneRecord]:
    """What tallies said last of each pane of a partition and plane, without the stamps."""
    tallies = [Tally(partition, 2, [model()]) for partition in range(2)]
    found = {}
    for step in [*steps, None]:
        if step is not None:
            tallies[step.partition].accept(step)
            continue
        for effect in [effect for tally in tallies for effect in tally.flush()]:
            record = decode(effect.value or b"")
            if isinstance(record, PaneRecord):
                place = record.partition, record.plane, record.start_ms
                found[place] = msgspec.structs.replace(record, stamp=(0, 0, 0))
    return found


@pytest.mark.parametrize("seed", range(4))
def test_what_is_ever_told_of_is_told_of_by_every_life(seed: int) -> None:
    """A pane that lost its only match to a correction is told too: a life that ended may have told
    the match, and the next one may read both labels at once."""
    steps = shuffled_steps(logs(), seed, cuts=40, flushes=(0.02, 0.2, 0.6, 1.0)[seed])
    assert told(steps) == told(logs())


@pytest.mark.parametrize("seed", range(3))
def test_restarted_anywhere(seed: int) -> None:
    """Tallies and judges that go on from their snapshots, read again what those cover and more,
    say the same."""
    random = np.random.default_rng(seed)
    pipeline = Pipeline([model()], 2)
    out: list[Publish] = []
    saved = [tally.snapshot() for tally in pipeline.tallies]
    since: list[list[RecordBatch]] = [[], []]
    for step in shuffled_steps(logs(), seed + 10, cuts=30, flushes=0.4):
        if step is None:
            out += pipeline.flush()
            continue
        out += pipeline.accept(step)
        since[step.partition].append(step)
        if random.random() < 0.2:
            out += pipeline.flush()
            saved[step.partition] = pipeline.tallies[step.partition].snapshot()
            since[step.partition] = []
        if random.random() < 0.15:
            out += restart(pipeline, step.partition, saved, since)
    out += pipeline.flush()
    found = by_section(out)
    for name, expected in undisturbed().items():
        assert found[name] == expected, name


def restart(
    pipeline: Pipeline, partition: int, saved: list[Any], since: Sequence[Sequence[RecordBatch]]
) -> list[Publish]:
    """The tally of one partition and the judge begin new lives, the first thing of which is to
    save what they go on from; what was read since is read again."""
    tally = Tally(partition, 2, [model()], resume=saved[partition])
    saved[partition] = tally.snapshot()
    pipeline.tallies[partition] = tally
    key = model().key
    pipeline.judges[key] = Judge(model(), 2, resume=pipeline.judges[key].snapshot())
    for batch in since[partition]:
        tally.accept(batch)
    return pipeline.flush()


def test_labels_of_a_night_are_not_late() -> None:
    """What comes within the labels' own lateness is on time, and the windows of the data do not
    wait for it."""
    text = spec_text(
        inputs="[predictions, labels]", label="{ttl: 2d, lateness: 1d, amend: 1d, pane: 1m}"
    )
    nightly = model_of(text)
    made = stream(1, 60, step_ms=1_000)
    labels = [
        {"event_id": e["event_id"], "model": "m", "ts": e["ts"] + SECOND, "label": 1}
        for e in reversed(made)
    ]
    data = run([nightly], 1, ended(logs_of(made, 1), END))[0]
    assert trees(data, "judgements")
    assert by_section(data).keys() == {"data"}
    both = [
        *ended(logs_of(made, 1), END),
        *ended(logs_of(labels, 1, "labels"), END + 24 * HOUR),
    ]
    found = by_section(run([nightly], 1, both)[0])
    assert found["data"] == by_section(data)["data"]
    assert sum(t["events"] for t in found["performance"] if t["window"] == "1m") >= 60
    assert {t["revision"] for t in found["performance"]} == {0}


def test_the_panes_of_no_plane_are_refused() -> None:
    """A pane record of a plane that the model does not have is a forgery."""
    tally = Tally(0, 1, [model()])
    tally.accept(logs_of(stream(1, 3), 1)[0])
    value = tally.flush()[0].value
    assert value is not None
    record = decode(value)
    assert isinstance(record, PaneRecord)
    with pytest.raises(PaneError, match="plane 9"):
        Judge(model(), 1).accept(encode(msgspec.structs.replace(record, plane=9)))
