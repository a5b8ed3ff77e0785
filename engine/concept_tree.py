"""The losses of a window as the judgement tells them.

Rule.  A number that does not exist is absent; an estimator without an alarm is told with its zeros,
because that it looked is news too.
"""

from __future__ import annotations

from typing import Any

from engine.alarm_memory import KeptAlarm
from engine.concept_judging import Concept, LossVerdict, Watched
from engine.concept_shift import SCORE, Grouping
from engine.performance import numbers
from engine.timestamps import ms_to_rfc3339


def concept_tree(concept: Concept) -> dict[str, Any]:
    """The ``concept`` of a section of performance."""
    tree: dict[str, Any] = {"kind": concept.shift.kind}
    told = {each.name: _grouping(each) for each in concept.shift.groupings}
    if SCORE in told:
        tree["by_score"] = told.pop(SCORE)
    if told:
        tree["by_segment"] = told
    tree["losses"] = {loss.name: loss_tree(loss) for loss in concept.losses}
    return tree


def loss_tree(loss: LossVerdict) -> dict[str, Any]:
    """One loss: its mean, who alarmed, and how it changed."""
    tree: dict[str, Any] = {"labelled": loss.found.count}
    tree |= numbers(mean=loss.found.mean.value, baseline=loss.baseline)
    worse = numbers(value=loss.worse.value, low=loss.worse.low, high=loss.worse.high)
    if worse:
        tree |= {"worse": worse, "significant": loss.significant, **numbers(score=loss.score)}
    tree["held"] = loss.held
    tree["estimators"] = {each.estimator: _watched(each) for each in loss.watched}
    if loss.shape is not None:
        tree["shape"] = loss.shape.shape.name
        for key, at_ms in (("start", loss.shape.start_ms), ("end", loss.shape.end_ms)):
            if at_ms is not None:
                tree[f"shape_{key}"] = ms_to_rfc3339(at_ms)
        tree["evidence"] = numbers(**loss.shape.shape.evidence)
    return tree


def _watched(watched: Watched) -> dict[str, Any]:
    tree: dict[str, Any] = {"alarms": watched.alarms, "improvements": watched.improvements}
    if watched.since_ms is not None:
        tree["since"] = ms_to_rfc3339(watched.since_ms)
    if watched.places:
        tree["places"] = [_place(alarm) for alarm in watched.places]
    if watched.last is not None:
        tree["last"] = _place(watched.last)
    return tree


def _place(alarm: KeptAlarm) -> dict[str, Any]:
    return {
        "partition": alarm.partition,
        "at": ms_to_rfc3339(alarm.at_ms),
        "position": alarm.position,
        **numbers(before=alarm.before, after=alarm.after),
    }


def _grouping(found: Grouping) -> dict[str, Any]:
    parts = found.parts
    tree: dict[str, Any] = {"before": parts.before, "after": parts.after}
    for name, part in (("mix", parts.mix), ("conditional", parts.conditional)):
        low, high = part.bounds(found.width)
        tree[name] = {"value": part.value, "low": low, "high": high}
    if parts.unseen_share:
        tree |= {"unseen": parts.unseen, "unseen_share": parts.unseen_share}
    tree |= numbers(mix_psi=found.psi, mix_p_value=found.psi_p_value)
    return tree | {"moved": found.moved, "fell": found.fell}
