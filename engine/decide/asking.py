"""Whether what a rule wants is asked for: the tree, the cool-down, the budget; and what is held.

Rule.  A request is made unless, in this order,

* the decision tree says ``wait`` (:mod:`engine.decide.retraining_tree`): bad data, an improvement;
* a request of the same side was made within the cool-down;
* the budget of that side for the quarter of the calendar is spent.

What is held is counted by rule and reason, and told as an alert of the rule ``held_trigger``, whose
cause is the rule and the reason; but for what says nothing new: in a cool-down the episode of the
drift is open and the trigger before it is known, and bad data alert by themselves, saying that they
hold.  A schedule has no alert of its own, so all that holds it is told.

The two sides are the data (with the schedule) and performance.  When the labels speak, between
which windows of the data, is no function of the logs (:mod:`engine.judge`), so each side has a
cool-down and a share of the budget of its own, and knows nothing of the other's.  With
``improvement_veto`` requests of the data wait for the labels (:mod:`engine.decide.waiting`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from engine.calendar_points import quarter_start_ms
from engine.decide.contract import Finding
from engine.decide.episodes import AnyWindow, Episodes, Window, follow
from engine.decide.retraining_tree import Advice, Facts, advise
from engine.effects import Publish
from engine.model import MonitoredModel
from engine.performance_judging import JudgedPerformance
from engine.spec import Spec

HELD: Final = "held_trigger"
MAX_REMEMBERED_REQUESTS: Final = 10
"""Times of requests that are kept of each rule; the oldest goes."""
SIDES: Final = ("data", "performance")
SCHEDULE: Final = "schedule"
SCHEDULED: Final = "scheduled"
TOLD_ELSEWHERE: Final = frozenset({"cooldown", "bad_data"})
MISSING: Final = "labels_missing"
"""Reason of a request that waited for labels and is given up."""
LOST: Final = frozenset({"budget", "expired", MISSING})
"""Reasons for which what was wanted is not done, and somebody may have to."""
ZONES_APART_MS: Final = 2 * 86_400_000
"""One quarter begins in all time zones within less: a spec that changes its zone has no new one."""


class Spent(msgspec.Struct):
    """What a side has spent of its budget in one quarter."""

    quarter_ms: int = 0
    requests: int = 0


class WaitingRequest(msgspec.Struct, frozen=True):
    """What the data ask for, until the labels of the time are judged."""

    rule: str
    window: str
    start_ms: int
    end_ms: int
    events: int
    finding: bytes
    """The :class:`~engine.decide.contract.Finding` as JSON."""
    facts: Facts
    quiet_ms: int


class RetrainingMemory(msgspec.Struct):
    """What is remembered of requests; survives restarts, changed layouts and changed policies."""

    held: dict[str, int] = msgspec.field(default_factory=dict)
    """``rule/reason`` -> windows in which a request was held."""
    requests_ms: dict[str, list[int]] = msgspec.field(default_factory=dict)
    """Rule -> window ends of its requests, the newest last."""
    quiet_ms: dict[str, int] = msgspec.field(default_factory=dict)
    """Rule -> end of the newest window in which its condition was over."""
    spent: dict[str, Spent] = msgspec.field(default_factory=dict)
    """By side."""
    waiting: list[WaitingRequest] = msgspec.field(default_factory=list)
    waiting_until_ms: dict[str, int] = msgspec.field(default_factory=dict)
    """Rule -> end of the window of performance that its newest request waits for, or waited."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request to retrain that is to be made."""

    model: MonitoredModel
    rule: str
    side: str
    window: str
    start_ms: int
    end_ms: int
    events: int
    finding: Finding
    advice: Advice


UNSETTLED: Final = Advice("retrain", "")
"""Of a request that the tree was not asked about yet."""


def allowed(spec: Spec, side: str) -> int | None:
    """Requests that a side may make in a quarter; None without a budget."""
    budget = spec.retraining.budget
    if budget is None:
        return None
    return budget.performance if side == SIDES[1] else budget.per_quarter - budget.performance


def left(spec: Spec, memory: RetrainingMemory, side: str, at_ms: int) -> int | None:
    """What is left of a side's budget at a time; None without a budget."""
    most = allowed(spec, side)
    if most is None:
        return None
    spent = memory.spent.get(side, Spent())
    if quarter_start_ms(spec.retraining.time_zone, at_ms) > spent.quarter_ms + ZONES_APART_MS:
        return most
    return max(0, most - spent.requests)


def why_held(request: Request, memory: RetrainingMemory, cooldown_until_ms: int) -> str:
    """Why a request is not made; empty where it is."""
    if request.advice.recommended == "wait":
        return request.advice.why
    if request.end_ms < cooldown_until_ms:
        return "cooldown"
    if left(request.model.spec, memory, request.side, request.end_ms) == 0:
        return "budget"
    return ""


def _note(request: Request, memory: RetrainingMemory) -> None:
    known = memory.requests_ms.setdefault(request.rule, [])
    known.append(request.end_ms)
    del known[:-MAX_REMEMBERED_REQUESTS]
    quarter_ms = quarter_start_ms(request.model.spec.retraining.time_zone, request.end_ms)
    spent = memory.spent.setdefault(request.side, Spent())
    if quarter_ms > spent.quarter_ms + ZONES_APART_MS:
        spent.quarter_ms, spent.requests = quarter_ms, 0
    spent.requests += 1


def consider(
    rule: str, judged: Window, finding: Finding, facts: Facts, memory: RetrainingMemory
) -> Request:
    """The request of a window, with what the tree says of it."""
    request = Request(
        judged.model,
        rule,
        SIDES[isinstance(judged, JudgedPerformance)],
        judged.window.name,
        judged.start_ms,
        judged.end_ms,
        judged.events,
        finding,
        UNSETTLED,
    )
    quiet_ms = memory.quiet_ms.get(rule, 0)
    return with_advice(request, facts, quiet_ms, memory)


def with_advice(request: Request, facts: Facts, quiet_ms: int, memory: RetrainingMemory) -> Request:
    """The request with what the tree says of the facts, and of the requests made since the rule was
    quiet last."""
    asked = sum(at_ms > quiet_ms for at_ms in memory.requests_ms.get(request.rule, ()))
    return replace(request, advice=advise(msgspec.structs.replace(facts, asked=asked)))


def settle(request: Request, cooldown_until_ms: int, memory: RetrainingMemory) -> str:
    """Make a request or hold it, and remember which; why it is held, empty where it is made."""
    reason = why_held(request, memory, cooldown_until_ms)
    if reason:
        count_held(request.rule, reason, memory)
    else:
        _note(request, memory)
    return reason


def count_held(rule: str, reason: str, memory: RetrainingMemory) -> None:
    """Count a window in which a request was held."""
    key = f"{rule}/{reason}"
    memory.held[key] = memory.held.get(key, 0) + 1


def tell_held(
    name: str,
    judged: AnyWindow,
    reason: str,
    episodes: Episodes,
    finding: Finding | None = None,
    advice: Advice | None = None,
) -> list[Publish]:
    """The alert on a request that is held, or its end where ``reason`` is empty or is an ordinary
    cool-down; ``name`` says of what."""
    told = Finding("quiet", name)
    if (
        reason
        and finding is not None
        and (name.startswith(SCHEDULE) or reason not in TOLD_ELSEWHERE)
    ):
        observed: dict[str, Any] = {"reason": reason, **finding.observed}
        if advice is not None:
            observed |= {"recommended": advice.recommended, "path": advice.path}
        severity = "WARNING" if reason in LOST else "INFO"
        told = Finding("notice", reason, "", observed, evidence=finding.evidence, severity=severity)
    return follow(f"{HELD}/{name}", judged, told, episodes)
