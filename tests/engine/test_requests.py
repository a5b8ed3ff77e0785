"""What becomes of triggers: states, deadlines, repeats, and what survives a restart."""

from __future__ import annotations

from functools import cache
from itertools import product
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import orjson
import pytest

from engine.decide import requests as rules_of
from engine.decide.decisions import DecisionState
from engine.decide.episodes import Episodes, Window
from engine.decide.request_state import MAX_REQUESTS, STATES, Request, Requests
from engine.decide.requests import MAX_WAITING_RESULTS, NEXT, REFUSALS
from engine.effects import Publish
from engine.judge import Judge
from engine.model import MonitoredModel
from engine.panes import Forwarded, PaneError, encode, every_version
from engine.pipeline import Pipeline
from engine.retraining_results import STATUSES, read_result
from engine.timestamps import ms_to_rfc3339
from tests.engine.models import MINUTE, START, batch, beat, model_of, spec_text
from tests.engine.test_decisions import PSI_RULE, minutes

ROLE = "retraining-results"
RETRAINING = f"{{cooldown: 30m, answer_within: 5m, ready_within: 20m, rules: {{{PSI_RULE}}}}}"


@cache
def model(retraining: str = RETRAINING) -> MonitoredModel:
    """A model that may ask."""
    return model_of(spec_text(retraining=retraining))


def closing(minute: float, retraining: str = RETRAINING) -> Window:
    """A window of the data that ends so many minutes after the start."""
    end_ms = START + int(minute * MINUTE)
    window = SimpleNamespace(name="1m", length_ms=MINUTE)
    found = SimpleNamespace(
        model=model(retraining),
        window=window,
        end_ms=end_ms,
        start_ms=end_ms - MINUTE,
        events=1,
    )
    return cast("Window", found)


def answer(status: str, trigger: str = "t", **more: object) -> bytes:
    """The bytes of a result."""
    version = {"version": "v2"} if status == "ready" else {}
    return orjson.dumps({"trigger_id": trigger, "status": status, **version, **more})


def forwarded(value: bytes, offset: int, topic_id: str = "id", partition: int = 0) -> Forwarded:
    """As a worker writes it into the panes."""
    return Forwarded(every_version("m"), ROLE, topic_id, partition, offset, -1, value)


class Story:
    """One model's requests, from minute 0 on."""

    def __init__(self, *triggers: str, retraining: str = RETRAINING) -> None:
        self.requests = Requests()
        self.episodes: Episodes = {}
        self.out: list[Publish] = []
        self.retraining = retraining
        self._offset = 0
        for trigger in triggers:
            self.ask(trigger, 0)

    def ask(self, trigger: str, minute: float) -> None:
        """A trigger is sent."""
        at_ms = START + int(minute * MINUTE)
        rules_of.sent(self.requests, Request(trigger, "psi_features", at_ms, at_ms + 30 * MINUTE))

    def hear(self, value: bytes) -> None:
        """A result comes."""
        record = forwarded(value, self._offset)
        self._offset += 1
        self.out += rules_of.receive(self.requests, model().spec, record)

    def close(self, minute: float, *, expected: bool = True) -> None:
        """A window ends."""
        window = closing(minute, self.retraining)
        self.out += rules_of.close(self.requests, window, self.episodes, expected=expected)

    def told(self, topic: str) -> list[dict[str, Any]]:
        """What was said."""
        return [orjson.loads(one.value or b"") for one in self.out if one.topic == topic]

    def alerts(self) -> list[tuple[str, str, int]]:
        """Cause, state and minute of each alert."""
        ends = {ms_to_rfc3339(START + n * MINUTE): n for n in range(200)}
        return [(one["cause"], one["state"], ends[one["end"]]) for one in self.told("alerts")]

    @property
    def state(self) -> str:
        """Of the one trigger."""
        return self.requests.known["t"].state


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


def test_what_was_taken_up_is_not_taken_again() -> None:
    """Repeats of a zombie or a successor are known by offset, in a topic made anew they are not."""
    requests = Requests()
    rules_of.sent(requests, Request("t", "psi_features", START, START))
    spec = model().spec
    for offset, topic_id, partition in (
        (0, "a", 0),
        (1, "a", 0),
        (0, "a", 0),
        (1, "a", 0),
        (0, "a", 1),
        (2, "a", 0),
        (0, "b", 0),
        (0, "b", 0),
    ):
        record = forwarded(answer("accepted"), offset, topic_id, partition)
        assert rules_of.receive(requests, spec, record) == []
    places = [(one.partition, one.offset) for one in requests.waiting]
    assert places == [(0, 0), (0, 1), (1, 0), (0, 2), (0, 0)]


def test_no_more_than_so_many_are_remembered() -> None:
    """Those that have ended go first, then the oldest; that one without an end went is counted."""
    story = Story(*(f"t{n}" for n in range(MAX_REQUESTS)))
    story.hear(answer("rejected", "t7"))
    story.close(1)
    story.ask("more", 2)
    assert "t7" not in story.requests.known
    assert story.requests.forgotten == 0
    story.ask("still more", 3)
    assert "t0" not in story.requests.known
    assert (len(story.requests.known), story.requests.forgotten) == (MAX_REQUESTS, 1)


def test_no_more_than_so_many_results_wait() -> None:
    """Without closes they would pile up; what comes then is refused, and told so at once."""
    story = Story("t")
    for _ in range(MAX_WAITING_RESULTS + 1):
        story.hear(answer("accepted"))
    assert len(story.requests.waiting) == MAX_WAITING_RESULTS
    assert [one["refused"] for one in story.told("audit")] == ["too_many"]


def test_a_forwarded_record_that_is_no_result_is_refused() -> None:
    """No worker writes one: an intruder's, or another version's."""
    for value in (b"", b"{}", answer("done")):
        with pytest.raises(PaneError):
            rules_of.receive(Requests(), model().spec, forwarded(value, 0))


def test_a_scripted_result_acts_as_it_is_told_or_as_soon_as_it_can() -> None:
    """At the close of an audit record; without one at the first close after the trigger."""
    story = Story()
    at_ms = START + 4 * MINUTE
    results = [read_result(answer("accepted")), read_result(answer("ready", at=at_ms))]
    rules_of.script(story.requests, results)
    story.close(1)
    story.ask("t", 2)
    story.close(2)
    assert story.state == "requested"
    story.close(3)
    assert story.state == "accepted"
    story.close(4)
    assert story.state == "ready"


def _panes(pattern: str) -> list[bytes]:
    """The log of panes of a stream."""
    pipeline = Pipeline([model()], 1)
    values = [orjson.dumps(one) for one in minutes(pattern)]
    values.append(beat(START + (len(pattern) + 3) * MINUTE))
    log = []
    for start in range(0, len(values), 60):
        pipeline.accept(batch(values[start : start + 60], first=start))
        log += [one.value or b"" for one in pipeline.tallies[0].flush()]
    return log


def _lived(log: list[bytes], ends: tuple[int, ...] = ()) -> tuple[list[Publish], Judge]:
    """The log through judges that end before these records and are restored."""
    judge, out = Judge(model(), 1), []
    judge.expects_answers = True
    for number, value in enumerate(log):
        if number in ends:
            judge = Judge(model(), 1, resume=judge.snapshot())
            judge.expects_answers = True
        out += judge.accept(value)
    return out, judge


def test_a_judge_follows_its_trigger_through_restarts() -> None:
    """Wherever it is restored: the same alerts, audit records and state as without."""
    log = _panes("..DDDD........")
    plain, _ = _lived(log)
    trigger = next(
        orjson.loads(one.value or b"") for one in plain if one.topic == "retraining-triggers"
    )["trigger_id"]
    third, late = len(log) // 3, len(log) * 3 // 4
    log[late:late] = [encode(forwarded(answer("accepted", trigger), 1))] * 2
    log[third:third] = [encode(forwarded(answer("accepted", "unknown"), 0))]
    truth, judge = _lived(log)
    alerts = [orjson.loads(one.value or b"") for one in truth if one.topic == "alerts"]
    mine = [(one["cause"], one["state"]) for one in alerts if one["rule"] == "retraining"]
    assert mine == [("no_answer", "open"), ("no_answer", "resolved")]
    assert judge.decisions.requests.known[trigger].state == "accepted"
    assert judge.decisions.requests.refused == {"unknown_trigger": 1}
    for end in range(1, len(log)):
        found, restored = _lived(log, (end, end + 1))
        assert found == truth, end
        assert restored.decisions == judge.decisions


def test_judgements_do_not_depend_on_results() -> None:
    """Counts and verdicts are a function of the events alone."""
    log = _panes("..DDDD....")
    plain, _ = _lived(log)
    log[3:3] = [encode(forwarded(answer("ready", "unknown"), 0))]
    with_result, _ = _lived(log)
    for topic in ("judgements", "retraining-triggers"):
        assert [one for one in with_result if one.topic == topic] == [
            one for one in plain if one.topic == topic
        ]


def test_a_memory_of_before_results_were_read_has_no_requests() -> None:
    """An older version's decisions are read, and nothing is late for them."""
    kept = msgspec.to_builtins(DecisionState(cooldown_until_ms=7))
    del kept["requests"]
    found = msgspec.convert(kept, DecisionState)
    assert (found.cooldown_until_ms, found.requests) == (7, Requests())


def test_a_judge_knows_what_it_asked() -> None:
    """And of nothing else."""
    judge = Judge(model(), 1)
    rules_of.sent(judge.decisions.requests, Request("t", "psi_features", START, START))
    assert judge.knows(encode(forwarded(answer("ready"), 0)))
    assert not judge.knows(encode(forwarded(answer("ready", "u"), 0)))
