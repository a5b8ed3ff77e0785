"""Data drift: PSI over a bound on several features, in k of the last n disjoint windows.

Rule.  What is held back because its data are bad counts for nothing.  Where it might have made the
difference the window says nothing, so bad data do not end an episode of drift.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from engine.decide.contract import Finding
from engine.decide.history import History
from engine.judgement import Judged
from engine.verdict_tree import bins_tree

SECTION: Final = "retraining"
NAME: Final = "psi_features"
MAX_EVIDENCE_FEATURES: Final = 10
EVIDENCE_BINS: Final = 3


def examine(judged: Judged, history: History) -> Finding | None:
    """Whether the rule holds with this window."""
    rule = judged.model.spec.retraining.psi_features
    if rule is None or judged.window.name != rule.window:
        return None
    if all(v.level == "UNKNOWN" for v in judged.verdicts):
        history.note(judged.end_ms, judged.window.length_ms, rule.of_last, held=False)
        return None
    over = judged.drifted(rule.above)
    count = history.note(
        judged.end_ms,
        judged.window.length_ms,
        rule.of_last,
        held=len(over) >= rule.features,
    )
    unknown = sum(judged.held_back(v.name) for v in judged.verdicts)
    if len(over) < rule.features <= len(over) + unknown:
        return None
    if len(over) < rule.features or count < rule.at_least:
        return Finding("quiet", "data_drift")
    over.sort(key=lambda v: (-v.psi, v.name))
    evidence: list[dict[str, Any]] = [
        {
            "feature": v.name,
            "psi": v.measures["psi"].value,
            "psi_corrected": v.psi,
            "p_value": v.measures["psi"].p_value,
            "psi_threshold": max(rule.above, v.own_floor),
            "top_bins": bins_tree(v, judged.model)[:EVIDENCE_BINS],
        }
        for v in over[:MAX_EVIDENCE_FEATURES]
    ]
    return Finding(
        "trigger",
        "data_drift",
        "covariate",
        {"features_over": len(over), "windows_over": count, "of_last": rule.of_last},
        {"psi": rule.above, "features": rule.features, "at_least": rule.at_least},
        msgspec.to_builtins(rule),
        evidence,
    )
