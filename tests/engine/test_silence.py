"""Labels that do not come any more: what waits for them and what they opened has an end."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any, Final

import msgspec
import pytest

from engine.decide.silence import Silence, _later
from engine.effects import Publish
from engine.judge import Judge
from engine.model import MonitoredModel, build_model
from engine.pipeline import Pipeline
from engine.policy.redeciding import WindowMemory, decide_again
from engine.spec_reading import read_spec
from tests.engine.models import MINUTE, START, batch, beat, run, said, spec_text, trees
from tests.engine.test_improvement_veto import model as vetoing
from tests.engine.test_improvement_veto import streams
from tests.engine.test_performance_decisions import minute_of

TOLD: Final = ["alerts", "retraining-triggers", "judgements"]


@cache
def model(no_data: str = "5m", calm: int = 2) -> MonitoredModel:
    """Requests wait for labels, and nobody waits longer than that for a word."""
    usual = vetoing()
    wanted = read_spec(spec_text(alerts=f"{{calm: {calm}, no_data: {no_data}}}")).alerts
    return build_model(msgspec.structs.replace(usual.spec, alerts=wanted), usual.profile)


def steps(drift: str, truth: str, *minutes: int) -> list[Any]:
    """Streams, and then the clocks of both topics at these minutes, without an event."""
    told = streams(drift, truth)
    for minute in minutes:
        end = beat(START + minute * MINUTE)
        told += [
            batch([end], first=9_000 + minute, topic=topic) for topic in ("predictions", "labels")
        ]
        told.append(None)
    return told


def held(out: list[Publish]) -> list[tuple[str, str, int, str]]:
    """Alerts on requests that are held: cause, state, minute, and how they were resolved."""
    return [
        (a["cause"], a["state"], minute_of(a), a.get("resolution", ""))
        for a in trees(out, "alerts")
        if a["rule"] == "held_trigger"
    ]


def test_what_labels_held_is_over_when_nothing_is_heard_of_them() -> None:
    """The request of the second minute is vetoed; then no label comes: one empty window was judged,
    and five minutes later nobody knows any more."""
    out = run([model()], 1, steps(".D......", ".b______", 9, 30))[0]
    opened, resolved = held(out)
    assert opened == ("psi_features with labels/improvement", "open", 1, "")
    assert resolved[:2] == ("psi_features with labels/improvement", "resolved")
    assert resolved[3] == "no_data"
    assert 6 <= resolved[2] <= 9
    (ended,) = [a for a in trees(out, "alerts") if a.get("resolution") == "no_data"]
    assert ended["events"] == 0


def test_a_request_is_given_up_where_no_label_ever_comes() -> None:
    """Told as lost, counted, and not asked for; the alert on it has an end as well."""
    out, pipeline = run([model()], 1, steps(".D......", "________", 9, 60))
    assert trees(out, "retraining-triggers") == []
    name = "psi_features with labels/labels_missing"
    assert held(out) == [(name, "open", 9, ""), (name, "resolved", 19, "no_data")]
    (opened, _) = [a for a in trees(out, "alerts") if a["rule"] == "held_trigger"]
    assert opened["severity"] == "WARNING"
    memory = next(iter(pipeline.judges.values())).decisions.retraining
    assert memory.held == {"psi_features/labels_missing": 1}
    assert memory.waiting == []


def test_labels_that_come_late_but_in_time_still_decide() -> None:
    """Less than the patience after the data."""
    out = run([model()], 1, steps(".D....", ".b....", 9))[0]
    assert held(out)[0][0] == "psi_features with labels/improvement"
    assert "labels_missing" not in str(held(out))


@pytest.mark.parametrize("truth", [".b______", "________"])
def test_neither_steps_nor_restarts_matter(truth: str) -> None:
    """The clock in one leap, in steps, and a judge that is restored behind each record: the same
    records, byte for byte."""
    drift = ".D....D."
    whole = run([model()], 1, steps(drift, truth, 60))[0]
    walked = run([model()], 1, steps(drift, truth, *range(9, 61)))[0]
    pipeline, out = Pipeline([model()], 1), []
    judge = Judge(model(), 1)
    for step in steps(drift, truth, 9, 17, 60):
        if step is not None:
            pipeline.tallies[0].accept(step)
        for effect in pipeline.tallies[0].flush():
            if effect.topic == "panes":
                assert effect.value is not None
                out += judge.accept(effect.value)
                judge = Judge(model(), 1, resume=judge.snapshot())
    assert held(whole)
    for topic in TOLD:
        assert said(walked, [topic]) == said(whole, [topic])
        assert said(out, [topic]) == said(whole, [topic])


@pytest.mark.parametrize("truth", [".b______", "________"])
def test_decided_again_it_is_the_same(truth: str) -> None:
    """Silences are remembered with the windows, whether anything was open then or not."""
    memory, pipeline = WindowMemory(), Pipeline([model()], 1)
    next(iter(pipeline.judges.values())).decide = memory.decide
    out: list[Publish] = []
    for step in [*steps(".D......", truth, 9, 60), None]:
        out += pipeline.flush() if step is None else pipeline.accept(step)
    assert len([each for each in memory.windows if isinstance(each, Silence)]) == 4
    assert said(decide_again(model(), memory.windows), TOLD[:2]) == said(out, TOLD[:2])


def test_maintenance_is_not_counted() -> None:
    """An hour of it makes a patience an hour longer, a part of it by that part, none before or
    behind; two that overlap count once."""

    def hours(at: int) -> str:
        return f"2013-01-07T{at:02d}:00:00Z"

    def spec(*periods: tuple[int, int]) -> Any:  # noqa: ANN401
        listed = ", ".join(
            f"{{from: '{hours(start)}', until: '{hours(end)}', reason: moved}}"
            for start, end in periods
        )
        return read_spec(spec_text(alerts=f"{{maintenance: [{listed}]}}"))

    hour = 60 * MINUTE
    assert _later(spec(), START, 2 * hour) == START + 2 * hour
    assert _later(spec((11, 12)), START, 2 * hour) == START + 3 * hour
    assert _later(spec((9, 11)), START, 2 * hour) == START + 3 * hour
    assert _later(spec((11, 13), (12, 14)), START, 2 * hour) == START + 5 * hour
    assert _later(spec((8, 9), (13, 14)), START, 2 * hour) == START + 2 * hour
    assert all(
        a < b for a, b in pairwise(_later(spec((11, 13)), START, k * hour) for k in range(6))
    )
