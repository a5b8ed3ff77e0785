"""Business: a figure beyond the limit that the spec sets it, significantly.

Rule.  The episode opens after ``at_least`` of the last ``of_last`` windows in which any limit is
broken and is resolved by the first window in which none is.
"""

from __future__ import annotations

from typing import Final

import msgspec

from engine.decide.contract import Finding, not_confirmed
from engine.decide.history import History
from engine.judgement import Judged

SECTION: Final = "business"
NAME: Final = "business"


def examine(judged: Judged, history: History) -> Finding | None:
    """Whether a limit is broken."""
    rule, figures = judged.model.spec.business, judged.business
    if rule is None or not rule.limits or judged.window.name != rule.window:
        return None
    broken = figures.broken if figures is not None else ()
    count = history.note(judged.end_ms, judged.window.length_ms, rule.of_last, held=bool(broken))
    if figures is None:
        return None
    if not broken or count < rule.at_least:
        return not_confirmed(NAME, held=bool(broken))
    evidence = [
        {"figure": b.figure, "value": b.value, "limit": b.limit, "p_value": b.p_value}
        for b in broken
    ]
    observed = {name: figure.value for name, figure in figures.figures.items()}
    limits = {name: msgspec.to_builtins(limit) for name, limit in rule.limits.items()}
    return Finding("business", NAME, "", observed, limits, msgspec.to_builtins(rule), evidence)
