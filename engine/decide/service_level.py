"""Service level: a measure beyond what was promised, with its whole interval.

Rule.  The episode opens after ``at_least`` of the last ``of_last`` windows in which any promise is
broken and is resolved by the first window in which none is.  It is an alert and never a trigger:
what was promised may have been beyond the model from the start.
"""

from __future__ import annotations

from typing import Final

import msgspec

from engine.decide.contract import Finding, not_confirmed
from engine.decide.history import History
from engine.decide.performance import evidence
from engine.performance_judging import JudgedPerformance

SECTION: Final = "performance"
NAME: Final = "service_level"
READS: Final = "performance"


def examine(judged: JudgedPerformance, history: History) -> Finding | None:
    """Whether a promise is broken."""
    rules, verdict = judged.model.spec.performance, judged.verdict
    if rules is None or verdict is None or judged.window.name != rules.window:
        return None
    promised = [measure for measure in verdict.measures if measure.limit is not None]
    if not promised:
        return None
    broken = [measure for measure in promised if measure.broken]
    count = history.note(judged.end_ms, judged.window.length_ms, rules.of_last, held=bool(broken))
    if all(measure.level == "UNKNOWN" for measure in promised):
        return None
    if not broken or count < rules.at_least:
        return not_confirmed(NAME, held=bool(broken))
    return Finding(
        "promise",
        NAME,
        "",
        {measure.name: measure.value.value for measure in broken},
        {measure.name: measure.limit for measure in broken},
        msgspec.to_builtins(rules),
        [evidence(judged, measure) for measure in broken],
    )
