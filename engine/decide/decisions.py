"""From findings to triggers and alerts: cool-down, deterministic ids, one episode per cause.

Rule.  A trigger's id is a hash of what it is about (model, version, rule, window, window end,
layout, rule parameters), never of when it was made, so that a replay gives the same id.  Whether
what a rule wants is asked for, :mod:`engine.decide.asking` says; after a trigger the model asks for
no other within its cool-down, in event time.  What the labels say has a cool-down of its own: when
it comes, between which windows of the data, is no function of the logs (:mod:`engine.judge`), and
neither kind may therefore hold the other back.

What becomes of alerts is :mod:`engine.decide.episodes`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec
import orjson

from engine.bad_spells import BadSpells
from engine.budget_spent import SpentBudget
from engine.canonical import content_hash
from engine.decide import request_state
from engine.decide.asking import (
    HELD,
    SIDES,
    Request,
    RetrainingMemory,
    consider,
    count_held,
    settle,
    tell_held,
)
from engine.decide.contract import Finding
from engine.decide.episodes import Episodes, Window, follow, give_up, hold_open
from engine.decide.facts import facts_of
from engine.decide.history import History
from engine.decide.request_state import Requests
from engine.decide.requests import is_of_labels, sent
from engine.decide.rules import asks_for_retraining, chosen, reads_performance, rules
from engine.decide.silence import Silence, end_silently
from engine.decide.waiting import (
    WITH_LABELS,
    held_with_labels,
    ready_with,
    wait_for_labels,
    waits_for_labels,
)
from engine.effects import Publish
from engine.loss_history import LossHistory
from engine.performance_charts import Chart
from engine.performance_judging import JudgedPerformance
from engine.tenure import Tenure
from engine.timestamps import ms_to_rfc3339

SCHEMA: Final = 1


class DecisionState(msgspec.Struct):
    """What decisions remember; survives restarts, changed layouts and changed policies."""

    histories: dict[str, History] = msgspec.field(default_factory=dict)
    episodes: Episodes = msgspec.field(default_factory=dict)
    cooldown_until_ms: int = 0
    triggers: dict[str, int] = msgspec.field(default_factory=dict)
    """Triggers so far by rule."""
    performance_cooldown_until_ms: int = 0
    charts: dict[str, Chart] = msgspec.field(default_factory=dict)
    """Control charts of performance, by window and measure."""
    losses: dict[str, LossHistory] = msgspec.field(default_factory=dict)
    """Histories of losses, by window."""
    tenure: Tenure = msgspec.field(default_factory=Tenure)
    """From when until when the version serves."""
    requests: Requests = msgspec.field(default_factory=Requests)
    """Triggers that were sent and what became of them (:mod:`engine.decide.requests`)."""
    retraining: RetrainingMemory = msgspec.field(default_factory=RetrainingMemory)
    spells: BadSpells = msgspec.field(default_factory=dict)
    """When data were bad."""
    spent: SpentBudget = msgspec.field(default_factory=SpentBudget)
    """Of the false-alarm budget."""


Decide = Callable[[Window | Silence, DecisionState], list[Publish]]


def decide(judged: Window | Silence, state: DecisionState) -> list[Publish]:
    """Let every rule that reads such windows examine one (revision 0, disjoint); the state is
    changed in place."""
    if isinstance(judged, Silence):
        said = end_silently(judged, state)
        state.spent.note(judged, said)
        return said
    out: list[Publish] = []
    examined: list[str] = []
    of_performance = isinstance(judged, JudgedPerformance)
    for name, module in rules().items():
        if reads_performance(module) != of_performance:
            if of_performance or judged.model.performance is not None:
                continue
            out += _over(name, judged, state)  # no window of performance will ever come
            continue
        rule = chosen(module, judged.model.spec)
        if rule is None:
            out += _over(name, judged, state)
            continue
        history = state.histories.setdefault(name, History())
        if history.belong_to(content_hash([judged.model.layout.hash, rule])):
            out += _over(name, judged, state)
        finding = module.examine(judged, history)
        examined.append(name)
        if finding is None:
            continue
        if finding.verdict == "held":
            hold_open(name, judged, state.episodes)
        if finding.alerts and finding.verdict != "held":
            out += follow(name, judged, finding, state.episodes)
        if asks_for_retraining(module):
            out += _ask(name, judged, finding, state)
    out += _with_labels(judged, state)
    owners = [rule for name in examined for rule in (name, f"{HELD}/{name}")]
    if of_performance:
        owners += [f"{HELD}/{name}{WITH_LABELS}" for name in rules()]
    out += give_up(owners, judged, state.episodes)
    state.spent.note(judged, out)
    return out


def _over(rule: str, judged: Window, state: DecisionState) -> list[Publish]:
    """End what a rule said that is asked no more, or asked otherwise: nobody else would."""
    off = Finding("quiet", f"{rule} is switched off or changed")
    names = (rule, f"{HELD}/{rule}", f"{HELD}/{rule}{WITH_LABELS}")
    return [e for name in names for e in follow(name, judged, off, state.episodes, off=True)]


def _ask(rule: str, judged: Window, finding: Finding, state: DecisionState) -> list[Publish]:
    """What becomes of a rule's wish to retrain."""
    memory, episodes = state.retraining, state.episodes
    if finding.verdict == "held":
        count_held(rule, finding.cause, memory)
        return tell_held(rule, judged, finding.cause, episodes, finding)
    if finding.verdict != "trigger":
        memory.quiet_ms[rule] = judged.end_ms
        return tell_held(rule, judged, "", episodes)
    facts = facts_of(rule, judged, finding)
    request = consider(rule, judged, finding, facts, memory)
    if waits_for_labels(judged) and request.advice.recommended != "wait":
        wait_for_labels(request, facts, memory)
        return tell_held(rule, judged, "", episodes)
    reason = settle(request, _cooldown_until_ms(request, state), memory)
    out = tell_held(rule, judged, reason, episodes, finding, request.advice)
    return out if reason else [*out, _trigger(request, judged, state)]


def _with_labels(judged: Window, state: DecisionState) -> list[Publish]:
    """Settle the requests of the data that waited for this window of performance."""
    out: list[Publish] = []
    memory, told = state.retraining, set()
    for request in ready_with(judged, memory):
        reason = settle(request, _cooldown_until_ms(request, state), memory)
        name = f"{request.rule}{WITH_LABELS}"
        told.add(name)
        out += tell_held(name, judged, reason, state.episodes, request.finding, request.advice)
        if not reason:
            out.append(_trigger(request, judged, state))
    for name in sorted(held_with_labels(judged, state.episodes) - told):
        out += tell_held(name, judged, "", state.episodes)
    return out


def _cooldown_until_ms(request: Request, state: DecisionState) -> int:
    of_labels = request.side == SIDES[1]
    return state.performance_cooldown_until_ms if of_labels else state.cooldown_until_ms


def trigger_id(request: Request) -> str:
    """The identity of a request to retrain."""
    model = request.model
    return content_hash(
        [
            model.spec.model,
            model.spec.version,
            request.rule,
            request.window,
            ms_to_rfc3339(request.end_ms),
            model.layout.hash,
            request.finding.parameters,
        ]
    )


def _trigger(request: Request, judged: Window, state: DecisionState) -> Publish:
    model, finding, rule = request.model, request.finding, request.rule
    spec = model.spec
    cooldown_until_ms = request.end_ms + spec.retraining.cooldown_ms
    if request.side == SIDES[1]:
        state.performance_cooldown_until_ms = cooldown_until_ms
    else:
        state.cooldown_until_ms = cooldown_until_ms
    state.triggers[rule] = state.triggers.get(rule, 0) + 1
    identity, of_labels = trigger_id(request), is_of_labels(judged)
    asked = request_state.Request(identity, rule, judged.end_ms, cooldown_until_ms, of_labels)
    sent(state.requests, asked)
    tree = {
        "trigger_id": identity,
        "schema": SCHEMA,
        "model": spec.model,
        "version": spec.version,
        "kind": "retrain",
        "cause": finding.cause,
        "window": {
            "name": request.window,
            "start": ms_to_rfc3339(request.start_ms),
            "end": ms_to_rfc3339(request.end_ms),
            "events": request.events,
        },
        "rule": rule,
        "observed": finding.observed,
        "threshold": finding.threshold,
        "evidence": finding.evidence,
        "drift_type": finding.drift_type,
        "recommended": request.advice.recommended,
        "why": request.advice.why,
        "path": request.advice.path,
        "cooldown_until": ms_to_rfc3339(cooldown_until_ms),
        "profile": model.profile.hash,
        "spec": model.policy_hash,
    }
    return Publish("retraining-triggers", spec.model.encode(), orjson.dumps(tree))
