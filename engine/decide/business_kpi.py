"""Business KPI: a figure of the decisions beyond its limit asks for retraining, where wanted.

Rule.  The limits, and when a figure is significantly beyond one, are those of ``business``
(:mod:`engine.business`); a window in which any is broken holds.  The rule ``business`` alerts
already, so this one does not.  Off unless written: what a figure says may be a campaign, a new
price or another threshold, and no retraining cures those; the decision tree holds a request back
where only shares of decisions are broken and neither features nor scores moved.
"""

from __future__ import annotations

from typing import Final

import msgspec

from engine.decide.contract import Finding, not_confirmed
from engine.decide.history import History
from engine.judgement import Judged

SECTION: Final = "retraining"
NAME: Final = "business_kpi"


def examine(judged: Judged, history: History) -> Finding | None:
    """Whether the rule holds with this window."""
    spec, figures = judged.model.spec, judged.business
    rule, limits = spec.retraining.business_kpi, spec.business
    if rule is None or limits is None or judged.window.name != rule.window:
        return None
    broken = figures.broken if figures is not None else ()
    count = history.note(judged.end_ms, judged.window.length_ms, rule.of_last, held=bool(broken))
    if figures is None:
        return None
    if not broken or count < rule.at_least:
        return not_confirmed(NAME, held=bool(broken))
    told = {name: msgspec.to_builtins(limit) for name, limit in limits.limits.items()}
    return Finding(
        "trigger",
        NAME,
        "",
        {broke.figure: broke.value for broke in broken} | {"windows": count},
        told,
        {**msgspec.to_builtins(rule), "limits": told},
        [
            {"figure": b.figure, "value": b.value, "limit": b.limit, "p_value": b.p_value}
            for b in broken
        ],
        alerts=False,
    )
