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
from engine.decide.episodes import RANKS, Episode, Episodes, follow, give_up, hold_open
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
        window=SimpleNamespace(name="1h", length_ms=HOUR),
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
    held, since = "", 0
    for number, kind in enumerate(kinds, start=1):
        if not held:
            if kind:
                held, since = kind, number
                out.append((number, "open", held))
            continue
        rank = RANKS.index(held)
        last = kinds[max(since, number - calm) : number]
        whole = len(last) == calm
        if kind and RANKS.index(kind) > rank:
            held, since = kind, number
            out.append((number, "escalated", held))
        elif kind and whole and all(not one or RANKS.index(one) < rank for one in last):
            held, since = kind, number
            out.append((number, "de-escalated", held))
        elif not any(last) and whole:
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
    """That covers these windows, the first and the last of them."""
    from_ms, until_ms = (first - 1) * HOUR, last * HOUR
    return Mute(from_ms=from_ms, until_ms=until_ms, reason="a campaign", **about)


MUTED: Final = {"until": ms_to_rfc3339(3 * HOUR), "reason": "a campaign"}


@pytest.mark.parametrize("about", [{}, {"rule": RULE}, {"rule": RULE, "cause": "drift"}])
def test_what_a_mute_covers_is_told_as_muted_and_once_more_when_it_ends(
    about: dict[str, str],
) -> None:
    """The record is there for whoever audits, and nobody is woken until the mute is over."""
    rules = AlertRules(mutes=(mute(1, 3, **about),))
    alerts = told(["WARNING"] * 6, rules)
    found = [(a["events"] - 100, a["state"], a.get("muted")) for a in alerts]
    assert found == [(1, "open", MUTED), (4, "open", None)]
    assert alerts[0]["episode"] == alerts[1]["episode"]
    assert alerts[0]["alert_id"] != alerts[1]["alert_id"]


def test_an_episode_that_ends_under_its_mute_wakes_nobody() -> None:
    """Opened, escalated and resolved, all of it muted."""
    alerts = told(["WARNING", "CRITICAL", "", ""], AlertRules(mutes=(mute(1, 9),)))
    assert [a["state"] for a in alerts] == ["open", "escalated", "resolved"]
    assert all(a["muted"]["reason"] == "a campaign" for a in alerts)


@pytest.mark.parametrize("about", [{"rule": "volume"}, {"cause": "volume"}])
def test_a_mute_of_something_else_changes_nothing(about: dict[str, str]) -> None:
    """Nor one whose time is not now."""
    for muted in (mute(1, 9, **about), mute(7, 9)):
        alerts = told(["WARNING", "", ""], AlertRules(mutes=(muted,)))
        assert [a.get("muted") for a in alerts] == [None, None]


def test_a_mute_covers_every_window_that_it_touches() -> None:
    """By a millisecond at either end, and not the windows beside them."""
    touching = Mute(from_ms=2 * HOUR - 1, until_ms=3 * HOUR + 1, reason="a campaign")
    alerts = told(["WARNING"] * 6, AlertRules(mutes=(touching,)))
    assert [a["events"] - 100 for a in alerts if "muted" in a] == []
    story = ["", "WARNING", "", "", "", ""]
    for first in range(5):
        alerts = told([""] * first + story[1:], AlertRules(calm=1, mutes=(touching,)))
        assert "muted" in alerts[0] if first + 1 in {2, 3, 4} else "muted" not in alerts[0]


def test_what_escalates_when_a_mute_ends_is_told_as_open() -> None:
    """As severe as it is by then, and once."""
    alerts = told(["WARNING", "WARNING", "CRITICAL", "CRITICAL"], AlertRules(mutes=(mute(1, 2),)))
    assert [(a["state"], a["severity"]) for a in alerts] == [
        ("open", "WARNING"),
        ("open", "CRITICAL"),
    ]


def test_quiet_is_not_merely_less_severe() -> None:
    """A window that is less severe does not count towards the end; one that is quiet does count
    towards less severe."""
    alerts = told(["CRITICAL", "WARNING", "", "WARNING", "", ""], AlertRules(calm=2))
    assert [(a["events"] - 100, a["state"]) for a in alerts] == [
        (1, "open"),
        (4, "de-escalated"),
        (6, "resolved"),
    ]


def test_causes_of_one_window_are_an_episode_each() -> None:
    """Errors and latency rise together; latency goes on when errors are over."""
    episodes: Episodes = {}
    rules, said = AlertRules(calm=1), []
    findings = [
        Finding("operations", "errors", also=("latency",)),
        Finding("operations", "latency"),
        Finding("quiet", ""),
    ]
    for number, finding in enumerate(findings, start=1):
        for effect in follow(RULE, window(number, rules), finding, episodes):
            tree = orjson.loads(cast("bytes", effect.value))
            said.append((number, tree["cause"], tree["state"]))
    assert said == [
        (1, "errors", "open"),
        (1, "latency", "open"),
        (2, "errors", "resolved"),
        (3, "latency", "resolved"),
    ]


def test_an_alert_says_what_to_do() -> None:
    """The page of the rules, or the spec's own."""
    (usual,) = told(["WARNING"], AlertRules())
    (own,) = told(["WARNING"], AlertRules(runbook="https://wiki.example/fraud"))
    assert usual["runbook"] == "docs/alerts.md#psi_features"
    assert own["runbook"] == "https://wiki.example/fraud"


def silent(number: int, alerts: AlertRules, episodes: Episodes) -> list[dict[str, Any]]:
    """A window that says nothing of the rule."""
    effects = give_up([RULE], window(number, alerts), episodes)
    return [orjson.loads(cast("bytes", effect.value)) for effect in effects]


def test_an_episode_that_nobody_can_judge_ends_as_no_data() -> None:
    """After ``no_data`` without a word, by a record that says so; three windows at least; a later
    finding opens a new one."""
    for hours, wanted in ((5, 5), (1, 3)):
        alerts, episodes = AlertRules(no_data_ms=hours * HOUR), Episodes()
        drift = Finding("trigger", "drift")
        (opened,) = follow(RULE, window(1, alerts), drift, episodes)
        for number in range(2, 1 + wanted):
            assert silent(number, alerts, episodes) == []
        (ended,) = silent(1 + wanted, alerts, episodes)
        assert (ended["state"], ended["resolution"]) == ("resolved", "no_data")
        assert ended["evidence"]["observed"] == {"no_data_since": ms_to_rfc3339(HOUR)}
        assert ended["episode"] == orjson.loads(cast("bytes", opened.value))["episode"]
        assert episodes == {}
        (again,) = follow(RULE, window(20, alerts), drift, episodes)
        assert orjson.loads(cast("bytes", again.value))["episode"] != ended["episode"]


def test_whatever_is_said_keeps_it_open() -> None:
    """The cause, a quiet window, or bad data that may have made the difference."""
    alerts, drift, quiet = (
        AlertRules(no_data_ms=3 * HOUR, calm=9),
        *(Finding(verdict, "drift") for verdict in ("trigger", "quiet")),
    )
    episodes: Episodes = {}
    follow(RULE, window(1, alerts), drift, episodes)
    for number in range(2, 30):
        if number % 3 == 0:
            hold_open(RULE, window(number, alerts), episodes)
        elif number % 3 == 1:
            follow(RULE, window(number, alerts), drift if number % 2 else quiet, episodes)
        assert silent(number, alerts, episodes) == []


def test_an_episode_of_before_is_told_from_now_on() -> None:
    """A snapshot that did not note when: the first silent window begins to count."""
    episodes: Episodes = {f"{RULE}/drift": Episode("e", "WARNING", 0)}
    alerts = AlertRules(no_data_ms=2 * HOUR)
    assert [silent(number, alerts, episodes) for number in (50, 51, 52)] == [[], [], []]
    assert len(silent(53, alerts, episodes)) == 1
    assert give_up(["other"], window(99, alerts), {f"{RULE}/drift": Episode("e", "INFO", 0)}) == []
