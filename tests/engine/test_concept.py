"""From labelled streams to what is said of their losses: concept drift, another mix, or nothing."""

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
from engine.records import RecordBatch
from engine.reference_table import ReferenceTable
from engine.timestamps import ms_to_rfc3339
from tests.engine.models import (
    MINUTE,
    SECOND,
    START,
    ended,
    event,
    logs_of,
    model_of,
    run,
    spec_text,
    trees,
)
from tests.engine.test_invariance import shuffled_steps

MINUTES: Final = 26
CHANGE: Final = 13
A_MINUTE: Final = 240
CHANNELS: Final = ("web", "shop")
LABEL: Final = "{ttl: 10m, lateness: 0s, amend: 1m, pane: 1m}"


def scores(random: np.random.Generator, rows: int, *, harder: bool = False) -> Any:  # noqa: ANN401
    """Near 0 or 1; of harder events half are in the middle."""
    sure = random.random(rows) * 0.2 + 0.8 * (random.random(rows) < 0.3)
    unsure = 0.3 + 0.4 * random.random(rows)
    return np.where(harder & (random.random(rows) < 0.5), unsure, sure)


@cache
def model(concept: str = "{window: 1m}", performance: str = "{window: 1m}") -> MonitoredModel:
    """Calibrated: a score is the chance of a positive label."""
    random = np.random.default_rng(11)
    rows = 20_000
    score = np.where(np.arange(rows) % 20 == 0, random.random(rows), scores(random, rows))
    table = ReferenceTable(
        rows=rows,
        numeric={"x": random.normal(size=rows), "y": random.normal(size=rows)},
        categorical={"c": ["ab"[i % 2] for i in range(rows)]},
        score=score,
        labels=(random.random(rows) < score).astype(float),
        segments={"channel": [CHANNELS[i % 2] for i in range(rows)]},
    )
    text = spec_text(
        inputs="[predictions, labels]",
        label=LABEL,
        estimators="{}",
        windows="[{length: 1m, judge_every: 1m}]",
        segments="[channel]",
        performance=performance,
        concept=concept,
        quality="null",
        budget="{false_pages: 1, per: 1d}",
        retraining="{rules: {}}",
    )
    return model_of(text, table)


@cache
def logs(kind: str, partitions: int = 1) -> list[RecordBatch]:
    """A stream in which something happens at the minute CHANGE, and each label a second after."""
    random = np.random.default_rng(23)
    made, labels = [], []
    for number in range(MINUTES * A_MINUTE):
        minute = number // A_MINUTE
        changed = minute >= CHANGE
        ts = START + number * (MINUTE // A_MINUTE)
        score = float(scores(random, 1, harder=changed and kind in ("covariate", "both"))[0])
        positive = random.random() < score
        rising = (minute - CHANGE) / (MINUTES - CHANGE) if kind == "incremental" else 1.0
        if changed and kind in ("sudden", "both", "incremental"):
            positive ^= random.random() < 0.3 * rising
        elif kind == "recurring" and CHANGE - 6 <= minute < CHANGE + 4:
            positive ^= random.random() < 0.3
        elif changed and kind == "better":
            positive = score >= 0.5
        segment = {"channel": CHANNELS[number % 2]}
        made.append(event(number, ts, score=score, segment=segment))
        label = {"event_id": f"e{number}", "model": "m", "ts": ts + SECOND, "label": positive}
        labels.append(label)
    end = START + (MINUTES + 3) * MINUTE
    return [
        *ended(logs_of(made, partitions), end),
        *ended(logs_of(labels, partitions, "labels"), end),
    ]


@cache
def said(kind: str) -> list[Publish]:
    """All of it."""
    return run([model()], 1, logs(kind))[0]


def concepts(out: list[Publish]) -> list[dict[str, Any]]:
    """Of every window, by time."""
    return [
        tree["performance"]["concept"]
        for tree in trees(out, "judgements")
        if tree.get("section") == "performance"
    ]


def alerts(out: list[Publish]) -> list[tuple[str, str, str]]:
    """Those of this rule: state, severity, end of the window."""
    found = [tree for tree in trees(out, "alerts") if tree["rule"] == "concept"]
    return [(tree["state"], tree["severity"], tree["end"]) for tree in found]


def alarms(concept: dict[str, Any]) -> int:
    """Of all estimators over all losses."""
    return sum(
        each["alarms"]
        for loss in concept["losses"].values()
        for each in loss["estimators"].values()
    )


def test_a_sudden_change_is_named_and_is_concept_drift() -> None:
    """Estimators alarm, two agree, the shape is sudden, and at an equal score more is wrong."""
    found = concepts(said("sudden"))
    early = [c["losses"]["error"]["estimators"] for c in found[:CHANGE]]
    assert all(e[name]["alarms"] == 0 for e in early for name in ("adwin", "hddm_a"))
    assert all(end > minute_end(CHANGE) for _, _, end in alerts(said("sudden")))
    newest = found[MINUTES - 1]
    assert newest["kind"] == "concept"
    error = newest["losses"]["error"]
    assert error["shape"] == "sudden"
    assert error["shape_start"] == minute_end(CHANGE + 1)
    assert error["significant"]
    assert error["evidence"]["level_before"] == pytest.approx(0.10, abs=0.03)
    assert error["evidence"]["level_after"] == pytest.approx(0.34, abs=0.03)
    for name in ("adwin", "hddm_a"):
        last = error["estimators"][name]["last"]
        assert last["before"] < last["after"]
        assert minute_end(CHANGE) <= last["at"]
        assert last["partition"] == 0
    opened = [alert for alert in alerts(said("sudden")) if alert[0] == "open"]
    assert [severity for _, severity, _ in opened] == ["WARNING"]
    assert len(alerts(said("sudden"))) <= 2
    assert all(
        end > minute_end(MINUTES) for state, _, end in alerts(said("sudden")) if state != "open"
    )
    assert minute_end(CHANGE) < opened[0][2] <= minute_end(CHANGE + 3)
    by_score = newest["by_score"]
    assert by_score["fell"]
    assert not by_score["moved"]
    assert by_score["conditional"]["low"] > abs(by_score["mix"]["value"])


def minute_end(minute: int) -> str:
    """As records write it."""
    return ms_to_rfc3339(START + minute * MINUTE)


def test_harder_events_are_another_mix_and_no_concept_drift() -> None:
    """More is wrong, and at an equal score nothing is."""
    found = concepts(said("covariate"))
    for concept in found[CHANGE + 1 : MINUTES]:
        assert concept["kind"] == "covariate"
        by_score = concept["by_score"]
        assert by_score["moved"]
        assert by_score["mix"]["low"] > 0.0
        assert by_score["conditional"]["low"] < 0.0 < by_score["conditional"]["high"]
    assert found[MINUTES - 1]["losses"]["error"]["significant"]


def test_both_at_once_are_told_as_both() -> None:
    """Another mix, and more wrong at an equal score."""
    kinds = [concept["kind"] for concept in concepts(said("both"))[CHANGE:MINUTES]]
    assert kinds.count("both") > len(kinds) / 2
    assert set(kinds) <= {"both", "covariate", "concept"}


def test_without_a_change_nothing_is_said() -> None:
    """No alert, no kind."""
    found = concepts(said("stationary"))
    assert {concept["kind"] for concept in found[:MINUTES]} == {"none"}
    assert not alerts(said("stationary"))


def test_an_improvement_never_alarms() -> None:
    """It is counted."""
    found = concepts(said("better"))
    assert sum(alarms(concept) for concept in found[CHANGE:]) == 0
    better = [
        each["improvements"]
        for concept in found
        for loss in concept["losses"].values()
        for each in loss["estimators"].values()
    ]
    assert sum(better) > 0
    assert not alerts(said("better"))
    assert {concept["kind"] for concept in found[CHANGE:MINUTES]} == {"none"}


@pytest.mark.parametrize("kind", ["incremental", "recurring"])
def test_other_shapes_have_their_names(kind: str) -> None:
    """From the means of the windows."""
    newest = concepts(said(kind))[MINUTES - 1]["losses"]
    named = [loss.get("shape") for loss in newest.values()]
    assert kind in named


def test_cut_flushed_and_restarted_it_says_the_same() -> None:
    """Of two partitions; the judge begins a new life in the midst of it, more than once."""
    chosen = model()
    whole = run([chosen], 2, logs("sudden", 2))[0]
    pipeline, out = Pipeline([chosen], 2), []
    for number, step in enumerate(shuffled_steps(logs("sudden", 2), 3, cuts=30, flushes=0.3)):
        out += pipeline.flush() if step is None else pipeline.accept(step)
        if number % 5 == 0:
            out += pipeline.flush()
            judge = pipeline.judges[chosen.key]
            pipeline.judges[chosen.key] = Judge(chosen, 2, resume=judge.snapshot())
    out += pipeline.flush()
    assert concepts(out) == concepts(whole)
    assert alerts(out) == alerts(whole)
    places = {
        alarm["partition"]
        for concept in concepts(whole)
        for loss in concept["losses"].values()
        for each in loss["estimators"].values()
        for alarm in each.get("places", [])
    }
    assert places == {0, 1}


def test_a_restored_judge_shows_the_same() -> None:
    """The newest window, its alarms and its shape, to the last number."""
    pipeline = run([model()], 1, logs("sudden"))[1]
    judge = pipeline.judges[model().key]
    again = Judge(model(), 1, resume=judge.snapshot())
    assert again.snapshot() == judge.snapshot()
    (known,), (restored,) = (each.latest_performance.values() for each in (judge, again))
    for name in ("losses", "kind", "by_score"):
        told = [
            orjson.dumps(one.as_tree()["performance"]["concept"].get(name))
            for one in (known, restored)
        ]
        assert told[0] == told[1]


def test_performance_switched_off_it_can_be_asked_for() -> None:
    """Then there are no levels, and losses all the same."""
    chosen = model("{window: 1m, estimators: {adwin: {}, hddm_a: {}}}", "null")
    out = run([chosen], 1, logs("sudden"))[0]
    assert alerts(out)
    assert concepts(out)[MINUTES - 1]["losses"]["error"]["shape"] == "sudden"
    assert all("level" not in t for t in trees(out, "judgements") if "section" in t)


def test_one_estimator_alone_needs_the_loss_on_its_side() -> None:
    """Two of them, or one and a significant rise."""
    text = "{{window: 1m, losses: [error], estimators: {{{}: {{}}}}}}"
    out = run([model(text.format("adwin"))], 1, logs("sudden"))[0]
    (tree,) = [t for t in trees(out, "alerts") if t["rule"] == "concept" and t["state"] == "open"]
    assert set(tree["evidence"]["observed"]["losses"]) == {"error"}
    (evidence,) = tree["evidence"]["measures"]
    assert (evidence["loss"], evidence["held"], evidence["significant"]) == ("error", True, True)
    assert minute_end(CHANGE) < evidence["estimators"]["adwin"]["last"]["at"]


def test_nothing_of_it_asks_for_retraining() -> None:
    """Whatever it finds."""
    for kind in ("sudden", "both"):
        assert not trees(said(kind), "retraining-triggers")
