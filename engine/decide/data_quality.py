"""Bad data: an alert of its own, and never a request for retraining.

Rule.  A window of the rule's length holds with a fault of any feature, or of its records; the
episode opens after ``at_least`` of the last ``of_last`` windows and is resolved after
``alerts.calm`` windows without.  It holds as well where earlier windows had found a fault of a
feature that would else be drift now, of what it is made from, or of the records.

Weather shows in a week what a day is too little to tell.  So a longer window with faults that no
shorter one had found opens an episode of its own, with the window in its cause; and so does one in
which only what earlier windows had found holds a request back, long after their own alert is over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec

from engine.bad_spells import RECORDS
from engine.decide.contract import Finding, not_confirmed
from engine.decide.history import History
from engine.judgement import Judged
from engine.quality import Quality
from engine.quality_faults import Fault
from engine.spec import QualityRules

SECTION: Final = "quality"
NAME: Final = "data_quality"
MAX_EVIDENCE_FEATURES: Final = 10


def examine(judged: Judged, history: History) -> Finding | None:
    """Whether the data of this window are bad."""
    rule, quality = judged.model.spec.quality, judged.quality
    if rule is None or quality is None:
        return None
    if judged.window.name != rule.window:
        return _longer(judged, quality, rule)
    hidden = _hidden(judged, quality)
    bad = quality.bad or bool(hidden)
    count = history.note(judged.end_ms, judged.window.length_ms, rule.of_last, held=bad)
    if not judged.events:
        return None
    if not bad or count < rule.at_least:
        return _about(not_confirmed(NAME, held=bad))
    found = _finding(judged, quality.faults, quality.records, NAME, hidden)
    found.observed["windows"] = count
    return found


def _longer(judged: Judged, quality: Quality, rule: QualityRules) -> Finding | None:
    """What only a window longer than the rule's tells."""
    if judged.window.length_ms < judged.model.spec.window(rule.window).length_ms:
        return None
    if not judged.events:
        return None
    cause = f"{NAME}_{judged.window.name}"
    known = judged.earlier
    faults = {name: found for name, found in quality.faults.items() if name not in known}
    records = () if RECORDS in known else quality.records
    hidden = _hidden(judged, quality) if judged.retraining_held() else {}
    if not faults and not records and not hidden:
        return _about(Finding("quiet", cause))
    return _finding(judged, faults, records, cause, hidden)


def _about(finding: Finding | None) -> Finding | None:
    """The same of its cause alone: windows of another length have their own."""
    return None if finding is None else replace(finding, about=finding.cause)


def _held_back(judged: Judged) -> list[str]:
    return [v.name for v in judged.verdicts if v.level == "DRIFT" and judged.held_back(v.name)]


def _hidden(judged: Judged, quality: Quality) -> dict[str, tuple[str, ...]]:
    """Features without a fault of this window that are held back, with what earlier windows found
    of them, of what they are made from, and of the records."""
    found = {}
    for name in _held_back(judged):
        sources = (name, *judged.model.ancestors.get(name, ()), RECORDS)
        kinds = {kind for source in sources for kind in judged.earlier.get(source, ())}
        if kinds and name not in quality.faults:
            found[name] = tuple(sorted(kinds))
    return found


def _finding(
    judged: Judged,
    faults: Mapping[str, Sequence[Fault]],
    records: Sequence[Fault],
    cause: str,
    hidden: Mapping[str, Sequence[str]],
) -> Finding:
    rule = judged.model.spec.quality
    assert rule is not None, "it is what was examined"
    named = sorted(faults.items(), key=lambda item: (-len(item[1]), item[0]))
    evidence: list[dict[str, Any]] = [
        {
            "feature": feature,
            "faults": [_told(fault) for fault in found],
        }
        for feature, found in named[:MAX_EVIDENCE_FEATURES]
    ]
    for feature, kinds in list(hidden.items())[:MAX_EVIDENCE_FEATURES]:
        earlier = [{"fault": kind, "found_in": "earlier windows"} for kind in kinds]
        evidence.append({"feature": feature, "faults": earlier})
    observed: dict[str, Any] = {"features": len(faults)}
    if records:
        observed["records"] = [_told(fault) for fault in records]
    held = _held_back(judged)
    if held:
        observed["drift_held_back"] = held
        if judged.retraining_held():
            observed["retraining"] = "held"
    return Finding(
        "data_quality",
        cause,
        "",
        observed,
        {"at_least": rule.at_least},
        msgspec.to_builtins(rule),
        evidence,
        about=cause,
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
