"""Estimators over losses: what supports that a loss rose, and never asks for retraining.

Rule.  A window holds when a loss is held to have risen (:mod:`engine.concept_judging`): estimators
agree on it, never one alone, and its mean bears them out.  The episode opens after ``at_least`` of
the last ``of_last`` windows, so one bad day opens nothing; it is WARNING and no more, and is
resolved by the first window that does not hold.  An improvement is counted and never an alarm.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from engine.concept_judging import ELEVATED, LEAST_AGREEING
from engine.concept_tree import loss_tree
from engine.decide.contract import Finding, not_confirmed
from engine.decide.history import History
from engine.performance_judging import JudgedPerformance

SECTION: Final = "concept"
NAME: Final = "concept"
READS: Final = "performance"


def examine(judged: JudgedPerformance, history: History) -> Finding | None:
    """Whether estimators agree on a loss with this window."""
    rules, concept = judged.model.spec.concept, judged.concept
    if rules is None or concept is None or judged.window.name != rules.window:
        return None
    holding = [loss for loss in concept.losses if loss.held]
    count = history.note(judged.end_ms, judged.window.length_ms, rules.of_last, held=bool(holding))
    if not judged.found.labelled:
        return None
    if not holding or count < rules.at_least:
        return not_confirmed(NAME, held=bool(holding))
    observed: dict[str, Any] = {
        "losses": {loss.name: list(loss.alarming) for loss in holding},
        "kind": concept.shift.kind,
        "shapes": {loss.name: loss.shape.shape.name for loss in holding if loss.shape is not None},
        "windows": count,
    }
    return Finding(
        "concept",
        NAME,
        concept.shift.kind,
        observed,
        {"agreeing": LEAST_AGREEING, "elevated": ELEVATED, "at_least": rules.at_least},
        msgspec.to_builtins(rules),
        [{"loss": loss.name, **loss_tree(loss)} for loss in holding],
    )
