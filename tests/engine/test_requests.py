"""What becomes of triggers: states, deadlines, and what is told."""

from __future__ import annotations

from itertools import product

import pytest

from engine.decide import requests as rules_of
from engine.decide.request_state import STATES, Request
from engine.decide.requests import NEXT, REFUSALS
from engine.retraining_results import AUDIT_KIND, ROLE, STATUSES, read_result
from engine.timestamps import ms_to_rfc3339
from tests.engine.models import MINUTE, START
from tests.engine.request_stories import Story, answer, closing, forwarded
from tests.engine.test_decisions import PSI_RULE


def plainly(statuses: tuple[str, ...]) -> tuple[str, list[bool]]:
    """The state after these results, and which of them were taken: in so many words."""
    state, taken = "requested", []
    for status in statuses:
        good = state in {"requested", "accepted", "failed"} and status != state
        if state == "accepted" and status == "accepted":
            good = False
        if good:
            state = status
        taken.append(good)
    return state, taken


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_every_order_of_results_has_one_outcome(length: int) -> None:
    """Whatever comes after whatever, at one close or at one each: a state, a record on `audit` for
    each result, a reason for each that was not taken, and no exception."""
    for statuses in product(STATUSES, repeat=length):
        state, taken = plainly(statuses)
        for apart in (False, True):
            story = Story("t")
            for number, status in enumerate(statuses):
                story.hear(answer(status))
                if apart:
                    story.close(1 + number)
            story.close(10)
            told = story.told("audit")
            assert story.state == state, statuses
            assert [one["taken"] for one in told] == taken
            assert all((one.get("refused") in REFUSALS) != one["taken"] for one in told)
            assert sum(story.requests.moved.values()) == sum(taken)
            assert sum(story.requests.refused.values()) == length - sum(taken)


def test_the_table_of_states_is_whole() -> None:
    """Every state has its ways out, and only those that end have none."""
    assert set(NEXT) == set(STATES)
    assert {state for state, after in NEXT.items() if not after} == {"rejected", "ready"}


def test_a_result_acts_at_the_first_close_after_it_came() -> None:
    """And is told with that close, where it stood, and from what to what."""
    story = Story("t")
    story.hear(answer("accepted", reason="queued"))
    assert story.state == "requested"
    story.close(3)
    assert story.state == "accepted"
    assert story.told("audit") == [
        {
            "schema": 1,
            "kind": "retraining_result",
            "model": "m",
            "judged_as": "v1",
            "trigger_id": "t",
            "status": "accepted",
            "taken": True,
            "before": "requested",
            "reason": "queued",
            "at": ms_to_rfc3339(START + 3 * MINUTE),
            "source": {"topic": ROLE, "partition": 0, "offset": 0},
        }
    ]


def test_a_result_of_later_waits_and_its_request_is_not_late() -> None:
    """Its `effective_from` decides the close; that of a ready one is the version's."""
    story = Story("t")
    story.hear(answer("rejected", effective_from=START + 9 * MINUTE))
    story.close(8)
    assert (story.state, story.alerts()) == ("requested", [])
    story.close(9)
    assert story.state == "rejected"

    story = Story("t")
    story.hear(answer("ready", effective_from=START + 90 * MINUTE))
    story.close(1)
    (ready,) = story.requests.ready()
    assert (ready.version, ready.effective_from_ms) == ("v2", START + 90 * MINUTE)

    story = Story("t")
    story.hear(answer("ready"))
    story.close(2)
    assert story.requests.ready()[0].effective_from_ms == START + 2 * MINUTE


def test_an_unknown_trigger_is_told_and_nothing_else() -> None:
    """Nobody asked for it."""
    story = Story("t")
    story.hear(answer("ready", "u"))
    story.close(1)
    assert [(one["refused"], one.get("before")) for one in story.told("audit")] == [
        ("unknown_trigger", None)
    ]
    assert list(story.requests.known) == ["t"]


def test_no_answer_is_one_alert_until_the_answer() -> None:
    """From the first close at which the deadline has passed, however many follow."""
    story = Story("t")
    for minute in range(1, 9):
        story.close(minute)
    story.hear(answer("accepted"))
    story.close(9)
    story.close(10)
    assert story.alerts() == [("no_answer", "open", 5), ("no_answer", "resolved", 9)]
    first = story.told("alerts")[0]
    assert (first["rule"], first["severity"]) == ("retraining", "WARNING")
    assert first["evidence"]["observed"]["triggers"][0]["trigger_id"] == "t"
    assert story.episodes == {}


def test_an_answer_in_time_is_no_alert() -> None:
    """Also when the close that sees it is the one of the deadline."""
    story = Story("t")
    story.close(4)
    story.hear(answer("accepted"))
    story.close(5)
    story.close(6)
    assert story.alerts() == []


def test_no_model_in_time_is_an_alert_of_its_own() -> None:
    """Counted from the request; a model ends it."""
    story = Story("t")
    story.hear(answer("accepted"))
    for minute in (1, 19, 20, 21):
        story.close(minute)
    story.hear(answer("ready"))
    story.close(22)
    assert story.alerts() == [("not_ready", "open", 20), ("not_ready", "resolved", 22)]


@pytest.mark.parametrize("ended", ["again", "next", "cooled"])
def test_a_failure_alerts_until_it_is_over(ended: str) -> None:
    """By a retry that is accepted, by the next request, or with the cool-down."""
    story = Story("t")
    story.hear(answer("failed", reason="out of memory"))
    story.close(1)
    over = 30 if ended == "cooled" else 16
    story.close(over - 1)
    if ended == "again":
        story.hear(answer("accepted"))
    elif ended == "next":
        story.ask("u", over - 1)
    story.close(over)
    assert story.alerts() == [("failed", "open", 1), ("failed", "resolved", over)]
    triggers = story.told("alerts")[0]["evidence"]["observed"]["triggers"]
    assert triggers[0]["reason"] == "out of memory"


def test_a_rejected_request_is_over() -> None:
    """No deadline and no alert."""
    story = Story("t")
    story.hear(answer("rejected", reason="the season"))
    for minute in range(1, 60):
        story.close(minute)
    assert (story.state, story.alerts()) == ("rejected", [])
    assert story.requests.known["t"].reason == "the season"


def test_where_nobody_is_expected_to_answer_nothing_is_late() -> None:
    """A replay of history has no job behind it."""
    story = Story("t")
    for minute in range(1, 60):
        story.close(minute, expected=False)
    assert story.alerts() == []


def test_deadlines_may_be_switched_off() -> None:
    """``null`` waits for as long as it takes."""
    off = f"{{answer_within: null, ready_within: null, rules: {{{PSI_RULE}}}}}"
    story = Story("t", retraining=off)
    for minute in range(0, 180, 10):
        story.close(minute)
    assert story.alerts() == []


def test_deadlines_run_by_the_clock_that_asked() -> None:
    """A request by performance is not late because the data are months ahead of the labels."""
    story = Story()
    rules_of.sent(story.requests, Request("t", "performance", START, START, of_labels=True))
    story.close(100)
    assert story.alerts() == []


def test_a_scripted_result_acts_as_it_is_told_or_as_soon_as_it_can() -> None:
    """At the close of an audit record; without one at the first close after the trigger."""
    story = Story()
    at_ms = START + 4 * MINUTE
    results = [
        read_result(answer("accepted")),
        read_result(answer("ready", at=at_ms, kind=AUDIT_KIND)),
    ]
    rules_of.script(story.requests, results)
    story.close(1)
    story.ask("t", 2)
    story.close(2)
    assert story.state == "requested"
    story.close(3)
    assert story.state == "accepted"
    story.close(4)
    assert story.state == "ready"


def test_neither_side_hears_of_the_other() -> None:
    """How windows of the data and of performance fall between each other is no function of the
    logs: an answer acts, and lateness is told, at closes of the side that asked, and a request
    is followed only by one of its own."""
    story = Story("t")
    asked = Request("p", "performance", START, START + 30 * MINUTE, of_labels=True)
    rules_of.sent(story.requests, asked)
    assert not story.requests.known["t"].followed
    rules_of.receive(story.requests, closing(0).model.spec, forwarded(answer("failed", "p"), 0))
    assert rules_of.close(story.requests, closing(7), story.episodes, expected=True)
    assert asked.state == "requested"
    assert set(story.episodes) == {"retraining/no_answer"}, "of the data's own request"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(rules_of, "is_of_labels", lambda _: True)
        rules_of.close(story.requests, closing(8), story.episodes, expected=True)
    assert asked.state == "failed"
    assert story.requests.known["t"].overdue == "no_answer"
    assert set(story.episodes) == {"retraining/no_answer", "retraining/failed_performance"}


def test_answers_for_another_day_silence_and_block_nothing() -> None:
    """Those to nobody's trigger are refused at once; of one trigger so many wait; and whoever says
    today that the model will be accepted in eight hundred years is late with it like all others."""
    story = Story("t")
    far = ms_to_rfc3339(START + 300_000 * 24 * 60 * MINUTE)
    spec = closing(0).model.spec
    for number in range(300):
        record = forwarded(answer("accepted", f"bogus{number}", effective_from=far), number)
        assert rules_of.receive(story.requests, spec, record)
    assert story.requests.waiting == []
    assert story.requests.refused == {"unknown_trigger": 300}
    for number in range(300, 320):
        record = forwarded(answer("accepted", "t", effective_from=far), number)
        rules_of.receive(story.requests, spec, record)
    assert len(story.requests.waiting) == rules_of.MAX_WAITING_RESULTS
    story.close(6)
    assert story.requests.known["t"].overdue == "", "there is an answer in the hand"
    story.close(21)
    assert story.requests.known["t"].overdue == "not_ready"
