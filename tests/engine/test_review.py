"""A period of records: what belongs to it, what is known at its end, and what follows from it."""

from __future__ import annotations

import base64

import orjson
import pytest

from engine.review import index as index_module
from engine.review.dimensions import dimensions_of
from engine.review.gaps import Gap, gaps_of
from engine.review.index import TooMuchToShowError
from engine.review.meaning import meaning
from engine.review.scope import Scope
from engine.spec_reading import read_spec
from tests.engine.models import HOUR, START
from tests.engine.review_records import (
    MODEL,
    Record,
    alerted,
    answered,
    asked,
    at,
    cohort,
    indexed,
    judged,
    measured,
    reviewed,
    scope,
    term,
)

SPEC = """\
model: m
version: v1
inventory: {owner: risk, next_review: 2013-01-08}
windows: [{length: 1h, judge_every: 1h}]
features:
  x: {type: numeric}
retraining: {answer_within: 2h, ready_within: 5h}
"""


def ends(period: Scope, records: list[Record]) -> list[int]:
    """The hours of the windows of a period."""
    (part,) = reviewed(period, records).parts
    return [(point.end_ms - START) // HOUR for point in part.series.data]


def test_a_period_has_the_windows_that_end_in_it() -> None:
    """Not the one that ends where it begins, and the one that ends where it ends; so periods that
    follow each other have each window once."""
    records = [judged(hour) for hour in range(1, 25)]
    assert ends(scope(4, 8), records) == [5, 6, 7, 8]
    together = ends(scope(0, 8), records) + ends(scope(8, 16), records)
    assert together + ends(scope(16, 24), records) == list(range(1, 25))


def test_what_is_told_twice_or_judged_again_is_there_once() -> None:
    """A topic may hold a record twice after a crash; a second judgement is counted, and rules never
    read it."""
    records = [judged(hour) for hour in range(1, 9)]
    again = [*records, *records, judged(3, "DRIFT", revision=1)]
    plain, repeated = reviewed(scope(0, 8), records), reviewed(scope(0, 8), again)
    assert repeated.parts[0].series.data == plain.parts[0].series.data
    assert (plain.parts[0].amended, repeated.parts[0].amended) == (0, 1)
    assert repeated.parts[0].events == sum(range(101, 109))
    alerts = [alerted("e", 3), alerted("e", 3), alerted("e", 5, "resolved")]
    (episode,) = reviewed(scope(0, 8), records, alerts=alerts).told.episodes
    assert [step.state for step in episode.steps] == ["open", "resolved"]


def test_what_came_later_is_not_known() -> None:
    """The report of a period is the same whenever it is made: an alert that ended later is open in
    it, and an answer that came later is none."""
    judgements = [judged(hour) for hour in range(1, 25)]
    then = reviewed(
        scope(0, 8),
        judgements[:8],
        alerts=[alerted("e", 5)],
        retraining_triggers=[asked("t", 5)],
        audit=[answered("t", 6, "accepted")],
    )
    now = reviewed(
        scope(0, 8),
        judgements,
        alerts=[alerted("e", 5), alerted("e", 9, "resolved"), alerted("f", 10)],
        retraining_triggers=[asked("t", 5), asked("u", 11)],
        audit=[answered("t", 6, "accepted"), answered("t", 12, "ready", version="v2")],
    )
    assert now == then
    assert [episode.resolved_ms for episode in now.told.episodes] == [None]
    assert [request.state for request in now.told.requests] == ["accepted"]


def test_an_episode_belongs_to_every_period_in_which_it_was_open() -> None:
    """From the end of the window that opened it to that of the one that ended it."""
    judgements = [judged(hour) for hour in range(1, 25)]
    alerts = [alerted("e", 5), alerted("e", 12, "resolved")]

    def told(first: float, last: float) -> tuple[int, int, int]:
        review = reviewed(scope(first, last), judgements, alerts=alerts)
        period, found = review.scope, review.told
        return len(found.episodes), len(found.begun(period)), len(found.ended(period))

    assert [told(0, 4), told(4, 8), told(8, 11), told(11, 16), told(16, 24)] == [
        (0, 0, 0),
        (1, 1, 0),
        (1, 0, 0),
        (1, 0, 1),
        (0, 0, 0),
    ]
    only_end = reviewed(scope(8, 16), judgements, alerts=alerts[1:])
    assert (only_end.told.episodes, only_end.told.endings) == ([], 1)


def test_pages_are_what_somebody_heard_at_once() -> None:
    """Not INFO, not what was muted, not the end; of this period only."""
    alerts = [
        alerted("a", 3),
        alerted("a", 4, "escalated", "CRITICAL"),
        alerted("a", 5, "de-escalated"),
        alerted("b", 4, severity="INFO"),
        alerted("c", 4, muted={"until": at(9), "reason": "r"}),
        alerted("d", 9),
    ]
    judgements = [judged(hour) for hour in range(1, 9)]
    assert reviewed(scope(0, 8), judgements, alerts=alerts).told.pages == 2


def test_the_longest_windows_that_show_a_course_are_shown() -> None:
    """Of each length seven in the period at least; else the shortest."""
    hours = [judged(hour) for hour in range(1, 49)]
    # By the clock: noon is two hours after START.
    longer = [judged(hour, window="6h", start=at(hour - 6)) for hour in range(2, 49, 6)]
    index = indexed([*hours, *longer])
    assert index.chosen(scope(0, 48), "v1", "data") == "6h"
    assert index.chosen(scope(0, 24), "v1", "data") == "1h"
    assert index.chosen(scope(0, 3), "v1", "data") == "1h"
    assert index.chosen(scope(60, 70), "v1", "data") is None
    assert index.span(MODEL) == (START, START + 48 * HOUR)


def test_more_than_a_report_holds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to narrow."""
    monkeypatch.setattr(index_module, "MAX_SHOWN_WINDOWS", 5)
    index = indexed([judged(hour) for hour in range(1, 9)])
    with pytest.raises(TooMuchToShowError, match="8 windows of 1h, at most 5: ask for less time"):
        index.chosen(scope(0, 8), "v1", "data")
    monkeypatch.setattr(index_module, "MAX_REPORT_WINDOWS", 7)
    with pytest.raises(TooMuchToShowError, match="name the model"):
        indexed([judged(hour) for hour in range(1, 9)])


def test_gaps_are_where_no_window_is_or_where_it_is_empty() -> None:
    """And what is before the records is no gap."""
    records = [judged(hour) for hour in (3, 4, 7)]
    records += [judged(hour, events=0) for hour in (8, 9)]
    index = indexed(records)
    found = gaps_of(index, scope(0, 12), "v1")
    hours = [
        ((gap.start_ms - START) // HOUR, (gap.end_ms - START) // HOUR, gap.judged)
        for gap in found.found
    ]
    assert hours == [(4, 6, False), (7, 9, True), (9, 12, False)]
    assert found.silent_until_ms == START + 2 * HOUR
    assert found.total_ms == 7 * HOUR
    inside = gaps_of(index, scope(5, 7), "v1")
    assert inside.found == (Gap(START + 5 * HOUR, START + 6 * HOUR, judged=False),)
    assert inside.silent_until_ms is None


def letter(value: bytes, offset: int, reason: str = "malformed") -> Record:
    """A record of ``dead-letters`` as a replay writes it."""
    return {
        "key": "",
        "headers": {
            "__connect.errors.topic": "predictions",
            "__connect.errors.partition": "0",
            "__connect.errors.offset": str(offset),
            "longshore.reason": reason,
        },
        "value_base64": base64.b64encode(value).decode(),
    }


def test_records_that_no_window_has_are_counted_where_they_belong() -> None:
    """Of this model and this period; once each; what cannot be read apart."""
    inside, outside = START + HOUR, START + 99 * HOUR
    mine = [
        letter(orjson.dumps({"model": MODEL, "ts": inside}), 1, "bad_score"),
        letter(orjson.dumps({"model": MODEL, "ts": inside}), 1, "bad_score"),
        letter(orjson.dumps({"model": MODEL, "ts": at(2)}), 2, "bad_score"),
        letter(orjson.dumps({"model": MODEL, "ts": outside}), 3, "bad_score"),
        letter(orjson.dumps({"model": "other", "ts": inside}), 4, "bad_score"),
        letter(b"{", 5),
        letter(b"[1]", 6),
        letter(orjson.dumps({"model": MODEL, "ts": True}), 7, "bad_ts"),
    ]
    late = [{"model": MODEL, "version": "v1", "partition": 0, "pane_start_ms": inside, "events": 7}]
    review = reviewed(scope(0, 8), [judged(1)], dead_letters=mine, late=late)
    assert review.rejected.known == {("predictions", "bad_score"): 2}
    assert review.rejected.unreadable == {
        ("predictions", "malformed"): 2,
        ("predictions", "bad_ts"): 1,
    }
    assert review.late.known == {("panes", "after_roll_up"): 7}


def test_what_is_due_is_told_with_its_date() -> None:
    """Answers by their deadlines, the review, and what is open; without a spec without dates."""
    judgements = [judged(hour) for hour in range(1, 25)]
    topics = {
        "alerts": [alerted("e", 5), alerted("i", 5, severity="INFO")],
        "retraining_triggers": [asked(name, hour) for name, hour in
                                (("old", 2), ("new", 7), ("got", 3), ("done", 3))],
        "audit": [answered("got", 4, "accepted"), answered("done", 4, "ready", version="v2"),
                  answered("old", 4, "rejected", taken=False, refused="duplicate")],
    }  # fmt: skip
    spec = read_spec(SPEC)
    due = reviewed(scope(6, 8), judgements, spec, **topics).due
    told = [(d.what, d.about.rpartition(", ")[2], d.by_ms, d.overdue) for d in due]
    waiting = "a retraining trigger has no answer"
    assert told[:3] == [
        (waiting, "old", START + 4 * HOUR, True),
        ("a retraining was accepted and has made no model", "got", START + 8 * HOUR, True),
        (waiting, "new", START + 9 * HOUR, False),
    ]
    assert told[3][0] == "the model is to be reviewed"
    assert [what for what, *_ in told[4:]] == ["an alert is open"]
    dates = [d.by_ms for d in reviewed(scope(6, 8), judgements, **topics).due]
    assert dates == [None] * 4


def test_operations_have_the_level_of_their_alerts() -> None:
    """WATCH where a WARNING was open at the window's end, DRIFT where a CRITICAL one was."""
    alerts = [
        alerted("e", 3, rule="operations", cause="errors", severity="CRITICAL"),
        alerted("e", 5, "resolved", "CRITICAL", rule="operations", cause="errors"),
        alerted("f", 6, rule="volume", cause="volume_low"),
    ]
    review = reviewed(scope(0, 8), [judged(hour) for hour in range(1, 9)], alerts=alerts)
    (part,) = review.parts
    found = {d.name: d for d in dimensions_of(part.series, part.episodes, review.scope.to_ms)}
    levels = "".join(spot.level[0] for spot in found["operations"].spots)
    assert levels == "SSDDSWWW"
    assert "An alert was open in 5 windows" in meaning(found["operations"], part.series)
    assert found["business"].spots == found["performance"].spots == ()
    assert "no labels" in meaning(found["performance"], part.series)


def test_sentences_say_the_numbers_of_the_records() -> None:
    """Windows by level, and which feature went furthest, when."""
    records = [judged(hour, "DRIFT", 0.1 * hour) for hour in range(1, 9)]
    (part,) = reviewed(scope(0, 8), records).parts
    said = meaning(part.dimensions[1], part.series)
    assert said.startswith("8 windows of 1h: 8 DRIFT. 1 feature went over: furthest x (PSI 0.80,")
    assert "4.0 times its threshold" in said
    assert at(8)[:10] in said


def test_performance_is_the_view_that_has_levels() -> None:
    """That by arrival, or the cohort that the spec judges; its sentence is of the same."""
    judgements = [judged(hour) for hour in range(1, 9)]
    cohorts = [cohort(hour, 0.8, "DRIFT") for hour in range(1, 9)]
    unjudged = [measured(hour, 0.9, levels={}) for hour in range(1, 9)]
    (part,) = reviewed(scope(0, 8), [*judgements, *unjudged, *cohorts]).parts
    performance = part.dimensions[0]
    assert (performance.worst, performance.window) == ("DRIFT", "1h")
    said = meaning(performance, part.series)
    assert "accuracy was between 0.8 (window to" in said
    assert "against 0.9 in training: at its worst 10.0 points below it" in said
    (part,) = reviewed(scope(0, 8), [*judgements, *unjudged]).parts
    assert part.dimensions[0].counts == {"STABLE": 8}


def test_what_is_outside_of_the_term_spends_no_budget() -> None:
    """Rules look at windows that lie within the version's term, as the audit tells it."""
    spec = read_spec(SPEC)
    judgements = [judged(hour) for hour in range(1, 25)]
    whole = reviewed(scope(0, 24), judgements, spec).budget
    assert whole is not None
    assert whole.looks == 24
    assert whole.allowed == pytest.approx(24 / (30 * 24))
    ends = [term(3, "begins", effective_from=at(2)), term(9, "ends", effective_from=at(2),
            until=at(9), reason="superseded by v2")]  # fmt: skip
    within = reviewed(scope(0, 24), judgements, spec, audit=ends).budget
    assert within is not None
    assert within.looks == 7
    assert within.spent == pytest.approx(whole.spent * 7 / 24, abs=1e-8)
