"""Episodes: open, escalated, de-escalated, resolved, muted; each after so many windows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Final, cast

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.alert_rules import AlertRules, Mute
from engine.decide.contract import Finding
from engine.decide.episodes import RANKS, Episodes, follow
from engine.timestamps import ms_to_rfc3339

RULE: Final = "psi_features"
HOUR: Final = 3_600_000
KINDS: Final = st.sampled_from(["", "INFO", "WARNING", "CRITICAL"])
"""Severity of a window's finding, empty for a quiet one."""


def window(number: int, alerts: AlertRules) -> Any:  # noqa: ANN401 - as much of a window as is read
    """The window that ends after so many hours."""
    spec = SimpleNamespace(alerts=alerts, model="m", version="1")
    return SimpleNamespace(
        model=SimpleNamespace(spec=spec, key="m@1"),
        window=SimpleNamespace(name="1h"),
        start_ms=(number - 1) * HOUR,
        end_ms=number * HOUR,
        events=100 + number,
    )


def told(kinds: list[str], alerts: AlertRules, cause: str = "drift") -> list[dict[str, Any]]:
    """The alerts of windows with these findings."""
    episodes: Episodes = {}
    out: list[dict[str, Any]] = []
    for number, kind in enumerate(kinds, start=1):
        finding = Finding("trigger", cause, severity=kind) if kind else Finding("quiet", cause)
        effects = follow(RULE, window(number, alerts), finding, episodes)
        assert all(effect.topic == "alerts" for effect in effects)
        out += [orjson.loads(cast("bytes", effect.value)) for effect in effects]
    return out


def plainly(kinds: list[str], calm: int) -> list[tuple[int, str, str]]:
    """(window, state, severity) of each alert, by looking back over the windows each time."""
    out: list[tuple[int, str, str]] = []
    held = ""
    since = 0
    for number, kind in enumerate(kinds, start=1):
        if not held:
            if kind:
                held, since = kind, number
                out.append((number, "open", held))
            continue
        rank = RANKS.index(held)
        if kind and RANKS.index(kind) > rank:
            held, since = kind, number
            out.append((number, "escalated", held))
            continue
        last = kinds[max(since, number - calm) : number]
        less = [not one or RANKS.index(one) < rank for one in last]
        if len(last) == calm and all(less):
            if kind:
                held, since = kind, number
                out.append((number, "de-escalated", held))
            else:
                out.append((number, "resolved", held))
                held = ""
    return out


@given(st.lists(KINDS, max_size=40), st.integers(1, 4))
def test_episodes_are_what_the_last_windows_say(kinds: list[str], calm: int) -> None:
    """Against a look back over all windows, for every order of severities."""
    alerts = told(kinds, AlertRules(calm=calm))
    found = [(a["events"] - 100, a["state"], a["severity"]) for a in alerts]
    assert found == plainly(kinds, calm)
    assert len({a["alert_id"] for a in alerts}) == len(alerts)
    opened = [a["episode"] for a in alerts if a["state"] == "open"]
    assert list(dict.fromkeys(a["episode"] for a in alerts)) == opened


def test_another_cause_is_another_episode() -> None:
    """The old one ends when it has not been named for ``calm`` windows; both are open meanwhile."""
    episodes: Episodes = {}
    rules, said = AlertRules(calm=2), []
    for number, cause in enumerate(["slow", "errors", "errors", "errors"], start=1):
        effects = follow(RULE, window(number, rules), Finding("operations", cause), episodes)
        trees = [orjson.loads(cast("bytes", effect.value)) for effect in effects]
        said += [(number, tree["cause"], tree["state"]) for tree in trees]
    assert said == [(1, "slow", "open"), (2, "errors", "open"), (3, "slow", "resolved")]
    assert set(episodes) == {f"{RULE}/errors"}


def test_a_rule_that_is_switched_off_resolves_at_once() -> None:
    """However long calm is."""
    episodes: Episodes = {}
    rules = AlertRules(calm=9)
    follow(RULE, window(1, rules), Finding("trigger", "drift"), episodes)
    (effect,) = follow(RULE, window(2, rules), Finding("quiet", ""), episodes, off=True)
    assert orjson.loads(cast("bytes", effect.value))["state"] == "resolved"
    assert episodes == {}


def mute(first: int, last: int, **about: str) -> Mute:
    """From the end of one window up to that of another."""
    return Mute(from_ms=first * HOUR, until_ms=last * HOUR, reason="a campaign", **about)


MUTED: Final = {"until": ms_to_rfc3339(4 * HOUR), "reason": "a campaign"}


@pytest.mark.parametrize("about", [{}, {"rule": RULE}, {"rule": RULE, "cause": "drift"}])
def test_what_a_mute_covers_is_told_as_muted_and_once_more_when_it_ends(
    about: dict[str, str],
) -> None:
    """The record is there for whoever audits, and nobody is woken until the mute is over."""
    rules = AlertRules(mutes=(mute(1, 4, **about),))
    alerts = told(["WARNING"] * 6, rules)
    found = [(a["events"] - 100, a["state"], a.get("muted")) for a in alerts]
    assert found == [(1, "open", MUTED), (4, "open", None)]
    assert alerts[0]["episode"] == alerts[1]["episode"]
    assert alerts[0]["alert_id"] != alerts[1]["alert_id"]


def test_an_episode_that_ends_under_its_mute_wakes_nobody() -> None:
    """Opened, escalated and resolved, all of it muted."""
    alerts = told(["WARNING", "CRITICAL", "", ""], AlertRules(mutes=(mute(0, 9),)))
    assert [a["state"] for a in alerts] == ["open", "escalated", "resolved"]
    assert all(a["muted"]["reason"] == "a campaign" for a in alerts)


@pytest.mark.parametrize("about", [{"rule": "volume"}, {"cause": "volume"}])
def test_a_mute_of_something_else_changes_nothing(about: dict[str, str]) -> None:
    """Nor one whose time is not now."""
    for muted in (mute(0, 9, **about), mute(7, 9)):
        alerts = told(["WARNING", "", ""], AlertRules(mutes=(muted,)))
        assert [a.get("muted") for a in alerts] == [None, None]


def test_a_mute_of_an_open_episode_is_remembered_by_it() -> None:
    """What is active for Prometheus is asked of the episode: muted windows make it inactive."""
    rules = AlertRules(mutes=(mute(2, 4),))
    episodes: Episodes = {}
    states = []
    for number in range(1, 6):
        follow(RULE, window(number, rules), Finding("trigger", "drift"), episodes)
        states.append(episodes[f"{RULE}/drift"].muted)
    assert states == [False, True, True, False, False]


def test_an_alert_says_what_to_do() -> None:
    """The page of the rules, or the spec's own."""
    (usual,) = told(["WARNING"], AlertRules())
    (own,) = told(["WARNING"], AlertRules(runbook="https://wiki.example/fraud"))
    assert usual["runbook"] == "docs/alerts.md#psi_features"
    assert own["runbook"] == "https://wiki.example/fraud"
