"""What a look at a comparison tells: the judgement of every look, the promotion of a decision."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from engine.champion.cells import CHALLENGER, CHAMPION, PAIRS, REPEATS
from engine.champion.comparison import Comparison
from engine.champion.deciding import Decision
from engine.champion.guards import Guarded
from engine.champion.measuring import Measured
from engine.champion.state import Phase
from engine.champion.telling import Tree, judgement_of, promotion_of
from engine.panes import Counts


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
    split: Tree | None = None
    """What there is to tell of the split; None of a comparison in the shadow."""

    @property
    def kind(self) -> str:
        """Of its record on ``promotions``."""
        return "rollback" if self.phase == "watching" else "promotion"


def judgement_tree(evidence: Evidence) -> Tree:
    """The judgement of a look."""
    body = {"phase": evidence.phase, **_body(evidence)}
    span = (evidence.began_ms, evidence.end_ms)
    return judgement_of(evidence.comparison, "comparison", *span, body)


def promotion_tree(evidence: Evidence) -> Tree:
    """The record of a decision."""
    about = [evidence.decision.verdict, list(evidence.decision.reasons)]
    span = (evidence.began_ms, evidence.end_ms)
    return promotion_of(evidence.comparison, evidence.kind, about, *span, _body(evidence))


def _body(evidence: Evidence) -> Tree:
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
