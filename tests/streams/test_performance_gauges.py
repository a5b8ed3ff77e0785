"""The gauges of performance, against counts made by hand."""

from __future__ import annotations

from functools import cache

import numpy as np
import orjson
import pytest

from engine.model import MonitoredModel
from engine.pipeline import Pipeline
from engine.reference_table import ReferenceTable
from tests.engine.models import MINUTE, SECOND, START, batch, beat, event, model_of, run, spec_text
from tests.streams.test_metrics import exposed, live_of, samples

LABEL = "{ttl: 10m, lateness: 0s, amend: 1m, pane: 1m, maturities: [1m]}"
EVENTS = 40
WINDOW = 'model="m",version="v1",window="5m"'
MEASURED = 'model="m",version="v1",window="5m"'
REST = 'version="v1",window="5m"'


@cache
def model(min_labels: int = 100) -> MonitoredModel:
    """Scores 0.0 to 0.9; of the training rows those from 0.5 on were positive, which is perfect."""
    rows = 1_000
    score = np.arange(rows, dtype=np.float64) % 10 / 10
    table = ReferenceTable(
        rows=rows,
        numeric={"x": np.arange(rows, dtype=np.float64) % 8, "y": np.arange(rows) % 5.0},
        categorical={"c": ["ab"[i % 2] for i in range(rows)]},
        score=score,
        labels=(score >= 0.5).astype(float),
    )
    text = spec_text(
        inputs="[predictions, labels]",
        label=LABEL,
        estimators="{}",
        windows="[5m]",
        retraining="{}",
        performance=f"{{min_labels: {min_labels}, accuracy: {{at_least: 0.95}}}}",
    )
    return model_of(text, table)


@cache
def pipeline() -> Pipeline:
    """The streams through the usual model."""
    return pipeline_of(model())


def pipeline_of(chosen: MonitoredModel) -> Pipeline:
    """40 predictions in as many seconds; of the first 30 a label came after 20 s, of which every
    third says the contrary of the decision; one is told twice, one belongs to nobody."""
    made = [event(i, START + i * SECOND, score=i % 10 / 10) for i in range(EVENTS)]
    labels = []
    for i, one in enumerate(made[:30]):
        decided = one["score"] >= 0.5
        truth = decided if i % 3 else not decided
        labels.append(
            {"event_id": f"e{i}", "model": "m", "ts": one["ts"] + 20 * SECOND, "label": truth}
        )
    labels += [labels[-1], {**labels[-1], "event_id": "nobody"}]
    ends = beat(START + 5 * MINUTE + 30 * SECOND), beat(START + 6 * MINUTE)
    return run(
        [chosen],
        1,
        [
            batch([*map(orjson.dumps, made), ends[0]]),
            batch([*map(orjson.dumps, labels), ends[1]], topic="labels"),
        ],
    )[1]


def test_the_gauges_are_the_counts() -> None:
    """Measures, their baseline, who has a label and after how long, and what became of labels."""
    found = samples(exposed(live_of(pipeline())))
    assert found[f"model_labelled_predictions{{{WINDOW}}}"] == 30
    assert found[f"model_accuracy_ratio{{{WINDOW}}}"] == pytest.approx(20 / 30)
    assert found[f"model_accuracy_ratio_baseline{{{WINDOW}}}"] == 1
    assert found[f"model_auc_ratio_baseline{{{WINDOW}}}"] == 1
    cohort = f'maturity="1m",{WINDOW}'
    assert found[f"model_cohort_labelled_ratio{{{cohort}}}"] == pytest.approx(30 / 40)
    assert found[f"model_cohort_accuracy_ratio{{{cohort}}}"] == pytest.approx(20 / 30)
    delay = 'model="m",quantile="0.5",version="v1",window="5m"'
    assert 0 < found[f"model_label_delay_seconds{{{delay}}}"] <= 60
    labels = {
        outcome: found[f'longshore_labels{{model="m",outcome="{outcome}",version="v1"}}']
        for outcome in ("matched", "duplicate", "pending", "expired", "corrected")
    }
    assert labels == {"matched": 30, "duplicate": 1, "pending": 1, "expired": 0, "corrected": 0}
    plane = 'model="m",plane="performance",version="v1"'
    watermark = found[f"longshore_performance_watermark_timestamp_seconds{{{plane}}}"]
    assert watermark == START / 1000 + 300


def test_the_verdict_and_the_charts_are_told() -> None:
    """Of the view that is judged, which is the cohort: 30 labels are too few for a level."""
    found = samples(exposed(live_of(pipeline())))
    assert found[f"model_performance_level{{{WINDOW}}}"] == 0
    assert found[f'model_performance_measure_level{{measure="auc",{MEASURED}}}'] == 0
    judge = next(iter(pipeline().judges.values()))
    assert judge.decisions.charts == {}
    enough = pipeline_of(model(min_labels=30))
    found = samples(exposed(live_of(enough)))
    assert found[f"model_performance_level{{{WINDOW}}}"] == 3
    accuracy = f'measure="accuracy",{MEASURED}'
    assert found[f"model_performance_measure_level{{{accuracy}}}"] == 3
    assert found[f"model_performance_promised{{{accuracy}}}"] == 0.95
    score = found[f"model_performance_chart_score{{{accuracy}}}"]
    assert score > 3
    assert found[f"model_performance_chart_ewma{{{accuracy}}}"] == pytest.approx(min(score, 6) / 5)
    assert found[f"model_performance_chart_limit{{{accuracy}}}"] < 1
    assert found[f"model_performance_chart_alarm{{{accuracy}}}"] == 1
    triggered = found[
        'drift_alert_active{cause="service_level",model="m",rule="service_level",'
        'severity="CRITICAL",version="v1"}'
    ]
    assert triggered == 1


def test_who_gets_labels_is_told_by_decision() -> None:
    """Share and delay; the estimate's error is of the events that have them."""
    found = samples(exposed(live_of(pipeline())))
    for decision in "01":
        of_decision = f'decision="{decision}",maturity="1m",{WINDOW}'
        assert found[f"model_cohort_decision_labelled_ratio{{{of_decision}}}"] == 15 / 20
        delay = f'decision="{decision}",maturity="1m",model="m",quantile="0.5",{REST}'
        assert found[f"model_cohort_decision_label_delay_seconds{{{delay}}}"] <= 60
    cohort = f'maturity="1m",{WINDOW}'
    assert found[f"model_cohort_labels_selected{{{cohort}}}"] == 0
    error = found[f"model_cohort_accuracy_ratio_estimated_error{{{cohort}}}"]
    assert error == pytest.approx(1 - 20 / 30, abs=0.02)
    assert found[f"model_accuracy_ratio_estimated_error{{{WINDOW}}}"] == error


def test_every_gauge_says_what_it_is() -> None:
    """Help text of its own, not that of a feature's statistic."""
    text = exposed(live_of(pipeline()))
    told = [line for line in text.splitlines() if line.startswith("# HELP model_")]
    assert len(told) > 30
    assert not [line for line in told if "of a feature" in line]
