"""Requests to retrain after they were sent: what became of each trigger.

Rule.  A trigger is ``requested`` until a result moves it: to ``accepted``, ``rejected``, ``failed``
or ``ready``, in any order that makes sense.  ``rejected`` and ``ready`` are the end; after
``failed`` the job may try again.  A result that makes none (of an unknown trigger, after the end, a
repeat) changes nothing, and is counted and told with its reason.

A result acts at the first close of a window of the side that asked (the data, or performance) after
it was received, one that is not ``ready`` not before its ``effective_from``; one of an unknown
trigger is refused where it stands, for a trigger stands before its answers.  Of one that is ready
``effective_from`` says from when the new version is used, and the version's being ready is true at
once.  What was received is kept
in the order of the topic ``panes`` (:class:`engine.panes.Forwarded`), so whoever reads that again
does the same, and is told on ``audit`` with the close at which it acted.

Deadlines are event time, by the clock of the plane that asked: that of labels may be months behind
that of the data.  No answer within ``answer_within``, no model within ``ready_within`` of the
request, and a retraining that failed are alerts of the rule ``retraining``; a cause is over when
the answer comes.  A failure is over with the next request as well, and with the cool-down: then the
rules ask again if they still want to.  A request that was rejected or that failed keeps its
cool-down: the cause is still there, and asking again at once would get the same answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from engine.alert_rules import RETRAINING_ALERTS
from engine.decide.contract import Finding
from engine.decide.episodes import Episodes, Window, follow
from engine.decide.request_state import MAX_REQUESTS, Request, Requests, Waiting
from engine.effects import Publish
from engine.pane_checks import refuse_foreign
from engine.panes import Forwarded, PaneError
from engine.performance_judging import JudgedPerformance
from engine.quiet import maintenance_in
from engine.retraining_results import AUDIT_KIND, ROLE, Result, Unusable, read_result
from engine.spec import Spec
from engine.timestamps import ms_to_rfc3339

SCHEMA: Final = 1
MAX_WAITING_RESULTS: Final = 8
"""Results of one trigger that were received and no close was due for yet; what comes then is
refused."""
MAX_TOLD_REQUESTS: Final = 10
"""Triggers named in an alert, the oldest ones."""
NEXT: Final[Mapping[str, frozenset[str]]] = {
    "requested": frozenset({"accepted", "rejected", "failed", "ready"}),
    "accepted": frozenset({"rejected", "failed", "ready"}),
    "failed": frozenset({"accepted", "rejected", "ready"}),
    "rejected": frozenset(),
    "ready": frozenset(),
}
"""State -> what a result may make of it."""
AWAITED: Final = frozenset({"requested", "accepted"})
"""States in which somebody is late in the end."""
REFUSALS: Final = ("unknown_trigger", "duplicate", "final_state", "too_many")
CAUSES: Final = ("no_answer", "not_ready", "failed")
OF_LABELS: Final = "_performance"
"""Ends the causes of requests that performance made."""


def sent(requests: Requests, request: Request) -> None:
    """Note a trigger that was sent; at MAX_REQUESTS of its side the oldest goes, one that has ended
    first.

    A trigger that is known already (its judge begins anew) is as it was.
    """
    if request.trigger_id in requests.known:
        return
    same = [one for one in requests.known.values() if one.of_labels == request.of_labels]
    for other in same:
        other.followed = True
    if len(same) >= MAX_REQUESTS:
        oldest = next((one for one in same if not NEXT[one.state]), same[0])
        requests.forgotten += bool(NEXT[oldest.state])
        del requests.known[oldest.trigger_id]
    requests.known[request.trigger_id] = request


def receive(requests: Requests, spec: Spec, record: Forwarded) -> list[Publish]:
    """Take a forwarded result, once; PaneError when no worker can have forwarded it."""
    refuse_foreign(record, ROLE, spec.model)
    try:
        result = read_result(record.value)
    except Unusable as error:
        raise PaneError(f"a forwarded record that is no result: {error}") from error
    if not requests.taken_up(record):
        return []
    waiting = Waiting(result, record.role, record.partition, record.offset)
    if result.trigger_id not in requests.known:
        # What it answers was told before it in the log, so it never will be known.
        return [_told(spec, waiting, None, _refused(requests, "unknown_trigger"))]
    same = sum(one.result.trigger_id == result.trigger_id for one in requests.waiting)
    if same >= MAX_WAITING_RESULTS:
        return [_told(spec, waiting, None, _refused(requests, "too_many"))]
    requests.waiting.append(waiting)
    return []


def knows(requests: Requests, record: object) -> bool:
    """Whether a record is a forwarded result of a trigger that is remembered here."""
    try:
        return (
            isinstance(record, Forwarded) and read_result(record.value).trigger_id in requests.known
        )
    except Unusable:
        return False


def is_of_labels(judged: Window) -> bool:
    """Whether a window is of the side of labels: neither side may hear of the other, whose windows
    fall between its own as the planes interleave."""
    return isinstance(judged, JudgedPerformance)


def script(requests: Requests, results: Iterable[Result]) -> None:
    """Give a replay its results beforehand: each acts at its ``at``, or else at the first close
    after its trigger was sent."""
    requests.waiting += [Waiting(result, scripted=True) for result in results]


def close(
    requests: Requests, judged: Window, episodes: Episodes, *, expected: bool
) -> list[Publish]:
    """All that follows at the close of a window (revision 0) of the data, or of the plane that
    performance is decided by, after it was decided on, for the requests of that side; in a time of
    maintenance nothing is alerted."""
    out = act(requests, judged)
    look(requests, judged, expected=expected)
    if maintenance_in(judged.model.spec, judged.start_ms, judged.end_ms) is None:
        out += alerts(requests, judged, episodes)
    return out


def act(requests: Requests, judged: Window) -> list[Publish]:
    """At the close of a window (revision 0), let the results act that are due: those of requests
    that its plane made, at closes of the data also those of nobody."""
    out: list[Publish] = []
    waiting = requests.waiting
    requests.waiting = []
    for one in waiting:
        before = requests.known.get(one.result.trigger_id)
        other_side = (before is not None and before.of_labels) != is_of_labels(judged)
        if other_side or not _is_due(one, requests, judged.end_ms):
            requests.waiting.append(one)
            continue
        state = "" if before is None else before.state
        why = _move(requests, one.result, judged.end_ms)
        told = _told(judged.model.spec, one, judged.end_ms, why, state)
        out.append(told)
    return out


def look(requests: Requests, judged: Window, *, expected: bool) -> None:
    """At the close of a window (revision 0), look at the deadlines of the requests that its plane's
    clock is for; unless somebody is ``expected`` to answer, nothing is ever late."""
    rules, end_ms = judged.model.spec.retraining, judged.end_ms
    of_labels = is_of_labels(judged)
    answered = {one.result.trigger_id for one in requests.waiting if not one.scripted}
    for request in requests.known.values():
        if request.of_labels != of_labels:
            continue
        request.cooled = end_ms >= request.cooldown_until_ms
        if not expected or request.state not in AWAITED:
            continue
        waits = request.state == "requested" and request.trigger_id not in answered
        limit_ms = rules.answer_within_ms if waits else rules.ready_within_ms
        if limit_ms is not None and end_ms >= request.requested_ms + limit_ms:
            request.overdue = "no_answer" if waits else "not_ready"


def alerts(requests: Requests, judged: Window, episodes: Episodes) -> list[Publish]:
    """Episodes of what is late and of what failed; ``episodes`` are changed in place."""
    out: list[Publish] = []
    of_labels = is_of_labels(judged)
    for kind in CAUSES:
        cause = f"{kind}{OF_LABELS}" if of_labels else kind
        key = f"{RETRAINING_ALERTS}/{cause}"
        of_side = [one for one in requests.known.values() if one.of_labels == of_labels]
        found = [one for one in of_side if _cause_of(one) == kind]
        held = {key: episodes[key]} if key in episodes else {}
        if not found and not held:
            continue
        finding = _finding(cause, found) if found else Finding("quiet", cause)
        out += follow(RETRAINING_ALERTS, judged, finding, held, off=True)
        episodes.pop(key, None)
        episodes |= held
    return out


def _is_due(waiting: Waiting, requests: Requests, end_ms: int) -> bool:
    result = waiting.result
    if waiting.scripted and result.at_ms is not None:
        return end_ms >= result.at_ms
    request = requests.known.get(result.trigger_id)
    if request is None:
        return not waiting.scripted  # forgotten since it came
    if waiting.scripted and end_ms <= request.requested_ms:
        return False
    from_ms = None if result.status == "ready" else result.effective_from_ms
    return from_ms is None or end_ms >= from_ms


def _move(requests: Requests, result: Result, end_ms: int) -> str:
    """Let a result act; why it does not, empty when it does."""
    request = requests.known.get(result.trigger_id)
    if request is None:
        return _refused(requests, "unknown_trigger")
    if request.state == result.status and request.version == result.version:
        return _refused(requests, "duplicate")
    if result.status not in NEXT[request.state]:
        ended = not NEXT[request.state]
        return _refused(requests, "final_state" if ended else "duplicate")
    request.state, request.moved_ms, request.overdue = result.status, end_ms, ""
    request.version, request.reason = result.version, result.reason
    if result.status == "ready":
        at_once = result.effective_from_ms is None
        request.effective_from_ms = end_ms if at_once else result.effective_from_ms
    requests.moved[result.status] = requests.moved.get(result.status, 0) + 1
    return ""


def _refused(requests: Requests, why: str) -> str:
    requests.refused[why] = requests.refused.get(why, 0) + 1
    return why


def _cause_of(request: Request) -> str:
    if request.state == "failed":
        return "" if request.followed or request.cooled else "failed"
    return request.overdue


def _finding(cause: str, found: list[Request]) -> Finding:
    told = found[:MAX_TOLD_REQUESTS]
    evidence = [
        {
            "trigger_id": one.trigger_id,
            "rule": one.rule,
            "requested": ms_to_rfc3339(one.requested_ms),
            **({"reason": one.reason} if one.reason else {}),
        }
        for one in told
    ]
    observed = {"requests": len(found), "triggers": evidence}
    return Finding("notice", cause, observed=observed, severity="WARNING")


def _told(spec: Spec, waiting: Waiting, end_ms: int | None, why: str, before: str = "") -> Publish:
    """The audit record of a result that acted, or that was refused and why."""
    result = waiting.result
    tree: dict[str, Any] = {
        "schema": SCHEMA,
        "kind": AUDIT_KIND,
        "model": spec.model,
        "judged_as": spec.version,
        "trigger_id": result.trigger_id,
        "status": result.status,
        "taken": not why,
    }
    optional = {
        "refused": why,
        "before": before,
        "version": result.version,
        "reason": result.reason,
        "effective_from": result.effective_from_ms,
        "at": end_ms,
    }
    for name, value in optional.items():
        if value is not None and value != "":
            tree[name] = ms_to_rfc3339(value) if isinstance(value, int) else value
    if waiting.offset >= 0:
        tree["source"] = {
            "topic": waiting.role,
            "partition": waiting.partition,
            "offset": waiting.offset,
        }
    return Publish("audit", spec.model.encode(), orjson.dumps(tree))
