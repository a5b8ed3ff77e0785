"""What moved with what it is made from is one cause; how severe; and maintenance."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest

from engine.decide.psi_features import importances
from engine.effects import Publish
from engine.model import MonitoredModel
from engine.policy.reasons import features_of, of_trigger
from engine.spec_reading import read_spec
from engine.timestamps import ms_to_rfc3339
from engine.upstream import ancestors_of, roots_of
from tests.engine.good_spec import LEAST
from tests.engine.models import MINUTE, START, batch, beat, event, model_of, run, spec_text, trees

A_MINUTE = 150
MADE_FROM_X = (
    "{x: {type: numeric, bins: 5, fine_bins: 20, importance: 2},"
    " y: {type: numeric, bins: 5, fine_bins: 20, upstream: [x]}, c: {type: categorical}}"
)
APART = MADE_FROM_X.replace(", upstream: [x]", "")


def rules(features: int) -> str:
    """One rule, over so many features."""
    return (
        f"{{cooldown: 3m, rules: {{psi_features: {{above: 0.2, features: {features}, window: 1m,"
        " at_least: 2, of_last: 3}}}"
    )


def effects(chosen: MonitoredModel, minutes: str) -> list[Publish]:
    """What is said of these minutes: ``.`` as the reference, ``D`` x and y moved, ``S`` the scores
    too, ``B`` x missing and y moved."""
    random = np.random.default_rng(3)
    values: list[bytes | None] = []
    for minute, kind in enumerate(minutes):
        for i in range(A_MINUTE):
            moved = 2.5 * (kind in "DSB")
            features: dict[str, Any] = {"c": "aaaabbbccd"[i % 10]}
            features["y"] = float(random.normal()) + moved
            features["x"] = None if kind == "B" else float(random.normal()) + moved
            score = float(random.random()) ** (4 if kind == "S" else 1)
            ts = START + minute * MINUTE + i * 400
            values.append(orjson.dumps(event(len(values), ts, features=features, score=score)))
    closing = beat(START + (len(minutes) + 3) * MINUTE)
    return run([chosen], 1, [batch([*values, closing])])[0]


def model(features: str, asked: int, **sections: str) -> MonitoredModel:
    """A model with these features and the rule over so many of them."""
    return model_of(spec_text(features=features, retraining=rules(asked), **sections))


def test_a_dependant_does_not_make_two_causes_of_one() -> None:
    """Two features that moved are two causes, unless one is made from the other."""
    assert len(trees(effects(model(APART, 2), "DDD"), "retraining-triggers")) == 1
    out = effects(model(MADE_FROM_X, 2), "DDD")
    assert trees(out, "retraining-triggers") == trees(out, "alerts") == []
    levels = {j["data"]["level"] for j in trees(out, "judgements") if j["window"] == "1m"}
    assert levels <= {"WATCH", "UNKNOWN"}


def test_the_evidence_names_the_root_and_who_moved_with_it() -> None:
    """One entry, with its dependants."""
    (trigger,) = trees(effects(model(MADE_FROM_X, 1), "DDD"), "retraining-triggers")
    assert trigger["observed"]["features_over"] == 1
    (root,) = trigger["evidence"]
    assert root["feature"] == "x"
    (dependant,) = root["dependants"]
    assert dependant["feature"] == "y"
    assert dependant["psi_corrected"] > 0.2
    assert of_trigger(trigger).startswith("x PSI")
    assert "(with y)" in of_trigger(trigger)
    (alert,) = trees(effects(model(MADE_FROM_X, 1), "DDD"), "alerts")
    assert features_of(alert) == {"x", "y"}


def test_what_is_made_from_bad_data_is_held_back_with_it() -> None:
    """Where x is missing and y is made from it: one alert of data quality, and no drift of y."""
    out = effects(model(MADE_FROM_X, 1, quality="{window: 1m}"), "BBBB")
    assert trees(out, "retraining-triggers") == []
    assert {a["rule"] for a in trees(out, "alerts")} == {"data_quality"}
    apart = effects(model(APART, 1, quality="{window: 1m}"), "BBBB")
    assert len(trees(apart, "retraining-triggers")) == 1


def test_evidence_is_in_the_order_of_what_matters() -> None:
    """PSI times importance; a feature without has the mean of the others, and without any all are
    alike."""
    (trigger,) = trees(effects(model(APART, 2), "DDD"), "retraining-triggers")
    assert [e["importance"] for e in trigger["evidence"]] == [2.0, 2.0]
    light = APART.replace("importance: 2", "importance: 0.01")
    heavy_y = light.replace("fine_bins: 20},", "fine_bins: 20, importance: 9},")
    (trigger,) = trees(effects(model(heavy_y, 2), "DDD"), "retraining-triggers")
    assert [e["feature"] for e in trigger["evidence"]] == ["y", "x"]
    features = read_spec(LEAST.replace("x: {type", "y: {type: numeric}\n  x: {type")).features
    assert importances(features) == {"x": 1.0, "y": 1.0}


@pytest.mark.parametrize(
    ("minutes", "told"),
    [
        ("DDD", [("open", "WARNING")]),
        ("SSS", [("open", "CRITICAL")]),
        ("DDSS", [("open", "WARNING"), ("escalated", "CRITICAL")]),
        ("SSSDD", [("open", "CRITICAL"), ("de-escalated", "WARNING")]),
        ("SSSD..", [("open", "CRITICAL"), ("resolved", "CRITICAL")]),
    ],
)
def test_drift_that_reaches_the_scores_pages(minutes: str, told: list[tuple[str, str]]) -> None:
    """Two windows in a row without it make it a warning again; the trigger comes once for all."""
    out = effects(model(APART, 2), minutes)
    alerts = [a for a in trees(out, "alerts") if a["rule"] == "psi_features"]
    assert [(a["state"], a["severity"]) for a in alerts] == told
    assert len({a["episode"] for a in alerts}) == 1


def test_windows_in_maintenance_are_judged_and_not_examined() -> None:
    """No rule sees them, not even as a part of k of n; the judgement says why."""
    first, last = (ms_to_rfc3339(START + m * MINUTE) for m in (1, 3))
    alerts = f"{{maintenance: [{{from: {first}, until: {last}, reason: a move}}]}}"
    out = effects(model(APART, 2, alerts=alerts), "DDDD.")
    judged = [j for j in trees(out, "judgements") if j["window"] == "1m" and j["revision"] == 0]
    disjoint = {j["end"]: j for j in judged if j["end"].endswith(":00Z")}
    said = [disjoint[ms_to_rfc3339(START + m * MINUTE)].get("maintenance") for m in range(1, 5)]
    assert said == [None, {"until": last, "reason": "a move"}, said[1], None]
    assert disjoint[ms_to_rfc3339(START + 2 * MINUTE)]["data"]["level"] == "DRIFT"
    assert trees(out, "retraining-triggers") == []
    again = effects(model(APART, 2, alerts=alerts), "DDDDD")
    (trigger,) = trees(again, "retraining-triggers")
    assert trigger["window"]["end"] == ms_to_rfc3339(START + 5 * MINUTE)


def test_roots_through_chains_and_several_parents() -> None:
    """A dependant stands with every root above it, near or far; one whose upstream stood still is a
    root itself."""
    text = LEAST.replace(
        "  x: {type: numeric}\n",
        "  a: {type: numeric}\n  b: {type: numeric}\n  c: {type: numeric, upstream: [a, b]}\n"
        "  d: {type: numeric, upstream: [c]}\n",
    )
    ancestors = ancestors_of(read_spec(text).features)
    assert ancestors == {"c": {"a", "b"}, "d": {"a", "b", "c"}}
    assert roots_of(["a", "b", "c", "d"], ancestors) == {"a": ["c", "d"], "b": ["c", "d"]}
    assert roots_of(["b", "d"], ancestors) == {"b": ["d"]}
    assert roots_of(["d", "c"], ancestors) == {"c": ["d"]}
    assert roots_of(["d"], ancestors) == {"d": []}
    assert roots_of([], ancestors) == {}
