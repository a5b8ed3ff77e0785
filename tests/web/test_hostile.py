"""The live page's memory against records that mean harm: nothing breaks, nothing grows unseen."""

from __future__ import annotations

import json
from dataclasses import fields
from sys import getsizeof
from typing import Any

import orjson
import pytest

from streams.web import history as kept
from streams.web.answers import Answers
from streams.web.entries import Entry, entry_of
from streams.web.history import History
from tests.web.records import alert, judgement, performance, story
from tests.web.stage import entry

QUERY = {"model": "credit", "version": "7"}
ODD: tuple[Any, ...] = (None, True, 5, -1.5, 1e300, "", "x" * 5_000, [], [5], {}, {"a": [{}]})


def deep(levels: int) -> Any:  # noqa: ANN401 - any JSON
    """A list in a list in a list."""
    tree: Any = []
    for _ in range(levels):
        tree = [tree]
    return tree


def ask_everything(history: History) -> None:
    """Every answer about a model that was there before, and the list."""
    answers = Answers(history)
    assert any(one["model"] == "credit" for one in orjson.loads(answers.models())["models"])
    for asked in (answers.model, answers.windows, answers.judgement, answers.decisions):
        asked(QUERY)
    answers.feature({**QUERY, "feature": "amount"})
    answers.windows({**QUERY, "section": "performance"})
    answers.comparisons({})


def test_whatever_stands_in_a_field_the_answers_go_on() -> None:
    """Each field of each kind of record made odd, one at a time: left out, or told as it can be."""
    told = story()
    for role, tree in [("judgements", judgement(9, level="DRIFT")), *dict(told).items()]:
        for name in tree:
            for odd in (*ODD, deep(300)):
                value = json.dumps({**tree, name: odd}).encode()
                if (found := entry_of(role, value)) is not None:
                    history = History()
                    history.add([entry(one, known) for one, known in told])
                    history.add([found])
                    ask_everything(history)


@pytest.mark.parametrize(
    "more",
    [
        {"end": "9999-12-31T23:59:59-12:00"},
        {"revision": 1e300},
        {"section": {"x": 1}},
        {"section": "s" * 600},
        {"maturity": ["x"]},
        {"data": {"level": "DRIFT", "held_back": deep(300)}},
    ],
)
def test_what_cannot_be_told_again_is_left_out(more: dict[str, Any]) -> None:
    """A time after all calendars, a number without end, a name that is none, too deep a nest."""
    assert entry_of("judgements", json.dumps({**judgement(0), **more}).encode()) is None


def test_levels_that_are_none_are_unknown() -> None:
    """Wherever they stand."""
    tree = {**judgement(0), "level": ["DRIFT"], "data": {"level": {"x": 1}}}
    found = entry("judgements", tree)
    assert (found.levels or {})["data"] == "UNKNOWN"
    assert orjson.loads(found.row)["level"] == "UNKNOWN"


def test_nothing_that_is_kept_is_beside_the_count() -> None:
    """Long names of features are the memory of a record as much as its body."""
    names = tuple(f"{number}-{number * 7_919:0300}" for number in range(300))
    found = entry("judgements", judgement(0, features=names))
    assert entry("alerts", {**alert(0), "rule": "x" * 9_000}).size_bytes > 9_000
    held = sum(getsizeof(getattr(found, one.name)) for one in fields(Entry))
    assert held <= found.size_bytes + 500
    assert found.names == names


def test_of_bytes_those_pay_who_hold_most_whatever_it_is() -> None:
    """A flood of long alerts of one model costs no other model a window, even where it has no
    window itself."""
    history = History(max_bytes=200_000)
    history.add([entry("judgements", judgement(n)) for n in range(12)])
    for number in range(150):
        long = {**alert(number), "model": "loud", "note": "x" * 5_000}
        history.add([entry("alerts", long)])
        assert history.size_bytes <= 200_000
        assert history.size_bytes == sum(one.size_bytes() for one in history.models.values())
    assert len(orjson.loads(Answers(history).windows(QUERY))["rows"]) == 12


def test_only_alerts_beyond_the_bound_break_nothing() -> None:
    """No window is kept at all; versions go, the one heard of longest ago first."""
    history = History(max_bytes=20_000)
    for number in range(60):
        history.add([entry("alerts", {**alert(0), "version": str(number), "note": "x" * 3_000})])
    assert history.size_bytes <= 20_000
    assert ("credit", "59") in history.models


def test_a_full_history_makes_room_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many records at the bound few look for what is to go: that looks at all that is kept."""
    asked = []
    real = History._make_room

    def counted(history: History, wanted_bytes: int) -> None:
        asked.append(wanted_bytes)
        real(history, wanted_bytes)

    monkeypatch.setattr(History, "_make_room", counted)
    history = History(max_bytes=400_000)
    for number in range(300):
        history.add([entry("judgements", judgement(number, version=str(v))) for v in range(4)])
    assert 1 <= len(asked) < 150
    assert all(len(one.windows) == 1 for one in history.models.values())


def test_long_answers_of_a_job_are_not_kept() -> None:
    """They stand beside the bytes that are counted."""
    history = History()
    long = {"trigger_id": "sha256:t9", "status": "x" * kept.MAX_RESULT_BYTES}
    history.add([entry("retraining-results", long)])
    assert history.results == {}
    history.add([entry("retraining-results", {**long, "status": "accepted"})])
    assert list(history.results) == ["sha256:t9"]


def test_a_level_that_is_not_known_says_why() -> None:
    """Of a window and of a model: what hides it, how much it may be, and what is too much."""
    tree = performance(0, level="UNKNOWN")
    hidden = {"level": "UNKNOWN", "reason": "imprecise", "worse_by": 0.03}
    worse = {"value": -0.01, "low": -0.05, "high": 0.02}
    tree["performance"]["levels"] = {
        "auc": {**hidden, "worse": worse},
        "f1": {**hidden, "worse": worse},
        "recall": {"level": "UNKNOWN", "reason": "absent"},
    }
    history = History()
    history.add([entry("judgements", judgement(0)), entry("judgements", tree)])
    answers = Answers(history)
    (row,) = orjson.loads(answers.windows({**QUERY, "section": "performance"}))["rows"]
    assert row["verdicts"]["auc"] == {"worse": worse, "worse_by": 0.03, "reason": "imprecise"}
    (model,) = orjson.loads(answers.models())["models"]
    assert model["dimensions"]["performance"]["reason"] == "imprecise"
    assert model["dimensions"]["data"]["reason"] == ""
