"""Data drift: PSI over a bound on several features, in k of the last n disjoint windows.

Rule.  What is held back because its data are bad counts for nothing.  Where it might have made the
difference the window says nothing, so bad data do not end an episode of drift, and that a request
is held is told.  Where performance is estimated to have fallen, fewer features may be enough
(``estimated`` of the rules; :mod:`engine.estimated_breach`).  What moved with a
feature that it is made from is its dependant, and one cause with it.  The alert is CRITICAL where
the model's scores or decisions drifted too: then the world is not only another, it is decided
otherwise.  Features are told in the order of PSI times importance times
their effect on the score (:mod:`engine.score_effects`), where the profile has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from engine.decide.contract import Finding, not_confirmed
from engine.decide.history import History
from engine.estimated_breach import estimated_worse
from engine.judgement import Judged
from engine.measuring import Verdict
from engine.score_effects import score_effect
from engine.spec import FeatureSpec
from engine.verdict_tree import bins_tree

SECTION: Final = "retraining"
NAME: Final = "psi_features"
MAX_EVIDENCE_FEATURES: Final = 10
EVIDENCE_BINS: Final = 3
MAX_DEPENDANTS: Final = 10
"""Named beside the feature that they are made from."""


def examine(judged: Judged, history: History) -> Finding | None:
    """Whether the rule holds with this window."""
    rule = judged.model.spec.retraining.psi_features
    if rule is None or judged.window.name != rule.window:
        return None
    if all(v.level == "UNKNOWN" for v in judged.verdicts):
        history.note(judged.end_ms, judged.window.length_ms, rule.of_last, held=False)
        return None
    roots = judged.causes(rule.above)
    over = [v for v in judged.verdicts if v.name in roots]
    unknown = sum(judged.held_back(v.name) for v in judged.verdicts)
    worse, wanted = _support(judged, len(over), unknown)
    held = len(over) >= wanted
    count = history.note(judged.end_ms, judged.window.length_ms, rule.of_last, held=held)
    if len(over) < wanted <= len(over) + unknown:
        return _held(judged, wanted)
    if not held or count < rule.at_least:
        return not_confirmed("data_drift", held=held)
    observed: dict[str, Any] = {
        "features_over": len(over),
        "windows_over": count,
        "of_last": rule.of_last,
    }
    parameters = msgspec.to_builtins(rule)
    if worse:
        observed["estimated_worse"] = worse
        parameters["estimated"] = wanted
    return Finding(
        "trigger",
        "data_drift",
        "covariate",
        observed,
        {"psi": rule.above, "features": wanted, "at_least": rule.at_least},
        parameters,
        _evidence(judged, over, roots),
        severity="CRITICAL" if judged.prediction_level() == "DRIFT" else "",
    )


def _support(judged: Judged, over: int, unknown: int) -> tuple[dict[str, float], int]:
    """What is estimated to be worse, where that makes fewer features enough (or might, if it were
    known of those held back), and how many are."""
    rule, support = (
        judged.model.spec.retraining.psi_features,
        judged.model.spec.retraining.estimated,
    )
    assert rule is not None, "it is what was examined"
    if support is None or not support.features <= over + unknown or over >= rule.features:
        return {}, rule.features
    if judged.quality is not None and (judged.quality.bad or judged.earlier):
        return {}, rule.features  # what bad data make of the scores supports nothing
    worse = estimated_worse(judged) or {}
    return worse, support.features if worse else rule.features


def _held(judged: Judged, wanted: int) -> Finding | None:
    """A window in which bad data may have made the difference: that they did is told."""
    if not judged.retraining_held(wanted):
        return None
    bad = [v.name for v in judged.verdicts if v.level == "DRIFT" and judged.held_back(v.name)]
    return Finding("held", "bad_data", "", {"held_back": bad[:MAX_EVIDENCE_FEATURES]})


def importances(features: Sequence[FeatureSpec]) -> dict[str, float]:
    """The importance of each feature; one without has the mean of the others, 1 where none has."""
    given = [f.importance for f in features if f.importance is not None]
    usual = sum(given) / len(given) if given else 1.0
    return {f.name: usual if f.importance is None else f.importance for f in features}


def _evidence(
    judged: Judged, over: Sequence[Verdict], roots: Mapping[str, list[str]]
) -> list[dict[str, Any]]:
    rule = judged.model.spec.retraining.psi_features
    assert rule is not None, "it is what was examined"
    weights = importances(judged.model.spec.features)
    weighted = set(weights.values()) != {1.0}
    effects = {v.name: score_effect(judged.model.profile, v) for v in over}
    told = {name: effect for name, effect in effects.items() if effect is not None}

    def rank(verdict: Verdict) -> tuple[float, float, str]:
        moved = verdict.psi * weights[verdict.name]
        # Where the profile has no effects, one and the same for all leaves the order as it is.
        return -moved * abs(told.get(verdict.name, 1.0)), -moved, verdict.name

    ranked = sorted(over, key=rank)
    return [
        {
            "feature": v.name,
            **({"importance": weights[v.name]} if weighted else {}),
            **({"score_effect": told[v.name]} if v.name in told else {}),
            "psi": v.measures["psi"].value,
            "psi_corrected": v.psi,
            "p_value": v.measures["psi"].p_value,
            "psi_threshold": max(rule.above, v.own_floor),
            "top_bins": bins_tree(v, judged.model)[:EVIDENCE_BINS],
            **({"dependants": _dependants(judged, roots[v.name])} if roots[v.name] else {}),
        }
        for v in ranked[:MAX_EVIDENCE_FEATURES]
    ]


def _dependants(judged: Judged, names: list[str]) -> list[dict[str, Any]]:
    moved = {v.name: v.psi for v in judged.verdicts if v.name in names}
    ranked = sorted(moved, key=lambda name: (-moved[name], name))
    return [{"feature": name, "psi_corrected": moved[name]} for name in ranked[:MAX_DEPENDANTS]]
