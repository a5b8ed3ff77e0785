"""From windows of performance to alerts, triggers and charts, by labels made to a pattern."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
import orjson
import pytest

from engine.effects import Publish
from engine.judge import Judge
from engine.model import MonitoredModel
from engine.pipeline import Pipeline
from engine.reference_table import ReferenceTable
from tests.engine.models import MINUTE, SECOND, START, batch, beat, event, model_of, run, spec_text
from tests.engine.models import trees as told

RULE: Final = "performance: {window: 1m, at_least: 2, of_last: 3}"
LABEL: Final = "{ttl: 10m, lateness: 0s, amend: 1m, pane: 1m}"
A_MINUTE: Final = 200
SHARES: Final = {".": 0.9, "w": 0.6, "b": 1.0, "-": 0.8}
"""Share of decisions that come true: as in the reference, worse, better, a little worse."""


@cache
def model(
    performance: str = "{window: 1m, auc: null, precision: null, recall: null, f1: null}",
    cooldown: str = "3m",
    label: str = LABEL,
) -> MonitoredModel:
    """With these sections; see :func:`reference`."""
    text = spec_text(
        inputs="[predictions, labels]",
        label=label,
        estimators="{}",
        windows="[{length: 1m, judge_every: 1m}]",
        performance=performance,
        quality="null",
        alerts="{calm: 1}",
        retraining=f"{{cooldown: {cooldown}, rules: {{{RULE}}}}}",
    )
    return model_of(text, reference())


def reference() -> ReferenceTable:
    """Scores of 0.1 and 0.9, each true nine times of ten."""
    rows = 4_000
    high = np.arange(rows) % 2 == 1
    right = np.arange(rows) // 2 % 10 != 0
    return ReferenceTable(
        rows=rows,
        numeric={"x": np.arange(rows, dtype=np.float64) % 8, "y": np.arange(rows) % 5.0},
        categorical={"c": ["ab"[i % 2] for i in range(rows)]},
        score=np.where(high, 0.9, 0.1),
        labels=(high == right).astype(float),
    )


def streams(pattern: str) -> list[Any]:
    """A minute a character, each label a second after its prediction; ``_`` has no labels, ``f`` a
    few."""
    made, labels = [], []
    for minute, kind in enumerate(pattern):
        right = round(SHARES.get(kind, 0.9) * A_MINUTE / 2)
        for i in range(A_MINUTE):
            number = minute * A_MINUTE + i
            at = START + minute * MINUTE + i * 200
            high = i % 2 == 1
            made.append(event(number, at, score=0.9 if high else 0.1))
            truth = high if i // 2 < right else not high
            if kind != "_" and (kind != "f" or i < 20):
                labels.append(
                    {"event_id": f"e{number}", "model": "m", "ts": at + SECOND, "label": truth}
                )
    end = beat(START + (len(pattern) + 3) * MINUTE)
    return [
        batch([*map(orjson.dumps, made), end]),
        batch([*map(orjson.dumps, labels), end], topic="labels"),
    ]


def effects(pattern: str, chosen: MonitoredModel | None = None) -> list[Publish]:
    """What is said of the pattern."""
    return run([chosen or model()], 1, streams(pattern))[0]


def sections(out: list[Publish]) -> list[dict[str, Any]]:
    """Judgements of performance, by time."""
    return [tree for tree in told(out, "judgements") if "section" in tree]


def minute_of(tree: dict[str, Any]) -> int:
    """Number of a record's window."""
    end = tree["end"] if "end" in tree else tree["window"]["end"]
    return int((np.datetime64(end[:-1], "ms").astype(np.int64) - START) // MINUTE) - 1


def levels(pattern: str, chosen: MonitoredModel | None = None) -> str:
    """First letter of each window's level."""
    found = {minute_of(tree): tree["level"][0] for tree in sections(effects(pattern, chosen))}
    return "".join(found.get(minute, " ") for minute in range(len(pattern)))


def test_every_window_has_its_level() -> None:
    """Worse is DRIFT, better is nothing, few are UNKNOWN."""
    assert levels(".w.b_f-") == "SDSSUUD"


@pytest.mark.parametrize(
    ("pattern", "triggers"),
    [
        (".www", [2]),
        (".w..w", []),
        (".w.w", [3]),
        ("bbbbbb", []),
        (".wfw.", [3]),
        ("wwwwwwww", [1, 4, 7]),
    ],
)
def test_two_of_three_disjoint_windows_ask_for_retraining(
    pattern: str, triggers: list[int]
) -> None:
    """An improvement never does, and not again within the cool-down of three minutes."""
    found = told(effects(pattern), "retraining-triggers")
    assert [minute_of(tree) for tree in found] == triggers


def test_a_trigger_says_what_fell() -> None:
    """The same id each time, the cause, and the numbers; it is concept drift, because the same
    scores mean something else."""
    (first,), (again,) = (told(effects(".ww"), "retraining-triggers") for _ in range(2))
    assert first == again
    assert (first["rule"], first["cause"], first["drift_type"]) == (
        "performance",
        "concept_drift",
        "concept",
    )
    assert first["observed"]["unforeseen"] == ["accuracy"]
    (evidence,) = first["evidence"]
    assert evidence["measure"] == "accuracy"
    assert evidence["value"] == pytest.approx(0.6, abs=0.01)
    assert evidence["baseline"] == pytest.approx(0.9)
    assert evidence["estimated"] == pytest.approx(0.9, abs=0.01)
    other = told(effects("..ww"), "retraining-triggers")[0]
    assert other["trigger_id"] != first["trigger_id"]


def test_alerts_open_and_resolve_in_tiers() -> None:
    """The request is WARNING, a broken promise CRITICAL, a chart INFO."""
    performance = (
        "{window: 1m, accuracy: {at_least: 0.85}, auc: null, precision: null, recall: null, "
        "f1: null}"
    )
    alerts = told(effects("...ww...", model(performance)), "alerts")
    found = [(a["rule"], a["severity"], a["state"], minute_of(a)) for a in alerts]
    assert ("service_level", "CRITICAL", "open", 3) in found
    assert ("performance", "WARNING", "open", 4) in found
    assert ("performance_chart", "INFO", "open", 3) in found
    resolved = {(rule, minute) for rule, _, state, minute in found if state == "resolved"}
    assert {("service_level", 5), ("performance", 5)} <= resolved
    opened = next(a for a in alerts if a["rule"] == "service_level")
    assert opened["evidence"]["measures"][0]["limit"] == 0.85
    assert len({a["alert_id"] for a in alerts}) == len(alerts)


def test_the_estimate_stands_beside_what_came() -> None:
    """Of the same events: small when nothing changed, and as large as the drop when it did."""
    before, after = sections(effects(".w"))[:2]
    assert before["performance"]["estimated_error"]["accuracy"] == pytest.approx(0.0, abs=0.02)
    assert after["performance"]["estimated_error"]["accuracy"] == pytest.approx(0.3, abs=0.02)
    told_ = after["performance"]
    assert told_["estimated_error"]["accuracy"] == pytest.approx(
        told_["estimated"]["accuracy"] - told_["accuracy"]
    )


def test_a_small_change_that_lasts_is_seen_by_the_average() -> None:
    """No window is beyond the limit by itself, and the average is; better ones never are."""
    tight = "{window: 1m, worse_by: 0.3, auc: null, precision: null, recall: null, f1: null, "
    chosen = model(tight + "chart: {sigmas: 30}}")
    charts = [
        tree["performance"]["charts"]["accuracy"]
        for tree in sections(effects("..------", chosen))
        if "charts" in tree["performance"]
    ]
    assert [chart["windows"] for chart in charts] == list(range(1, 9))
    assert "ewma" in charts[-1]["signals"]
    assert charts[-1]["alarm"]
    assert not charts[1]["alarm"]
    assert charts[-1]["limit"] < charts[-1]["center"]
    better = [
        tree["performance"]["charts"]["accuracy"]
        for tree in sections(effects("bbbbbbbb"))
        if "charts" in tree["performance"]
    ]
    assert better
    assert not any(chart["signals"] for chart in better)


def test_a_window_without_labels_is_no_point_of_a_chart() -> None:
    """Neither few nor none."""
    found = sections(effects(".f_."))
    charted = [minute_of(tree) for tree in found if "charts" in tree["performance"]]
    assert charted == [0, 3]


def test_a_restart_changes_nothing() -> None:
    """Charts and cool-down come back from the snapshot; the rest is said to the byte."""
    chosen = model()
    whole = effects(".ww-ww.w", chosen)
    pipeline = Pipeline([chosen], 1)
    out: list[Publish] = []
    steps = streams(".ww-ww.w")
    for step in steps:
        out += pipeline.accept(step)
    records = [e.value for e in pipeline.tallies[0].flush() if e.topic == "panes"]
    judge = Judge(chosen, 1)
    said = []
    for value in records:
        assert value is not None
        said += judge.accept(value)
        judge = Judge(chosen, 1, resume=judge.snapshot())
    assert judge.decisions.charts
    for topic in ("judgements", "alerts", "retraining-triggers"):
        assert told(said, topic) == told(whole, topic)


def test_the_cool_down_of_performance_is_its_own() -> None:
    """It neither holds the data's triggers back nor is held back by them."""
    pipeline = run([model()], 1, streams(".ww..."))[1]
    decisions = next(iter(pipeline.judges.values())).decisions
    assert decisions.cooldown_until_ms == 0
    assert decisions.performance_cooldown_until_ms == START + 6 * MINUTE


def test_harder_events_are_no_concept_drift() -> None:
    """Where the estimate expected what came, the cause is another."""
    hard = "w" * 3
    made, labels = streams(hard)
    # Scores between the two, of which the reference says nothing but what lies between.
    values = [
        orjson.dumps({**orjson.loads(value), "score": 0.45 + 0.1 * (i % 2)})
        for i, value in enumerate(made.values[:-1])
        if value is not None
    ]
    out = run([model()], 1, [batch([*values, made.values[-1]]), labels])[0]
    (trigger,) = told(out, "retraining-triggers")
    assert (trigger["cause"], trigger["drift_type"]) == ("performance", "covariate")
    assert trigger["observed"]["unforeseen"] == []


def test_a_promise_that_cannot_be_judged_keeps_its_episode() -> None:
    """Few labels resolve nothing."""
    performance = (
        "{window: 1m, accuracy: {at_least: 0.85}, auc: null, precision: null, recall: null, "
        "f1: null}"
    )
    alerts = told(effects("wwff.", model(performance)), "alerts")
    found = {
        rule: [(a["state"], minute_of(a)) for a in alerts if a["rule"] == rule]
        for rule in ("service_level", "performance")
    }
    assert found["service_level"] == [("open", 0), ("resolved", 4)]
    assert found["performance"] == [("open", 1), ("resolved", 4)]


def test_sliding_windows_neither_chart_nor_decide() -> None:
    """Only those that tile time."""
    chosen = model()
    text = spec_text(
        inputs="[predictions, labels]",
        label=LABEL,
        estimators="{}",
        windows="[{length: 2m, judge_every: 1m}]",
        quality="null",
        retraining="{cooldown: 1m, rules: {performance: {window: 2m, at_least: 1, of_last: 1}}}",
    )
    sliding = model_of(text, reference())
    found = sections(effects("wwwwww", sliding))
    charted = [tree["end"] for tree in found if "charts" in tree["performance"]]
    assert len(charted) == 3
    assert all(int(end[14:16]) % 2 == 0 for end in charted)
    assert chosen.key == sliding.key
