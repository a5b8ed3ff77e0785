"""From findings to triggers and alerts: cool-down, deterministic ids, one episode per cause.

Rule.  A trigger's id is a hash of what it is about (model, version, rule, window, window end,
layout, rule parameters), never of when it was made, so that a replay gives the same id.  After a
trigger the model asks for no other within its cool-down, in event time.  What the labels say has a
cool-down of its own: when it comes, between which windows of the data, is no function of the logs
(:mod:`engine.judge`), and neither kind may therefore hold the other back.

What becomes of alerts is :mod:`engine.decide.episodes`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec
import orjson

from engine.canonical import content_hash
from engine.decide.contract import Finding
from engine.decide.episodes import Episodes, Window, follow
from engine.decide.history import History
from engine.decide.request_state import Request, Requests
from engine.decide.requests import sent
from engine.decide.rules import chosen, reads_performance, rules
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


Decide = Callable[[Window, DecisionState], list[Publish]]


def decide(judged: Window, state: DecisionState) -> list[Publish]:
    """Let every rule that reads such windows examine one (revision 0, disjoint); the state is
    changed in place."""
    out: list[Publish] = []
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
        if finding is None:
            continue
        out += follow(name, judged, finding, state.episodes)
        cooldown_until_ms = (
            state.performance_cooldown_until_ms if of_performance else state.cooldown_until_ms
        )
        if finding.verdict == "trigger" and judged.end_ms >= cooldown_until_ms:
            out.append(_trigger(name, judged, finding, state))
    return out


def _over(rule: str, judged: Window, state: DecisionState) -> list[Publish]:
    """End what a rule said that is asked no more, or asked otherwise: nobody else would."""
    off = Finding("quiet", f"{rule} is switched off or changed")
    return follow(rule, judged, off, state.episodes, off=True)


def trigger_id(rule: str, judged: Window, parameters: dict[str, Any]) -> str:
    """The identity of a request to retrain."""
    model = judged.model
    return content_hash(
        [
            model.spec.model,
            model.spec.version,
            rule,
            judged.window.name,
            ms_to_rfc3339(judged.end_ms),
            model.layout.hash,
            parameters,
        ]
    )


def _trigger(rule: str, judged: Window, finding: Finding, state: DecisionState) -> Publish:
    spec = judged.model.spec
    cooldown_until_ms = judged.end_ms + spec.retraining.cooldown_ms
    if isinstance(judged, JudgedPerformance):
        state.performance_cooldown_until_ms = cooldown_until_ms
    else:
        state.cooldown_until_ms = cooldown_until_ms
    state.triggers[rule] = state.triggers.get(rule, 0) + 1
    identity = trigger_id(rule, judged, finding.parameters)
    of_labels = isinstance(judged, JudgedPerformance)
    sent(state.requests, Request(identity, rule, judged.end_ms, cooldown_until_ms, of_labels))
    tree = {
        "trigger_id": identity,
        "schema": SCHEMA,
        "model": spec.model,
        "version": spec.version,
        "kind": "retrain",
        "cause": finding.cause,
        "window": {
            "name": judged.window.name,
            "start": ms_to_rfc3339(judged.start_ms),
            "end": ms_to_rfc3339(judged.end_ms),
            "events": judged.events,
        },
        "rule": rule,
        "observed": finding.observed,
        "threshold": finding.threshold,
        "evidence": finding.evidence,
        "drift_type": finding.drift_type,
        "recommended": "retrain",
        "cooldown_until": ms_to_rfc3339(cooldown_until_ms),
        "profile": judged.model.profile.hash,
        "spec": judged.model.policy_hash,
    }
    return Publish("retraining-triggers", spec.model.encode(), orjson.dumps(tree))
