"""What a look at a comparison tells: the judgement of every look, the promotion of a decision."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from engine.canonical import content_hash
from engine.champion.cells import CHALLENGER, CHAMPION, PAIRS, REPEATS
from engine.champion.comparison import Comparison
from engine.champion.deciding import Decision
from engine.champion.guards import Guarded
from engine.champion.measuring import Measured
from engine.champion.state import Phase
from engine.durations import format_duration
from engine.panes import Counts
from engine.timestamps import ms_to_rfc3339

SCHEMA: Final = 1


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a look was decided on."""

    comparison: Comparison
    phase: Phase
    began_ms: int
    end_ms: int
    looks: int
    """Made so far, this one included if it was one."""
    arms: Counts
    measured: Measured
    guards: Sequence[Guarded]
    decision: Decision
    split: dict[str, Any] | None = None
    """What there is to tell of the split; None of a comparison in the shadow."""

    @property
    def kind(self) -> str:
        """Of its record on ``promotions``."""
        return "rollback" if self.phase == "watching" else "promotion"


def judgement_tree(evidence: Evidence) -> dict[str, Any]:
    """The judgement of a look."""
    comparison = evidence.comparison
    return {
        "schema": SCHEMA,
        "model": comparison.spec.model,
        "version": comparison.spec.version,
        "section": "comparison",
        "champion": comparison.rules.champion,
        "window": format_duration(comparison.rules.looks_ms),
        "start": ms_to_rfc3339(evidence.began_ms),
        "end": ms_to_rfc3339(evidence.end_ms),
        "revision": 0,
        "phase": evidence.phase,
        **_body(evidence),
    }


def promotion_tree(evidence: Evidence) -> dict[str, Any]:
    """The record of a decision; its id is that of what it is about, whenever it was made."""
    comparison, decision = evidence.comparison, evidence.decision
    rules = msgspec.to_builtins(comparison.rules)
    about = [
        comparison.spec.model,
        comparison.rules.champion,
        comparison.spec.version,
        evidence.kind,
        decision.verdict,
        list(decision.reasons),
        ms_to_rfc3339(evidence.end_ms),
        comparison.layout.hash,
        rules,
    ]
    return {
        "promotion_id": content_hash(about),
        "schema": SCHEMA,
        "kind": evidence.kind,
        "model": comparison.spec.model,
        "champion": comparison.rules.champion,
        "challenger": comparison.spec.version,
        "from": ms_to_rfc3339(evidence.began_ms),
        "until": ms_to_rfc3339(evidence.end_ms),
        **_body(evidence),
        "rules": rules,
        "spec": comparison.policy_hash,
        "layout": comparison.layout.hash,
    }


def _body(evidence: Evidence) -> dict[str, Any]:
    decision, measured, rules = evidence.decision, evidence.measured, evidence.comparison.rules
    look = decision.look
    return {
        "decision": decision.verdict,
        "reasons": list(decision.reasons),
        "final": decision.final,
        "mode": rules.mode,
        **({} if evidence.split is None else {"split": evidence.split}),
        "events": {
            "champion": int(evidence.arms[CHAMPION]),
            "challenger": int(evidence.arms[CHALLENGER]),
            "both": int(evidence.arms[PAIRS]),
            "repeats": int(evidence.arms[REPEATS]),
        },
        "measure": {
            "name": rules.measure,
            "labelled": dict(zip(("champion", "challenger"), measured.events, strict=True)),
            "champion": _told(measured.champion),
            "challenger": _told(measured.challenger),
            "difference": _told(measured.difference.value),
            "low": _told(measured.difference.low),
            "high": _told(measured.difference.high),
            "better_by": rules.better_by,
            "margin": rules.margin,
        },
        "sequential": {
            "looks": evidence.looks,
            "z": _told(measured.z),
            "boundary": None if look is None else look.boundary,
            "p_value": _told(decision.p_value),
            "significance": rules.significance,
            "spent": None if look is None else 2.0 * look.spent,
            "information": measured.information,
            "elapsed": (evidence.end_ms - evidence.began_ms) / rules.length_ms,
        },
        "guards": [guarded.as_tree() for guarded in evidence.guards],
    }


def _told(value: float) -> float | None:
    return None if math.isnan(value) else value
