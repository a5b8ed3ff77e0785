"""Default rate and the cost of errors, counted by hand from a stream with labels and values."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
import orjson
import pytest

from engine.effects import Publish
from engine.model import MonitoredModel
from engine.pipeline import Pipeline
from engine.reference_table import ReferenceTable
from engine.spec_faults import SpecError
from engine.spec_reading import read_spec
from tests.engine.models import (
    MINUTE,
    SECOND,
    START,
    batch,
    beat,
    event,
    model_of,
    reference,
    run,
    spec_text,
    trees,
)
from tests.streams.test_metrics import exposed, live_of, samples

EVENTS: Final = 600
LABEL: Final = "{ttl: 10m, lateness: 0s, amend: 1m, pane: 1m, maturities: [1m]}"
COSTS: Final = (
    "{false_positive: {each: 2.5}, false_negative: {each: 1, of_value: 0.8}, "
    "true_positive: {of_value: -0.1}}"
)
BUSINESS: Final = (
    f"{{window: 5m, approved: negative, costs: {COSTS}, default_rate: {{max: 0.02}}, "
    "cost_per_prediction: {max: 0.5}}"
)


@cache
def model(
    business: str = BUSINESS, performance: str = "{window: 5m}", label: str = LABEL
) -> MonitoredModel:
    """Of the training rows a tenth are decided positive, and the label is the decision but for one
    in fifty of the others."""
    known, rows = reference(2_000), np.arange(2_000)
    decision = rows % 10 == 0
    table = ReferenceTable(
        rows=2_000,
        numeric=known.numeric,
        categorical=known.categorical,
        decision=decision.astype(float),
        labels=(decision | (rows % 50 == 7)).astype(float),
        values=np.full(2_000, 10.0),
    )
    text = spec_text(
        inputs="[predictions, labels]",
        label=label,
        estimators="{}",
        windows="[5m]",
        retraining="{rules: {}}",
        quality="null",
        business=business,
        performance=performance,
    )
    return model_of(text, table)


def rows(defaults: int) -> list[tuple[int, int, float]]:
    """Decision, label and value of the events: a tenth positive, of those a fifth wrongly; so many
    of the approved turn out bad."""
    rng = np.random.default_rng(8)
    found = []
    for i in range(EVENTS):
        decision = int(i % 10 == 0)
        label = int(i % 50 != 0) if decision else int(i % 10 == 3 and i // 10 < defaults)
        found.append((decision, label, round(float(rng.lognormal(3, 1)), 2)))
    return found


def published(defaults: int, chosen: MonitoredModel) -> list[Publish]:
    """All that is said of the events."""
    return driven(defaults, chosen)[0]


def said(defaults: int, chosen: MonitoredModel) -> tuple[list[dict[str, Any]], Pipeline]:
    """Judgements of performance and cohorts of the first five minutes."""
    out, pipeline = driven(defaults, chosen)
    whole = [j for j in trees(out, "judgements") if j["end"].endswith(":05:00Z")]
    return [j for j in whole if "section" in j and j["revision"] == 0], pipeline


def driven(defaults: int, chosen: MonitoredModel) -> tuple[list[Publish], Pipeline]:
    """The events through one pipeline, their labels all behind them."""
    made, labels = [], []
    for i, (decision, label, value) in enumerate(rows(defaults)):
        ts = START + i * 400
        made.append(orjson.dumps(event(i, ts, score=..., decision=decision, value=value)))
        told = {"event_id": f"e{i}", "model": "m", "ts": ts + 20 * SECOND, "label": label}
        labels.append(orjson.dumps(told))
    return run(
        [chosen],
        1,
        [
            batch([*made, beat(START + 5 * MINUTE + 30 * SECOND)]),
            batch([*labels, beat(START + 6 * MINUTE)], topic="labels"),
        ],
    )


def by_hand(defaults: int) -> dict[str, float]:
    """The figures from the rows themselves."""
    found = rows(defaults)
    wrong = [v for d, y, v in found if (d, y) == (0, 1)]
    alarms = sum(1 for d, y, _ in found if (d, y) == (1, 0))
    caught = sum(v for d, y, v in found if (d, y) == (1, 1))
    missed = len(wrong) + 0.8 * sum(wrong)
    return {
        "default_rate": len(wrong) / sum(1 for d, _, _ in found if not d),
        "false_positive": 2.5 * alarms,
        "false_negative": missed,
        "cost_per_prediction": (2.5 * alarms + missed - 0.1 * caught) / EVENTS,
    }


@pytest.mark.parametrize("defaults", [0, 6, 40])
def test_figures_are_those_of_the_rows(defaults: int) -> None:
    """By arrival, and of the cohort, which is complete here."""
    due = by_hand(defaults)
    judgements, _ = said(defaults, model())
    (performance,) = [j for j in judgements if j["section"] == "performance"]
    (cohort,) = [j for j in judgements if j["section"] == "cohorts"]
    found = performance["business"]
    assert cohort["cohorts"]["1m"]["business"] == found
    assert found["default_rate"] == due["default_rate"]
    assert found["cost_per_prediction"] == pytest.approx(due["cost_per_prediction"], rel=1e-12)
    errors = {name: due[name] for name in ("false_positive", "false_negative")}
    assert found["cost_of_errors"] == pytest.approx(errors, rel=1e-12)


def test_the_training_table_stands_beside() -> None:
    """40 of its 1,800 approved turned out bad and cost 9 each; the 200 caught earned 1 each."""
    judgements, _ = said(6, model())
    usual = judgements[0]["business"]["baseline"]
    assert usual["default_rate"] == 40 / 1_800
    assert usual["cost_per_prediction"] == pytest.approx((40 * 9 - 200 * 1.0) / 2_000)


def test_the_spread_of_costs_is_exact() -> None:
    """The standard error is that of the rows' own costs."""
    _, pipeline = said(40, model())
    judged = pipeline.judges["m@v1"].latest_performance["performance", "5m"]
    assert judged.outcomes is not None
    cost = {(0, 0): (0, 0), (1, 0): (2.5, 0), (0, 1): (1, 0.8), (1, 1): (0, -0.1)}
    each = np.array([cost[d, y][0] + cost[d, y][1] * v for d, y, v in rows(40)])
    due = each.std() / np.sqrt(EVENTS)
    assert judged.outcomes.figures["cost_per_prediction"].error == pytest.approx(due, rel=1e-9)


def test_limits_are_broken_significantly_or_not_at_all() -> None:
    """Of 540 approved 13 are chance at a limit of 2 %, 40 are not."""
    for defaults, broken in ((6, []), (13, []), (40, ["default_rate", "cost_per_prediction"])):
        judgements, _ = said(defaults, model())
        found = judgements[0]["business"].get("broken_limits", [])
        assert [one["figure"] for one in found] == broken, defaults


@pytest.mark.parametrize("performance", ["{window: 5m}", "{window: 5m, by: 1m}", "null"])
def test_a_broken_limit_opens_an_alert_and_asks_for_nothing(performance: str) -> None:
    """Whichever view decisions read, and also where no measure has a level."""
    for defaults, count in ((6, 0), (13, 0), (40, 1)):
        out = published(defaults, model(performance=performance))
        found = [alert for alert in trees(out, "alerts") if alert["rule"] == "outcomes"]
        assert len(found) == count, defaults
        assert not trees(out, "retraining-triggers")
        for alert in found:
            assert (alert["state"], alert["severity"]) == ("open", "WARNING")
            broken = [one["figure"] for one in alert["evidence"]["measures"]]
            assert broken == ["default_rate", "cost_per_prediction"]


def test_early_labels_break_no_limit() -> None:
    """Only positives are reported, and whoever was not has ten minutes: what came in five is told
    as beyond the limit, and nobody is called."""
    early = LABEL.replace("amend: 1m", "amend: 1m, negative_after: 10m")
    out = published(40, model(label=early, performance="{window: 5m}"))
    (first,) = [
        j
        for j in trees(out, "judgements")
        if j.get("section") == "performance" and j["end"].endswith(":05:00Z")
    ]
    assert first["business"]["broken_limits"]
    assert not trees(out, "alerts")


def test_an_approval_may_be_the_positive_decision() -> None:
    """Then the false positives are the defaults."""
    judgements, _ = said(6, model("{window: 5m, approved: positive}"))
    found = judgements[0]["business"]
    assert found["default_rate"] == 12 / 60
    assert "cost_per_prediction" not in found
    assert "cost_of_errors" not in found


def test_the_gauges_are_the_judgement() -> None:
    """By arrival and by cohort, with the baseline and what is broken."""
    judgements, pipeline = said(40, model())
    found, gauges = judgements[0]["business"], samples(exposed(live_of(pipeline)))
    window = 'model="m",version="v1",window="5m"'
    for prefix, more in (("business", ""), ("business_cohort", 'maturity="1m",')):
        labels = f"{more}{window}"
        assert gauges[f"{prefix}_default_ratio{{{labels}}}"] == found["default_rate"]
        assert gauges[f"{prefix}_default_ratio_baseline{{{labels}}}"] == 40 / 1_800
        cost = gauges[f"{prefix}_cost_per_prediction{{{labels}}}"]
        assert cost == found["cost_per_prediction"]
        for error in ("false_positive", "false_negative"):
            total = gauges[f'{prefix}_error_cost{{error="{error}",{labels}}}']
            assert total == found["cost_of_errors"][error]
        assert gauges[f'{prefix}_limit_broken{{figure="default_rate",{labels}}}'] == 1


@pytest.mark.parametrize(
    ("business", "place"),
    [
        ("{costs: {false_negatives: {each: 1}}}", "business.costs.false_negatives"),
        ("{costs: {false_negative: {every: 1}}}", "business.costs.false_negative.every"),
        ("{costs: {false_negative: {each: much}}}", "business.costs.false_negative.each"),
        ("{cost_per_prediction: {max: 1}}", "business.cost_per_prediction"),
        ("{default_rate: {max: .nan}}", "business.default_rate.max"),
    ],
)
def test_faults_have_their_place(business: str, place: str) -> None:
    """One slip, one fault, at its key."""
    with pytest.raises(SpecError) as caught:
        read_spec(spec_text(inputs="[predictions, labels]", label=LABEL, business=business))
    assert [fault.place for fault in caught.value.faults] == [place]


def test_outcomes_need_a_window_with_performance() -> None:
    """A limit that nobody would ever look at is a fault that says where somebody would."""
    with pytest.raises(SpecError) as caught:
        read_spec(
            spec_text(
                inputs="[predictions, labels]",
                label="{ttl: 10m, lateness: 0s, amend: 1m, pane: 5m}",
                windows="[1m, 15m]",
                business="{window: 1m, default_rate: {max: 0.1}}",
                performance="{window: 15m}",
                retraining="{rules: {}}",
            )
        )
    (fault,) = caught.value.faults
    assert fault.place == "business"
    assert "say window: 15m" in str(fault)


def test_outcomes_need_labels() -> None:
    """A limit of what nobody will ever know is a fault."""
    with pytest.raises(SpecError) as caught:
        read_spec(spec_text(business=f"{{costs: {COSTS}, default_rate: {{max: 0.1}}}}"))
    assert {f.place for f in caught.value.faults} == {"business.default_rate", "business.costs"}
