"""Deciding again on remembered windows says what judging again would have said, byte for byte."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Final

import msgspec
import orjson
import pytest

from engine.decide.episodes import Window
from engine.effects import Publish
from engine.model import MonitoredModel, build_model
from engine.pipeline import Pipeline
from engine.policy import redeciding
from engine.policy.episodes import episodes_of
from engine.policy.redeciding import (
    Thresholds,
    TooMuchHistoryError,
    WindowMemory,
    decide_again,
    read_by,
    thresholds_of,
    with_thresholds,
)
from engine.policy.tuning import outcomes
from engine.records import RecordBatch
from engine.timestamps import ms_to_rfc3339, rfc3339_to_ms
from tests.engine.models import MINUTE, START, logs_of, model_of, reference, said, spec_text, stream

TOPICS: Final = ("alerts", "retraining-triggers")
MUTE: Final = (
    f"{{rule: psi_features, from: {ms_to_rfc3339(START + 5 * MINUTE)}, "
    f"until: {ms_to_rfc3339(START + 11 * MINUTE)}, reason: a campaign}}"
)
MAINTENANCE: Final = (
    f"{{from: {ms_to_rfc3339(START + 12 * MINUTE)}, until: {ms_to_rfc3339(START + 13 * MINUTE)}, "
    "reason: a move}"
)
RULES: Final = """
  cooldown: 3m
  rules:
    psi_features: {above: 0.2, features: 2, window: 1m, at_least: 2, of_last: 3}
    volume: {factor: 1.5, window: 1m}"""
OTHERS: Final = (
    Thresholds(0.1, 1, 1, 1, 1),
    Thresholds(0.2, 2, 2, 3, 1),
    Thresholds(0.4, 2, 1, 2, 4),
    Thresholds(0.9, 3, 3, 5, 2),
    Thresholds(5.0, 1, 1, 1, 2),
)


@cache
def model() -> MonitoredModel:
    """The usual model with every rule of the data, a mute and a maintenance window."""
    return model_of(
        spec_text(
            alerts=f"{{calm: 2, mutes: [{MUTE}], maintenance: [{MAINTENANCE}]}}",
            retraining=RULES,
            operations="{errors: 0.01, window: 1m}",
            quality="{missing: 0.04, invalid: 0.2, window: 1m}",
        )
    )


@cache
def logs() -> list[RecordBatch]:
    """Quarters of an hour that drift for a while, three times; with bad values among them."""
    events = []
    for part, (seed, shift) in enumerate([(1, 0.8), (2, 2.0), (3, 0.4)]):
        for number, one in enumerate(stream(seed, 900, step_ms=400, shift=shift)):
            if part == 2 and number % 3 == 0:
                one["features"]["c"] = None
            one["ts"] += part * 6 * MINUTE
            one["event_id"] = f"{part}-{one['event_id']}"
            events.append(one)
    return logs_of(events, 2)


def judged(one: MonitoredModel) -> tuple[list[Publish], list[Window]]:
    """What a run says, and the windows that it decided on."""
    memory = WindowMemory()
    pipeline = Pipeline([one], 2)
    for judge in pipeline.judges.values():
        judge.decide = memory.decide
    out: list[Publish] = []
    for log in logs():
        out += pipeline.accept(log)
    return out + pipeline.flush(), memory.windows


def bytes_of(effects: Sequence[Publish]) -> dict[str, list[bytes]]:
    """The records of decisions."""
    return said(effects, TOPICS)


def test_the_same_spec_says_the_same_bytes() -> None:
    """All alerts and triggers, in their order."""
    out, windows = judged(model())
    expected = bytes_of(out)
    rules = {orjson.loads(value)["rule"] for value in expected["alerts"]}
    assert rules >= {"psi_features", "data_quality"}
    assert any(b"a campaign" in value for value in expected["alerts"])
    assert expected["retraining-triggers"]
    assert bytes_of(decide_again(model(), windows)) == expected


@pytest.mark.parametrize("chosen", OTHERS)
def test_other_thresholds_say_what_judging_again_would(chosen: Thresholds) -> None:
    """The windows of the spec as it is, decided on under another, against a run of the other."""
    windows = judged(model())[1]
    other = with_thresholds(model(), chosen)
    assert thresholds_of(other.spec) == chosen
    assert bytes_of(decide_again(other, windows)) == bytes_of(judged(other)[0])


def test_thresholds_are_no_part_of_the_layout() -> None:
    """A model with others is the one that reading their spec would have built."""
    changed = with_thresholds(model(), OTHERS[0])
    built = build_model(changed.spec, model().profile)
    assert changed.layout.hash == built.layout.hash
    assert (changed.policy_hash, changed.spec) == (built.policy_hash, built.spec)
    assert changed.policy_hash != model().policy_hash


@pytest.mark.parametrize(
    "other",
    [
        {"psi_drift": 0.3},
        {"quality": None},
        {"version": "v2"},
    ],
)
def test_a_spec_that_measures_otherwise_is_refused(other: dict[str, object]) -> None:
    """Its windows would have been others."""
    windows = judged(model())[1]
    strange = replace(model(), spec=msgspec.structs.replace(model().spec, **other))
    with pytest.raises(ValueError, match="replay them"):
        decide_again(strange, windows)


def test_too_much_history_is_refused_before_memory_is_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With what to do."""
    monkeypatch.setattr(redeciding, "MAX_REMEMBERED_VERDICTS", 10)
    with pytest.raises(TooMuchHistoryError, match="give less history"):
        judged(model())


@pytest.mark.parametrize("usual_step_ms", [None, 2_000])
def test_windows_that_are_left_out_change_nothing(usual_step_ms: int | None) -> None:
    """Every point of the grid says of the windows that matter what it says of all; with a rule on
    volume that asks for retraining as well (five times the usual events) none is left out."""
    rules = RULES.replace("volume: {factor: 1.5, window: 1m}", "volume: {factor: 1.5, window: 5m}")
    assert rules != RULES
    one = model_of(spec_text(retraining=rules), reference(step_ms=usual_step_ms))
    windows = judged(one)[1]
    matter = read_by("psi_features", one, windows)
    assert (len(matter) == len(windows)) == (usual_step_ms == 2_000)
    current = thresholds_of(one.spec)
    assert current is not None
    for found in outcomes(one, windows, current):
        again = decide_again(with_thresholds(one, found.thresholds), windows)
        alerts = [orjson.loads(value) for value in bytes_of(again)["alerts"]]
        expected = episodes_of(a for a in alerts if a["rule"] == "psi_features")
        assert list(found.episodes) == expected
        asked = [orjson.loads(value) for value in bytes_of(again)["retraining-triggers"]]
        assert [t.at_ms for t in found.triggers] == [
            rfc3339_to_ms(t["window"]["end"]) for t in asked if t["rule"] == "psi_features"
        ]


def test_a_rule_that_only_the_cool_down_held_back_may_speak_under_other_thresholds() -> None:
    """The rule on volume asks for nothing in this history, for the one on PSI asked before it; its
    windows matter all the same."""
    rules = RULES.replace("cooldown: 3m", "cooldown: 1d").replace(
        "volume: {factor: 1.5, window: 1m}",
        "volume: {factor: 1.5, window: 5m, at_least: 3, of_last: 3}",
    )
    one = model_of(spec_text(retraining=rules, quality="null"), reference(step_ms=2_000))
    out, windows = judged(one)
    (asked,) = [orjson.loads(value) for value in bytes_of(out)["retraining-triggers"]]
    assert asked["rule"] == "psi_features"
    assert read_by("psi_features", one, windows) == windows


def test_muted_episodes_are_nobodys_alerts() -> None:
    """They are not counted, and what they ask for is."""
    mute = "{from: 2013-01-01T00:00:00Z, until: 2013-02-01T00:00:00Z, reason: a campaign}"
    one = model_of(spec_text(alerts=f"{{mutes: [{mute}]}}", retraining=RULES))
    current = thresholds_of(one.spec)
    assert current is not None
    found = outcomes(one, judged(one)[1], current)
    assert all(each.episodes == () and each.kept == 0 for each in found)
    assert any(each.triggers for each in found)
