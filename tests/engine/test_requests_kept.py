"""What of requests survives: repeats, restarts, bounds, older memories."""

from __future__ import annotations

import msgspec
import orjson
import pytest

from engine.decide import requests as rules_of
from engine.decide.decisions import DecisionState
from engine.decide.request_state import MAX_REQUESTS, Request, Requests
from engine.decide.requests import MAX_WAITING_RESULTS
from engine.effects import Publish
from engine.judge import Judge
from engine.panes import PaneError, encode
from engine.pipeline import Pipeline
from tests.engine.models import MINUTE, START, batch, beat
from tests.engine.request_stories import Story, answer, forwarded, model
from tests.engine.test_decisions import minutes


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


def test_neither_side_pushes_the_other_out() -> None:
    """How their triggers fall between each other is nobody's promise."""
    requests = Requests()
    for number in range(MAX_REQUESTS + 1):
        for of_labels in (False, True):
            told = Request(f"{number} {of_labels}", "rule", number, number + 1, of_labels)
            rules_of.sent(requests, told)
    assert len(requests.known) == 2 * MAX_REQUESTS
    assert {"0 False", "0 True"}.isdisjoint(requests.known)


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


def _lived(
    log: list[bytes], judge: Judge | None = None, *, restarts: int = 0
) -> tuple[list[Publish], Judge]:
    """The log through a judge that ends before each of so many records and is restored."""
    judge, out = judge or Judge(model(), 1), []
    for number, value in enumerate(log):
        if number < restarts:
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
    unbroken, before = Judge(model(), 1), []
    for end, value in enumerate(log):
        # Around the answers everywhere, elsewhere at every fifth place.
        if end and (end % 5 == 0 or min(abs(end - third), abs(end - late)) < 3):
            found, restored = _lived(log[end:], unbroken, restarts=2)
            assert before + found == truth, end
            assert restored.decisions == judge.decisions
        said, unbroken = _lived([value], unbroken)
        before += said


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
