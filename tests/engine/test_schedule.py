"""A schedule in event time: once a point, held while data are bad, skipped after a retraining."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.effects import Publish
from engine.judge import Judge
from engine.model import MonitoredModel
from engine.pipeline import Pipeline
from engine.timestamps import ms_to_rfc3339, rfc3339_to_ms
from tests.engine.models import (
    HOUR,
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
from tests.thoroughness import examples

AN_HOUR: Final = 60
DAILY: Final = 'every: day, at: "14:30", window: 1h'
"""In the fifth hour after START, 10:00 UTC."""


@cache
def model(
    schedule: str = DAILY, *, cooldown: str = "0s", rules: str = "{}", more: str = ""
) -> MonitoredModel:
    """The usual features over hours."""
    retraining = f"{{cooldown: {cooldown}, schedule: {{{schedule}}}, rules: {rules}{more}}}"
    return model_of(
        spec_text(
            windows="[1h]",
            retraining=retraining,
            quality="{window: 1h}",
            estimators="{}",
            alerts="{calm: 1}",
        )
    )


def hours(pattern: str) -> list[dict[str, Any]]:
    """An hour of events per character: ``.`` as the reference, ``D`` drifted in x and y, ``n`` half
    of x null, ``_`` no events."""
    random = np.random.default_rng(len(pattern))
    events: list[dict[str, Any]] = []
    for hour, kind in enumerate(pattern):
        for i in range(AN_HOUR if kind != "_" else 0):
            x, y = random.normal(size=2) + 2.5 * (kind == "D")
            features = {"x": float(x), "y": float(y), "c": "aaaabbbccd"[i % 10]}
            if kind == "n" and i % 2:
                features["x"] = None
            ts = START + hour * HOUR + i * HOUR // AN_HOUR
            score = float(random.random())
            events.append(event(len(events), ts, features=features, score=score))
    return events


def log_of(pattern: str) -> list[bytes | None]:
    """The stream of a pattern, closed."""
    closing = beat(START + (len(pattern) + 2) * HOUR)
    return [*(orjson.dumps(e) for e in hours(pattern)), closing]


def effects(pattern: str, chosen: MonitoredModel | None = None) -> list[Publish]:
    """What is said of a pattern."""
    return run([chosen or model()], 1, [batch(log_of(pattern))])[0]


def hour_of(text: str) -> int:
    """Number of the hour that ends at this time."""
    return (rfc3339_to_ms(text) - START) // HOUR - 1


def asked(out: list[Publish]) -> list[tuple[str, int]]:
    """(rule, hour) of the triggers."""
    found = trees(out, "retraining-triggers")
    return [(t["rule"], hour_of(t["window"]["end"])) for t in found]


def held(out: list[Publish]) -> list[tuple[str, str, int]]:
    """(cause, state, hour) of what is told of held requests."""
    found = [a for a in trees(out, "alerts") if a["rule"] == "held_trigger"]
    return [(a["cause"], a["state"], hour_of(a["end"])) for a in found]


def test_a_point_asks_in_its_window_and_once() -> None:
    """The hour from 14 to 15 holds 14:30; nothing is wrong, so nobody is alerted."""
    out = effects("." * 10)
    assert asked(out) == [("schedule", 4)]
    assert trees(out, "alerts") == []
    (trigger,) = trees(out, "retraining-triggers")
    assert (trigger["cause"], trigger["recommended"], trigger["why"]) == (
        "scheduled",
        "retrain",
        "scheduled",
    )
    assert trigger["observed"]["point"] == "2013-01-07T14:30:00Z"
    assert [step["question"] for step in trigger["path"]] == [
        "are the data sound?",
        "is it asked for by the calendar?",
    ]


def test_an_end_of_a_window_is_in_it() -> None:
    """A point on the boundary belongs to the window that ends there, and to no other."""
    assert asked(effects("....", model('every: day, at: "12:00", window: 1h'))) == [("schedule", 1)]


def test_the_clock_on_the_wall() -> None:
    """14:30 in Berlin is 13:30 UTC in January."""
    chosen = model(DAILY, more=", time_zone: Europe/Berlin")
    out = effects("." * 6, chosen)
    assert asked(out) == [("schedule", 3)]
    (trigger,) = trees(out, "retraining-triggers")
    assert trigger["observed"]["local"] == "2013-01-07T14:30+01:00"


def test_days_and_weeks() -> None:
    """Every day of three; of a week the Tuesday."""
    assert asked(effects("." * 54)) == [("schedule", 4), ("schedule", 28), ("schedule", 52)]
    assert asked(effects("." * 30, model("every: week, day: tuesday, window: 1h"))) == [
        ("schedule", 13)
    ]


def test_bad_data_hold_a_point_until_they_are_sound() -> None:
    """It is told, asked for in the first sound window, and the alert ends."""
    out = effects("....nn..")
    assert asked(out) == [("schedule", 6)]
    assert held(out) == [("schedule/bad_data", "open", 4), ("schedule/bad_data", "resolved", 6)]
    first = next(a for a in trees(out, "alerts") if a["rule"] == "held_trigger")
    assert first["severity"] == "INFO"
    assert first["evidence"]["observed"]["bad"] == ["x"]


def test_a_point_that_is_held_too_long_is_given_up() -> None:
    """After ``within`` it expires, and that is told as a warning."""
    out = effects("....nnnn..", model(DAILY + ", within: 90m"))
    assert asked(out) == []
    told = held(out)
    assert ("schedule/expired", "open", 7) in told
    expired = next(a for a in trees(out, "alerts") if a["cause"] == "schedule/expired")
    assert expired["severity"] == "WARNING"


@pytest.mark.parametrize("gap", ["_", "____"])
def test_a_point_without_data_asks_when_there_are_some(gap: str) -> None:
    """The windows of an outage are not even judged but for the first."""
    out = effects("...." + gap + "...")
    assert asked(out) == [("schedule", 4 + len(gap))]


def test_the_newest_of_several_points_asks() -> None:
    """Two days of outage are one request, which says that it stands for three points."""
    out = effects("...." + "_" * 50 + "...")
    assert asked(out) == [("schedule", 54)]
    (trigger,) = trees(out, "retraining-triggers")
    assert trigger["observed"]["point"] == "2013-01-09T14:30:00Z"


def test_maintenance_holds_a_point() -> None:
    """Windows that no rule examines have it asked for after them."""
    text = spec_text(
        windows="[1h]",
        retraining=f"{{cooldown: 0s, schedule: {{{DAILY}}}, rules: {{}}}}",
        estimators="{}",
        alerts="{maintenance: [{from: 2013-01-07T14:00:00Z, until: 2013-01-07T16:00:00Z, "
        "reason: the store moves}]}",
    )
    assert asked(effects("." * 9, model_of(text))) == [("schedule", 6)]


RULES: Final = "{psi_features: {above: 0.2, features: 2, window: 1h, at_least: 1, of_last: 1}}"


def test_a_retraining_within_the_cool_down_is_as_good() -> None:
    """Drift asked for retraining two hours before: the point is skipped, and that is told; the
    drift that goes on asks after the cool-down."""
    chosen = model(DAILY, cooldown="5h", rules=RULES)
    out = effects("..DD.......", chosen)
    assert asked(out) == [("psi_features", 2)]
    assert held(out) == [("schedule/cooldown", "open", 4), ("schedule/cooldown", "resolved", 5)]
    (told, _) = [a for a in trees(out, "alerts") if a["rule"] == "held_trigger"]
    assert told["evidence"]["observed"]["point"] == "2013-01-07T14:30:00Z"


def test_a_scheduled_retraining_begins_the_cool_down() -> None:
    """What drifts right after it is not asked for again, and nobody is told so."""
    out = effects("....." + "DD...", model(DAILY, cooldown="5h", rules=RULES))
    assert asked(out) == [("schedule", 4)]
    assert held(out) == []


PATTERNS: Final = ("....nn..", "..DD......", "....____...", "." * 7)


@settings(max_examples=examples(12), deadline=None, database=None)
@given(
    pattern=st.sampled_from(PATTERNS),
    cuts=st.lists(st.integers(0, 2_000), max_size=8),
    flushed=st.integers(0, 1),
)
def test_the_same_whatever_the_batches(pattern: str, cuts: list[int], flushed: int) -> None:
    """Batches cut anywhere, flushed or not, give the same triggers and alerts to the byte."""
    chosen = model(DAILY, cooldown="5h", rules=RULES)
    whole = batch(log_of(pattern))
    steps = [step for piece in pieces(whole, cuts) for step in (piece, *[None] * flushed)]
    assert said(run([chosen], 1, steps)[0]) == said(effects(pattern, chosen))


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_restart_between_any_two_records(pattern: str) -> None:
    """A judge restored after every record says the same: a held point comes back."""
    chosen = model(DAILY, cooldown="5h", rules=RULES)
    pipeline = Pipeline([chosen], 1)
    values = log_of(pattern)
    judge, out = Judge(chosen, 1), []
    for first in range(0, len(values), AN_HOUR):
        pipeline.tallies[0].accept(batch(values[first : first + AN_HOUR], first=first))
        for effect in pipeline.tallies[0].flush():
            if effect.topic == "panes":
                assert effect.value is not None
                out += judge.accept(effect.value)
                judge = Judge(chosen, 1, resume=judge.snapshot())
    assert said(out) == said(effects(pattern, chosen))


def test_an_id_is_of_the_point() -> None:
    """The same from the whole stream and from one that goes on; another point is another id."""
    short, long = (trees(effects("." * n), "retraining-triggers") for n in (6, 30))
    assert short[0]["trigger_id"] == long[0]["trigger_id"] != long[1]["trigger_id"]
    assert ms_to_rfc3339(START + 5 * HOUR) == long[0]["window"]["end"]
