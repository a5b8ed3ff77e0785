"""Outcomes: defaults or the cost of decisions beyond the limit that the spec sets, significantly.

Rule.  Limits are those of ``business``, confirmed as there; the windows are those of performance
that decisions read (``is_decided``).  A window whose labels are not all says nothing: early
defaults are not like the rest.  It is an alert and never a trigger: what is dear may be the world
and not the model.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from engine.business_figures import OUTCOME_FIGURES
from engine.business_outcomes import told
from engine.decide.contract import Finding, not_confirmed
from engine.decide.history import History
from engine.performance_judging import JudgedPerformance

SECTION: Final = "business"
NAME: Final = "outcomes"
READS: Final = "performance"


def examine(judged: JudgedPerformance, history: History) -> Finding | None:
    """Whether a limit is broken."""
    rule, found = judged.model.spec.business, judged.outcomes
    if rule is None or not judged.is_decided or judged.window.name != rule.window:
        return None
    limits: dict[str, Any] = {
        name: msgspec.to_builtins(rule.limits[name])
        for name in OUTCOME_FIGURES
        if name in rule.limits
    }
    if not limits:
        return None
    complete = found is not None and not judged.incomplete
    broken = found.broken if found is not None and complete else ()
    count = history.note(judged.end_ms, judged.window.length_ms, rule.of_last, held=bool(broken))
    if found is None or not complete:
        return None
    if not broken or count < rule.at_least:
        return not_confirmed(NAME, held=bool(broken))
    observed = {name: figure.value for name, figure in found.figures.items()}
    parameters = msgspec.to_builtins(rule)
    return Finding("business", NAME, "", observed, limits, parameters, [told(b) for b in broken])
