"""Bad data: an alert of its own, and never a request for retraining.

Rule.  A window with a fault of any feature, or of its records, holds; the episode opens
after ``at_least`` of the last ``of_last`` windows and is resolved by the first window without.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from engine.decide.contract import Finding, not_confirmed
from engine.decide.history import History
from engine.judgement import Judged
from engine.quality import Fault

SECTION: Final = "quality"
NAME: Final = "data_quality"
MAX_EVIDENCE_FEATURES: Final = 10


def examine(judged: Judged, history: History) -> Finding | None:
    """Whether the data of this window are bad."""
    rule, quality = judged.model.spec.quality, judged.quality
    if rule is None or quality is None or judged.window.name != rule.window:
        return None
    count = history.note(judged.end_ms, judged.window.length_ms, rule.of_last, held=quality.bad)
    if not judged.events:
        return None
    if not quality.bad or count < rule.at_least:
        return not_confirmed(NAME, held=quality.bad)
    named = sorted(quality.faults.items(), key=lambda item: (-len(item[1]), item[0]))
    evidence: list[dict[str, Any]] = [
        {
            "feature": feature,
            "faults": [_told(fault) for fault in faults],
        }
        for feature, faults in named[:MAX_EVIDENCE_FEATURES]
    ]
    observed: dict[str, Any] = {"features": len(quality.faults), "windows": count}
    if quality.records:
        observed["records"] = [_told(fault) for fault in quality.records]
    held = [v.name for v in judged.verdicts if v.level == "DRIFT" and judged.held_back(v.name)]
    if held:
        observed["drift_held_back"] = held
        if judged.retraining_held():
            observed["retraining"] = "held"
    return Finding(
        "data_quality",
        NAME,
        "",
        observed,
        {"at_least": rule.at_least},
        msgspec.to_builtins(rule),
        evidence,
    )


def _told(fault: Fault) -> dict[str, Any]:
    numbers = {
        "fault": fault.kind,
        "observed": fault.observed,
        "expected": fault.expected,
        "threshold": fault.threshold,
        "p_value": fault.p_value,
    }
    return {name: number for name, number in numbers.items() if number is not None}
