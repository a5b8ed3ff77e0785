"""Requests of the data that wait for the labels of the same time, and the tree's other ways."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import msgspec
import numpy as np
import orjson
import pytest

from engine.decide.asking import RetrainingMemory
from engine.decide.retraining_tree import Facts, advise
from engine.judge import Judge
from engine.model import MonitoredModel
from engine.pipeline import Pipeline
from engine.reference_table import ReferenceTable
from engine.snapshot import SnapshotError
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
    pieces,
    run,
    said,
    spec_text,
    trees,
)
from tests.engine.test_performance_decisions import minute_of

A_MINUTE: Final = 200
SHARES: Final = {".": 0.8, "w": 0.55, "b": 0.97}
"""Share of decisions that come true: as in the reference, worse, better."""
LABEL: Final = "{ttl: 10m, lateness: 0s, amend: 1m, pane: 1m}"


@cache
def model(veto: str = "true", schedule: str = "") -> MonitoredModel:
    """Drift of x is asked about each minute, and labels are judged each minute."""
    rule = "psi_features: {features: 1, window: 1m, at_least: 1, of_last: 1}"
    text = spec_text(
        inputs="[predictions, labels]",
        label=LABEL,
        estimators="{}",
        windows="[{length: 1m, judge_every: 1m}]",
        performance="{window: 1m, auc: null, precision: null, recall: null, f1: null}",
        quality="null",
        alerts="{calm: 1}",
        retraining=f"{{cooldown: 2m, improvement_veto: {veto}{schedule}, rules: {{{rule}}}}}",
    )
    rows = 4_000
    high = np.arange(rows) % 2 == 1
    right = np.arange(rows) // 2 % 10 >= 2
    table = ReferenceTable(
        rows=rows,
        numeric={"x": np.arange(rows, dtype=np.float64) % 8, "y": np.arange(rows) % 5.0},
        categorical={"c": ["ab"[i % 2] for i in range(rows)]},
        score=np.where(high, 0.9, 0.1),
        labels=(high == right).astype(float),
    )
    return model_of(text, table)


def streams(drift: str, truth: str) -> list[Any]:
    """A minute a character: ``D`` drifted in x, and how many decisions come true; labels come half
    an hour later, ``_`` has none."""
    made, labels = [], []
    for minute, (moved, kind) in enumerate(zip(drift, truth, strict=True)):
        right = round(SHARES.get(kind, 0.8) * A_MINUTE / 2)
        for i in range(A_MINUTE):
            number, high = minute * A_MINUTE + i, i % 2 == 1
            at = START + minute * MINUTE + i * 200
            features = {"x": i % 8 + 20.0 * (moved == "D"), "y": i % 5.0, "c": "ab"[i % 2]}
            made.append(event(number, at, features=features, score=0.9 if high else 0.1))
            came = high if i // 2 < right else not high
            if kind != "_":
                at += SECOND
                labels.append({"event_id": f"e{number}", "model": "m", "ts": at, "label": came})
    end = beat(START + (len(drift) + 3) * MINUTE)
    return [
        batch([*map(orjson.dumps, made), end]),
        batch([*map(orjson.dumps, labels), end], topic="labels"),
    ]


def asked(out: list[Any]) -> list[int]:
    """Minutes of the triggers."""
    return [minute_of(t) for t in trees(out, "retraining-triggers")]


def test_better_performance_vetoes_a_request_of_the_data() -> None:
    """Drift in the second minute with better labels is not asked for, and told; that of the fifth
    with labels as ever is."""
    out = run([model()], 1, streams(".D..D.", ".b...."))[0]
    assert asked(out) == [4]
    told = [a for a in trees(out, "alerts") if a["rule"] == "held_trigger"]
    assert [(a["cause"], a["state"], minute_of(a)) for a in told] == [
        ("psi_features with labels/improvement", "open", 1),
        ("psi_features with labels/improvement", "resolved", 2),
    ]
    path = told[0]["evidence"]["observed"]["path"]
    assert path[-1]["question"] == "is performance better than the reference?"
    assert path[-1]["answer"] == "yes"
    assert path[-1]["numbers"]["measures"] == ["accuracy"]
    assert asked(run([model("false")], 1, streams(".D..D.", ".b...."))[0]) == [1, 4]


def test_a_vetoed_request_spends_no_cool_down() -> None:
    """That of the next minute is made, and the one after is within its cool-down."""
    assert asked(run([model()], 1, streams(".DDD..", ".b...."))[0]) == [2]


def test_without_labels_enough_it_is_asked_for() -> None:
    """The window of labels is judged when later ones come, and says nothing."""
    assert asked(run([model()], 1, streams(".D....", "._...."))[0]) == [1]


def test_a_schedule_waits_and_is_not_vetoed() -> None:
    """It has its place in the order."""
    chosen = model(schedule=', schedule: {every: day, at: "10:01", window: 1m}')
    out = run([chosen], 1, streams("......", "bbbbbb"))[0]
    (trigger,) = trees(out, "retraining-triggers")
    assert (trigger["cause"], minute_of(trigger)) == ("scheduled", 0)


def orders(first: int) -> list[Any]:
    """Predictions and labels in pieces, one topic before the other or in turn."""
    made, labels = streams(".DDD.D.D", ".b..wb..")
    one = pieces(made, range(0, len(made), 150))
    other = pieces(labels, range(0, len(labels), 150))
    if first == 0:
        return [step for piece in [*one, *other] for step in (piece, None)]
    if first == 1:
        return [step for piece in [*other, *one] for step in (piece, None)]
    mixed = [piece for pair in zip(one, other, strict=False) for piece in pair]
    return [
        step for piece in [*mixed, *one[len(other) :], *other[len(one) :]] for step in (piece, None)
    ]


@pytest.mark.parametrize("first", [0, 1, 2])
def test_triggers_do_not_depend_on_which_topic_is_read_first(first: int) -> None:
    """Predictions before labels, after them, and in turn: the same triggers, byte for byte."""
    whole = run([model()], 1, streams(".DDD.D.D", ".b..wb.."))[0]
    found = run([model()], 1, orders(first))[0]
    triggers = ["retraining-triggers"]
    assert len(said(whole, triggers)["retraining-triggers"]) >= 2
    assert said(found, triggers) == said(whole, triggers)


def test_what_waits_survives_a_restart() -> None:
    """With predictions read and labels not, requests wait in the snapshot."""
    chosen, steps = model(), orders(0)
    pipeline = Pipeline([chosen], 1)
    records: list[bytes | None] = []
    for step in steps:
        if step is not None:
            pipeline.tallies[0].accept(step)
        records += [e.value for e in pipeline.tallies[0].flush() if e.topic == "panes"]
    judge, out, waited = Judge(chosen, 1), [], 0
    for value in records:
        assert value is not None
        out += judge.accept(value)
        waited = max(waited, len(judge.decisions.retraining.waiting))
        judge = Judge(chosen, 1, resume=judge.snapshot())
    assert waited >= 3
    triggers = ["retraining-triggers"]
    assert said(out, triggers) == said(run([chosen], 1, steps)[0], triggers)
    assert judge.decisions.retraining.waiting == RetrainingMemory().waiting


def test_a_veto_needs_labels() -> None:
    """It is a fault of a spec without."""
    with pytest.raises(SpecError, match="improvement_veto: needs labels"):
        read_spec(spec_text(retraining="{improvement_veto: true}"))


USUAL: Final = {"cause": "performance", "labelled": 500, "better": [], "worse": ["accuracy"]}


@pytest.mark.parametrize(
    ("facts", "recommended", "why"),
    [
        ({"cause": "data_drift"}, "retrain", "population"),
        ({"cause": "data_drift", "bad": ["x"]}, "wait", "bad_data"),
        ({"cause": "scheduled", "better": ["auc"]}, "retrain", "scheduled"),
        ({"cause": "data_drift", "better": ["auc"], "worse": []}, "wait", "improvement"),
        ({**USUAL, "better": ["recall"], "unforeseen": []}, "retrain", "population"),
        ({**USUAL, "unforeseen": ["accuracy"]}, "retrain", "recent_labels"),
        ({**USUAL, "ranks": True, "miscalibrated": 0.1}, "recalibrate", "calibration"),
        ({**USUAL, "ranks": False, "miscalibrated": 0.1}, "retrain", "performance"),
        ({**USUAL, "ranks": True, "miscalibrated": 0.0}, "retrain", "performance"),
        ({**USUAL, "auc": [0.52, 0.5, 0.54, 0.9]}, "rebuild", "near_chance"),
        ({**USUAL, "auc": [0.53, 0.5, 0.56, 0.9]}, "retrain", "performance"),
        ({**USUAL, "asked": 3}, "rebuild", "no_recovery"),
        (
            {**USUAL, "asked": 1, "ranks": False, "mix_moved": False, "unforeseen": ["auc"]},
            "new_features",
            "unexplained",
        ),
        (
            {**USUAL, "asked": 1, "ranks": False, "mix_moved": True, "unforeseen": ["auc"]},
            "retrain",
            "recent_labels",
        ),
        (
            {"cause": "data_drift", "better": [], "worse": [], "ranks": True, "miscalibrated": 0.1},
            "recalibrate",
            "calibration",
        ),
        (
            {"cause": "business_kpi", "moved": 0, "scores": "STABLE", "only_decisions": True},
            "wait",
            "threshold_or_policy",
        ),
        ({"cause": "business_kpi", "moved": 0, "scores": "STABLE"}, "new_features", "unexplained"),
        ({"cause": "business_kpi", "moved": 1, "scores": "STABLE"}, "retrain", "population"),
    ],
)
def test_every_end_of_the_tree(facts: dict[str, Any], recommended: str, why: str) -> None:
    """With the way to it: each question has an answer and the last one settles it."""
    advice = advise(Facts(**facts))
    assert (advice.recommended, advice.why) == (recommended, why)
    assert advice.path[0]["question"] == "are the data sound?"
    assert {step["answer"] for step in advice.path} <= {"yes", "no", "unknown"}
    orjson.dumps(advice.path)


@pytest.mark.parametrize(
    ("field", "value"), [("finding", b"{"), ("end_ms", 10**17), ("start_ms", -1)]
)
def test_a_request_that_cannot_be_is_refused(field: str, value: object) -> None:
    """A snapshot with such a one is not read."""
    chosen = model()
    _, pipeline = run([chosen], 1, [piece for piece in orders(0) if piece is not None][:10])
    judge = next(iter(pipeline.judges.values()))
    waiting = judge.decisions.retraining.waiting
    assert waiting
    waiting[0] = msgspec.structs.replace(waiting[0], **{field: value})
    with pytest.raises(SnapshotError):
        Judge(chosen, 1, resume=judge.snapshot())
