"""Whose clock counts: labels have their own, models of one partition have theirs."""

from __future__ import annotations

import orjson

from engine.judge import Judge
from engine.layout import DECIDED, POSITIVE
from engine.panes import PaneRecord, decode, unpack
from engine.tally import Tally
from tests.engine.models import batch, beat, event, model_of, raw, spec_text

START = 1_767_225_600_000
HOUR = 3_600_000


def test_labels_may_be_as_late_as_their_own_clock_says() -> None:
    """A nightly file of labels is the normal case, not lateness."""
    clock = "{lateness: 1d, amend: 1d}"
    model = model_of(spec_text(inputs="[predictions, labels]", label=clock))
    tally = Tally(0, 1, [model])
    name = model.spec.model
    values = [
        orjson.dumps({"event_id": f"e{i}", "model": name, "ts": START + at * HOUR, "label": 1})
        for i, at in enumerate((100, 60, 53, 1))
    ]
    late = tally.accept(batch(values, topic="labels"))
    assert tally.outcomes.by_outcome == {"labels/tallied": 3, "labels/late": 1}
    assert [effect.topic for effect in late] == ["late"]


def test_a_silent_model_does_not_wait_for_a_busy_one() -> None:
    """Idleness is declared per model: the other's windows still wait for its own records."""
    one = model_of(spec_text())
    two = model_of(spec_text("other"))
    tallies = [Tally(p, 2, [one, two]) for p in range(2)]
    judges = {m.key: Judge(m, 2) for m in (one, two)}
    for m in (one, two):
        values = [
            orjson.dumps(event(i, START + at, model=m.spec.model)) for i, at in enumerate((0, HOUR))
        ]
        tallies[0].accept(batch(values, first=tallies[0].covered.get("predictions", 0)))
    tallies[1].declare_idle("predictions", one.key)
    for tally in tallies:
        for pane in tally.flush():
            for judge in judges.values():
                judge.accept(pane.value or b"")
    assert judges[one.key].clock_ms is not None
    assert judges[two.key].clock_ms is None


def test_the_models_of_a_batch_are_heard() -> None:
    """Events and heartbeats both end a silence, of their own model only."""
    one = model_of(spec_text())
    two = model_of(spec_text("other"))
    tally = Tally(0, 1, [one, two])
    tally.accept(batch([raw(1, START)]))
    assert tally.heard == {one.key}
    tally.accept(batch([beat(START, "other")], first=1))
    assert tally.heard == {two.key}


def test_a_decision_may_be_a_boolean_or_a_whole_float() -> None:
    """Services write true, 1.0 and 1 alike; all are positive decisions."""
    model = model_of(spec_text())
    tally = Tally(0, 1, [model])
    decisions = [True, 1.0, 1, False, 0.0, 0]
    values = [
        orjson.dumps(event(i, START) | {"decision": each}) for i, each in enumerate(decisions)
    ]
    assert tally.accept(batch(values)) == []
    pane, _ = tally.flush()
    record = decode(pane.value or b"")
    assert isinstance(record, PaneRecord)
    counts = unpack(record.on_time, model.layout.size)
    assert (counts[DECIDED], counts[POSITIVE]) == (6, 3)
