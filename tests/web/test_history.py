"""What the live page remembers: in any order, repeats included, and within its bounds."""

from __future__ import annotations

import random
from typing import Any

import orjson
import pytest

from streams.web import history as kept
from streams.web.answers import Answers, BadQuestionError, NotKeptError
from streams.web.entries import MAX_ENTRY_BYTES, ROLES, entry_of
from streams.web.history import History
from streams.web.trouble import standing
from tests.web.records import alert, judgement, performance, story, trigger
from tests.web.stage import entry

QUERY = {"model": "credit", "version": "7"}


def history_of(told: list[tuple[str, dict[str, Any]]]) -> History:
    """A history that read these."""
    history = History()
    history.add([entry(role, tree) for role, tree in told])
    return history


def everything(history: History) -> list[bytes]:
    """All answers."""
    answers = Answers(history)
    found = [answers.model(QUERY), answers.windows(QUERY), answers.comparisons({})]
    found.append(answers.windows({**QUERY, "section": "performance"}))
    found.append(answers.feature({**QUERY, "feature": "amount"}))
    found.append(answers.judgement(QUERY))
    return found


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_reading_and_repeats_change_nothing(seed: int) -> None:
    """Partitions come in any order, and after a restart some records twice."""
    told = story()
    again = [*told, *random.Random(seed).sample(told, 10)]
    random.Random(seed).shuffle(again)
    assert everything(history_of(again)) == everything(history_of(told))


def test_a_later_revision_takes_the_place_of_the_earlier() -> None:
    """In either order."""
    first, later = judgement(0), judgement(0, revision=1, level="DRIFT")
    for told in ([first, later], [later, first]):
        history = history_of([("judgements", tree) for tree in told])
        (row,) = orjson.loads(Answers(history).windows(QUERY))["rows"]
        assert (row["revision"], row["level"]) == (1, "DRIFT")


def test_what_is_no_record_is_left_out() -> None:
    """Whatever bytes a topic holds."""
    good = judgement(0)
    wrong: list[bytes | None] = [None, b"", b"[]", b"7", b"{}", b"\xff", b"{" * 5000]
    wrong += [orjson.dumps({**good, "end": "yesterday"}), orjson.dumps({**good, "model": 7})]
    wrong += [orjson.dumps({**good, "features": [1]}), orjson.dumps({**good, "model": "m" * 600})]
    wrong.append(b" " * (MAX_ENTRY_BYTES + 1))
    assert [entry_of(role, value) for role in (*ROLES, "late") for value in wrong[:7]] == [
        None
    ] * 7 * (len(ROLES) + 1)
    assert [entry_of("judgements", value) for value in wrong] == [None] * len(wrong)


def test_the_oldest_windows_of_a_series_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound, whatever their order; the bytes told are those that are kept."""
    monkeypatch.setattr(kept, "MAX_WINDOWS_KEPT", 5)
    history = history_of([("judgements", judgement(n)) for n in (3, 9, 1, 7, 5, 0, 8, 2, 6, 4)])
    rows = orjson.loads(Answers(history).windows(QUERY))["rows"]
    assert [row["events"] for row in rows] == [1005, 1006, 1007, 1008, 1009]
    assert history.size_bytes == sum(one.size_bytes() for one in history.models.values())


def test_the_talkative_pay_for_the_bytes() -> None:
    """Of two models, the one with many windows loses its oldest; the other keeps what it has."""
    quiet = [entry("judgements", judgement(n, model="quiet")) for n in range(3)]
    talkative = [entry("judgements", judgement(n, model="loud")) for n in range(60)]
    room = sum(one.size_bytes for one in quiet + talkative[:20])
    history = History(max_bytes=room)
    history.add(quiet)
    for one in talkative:
        history.add([one])
        assert history.size_bytes <= room
    answers = Answers(history)
    rows = {
        name: orjson.loads(answers.windows({"model": name, "version": "7"}))["rows"]
        for name in ("quiet", "loud")
    }
    assert len(rows["quiet"]) == 3
    assert rows["loud"][-1]["events"] == 1059
    assert history.forgotten > 0


def test_models_beyond_the_bound_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one heard of longest ago; its answers go with it."""
    monkeypatch.setattr(kept, "MAX_MODELS_KEPT", 2)
    history = history_of([("judgements", judgement(0, model=name)) for name in "abab"])
    answers = Answers(history)
    history.add([entry("judgements", judgement(1, model="c"))])
    answers.changed([("c", "7")])
    told = orjson.loads(answers.models())
    assert sorted(one["model"] for one in told["models"]) == ["b", "c"]
    assert history.size_bytes == sum(one.size_bytes() for one in history.models.values())
    with pytest.raises(NotKeptError):
        answers.model({"model": "a", "version": "7"})


def test_series_and_records_of_a_kind_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lengths of windows beyond the bound are not begun; of alerts the oldest go."""
    monkeypatch.setattr(kept, "MAX_SERIES_KEPT", 2)
    monkeypatch.setattr(kept, "MAX_RECORDS_KEPT", 3)
    monkeypatch.setattr(kept, "MAX_RESULTS_KEPT", 2)
    told = [("judgements", judgement(0, window=f"{n}h")) for n in range(1, 6)]
    told += [("alerts", alert(n)) for n in (4, 1, 3, 0, 2)]
    told += [("retraining-results", {"trigger_id": str(n), "status": "ready"}) for n in range(4)]
    history = history_of(told)
    model = history.models["credit", "7"]
    assert [series.window for series in model.windows] == ["1h", "2h"]
    assert [one.identity[-5] for one in model.of_kind("alert")] == ["2", "3", "4"]
    assert list(history.results) == ["2", "3"]


def test_trouble_orders_the_models() -> None:
    """An open alert comes before drift, drift before what is to be watched, that before well."""
    told = [
        ("judgements", judgement(0, model="well")),
        ("judgements", judgement(0, model="watched", level="WATCH")),
        ("judgements", judgement(0, model="drifted", level="DRIFT")),
        ("judgements", judgement(0)),
        ("alerts", {**alert(0), "severity": "CRITICAL"}),
    ]
    models = orjson.loads(Answers(history_of(told)).models())["models"]
    assert [one["model"] for one in models] == ["credit", "drifted", "watched", "well"]
    assert models[1]["drifted"] == ["amount"]
    assert models[0]["dimensions"]["data"]["severity"] == "CRITICAL"


def test_a_length_that_is_judged_no_more_is_no_trouble_for_ever() -> None:
    """A window that ended long before the newest does not count."""
    told = [("judgements", judgement(0, window="2h", level="DRIFT"))]
    told += [("judgements", judgement(n)) for n in range(12)]
    found = standing(history_of(told).models["credit", "7"])
    assert found.dimensions["data"].level == "STABLE"


def test_time_can_be_turned_back() -> None:
    """How it stood then: levels, alerts and triggers of later are not known yet."""
    answers = Answers(history_of(story()))

    def at(hour: int) -> dict[str, Any]:
        when = f"2026-03-01T{hour:02}:30:00Z"
        told: dict[str, Any] = orjson.loads(answers.model({**QUERY, "at": when}))["standing"]
        return told

    assert (at(5)["dimensions"]["data"]["level"], at(5)["open_alerts"]) == ("STABLE", 1)
    assert (at(7)["open_alerts"], at(7)["triggers"]) == (0, 0)
    assert (at(11)["dimensions"]["data"]["level"], at(11)["triggers"]) == ("DRIFT", 1)


def test_a_feature_is_shown_as_of_a_time() -> None:
    """Its bins are those of the window that had ended by then."""
    answers = Answers(history_of(story()))
    asked = {**QUERY, "feature": "amount", "at": "2026-03-01T03:30:00Z"}
    shown = orjson.loads(answers.feature(asked))["shown"]
    assert shown["end"] == "2026-03-01T03:00:00Z"
    assert "bins" not in shown["verdict"]
    newest = orjson.loads(answers.feature({**QUERY, "feature": "amount"}))
    assert len(newest["shown"]["verdict"]["bins"]) == 3
    assert [point["level"] for point in newest["trend"]] == ["S"] * 8 + ["D"] * 4


def test_features_of_another_spec_keep_their_places() -> None:
    """A window that had other features is told in the order of the newest's."""
    told = [
        ("judgements", judgement(0, features=("age", "gone", "amount"), level="DRIFT")),
        ("judgements", judgement(1, features=("amount", "new", "age"))),
    ]
    answer = orjson.loads(Answers(history_of(told)).windows(QUERY))
    assert answer["features"] == ["amount", "new", "age"]
    assert [cells["levels"] for cells in answer["cells"]] == ["SUD", "SSS"]
    assert answer["cells"][0]["psi"][1] is None


def test_a_trigger_is_told_with_its_answer() -> None:
    """The newest answer of the job, whatever came first."""
    told = orjson.loads(Answers(history_of(story())).decisions(QUERY))
    assert [
        (one["trigger"]["trigger_id"], one["result"]["status"]) for one in told["triggers"]
    ] == [("sha256:t9", "accepted")]
    assert {one["episode"]: len(one["alerts"]) for one in told["episodes"]} == {
        "sha256:volume": 2,
        "sha256:psi_features": 1,
    }


def test_decisions_of_a_time_are_those_of_then() -> None:
    """What was told later is left out: alerts, triggers and audit alike."""
    answers = Answers(history_of(story()))

    def at(time: str) -> dict[str, int]:
        told = orjson.loads(answers.decisions({**QUERY, "at": time}))
        alerts = sum(len(one["alerts"]) for one in told["episodes"])
        return {"alerts": alerts, "triggers": len(told["triggers"]), "audit": len(told["audit"])}

    assert at("2026-03-01T04:30:00Z") == {"alerts": 1, "triggers": 0, "audit": 0}
    assert at("2026-03-01T10:00:00Z") == {"alerts": 3, "triggers": 1, "audit": 1}
    with pytest.raises(BadQuestionError):
        at("yesterday")


@pytest.mark.parametrize(
    ("question", "error"),
    [
        ({"windows": "0"}, BadQuestionError),
        ({"windows": "\u0661"}, BadQuestionError),
        ({"windows": "9" * 400}, BadQuestionError),
        ({"from": "yesterday"}, BadQuestionError),
        ({"window": "9d"}, NotKeptError),
        ({"section": "cohorts"}, NotKeptError),
        ({"model": "nobody"}, NotKeptError),
    ],
)
def test_a_question_that_has_no_answer_says_so(
    question: dict[str, str], error: type[Exception]
) -> None:
    """And nothing breaks."""
    with pytest.raises(error):
        Answers(history_of(story())).windows({**QUERY, **question})


def test_numbers_that_json_has_not_are_absent() -> None:
    """A record with an infinite number is told without it."""
    tree = judgement(0)
    text = orjson.dumps(tree).replace(b"990.0", b"1e999").replace(b"0.61", b"-1e999")
    found = entry_of("judgements", text)
    if found is not None:
        row = orjson.loads(found.row)
        assert "events_expected" not in row["operations"]
        assert "approval_rate" not in row["business"]
    assert entry_of("judgements", orjson.dumps(performance(0))) is not None
    assert entry_of("retraining-triggers", orjson.dumps(trigger(0))) is not None
