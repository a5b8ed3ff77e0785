"""Decisions: k of the last n disjoint windows, cool-down, ids, episodes, and the volume rule."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any

import msgspec
import numpy as np
import orjson
import pytest

from engine.decide.volume import MIN_EXPECTED_EVENTS
from engine.effects import Publish
from engine.model import MonitoredModel, build_model
from engine.profile_volume import expected_events
from engine.timestamps import rfc3339_to_ms
from tests.engine.models import (
    HOUR,
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

A_MINUTE = 150
HOURS_FROM_THURSDAY = 72
"""1970-01-01 was a Thursday; the hours of the week begin on Monday."""
PSI_RULE = "psi_features: {above: 0.2, features: 2, window: 1m, at_least: 2, of_last: 3}"


def rules(*lines: str, cooldown: str = "3m") -> str:
    """The text of a ``retraining`` section."""
    return f"{{cooldown: {cooldown}, rules: {{{', '.join(lines)}}}}}"


@cache
def model(retraining: str = rules(PSI_RULE)) -> MonitoredModel:
    """The usual model with these rules."""
    return model_of(spec_text(retraining=retraining))


def minutes(pattern: str, *, start: int = START) -> list[dict[str, Any]]:
    """A minute of events per character: ``.`` as the reference, ``D`` drifted in x and y, ``x``
    drifted in x only, ``_`` no events."""
    random = np.random.default_rng(len(pattern))
    events: list[dict[str, Any]] = []
    for minute, kind in enumerate(pattern):
        for i in range(A_MINUTE if kind != "_" else 0):
            x, y = random.normal(size=2)
            x += 2.5 * (kind in "Dx")
            y += 2.5 * (kind == "D")
            features = {"x": float(x), "y": float(y), "c": "aaaabbbccd"[i % 10]}
            ts = start + minute * MINUTE + i * 400
            score = float(random.random())
            events.append(event(len(events), ts, features=features, score=score))
    return events


def effects(pattern: str, chosen: MonitoredModel) -> list[Publish]:
    """What is said of the pattern when its stream is closed."""
    values = [orjson.dumps(e) for e in minutes(pattern)]
    closing = beat(START + (len(pattern) + 3) * MINUTE)
    return run([chosen], 1, [batch([*values, closing])])[0]


def minute_of(text: str) -> int:
    """Number of the minute that ends at this time."""
    return (rfc3339_to_ms(text) - START) // MINUTE - 1


def by_rule(pattern: str, at_least: int, of_last: int, cooldown: int) -> tuple[set[int], set[int]]:
    """Minutes with the condition confirmed, and those that trigger; the plain way."""
    confirmed, triggers, free_from = set(), set(), 0
    for i, kind in enumerate(pattern):
        last = pattern[max(0, i + 1 - of_last) : i + 1]
        if kind == "D" and last.count("D") >= at_least:
            confirmed.add(i)
            if i >= free_from:
                triggers.add(i)
                free_from = i + cooldown
    return confirmed, triggers


@pytest.mark.parametrize(
    "pattern",
    ["DD", "D.D", "D..D", "D_D", "D__D", "xxxx", "...D...", "DDDDDDDDDD", ".DD.D.D_DD..", "D_DD_D"],
)
def test_k_of_n_disjoint_windows_by_the_calendar(pattern: str) -> None:
    """A trigger needs 2 of the last 3 minutes of the calendar (one without events did not hold),
    enough features in each, and comes again only after the cool-down of 3 minutes."""
    out = effects(pattern, model())
    found = {minute_of(t["window"]["end"]) for t in trees(out, "retraining-triggers")}
    assert found == by_rule(pattern, 2, 3, 3)[1]


def test_sliding_windows_confirm_nothing() -> None:
    """Windows judged every 20 seconds overlap; only those that tile time are counted."""
    out = effects("..D..", model())
    levels = [j["level"] for j in trees(out, "judgements") if j["window"] == "1m"]
    assert levels.count("DRIFT") >= 2
    assert trees(out, "retraining-triggers") == []


def test_revision_1_makes_and_withdraws_no_trigger() -> None:
    """A drift that only amended records show is corrected in the record and never acted upon."""
    events = minutes("....")
    late = [{**e, "event_id": f"late{e['event_id']}"} for e in minutes("DD..")[: 2 * A_MINUTE]]
    values = [orjson.dumps(e) for e in events[: 3 * A_MINUTE - 70]]
    values += [orjson.dumps(e) for e in late if e["ts"] < START + 2 * MINUTE - 20 * SECOND]
    out = run([model()], 1, [batch([*values, beat(START + HOUR)])])[0]
    levels = {j["level"] for j in trees(out, "judgements") if j["revision"] == 1}
    assert "DRIFT" in levels
    assert trees(out, "retraining-triggers") == trees(out, "alerts") == []


def test_an_episode_opens_once_and_resolves_once() -> None:
    """From the first confirmed window to the second quiet one in a row there is one alert, however
    long, and the resolution carries the episode's name."""
    pattern = "..DDDD.DD...DD.."
    alerts = trees(effects(pattern, model()), "alerts")
    assert [(a["state"], minute_of(a["end"])) for a in alerts] == [
        ("open", 3),
        ("resolved", 10),
        ("open", 13),
        ("resolved", 15),
    ]
    episodes = [a["episode"] for a in alerts]
    assert episodes[0] == episodes[1] != episodes[2] == episodes[3]
    assert len({a["alert_id"] for a in alerts}) == 4
    assert {a["severity"] for a in alerts} == {"WARNING"}


def test_evidence_names_features_and_bins() -> None:
    """A trigger says what moved: the features over, by PSI times the effect on the score, with
    their top bins."""
    trigger = trees(effects("DD", model()), "retraining-triggers")[0]
    assert trigger["cause"] == "data_drift"
    assert trigger["observed"] == {"features_over": 2, "windows_over": 2, "of_last": 3}
    evidence = trigger["evidence"]
    assert {e["feature"] for e in evidence} == {"x", "y"}
    assert all(e["psi_corrected"] > 0.2 for e in evidence)
    ranks = [e["psi_corrected"] * abs(e["score_effect"]) for e in evidence]
    assert ranks[0] >= ranks[1] > 0.0
    for e in evidence:
        assert 1 <= len(e["top_bins"]) <= 3
        parts = [b["contribution"] for b in e["top_bins"]]
        assert parts == sorted(parts, reverse=True)
    assert rfc3339_to_ms(trigger["cooldown_until"]) == START + 5 * MINUTE


def test_a_trigger_id_is_the_hash_of_what_it_is_about() -> None:
    """sha256 of the canonical JSON of model, version, rule, window, end, layout and parameters."""
    trigger = trees(effects("DD", model()), "retraining-triggers")[0]
    rule = {"above": 0.2, "features": 2, "window": "1m", "at_least": 2, "of_last": 3}
    about = ["m", "v1", "psi_features", "1m", trigger["window"]["end"], model().layout.hash, rule]
    text = orjson.dumps(about, option=orjson.OPT_SORT_KEYS)
    assert trigger["trigger_id"] == "sha256:" + hashlib.sha256(text).hexdigest()


def test_any_change_of_the_rule_changes_the_id_and_nothing_else_does() -> None:
    """The same stream again gives the same id; every parameter of the rule is part of it; the
    cool-down and the owner are not."""
    variants = [
        rules(PSI_RULE, cooldown="0s"),
        rules(PSI_RULE, cooldown="1d"),
        rules(PSI_RULE.replace("above: 0.2", "above: 0.21"), cooldown="0s"),
        rules(PSI_RULE.replace("features: 2", "features: 1"), cooldown="0s"),
        rules(PSI_RULE.replace("at_least: 2", "at_least: 1"), cooldown="0s"),
        rules(PSI_RULE.replace("of_last: 3", "of_last: 4"), cooldown="0s"),
        rules(PSI_RULE.replace("1m, at_least: 2", "5m, at_least: 1"), cooldown="0s"),
    ]
    ids = []
    for text in variants:
        found = trees(effects("D" * 5, model(text)), "retraining-triggers")
        ids.append({t["trigger_id"] for t in found if minute_of(t["window"]["end"]) in (1, 4)})
    assert ids[1] < ids[0]
    for i, one in enumerate(ids):
        assert one
        for other in ids[max(i + 1, 2) :]:
            assert not one & other


VOLUME = "volume: {factor: 2, window: 1h, at_least: 2, of_last: 2}"


@cache
def hourly(step_ms: int = 60 * SECOND) -> MonitoredModel:
    """A reference of one event per ``step_ms`` over ten days, and the volume rule on 1h; the events
    of its streams are all the same, which would be bad data."""
    rows = 10 * 24 * HOUR // step_ms
    text = spec_text(
        windows="[1h]",
        retraining=rules(VOLUME, cooldown="0s"),
        quality="null",
        alerts="{calm: 1}",
    )
    return model_of(text, reference(rows, step_ms=step_ms))


def hours(counts: list[int], chosen: MonitoredModel, start: int = START) -> list[Publish]:
    """So many events in each hour, and a closing heartbeat."""
    values: list[bytes | None] = []
    for hour, count in enumerate(counts):
        for i in range(count):
            ts = start + hour * HOUR + i * HOUR // count
            values.append(orjson.dumps(event(len(values), ts)))
    closing = beat(START // HOUR * HOUR + (len(counts) + 1) * HOUR)
    return run([chosen], 1, [batch([*values, closing])])[0]


def volume_story(out: list[Publish]) -> list[tuple[str, int]]:
    """(what, hour) of triggers and alerts in the order of their hours."""
    told = [("trigger", t["window"]["end"]) for t in trees(out, "retraining-triggers")]
    told += [(f"{a['cause']} {a['state']}", a["end"]) for a in trees(out, "alerts")]
    named = ((what, (rfc3339_to_ms(end) - START) // HOUR - 1) for what, end in told)
    return sorted(named, key=lambda entry: (entry[1], entry[0]))


def test_high_volume_triggers_after_its_confirmation() -> None:
    """More than twice the expected in 2 of the last 2 hours; exactly twice is not more."""
    out = hours([60, 130, 60, 120, 120, 121, 121, 60], hourly())
    assert volume_story(out) == [("trigger", 6), ("volume open", 6), ("volume resolved", 7)]
    trigger = trees(out, "retraining-triggers")[0]
    assert trigger["observed"] == {
        "events": 121,
        "expected": 60.0,
        "ratio": 121 / 60,
        "p_value": 1e-6,
    }


def test_low_volume_is_an_operations_alert_and_never_a_trigger() -> None:
    """Less than half, down to nothing: one CRITICAL alert, resolved when events are back."""
    out = hours([60, 29, 0, 0, 30, 60], hourly())
    assert volume_story(out) == [("volume_low open", 1), ("volume_low resolved", 4)]
    assert {a["severity"] for a in trees(out, "alerts")} == {"CRITICAL"}


def test_an_outage_between_two_tiling_windows_is_noticed() -> None:
    """Events stop ten minutes before the end of an hour that is full enough, so the first empty
    window ends ten minutes before the next; the empty hour itself is still judged."""
    values = [orjson.dumps(event(i, START + i * MINUTE)) for i in range(110)]
    out = run([hourly()], 1, [batch([*values, beat(START + 12 * HOUR)])])[0]
    assert volume_story(out) == [("volume_low open", 2)]


def test_low_after_high_changes_the_cause() -> None:
    """The alert of the other cause is resolved in the same window."""
    out = hours([60, 130, 130, 10, 60], hourly())
    assert volume_story(out) == [
        ("trigger", 2),
        ("volume open", 2),
        ("volume resolved", 3),
        ("volume_low open", 3),
        ("volume_low resolved", 4),
    ]


def test_too_few_expected_events_say_nothing() -> None:
    """Below MIN_EXPECTED_EVENTS a factor of two is chance."""
    few = hourly(180 * SECOND)
    assert expected_events(few.profile.volume, START, START + HOUR) == 20 < MIN_EXPECTED_EVENTS
    assert volume_story(hours([20, 100, 100, 0, 1], few)) == []


def test_a_window_that_says_nothing_closes_no_alert() -> None:
    """An outage goes on through an hour of which too few events are expected: one episode."""
    known = hourly()
    quiet_hour = (START // HOUR + 2 + HOURS_FROM_THURSDAY) % 168
    volume = [10.0 if hour == quiet_hour else at for hour, at in enumerate(known.profile.volume)]
    profile = msgspec.structs.replace(known.profile, volume=tuple(volume))
    out = hours([60, 5, 5, 5, 60, 60], build_model(known.spec, profile))
    assert volume_story(out) == [("volume_low open", 1), ("volume_low resolved", 4)]


def test_the_hour_of_the_first_event_says_nothing() -> None:
    """A window that began before the first event is not held against the expected."""
    out = hours([25, 60, 60], hourly(), start=START + 20 * MINUTE)
    first = next(j for j in trees(out, "judgements") if j["end"] == "2013-01-07T11:00:00Z")
    assert 0 < first["events"] < 30
    assert volume_story(out) == []


def test_expected_events_follow_the_hours_of_the_week() -> None:
    """Whole and part hours, Monday first, in UTC."""
    volume = [float(h) for h in range(168)]
    assert expected_events(volume, START, START + HOUR) == 10
    assert expected_events(volume, START + HOUR // 2, START + 2 * HOUR) == 5 + 11
    assert expected_events(volume, START - 11 * HOUR, START - 9 * HOUR) == 167 + 0
