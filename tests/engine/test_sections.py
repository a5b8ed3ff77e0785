"""Prediction, business, operations, freshness and duplicates of judgements, counted by hand."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
import orjson
import pytest

from engine.judge import Judge
from engine.model import MonitoredModel
from engine.reference_table import ReferenceTable
from engine.spec_faults import SpecError
from engine.spec_reading import read_spec
from tests.engine.models import (
    HOUR,
    MINUTE,
    START,
    batch,
    beat,
    event,
    model_of,
    reference,
    run,
    said,
    spec_text,
    trees,
)

A_MINUTE: Final = 600
QUIET: Final = {
    "windows": "[1m]",
    "quality": "null",
    "retraining": "{rules: {}}",
    "alerts": "{calm: 1}",
}


@cache
def model(**sections: str) -> MonitoredModel:
    """2,000 decisions of which 40 are positive."""
    known = reference(2_000)
    table = ReferenceTable(
        rows=2_000,
        numeric=known.numeric,
        categorical=known.categorical,
        decision=(np.arange(2_000) % 50 == 0).astype(float),
    )
    return model_of(spec_text(**{**QUIET, **sections}), table)


def minutes(rows: list[list[dict[str, Any]]], chosen: MonitoredModel, **how: Any) -> Any:  # noqa: ANN401
    """Judgements and alerts of minutes whose events have these fields."""
    rng = np.random.default_rng(4)
    values: list[bytes | None] = []
    for minute, fields in enumerate(rows):
        for i, more in enumerate(fields):
            x, y = rng.normal(size=2).tolist()
            features = {"x": x, "y": y, "c": "aaaabbbccd"[i % 10]}
            ts = START + minute * MINUTE + i * MINUTE // len(fields)
            tree = event(len(values), ts, **{"features": features, "score": ..., **more})
            values.append(orjson.dumps(tree))
    values.append(beat(START + (len(rows) + 2) * MINUTE))
    out, _ = run([chosen], 1, [batch(values, **how)])
    judgements = [j for j in trees(out, "judgements") if j["end"].endswith(":00Z") and j["events"]]
    return judgements, trees(out, "alerts")


def decided(positives: int, size: int = A_MINUTE, **more: object) -> list[dict[str, Any]]:
    """A minute of decisions, the positive ones spread evenly."""
    return [{"decision": int(i * positives // size != (i + 1) * positives // size), **more}
            for i in range(size)]  # fmt: skip


@pytest.mark.parametrize(
    ("positives", "level"), [(12, "STABLE"), (18, "STABLE"), (40, "DRIFT"), (0, "DRIFT")]
)
def test_a_rare_class_is_tested_exactly(positives: int, level: str) -> None:
    """2 % is usual: 18 of 600 are chance, 40 are twice as many too many, none is too few."""
    judgements, _ = minutes([decided(positives)], model(budget="{false_pages: 1000, per: 1d}"))
    found = judgements[0]["prediction"]
    assert found["positive_rate"] == positives / A_MINUTE
    assert found["positive_rate_expected"] == 0.02
    assert found["level"] == found["positive_rate_level"] == level
    assert judgements[0]["level"] == level
    assert (found["positive_rate_p_value"] < 0.01) is (level == "DRIFT")


def test_the_score_has_moments_and_quantiles() -> None:
    """Shift in the reference's standard deviations, with its chance; five quantiles."""
    rng = np.random.default_rng(5)
    scores = [{"score": float(s)} for s in rng.random(A_MINUTE) * 0.5]
    judgements, _ = minutes([scores], model_of(spec_text(**QUIET)))
    found = judgements[0]["prediction"]
    assert found["mean_shift"] == pytest.approx(-0.25 / np.sqrt(1 / 12), abs=0.06)
    assert found["stddev_ratio"] == pytest.approx(0.5, abs=0.03)
    assert found["mean_shift_p_value"] <= 1e-6
    assert list(found["quantiles"]) == ["0.05", "0.25", "0.5", "0.75", "0.95"]


BUSINESS: Final = (
    "{window: 1m, approved: negative, approval_rate: {min: 0.9, max: 0.99}, "
    "value_per_prediction: {min: 8}}"
)


def test_value_is_summed_by_decision_to_the_cent() -> None:
    """Sums are those of whole cents, whatever the order; approvals are what the spec says."""
    values = [{**row, "value": 0.1 * (i % 7)} for i, row in enumerate(decided(60))]
    values[5]["value"] = None
    judgements, _ = minutes([values], model(business=BUSINESS))
    found = judgements[0]["business"]
    cents: dict[int, list[int]] = {0: [], 1: []}
    for i, row in enumerate(values):
        if row["value"] is not None:
            cents[row["decision"]].append(10 * (i % 7))
    for name, decision in (("negative", 0), ("positive", 1)):
        due = {"values": len(cents[decision]), "total": sum(cents[decision]) / 100}
        assert found["value_by_decision"][name] == pytest.approx(due, rel=1e-12)
    assert found["approval_rate"] == 0.9
    every = [*cents[0], *cents[1]]
    assert found["value_per_prediction"] == pytest.approx(sum(every) / len(every) / 100)
    assert found["value_per_approval"] == pytest.approx(np.mean(cents[0]) / 100)


def test_a_broken_limit_is_an_alert_of_its_own() -> None:
    """Only significantly: 89 % of 600 is chance at a limit of 90 %, 70 % is not."""
    rng = np.random.default_rng(6)

    def rows(positives: int, mean: float) -> list[dict[str, Any]]:
        drawn = rng.normal(mean, 2.0, A_MINUTE).tolist()
        return [{**r, "value": v} for r, v in zip(decided(positives), drawn, strict=True)]

    chosen = model(business=BUSINESS)
    story = [rows(50, 10.0), rows(66, 10.0), rows(180, 10.0), rows(50, 7.0), rows(50, 10.0)]
    judgements, alerts = minutes(story, chosen)
    broken = [[b["figure"] for b in j["business"].get("broken_limits", [])] for j in judgements]
    assert broken == [[], [], ["approval_rate"], ["value_per_prediction"], []]
    assert [(a["cause"], a["state"], a["end"][14:16]) for a in alerts] == [
        ("business", "open", "03"),
        ("business", "resolved", "05"),
    ]
    assert alerts[0]["severity"] == "WARNING"


def test_without_the_section_there_is_no_business() -> None:
    """``value`` is not even read: a wrong type of it costs nothing."""
    judgements, _ = minutes([decided(12, value="much")], model())
    assert "business" not in judgements[0]
    assert judgements[0]["events"] == A_MINUTE


def test_partitions_and_batches_do_not_matter_to_money() -> None:
    """The same bytes from one batch and from many."""
    chosen = model(business=BUSINESS)
    rng = np.random.default_rng(7)
    values: list[bytes | None] = [
        orjson.dumps(event(i, START + i * 100, score=..., decision=i % 2, value=float(v)))
        for i, v in enumerate(rng.normal(0, 1e4, 600))
    ]
    values.append(beat(START + HOUR))
    whole, _ = run([chosen], 1, [batch(values)])
    cut = [batch(values[i : i + 50], first=i) for i in range(0, len(values), 50)]
    assert said(run([chosen], 1, cut)[0]) == said(whole)


def test_operations_are_compared_with_the_windows_before() -> None:
    """Twice as many errors, then slow answers, each an alert; a lasting fault is never usual."""

    def rows(errors: int, slow: int) -> list[dict[str, Any]]:
        return [
            {
                "decision": 0,
                "latency_ms": 80.0 if i < slow else 7.0,
                "error": "e" if i < errors else None,
            }
            for i in range(A_MINUTE)
        ]

    story = [rows(6, 10)] * 3 + [rows(60, 10)] * 2 + [rows(6, 10), rows(6, 200), rows(6, 10)]
    judgements, alerts = minutes(story, model(operations="{window: 1m}"))
    assert [(a["cause"], a["state"], a["end"][14:16]) for a in alerts] == [
        ("errors", "open", "04"),
        ("errors", "resolved", "06"),
        ("latency", "open", "07"),
        ("latency", "resolved", "08"),
    ]
    assert {a["severity"] for a in alerts} == {"CRITICAL"}
    told = [j["operations"].get("against_usual") for j in judgements]
    assert told[0] is None
    assert told[1]["errors"]["rate"] == told[1]["errors"]["usual"] == 0.01
    assert told[1]["errors"]["p_value"] > 0.1
    sure = [[t[name]["p_value"] <= 1e-6 for t in told[1:]] for name in ("errors", "latency")]
    assert sure[0] == [False, False, True, True, False, False, False]
    assert sure[1] == [False, False, False, False, False, True, False]
    assert told[6]["latency"]["rate"] == 200 / A_MINUTE


def test_a_restored_judge_shows_what_was_usual_then() -> None:
    """The newest window's comparison is the same after a restart, though it is usual by now."""
    chosen = model(operations="{window: 1m}")
    rows = [{"decision": 0, "error": "e" if i < 6 else None} for i in range(A_MINUTE)]
    values: list[bytes | None] = [
        orjson.dumps(event(k * A_MINUTE + i, START + k * MINUTE + i * 100, **row))
        for k in range(3)
        for i, row in enumerate(rows)
    ]
    _, pipeline = run([chosen], 1, [batch([*values, beat(START + 3 * MINUTE + 30_000)])])
    judge = pipeline.judges["m@v1"]
    before = judge.latest["1m"].as_tree()["operations"]["against_usual"]
    restored = Judge(chosen, 1, resume=judge.snapshot())
    assert restored.latest["1m"].as_tree()["operations"]["against_usual"] == before
    assert judge.latest["1m"].usual[0] == 2 * A_MINUTE - A_MINUTE // 8


def test_duplicates_are_a_share_and_too_many_are_bad_data() -> None:
    """Of 600 predictions 120 are read twice."""
    rows = decided(12, 480)
    chosen = model(duplicates="{last: 1000}", quality="{window: 1m}")
    rng = np.random.default_rng(8)
    values: list[bytes | None] = []
    for i, row in enumerate(rows):
        x, y = rng.normal(size=2).tolist()
        features = {"x": x, "y": y, "c": "aaaabbbccd"[i % 10]}
        tree = orjson.dumps(event(i, START + i * 100, score=..., features=features, **row))
        values += [tree] * (2 if i % 4 == 0 else 1)
    values.append(beat(START + 5 * MINUTE))
    out, _ = run([chosen], 1, [batch(values)])
    found = next(j for j in trees(out, "judgements") if j["end"].endswith(":01:00Z"))
    assert found["events"] == 480
    assert found["quality"]["duplicate_ratio"] == 120 / 600
    (alert,) = [a for a in trees(out, "alerts") if a["state"] == "open"]
    (told,) = alert["evidence"]["observed"]["records"]
    assert (told["fault"], told["observed"]) == ("duplicates", 120 / 600)


def test_record_times_change_no_judgement() -> None:
    """Files have none, and their replay says what was said of the log; freshness is a metric."""
    chosen = model(quality="{window: 1m}")
    judgements, alerts = minutes([decided(12)], chosen, record_ms=START + 3 * MINUTE)
    assert (judgements, alerts) == minutes([decided(12)], chosen)
    assert judgements[0]["events"] == A_MINUTE
    assert judgements[0]["quality"] == {"level": "STABLE"}


def test_volume_is_told_against_the_same_hours() -> None:
    """Half the events of the reference's rate are a ratio of a half."""
    table = reference(10 * 24 * 60, step_ms=MINUTE)
    chosen = model_of(spec_text(**{**QUIET, "windows": "[1h]"}), table)
    values: list[bytes | None] = [orjson.dumps(event(i, START + i * 2 * MINUTE)) for i in range(60)]
    out, _ = run([chosen], 1, [batch([*values, beat(START + 3 * HOUR)])])
    whole = [j for j in trees(out, "judgements") if j["end"][14:19] == "00:00" and j["events"]]
    assert [j["operations"]["volume_ratio"] for j in whole] == [0.5, 0.5]


@pytest.mark.parametrize(
    ("section", "place"),
    [
        ("quality: {missing: 2}", "quality.missing"),
        ("quality: {windowe: 1h}", "quality.windowe"),
        ("quality: {freshness: 5}", "quality.freshness"),
        ("quality: {stale_records: 2}", "quality.stale_records"),
        ("business: {approval_rate: {min: 2, max: 1}}", "business.approval_rate.min"),
        ("business: {approval_rate: {}}", "business.approval_rate"),
        ("business: {approved: yes}", "business.approved"),
        ("operations: {slow: -1}", "operations.slow"),
        ("prediction: {rate_watch: 3, rate_drift: 2}", "prediction.rate_drift"),
    ],
)
def test_faults_of_the_sections_have_their_place(section: str, place: str) -> None:
    """One slip, one fault, at its key."""
    with pytest.raises(SpecError) as caught:
        read_spec(spec_text() + section + "\n")
    assert [fault.place for fault in caught.value.faults] == [place]
