"""What a restart must not change, and what it must: idleness, absent models, changed policies."""

from __future__ import annotations

from typing import Any

import orjson

from engine.effects import Publish
from engine.judge import Judge
from engine.model import MonitoredModel
from engine.spec import Topic
from engine.tally import Tally
from tests.engine.models import START, batch, beat, model_of, raw, spec_text, trees

MINUTE_MODEL = {"windows": "[{length: 1m, judge_every: 1m}]", "quality": "null"}
"""The streams here are constant, which would be bad data."""


def passed_on(tally: Tally, judge: Judge) -> list[Publish]:
    """Flush a tally into a judge."""
    return [effect for pane in tally.flush() for effect in judge.accept(pane.value or b"")]


def judged(out: list[Publish]) -> list[tuple[str, int, int]]:
    """(end, revision, events) of the judgements with events."""
    found = trees(out, "judgements")
    return [(j["end"], j["revision"], j["events"]) for j in found if j["events"]]


def woken_up(*, killed: bool) -> list[tuple[str, int, int]]:
    """Partition 1 is idle, wakes up, and is killed before its next snapshot, or not."""
    model = model_of(spec_text(**MINUTE_MODEL))
    judge = Judge(model, 2)
    first, second = Tally(0, 2, [model]), Tally(1, 2, [model])
    out: list[Publish] = []
    first.accept(batch([raw(i, START + i * 1000) for i in range(60)]))
    out += passed_on(first, judge)
    second.accept(batch([raw(1000 + i, START + 60_000 + i * 500) for i in range(30)], partition=1))
    out += passed_on(second, judge)
    second.declare_idle("predictions", model.key)
    out += passed_on(second, judge)
    snapshot = second.snapshot()
    more = [raw(2000 + i, START + 75_000 + i * 250) for i in range(60)]
    second.accept(batch(more, partition=1, first=30))
    out += passed_on(second, judge)
    if killed:
        second = Tally(1, 2, [model], resume=snapshot, generation=1)
        out += passed_on(second, judge)
    values = [raw(5000 + i, START + 60_000 + i * 1000) for i in range(200)]
    first.accept(batch(values, first=60))
    out += passed_on(first, judge)
    second.accept(batch(more, partition=1, first=30))
    for tally in (first, second):
        at = tally.covered["predictions"]
        tally.accept(batch([beat(START + 900_000)], first=at, partition=tally.partition))
        out += passed_on(tally, judge)
    return judged(out)


def test_idleness_is_not_restored() -> None:
    """A source that spoke after the snapshot must be waited for again, or its window closes on the
    part that the snapshot held."""
    assert woken_up(killed=True) == woken_up(killed=False)


def separate(topic: Topic, number: int, ts: int) -> bytes:
    """A feature event or a bare prediction."""
    tree: dict[str, Any] = {"event_id": f"e{number}", "model": "m", "version": "v1", "ts": ts}
    own = {"features": {"x": 0.1, "y": 0.2, "c": "a"}} if topic == "features" else {"score": 0.2}
    return orjson.dumps(tree | own)


def test_a_pane_that_was_let_go_never_comes_back_smaller() -> None:
    """One topic is idle, the other goes on, and the idle one wakes up with a record for a pane
    that was let go: that record is late, and what was counted before stays counted."""
    model = model_of(spec_text(inputs="[features, predictions]", **MINUTE_MODEL))
    judge, tally, other = Judge(model, 2), Tally(0, 2, [model]), Tally(1, 2, [model])
    topics: tuple[Topic, ...] = ("features", "predictions")
    out: list[Publish] = []
    for topic in topics:
        values = [separate(topic, i, START + i * 1000) for i in range(20)]
        tally.accept(batch(values, topic=topic))
    out += passed_on(tally, judge)
    tally.declare_idle("features", model.key)
    values = [separate("predictions", 100 + i, START + i * 10_000) for i in range(60)]
    tally.accept(batch(values, topic="predictions", first=20))
    out += passed_on(tally, judge)
    out += passed_on(tally, judge)
    late = tally.accept(
        batch([separate("features", 50, START + 15_500)], topic="features", first=20)
    )
    assert [effect.topic for effect in late] == ["late"]
    for each in (tally, other):
        for topic in topics:
            first = each.covered.get(topic, 0)
            beats = [beat(START + 3_000_000)]
            each.accept(batch(beats, topic=topic, first=first, partition=each.partition))
        out += passed_on(each, judge)
    first_minute = trees(out, "judgements")[0]
    assert first_minute["features"]["x"]["events"] == 20


def test_a_changed_judge_every_keeps_the_windows_that_decide() -> None:
    """How often to judge is policy: afterwards the ends are multiples of the new step, so that the
    windows that tile time are among them."""
    before = model_of(spec_text(windows="[{length: 1m, judge_every: 20s}]"))
    after = model_of(spec_text(windows="[{length: 1m, judge_every: 30s}]"))
    assert before.layout.hash == after.layout.hash
    tally, judge = Tally(0, 1, [before]), Judge(before, 1)
    tally.accept(batch([raw(i, START + i * 1000) for i in range(111)]))
    passed_on(tally, judge)
    tally, judge = (
        Tally(0, 1, [after], resume=tally.snapshot()),
        Judge(after, 1, resume=judge.snapshot()),
    )
    values = [raw(1000 + i, START + 111_000 + i * 1000) for i in range(600)]
    tally.accept(batch(values, first=111))
    ends = [end for end, revision, _ in judged(passed_on(tally, judge)) if revision == 0]
    assert sum(end.endswith(":00Z") for end in ends) >= 9


def test_an_absent_model_keeps_its_counts() -> None:
    """A start without it (its spec was broken) does not cost what was counted before."""
    one, two = model_of(spec_text(**MINUTE_MODEL)), model_of(spec_text("other", **MINUTE_MODEL))
    tally = Tally(0, 1, [one, two])
    tally.accept(batch([raw(i, START + i * 100) for i in range(300)]))
    tally = Tally(0, 1, [two], resume=tally.snapshot())
    tally = Tally(0, 1, [one, two], resume=tally.snapshot())
    assert tally.fresh == []
    tally.accept(batch([beat(START + 900_000)], first=300))
    assert sum(events for _, _, events in judged(passed_on(tally, Judge(one, 1)))) == 300


def test_the_newest_gauges_survive_with_their_revision() -> None:
    """A window that was corrected stays corrected after a restart."""
    model = model_of(spec_text(**MINUTE_MODEL))
    tally, judge = Tally(0, 1, [model]), Judge(model, 1)
    values = [raw(i, START + i * 1000) for i in range(120)]
    values += [raw(500, START + 30_000)]
    values += [beat(START + 120_000), beat(START + 900_000)]
    tally.accept(batch(values))
    passed_on(tally, judge)
    again = Judge(model, 1, resume=judge.snapshot())
    for name, known in judge.latest.items():
        restored = again.latest[name]
        assert (restored.revision, restored.events) == (known.revision, known.events)


def drifting(model: MonitoredModel, shift: float, minutes: int, first: int = 0) -> list[bytes]:
    """A minute of 60 events each, x and y moved by ``shift``."""
    del model
    return [
        raw(first + i, START + (first + i) * 1000, features={"x": shift, "y": shift, "c": "a"})
        for i in range(minutes * 60)
    ]


def rules(text: str) -> str:
    """A ``retraining`` section."""
    return f"{{cooldown: 1h, rules: {{{text}}}}}"


def test_changed_rule_parameters_begin_a_new_history() -> None:
    """Windows examined by another rule confirm nothing."""
    loose = "psi_features: {above: 0.2, features: 2, window: 1m, at_least: 3, of_last: 3}"
    strict = "psi_features: {above: 0.3, features: 2, window: 1m, at_least: 3, of_last: 3}"
    one = model_of(spec_text(retraining=rules(loose), **MINUTE_MODEL))
    two = model_of(spec_text(retraining=rules(strict), **MINUTE_MODEL))
    tally, judge = Tally(0, 1, [one]), Judge(one, 1)
    tally.accept(batch(drifting(one, 9.0, 3)))
    assert trees(passed_on(tally, judge), "retraining-triggers") == []
    tally = Tally(0, 1, [two], resume=tally.snapshot())
    judge = Judge(two, 1, resume=judge.snapshot())
    tally.accept(batch(drifting(two, 9.0, 2, first=180), first=180))
    assert trees(passed_on(tally, judge), "retraining-triggers") == []
    tally.accept(batch(drifting(two, 9.0, 2, first=300), first=300))
    assert len(trees(passed_on(tally, judge), "retraining-triggers")) == 1


def test_a_rule_that_is_switched_off_closes_its_alert() -> None:
    """Nobody would close it otherwise."""
    on = "psi_features: {above: 0.2, features: 2, window: 1m, at_least: 1, of_last: 1}"
    one = model_of(spec_text(retraining=rules(on), **MINUTE_MODEL))
    two = model_of(spec_text(retraining=rules(""), **MINUTE_MODEL))
    tally, judge = Tally(0, 1, [one]), Judge(one, 1)
    tally.accept(batch(drifting(one, 9.0, 3)))
    assert [a["state"] for a in trees(passed_on(tally, judge), "alerts")] == ["open"]
    tally = Tally(0, 1, [two], resume=tally.snapshot())
    judge = Judge(two, 1, resume=judge.snapshot())
    tally.accept(batch(drifting(two, 9.0, 3, first=180), first=180))
    assert [a["state"] for a in trees(passed_on(tally, judge), "alerts")] == ["resolved"]
    assert judge.decisions.episodes == {}


def test_a_mean_far_out_is_told_as_it_is() -> None:
    """A value rescaled by a thousand is just what the mean is looked at for."""
    model = model_of(spec_text(**MINUTE_MODEL))
    tally, judge = Tally(0, 1, [model]), Judge(model, 1)
    far = [
        raw(
            i,
            START + i * 1000,
            features={"x": 1000.0 + i % 2, "y": 0.0, "c": "a"},
            latency_ms=20_000,
        )
        for i in range(60)
    ]
    tally.accept(batch([*far, beat(START + 900_000)]))
    (window, *_) = trees(passed_on(tally, judge), "judgements")
    found = window["features"]["x"]
    assert abs(found["mean"] - 1000.5) < 0.01
    assert abs(found["stddev"] - 0.5) < 0.01
    assert abs(window["operations"]["latency_ms"]["mean"] - 20_000) < 0.1
