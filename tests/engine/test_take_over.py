"""A version takes over from another at an event time: what ends, what goes on, and what does not
depend on when it was heard of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson
import pytest

from engine.judge import Judge
from engine.model import MonitoredModel
from engine.panes import TermRecord, encode
from engine.pipeline import Pipeline
from engine.records import RecordBatch
from engine.tally import Tally
from engine.terms import Term, kept_ms
from engine.timestamps import ms_to_rfc3339
from tests.engine.models import (
    MINUTE,
    SECOND,
    START,
    batch,
    beat,
    model_of,
    pieces,
    raw,
    said,
    spec_text,
    stream,
)

AT: Final = START + 4 * MINUTE
"""When the second version takes over."""
FIRST: Final = model_of(spec_text(version="v1"))
SECOND_ONE: Final = model_of(spec_text(version="v2"))
TERMS: Final = {
    "m@v1": Term(None, AT, "v2", 3),
    "m@v2": Term(AT, None, "", 3),
}
MODELS: Final = (FIRST, SECOND_ONE)


def log(until_ms: int = START + 12 * MINUTE) -> RecordBatch:
    """Drifted events of the first version until AT, of the second from then on."""
    events = stream(3, 1_800, step_ms=400, shift=2.5, shift_after=0.1)
    values = []
    for tree in events:
        tree["version"] = "v1" if tree["ts"] < AT else "v2"
        if tree["ts"] < until_ms:
            values.append(orjson.dumps(tree))
    return batch(values)


def told(records: Sequence[RecordBatch], *, learned_at: int = 0) -> tuple[list[Any], Pipeline]:
    """Everything said of batches, the take-over being heard of before one of them."""
    pipeline = Pipeline([FIRST], 1)
    out = []
    for number, one in enumerate(records):
        if number == learned_at:
            out += pipeline.learn(MODELS, TERMS)
        out += pipeline.accept(one)
        out += pipeline.flush()
    return out, pipeline


def by_version(effects: list[Any]) -> dict[str, dict[str, list[bytes]]]:
    """What was said of each; how the versions fall between each other is promised to nobody."""
    return {
        version: said([e for e in effects if f'"version":"{version}"'.encode() in e.value])
        for version in ("v1", "v2")
    }


def trees(effects: list[Any], topic: str) -> list[dict[str, Any]]:
    """The records of a topic."""
    return [orjson.loads(e.value) for e in effects if e.topic == topic]


def test_alerts_of_the_old_version_end_with_the_reason() -> None:
    """At the take-over, once, whatever its later windows would say."""
    effects, pipeline = told(pieces(log(), range(0, 1_800, 200)))
    alerts = [a for a in trees(effects, "alerts") if a["version"] == "v1"]
    opened = [a for a in alerts if a["state"] == "open"]
    assert opened, "there is something to end"
    last = alerts[-1]
    assert (last["state"], last["end"]) == ("resolved", ms_to_rfc3339(AT))
    assert last["evidence"]["observed"]["reason"] == "superseded by v2"
    assert not pipeline.judges["m@v1"].decisions.episodes
    assert all(a["end"] <= ms_to_rfc3339(AT) for a in alerts)


def test_who_served_when_is_on_record() -> None:
    """Heard of, begun and ended, with times and the reason, each once."""
    effects, _ = told(pieces(log(), range(0, 1_800, 200)), learned_at=2)
    at = ms_to_rfc3339(AT)
    found = [
        (one["version"], one["change"], one.get("at"), one.get("until"), one.get("reason"))
        for one in trees(effects, "audit")
    ]
    ended = (at, "superseded by v2")
    assert [one for one in found if one[0] == "v1"] == [
        ("v1", "heard", None, *ended),
        ("v1", "ends", at, *ended),
    ]
    assert ("v2", "begins", at, None, None) in found
    assert len(found) == len(set(found))


def test_a_version_that_is_retired_at_once_ends_where_its_events_are() -> None:
    """Not at the beginning of time."""
    pipeline = Pipeline([FIRST], 1)
    effects = pipeline.accept(log(AT)) + pipeline.flush()
    opened = [a for a in trees(effects, "alerts") if a["state"] == "open"]
    assert opened
    clock_ms = pipeline.judges["m@v1"].clock_ms
    assert clock_ms is not None
    effects = pipeline.learn([FIRST], {"m@v1": Term(None, 0, "", 9)})
    alerts = trees(effects, "alerts")
    assert {(a["state"], a["end"]) for a in alerts} == {("resolved", ms_to_rfc3339(clock_ms))}
    assert [(one["change"], one["reason"]) for one in trees(effects, "audit")] == [
        ("heard", "retired"),
        ("ends", "retired"),
    ]


def test_the_old_clock_goes_on_with_the_new_version() -> None:
    """Nobody is idle here, and the windows of a version without events close all the same."""
    _, pipeline = told(pieces(log(START + 9 * MINUTE), range(0, 1_200, 200)))
    old, new = (pipeline.judges[key] for key in ("m@v1", "m@v2"))
    assert old.clock_ms == new.clock_ms
    assert old.latest["1m"].end_ms > AT
    assert old.decisions.tenure.has_ended


def test_no_rule_looks_at_windows_outside_a_term() -> None:
    """A trigger of either version is of a window within its term."""
    effects, _ = told(pieces(log(), range(0, 1_800, 200)))
    triggers = trees(effects, "retraining-triggers")
    assert {t["version"] for t in triggers} == {"v1", "v2"}
    for one in triggers:
        window, at = one["window"], ms_to_rfc3339(AT)
        assert window["end"] <= at if one["version"] == "v1" else window["start"] >= at


@pytest.mark.parametrize("learned_at", [0, 1, 2, 3])
@pytest.mark.parametrize("step", [100, 300])
def test_when_it_is_heard_of_changes_nothing_but_too_late(learned_at: int, step: int) -> None:
    """Any time before its first event gives the same records."""
    whole = log()
    of_first = sum(b'"v1"' in (value or b"") for value in whole.values)
    before = list(range(0, of_first, step))[:5]
    cuts = [*before, of_first, *range(of_first + 300, 1_800, 300)]
    expected, _ = told([whole])
    found, _ = told(pieces(whole, cuts), learned_at=min(learned_at, len(before)))
    assert by_version(found) == by_version(expected)


def test_what_is_heard_of_late_acts_at_once() -> None:
    """Behind AT already: what is open ends, and what was said stays said."""
    whole = log()
    end = batch([beat(START + 14 * MINUTE)], first=1_800)
    effects, pipeline = told([*pieces(whole, [1_500]), end], learned_at=2)
    alerts = [a for a in trees(effects, "alerts") if a["version"] == "v1"]
    assert alerts[-1]["evidence"]["observed"]["reason"] == "superseded by v2"
    assert pipeline.tallies[0].outcomes.shadows["m@v2"] > 0


def test_a_judge_acts_at_the_same_place_after_a_restart() -> None:
    """Its term is in its log and in its snapshot; restored anywhere it says the same."""
    tally = Tally(0, 1, MODELS, terms=TERMS)
    values = []
    for one in pieces(log(), range(0, 1_800, 150)):
        tally.accept(one)
        values += [e.value or b"" for e in tally.flush() if b"m@v1" in (e.value or b"")]
    values.insert(3, encode(TermRecord("m@v1", TERMS["m@v1"])))
    whole = Judge(FIRST, 1)
    expected = [whole.accept(value) for value in values]
    for at in range(len(values)):
        begun = Judge(FIRST, 1)
        for value in values[:at]:
            begun.accept(value)
        again = Judge(FIRST, 1, resume=begun.snapshot())
        assert [again.accept(value) for value in values[at:]] == expected[at:]
        assert again.snapshot() == whole.snapshot()


def test_a_version_is_let_go_when_its_time_is_over() -> None:
    """Tally and judge drop it, also over a restart; what is still sent of it is a shadow's."""
    _, pipeline = told([log()])
    tally, judge = pipeline.tallies[0], pipeline.judges["m@v1"]
    gone_ms = AT + kept_ms(FIRST.spec) + 30 * SECOND
    pipeline.accept(batch([beat(gone_ms)], first=1_800))
    pipeline.flush()
    assert judge.decisions.tenure.over
    assert not judge.latest
    assert list(tally.watermarks_ms()) == ["m@v2"]
    restored = Tally(0, 1, MODELS, terms=TERMS, resume=tally.snapshot())
    assert list(restored.watermarks_ms()) == ["m@v2"]
    restored.accept(batch([raw(1, gone_ms)], first=1_801))
    assert restored.outcomes.shadows == {"m@v1": 1}
    later = Judge(FIRST, 1, resume=judge.snapshot())
    assert later.decisions.tenure.over


def test_a_version_that_serves_again_is_counted_again() -> None:
    """Registered once more with a later time: a rollback."""
    _, pipeline = told([log()])
    tally = pipeline.tallies[0]
    gone_ms = AT + kept_ms(FIRST.spec) + 30 * SECOND
    pipeline.accept(batch([beat(gone_ms)], first=1_800))
    pipeline.flush()
    back_ms = gone_ms + MINUTE
    terms = {"m@v1": Term(back_ms, None, "", 7), "m@v2": Term(AT, back_ms, "v1", 7)}
    pipeline.learn(MODELS, terms)
    assert sorted(tally.watermarks_ms()) == ["m@v1", "m@v2"]
    assert not pipeline.judges["m@v1"].decisions.tenure.over


def test_unknown_versions_of_known_models_are_told_before_they_are_counted() -> None:
    """So that somebody may ask whether they were registered meanwhile."""
    tally = Tally(0, 1, [FIRST])
    whole = log()
    assert tally.strange(whole) == {"m@v2"}
    assert not tally.outcomes.records
    tally.learn(list[MonitoredModel](MODELS), TERMS)
    assert tally.strange(whole) == set()
    tally.accept(whole)
    assert not tally.outcomes.shadows
