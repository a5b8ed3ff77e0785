"""From windows of performance to alerts, triggers and charts, by labels made to a pattern."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from detectors.intervals import Estimate
from engine.effects import Publish
from engine.judge import Judge
from engine.performance_charts import advance
from engine.pipeline import Pipeline
from engine.spec import ChartRules
from tests.engine.models import MINUTE, START, batch, model_of, run, spec_text
from tests.engine.models import trees as told
from tests.engine.performance_patterns import (
    LABEL,
    effects,
    levels,
    minute_of,
    model,
    reference,
    sections,
    streams,
)


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


def test_labels_that_are_early_are_not_judged() -> None:
    """By arrival, negatives closed after three minutes: nothing is said of the first three."""
    label = "{ttl: 10m, lateness: 0s, amend: 1m, pane: 1m, negative_after: 3m}"
    found = sections(effects("wwwwww", model(label=label)))
    reasons = [each["performance"]["levels"]["accuracy"].get("reason", "") for each in found[:6]]
    assert reasons == ["early_labels"] * 3 + [""] * 3


@pytest.mark.parametrize("kind", ["0", "1"])
def test_a_selected_cohort_is_not_judged(kind: str) -> None:
    """Only predictions of one decision have labels; by the reference all have."""
    label = "{ttl: 10m, lateness: 0s, amend: 1m, pane: 1m, maturities: [1m]}"
    chosen = model(label=label)
    made, labels = streams("www")
    ends = labels.values[-1]
    kept = [
        value
        for value in labels.values[:-1]
        if (int(orjson.loads(value or b"")["event_id"][1:]) % 2 == 1) == (kind == "1")
    ]
    out = run([chosen], 1, [made, batch([*kept, ends], topic="labels")])[0]
    cohorts = [tree["cohorts"]["1m"] for tree in sections(out) if tree["section"] == "cohorts"]
    assert cohorts[0]["selected"] is True
    assert cohorts[0]["levels"]["accuracy"]["reason"] == "selected"
    assert cohorts[0]["decisions"]["1"]["labelled_ratio"] == float(kind == "1")
    assert not told(out, "retraining-triggers")
    arrivals = [tree for tree in sections(out) if tree["section"] == "performance"]
    assert arrivals
    assert not [tree for tree in arrivals if "level" in tree]


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


def test_charts_begin_anew_with_other_rules_and_go_with_their_measures() -> None:
    """A chart of another parameter is another chart."""
    pipeline = run([model()], 1, streams("..."))[1]
    judge = next(iter(pipeline.judges.values()))
    assert judge.decisions.charts["1m/accuracy"].windows == 3
    without = "{window: 1m, accuracy: null, precision: null, recall: null, f1: null}"
    assert Judge(model(without), 1, resume=judge.snapshot()).decisions.charts == {}
    chart = judge.decisions.charts
    before = dict(chart)
    held = judge.latest_performance["performance", "1m"].verdict
    assert held is not None
    worse = Estimate(0.1, 0.05, 0.15)
    verdict = replace(held.measures[0], reason="", worse=worse, error=0.02)
    rules = ChartRules(sigmas=2.0)
    assert advance(chart, "1m", START, (verdict,), rules, "layout")["accuracy"].windows == 1
    assert advance(chart, "1m", START, (verdict,), rules, "layout") == {}
    assert chart["1m/accuracy"] != before["1m/accuracy"]


def test_a_promise_that_cannot_be_judged_keeps_its_episode() -> None:
    """Few labels resolve nothing."""
    performance = (
        "{window: 1m, accuracy: {at_least: 0.85}, auc: null, precision: null, recall: null, "
        "f1: null}"
    )
    alerts = told(effects("wff.", model(performance)), "alerts")
    states = [(a["state"], minute_of(a)) for a in alerts if a["rule"] == "service_level"]
    assert states == [("open", 0), ("resolved", 3)]


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
