"""Performance: worse than the reference's in k of the last n disjoint windows asks for retraining.

Rule.  A window holds when a measure fell (:attr:`engine.performance_levels.MeasureVerdict.fell`);
one whose measures are all UNKNOWN tells nothing.  An improvement never holds.

A model that was fed bad data does worse, and training again would teach it them: the alert says so,
and nothing is asked for until it fell in as many windows as the rule wants by more than the
predictions on bad data can explain (:mod:`engine.bad_labels`, :mod:`engine.bad_share`).

The cause is ``concept_drift`` when the estimate without labels, of the very same events, expected
significantly better than what came: the scores do not mean any more what they meant.  Else the
estimate saw it coming, the events are harder and the model is as it was: ``performance``.  Where
nothing is estimated it is ``performance`` too.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from engine.bad_share import fell_on_sound_data
from engine.decide.contract import Finding, not_confirmed
from engine.decide.history import History
from engine.performance import numbers
from engine.performance_judging import JudgedPerformance
from engine.performance_levels import MeasureVerdict
from engine.performance_verdict_tree import measure_tree

SECTION: Final = "retraining"
NAME: Final = "performance"
READS: Final = "performance"
MAX_BAD_FEATURES: Final = 10


def examine(judged: JudgedPerformance, history: History) -> Finding | None:
    """Whether the rule holds with this window."""
    rule, verdict = judged.model.spec.retraining.performance, judged.verdict
    if rule is None or verdict is None or judged.window.name != rule.window:
        return None
    fallen = [measure for measure in verdict.measures if measure.fell]
    count = history.note(judged.end_ms, judged.window.length_ms, rule.of_last, held=bool(fallen))
    bad = list(judged.bad[:MAX_BAD_FEATURES])
    unsound = bad and not any(fell_on_sound_data(judged, measure) for measure in fallen)
    if fallen and unsound:
        history.note_bad(judged.end_ms)
    if verdict.level == "UNKNOWN":
        return None
    if not fallen or count < rule.at_least:
        return not_confirmed(NAME, held=bool(fallen))
    fallen.sort(key=lambda measure: (measure.worse_by - measure.worse.value, measure.name))
    unforeseen = [m.name for m in fallen if is_unforeseen(judged, m)]
    return Finding(
        "trigger",
        "concept_drift" if unforeseen else NAME,
        "concept" if unforeseen else "covariate" if judged.estimates else "",
        {
            "measures_worse": len(fallen),
            "unforeseen": unforeseen,
            "labelled": judged.found.labelled,
            "windows_worse": count,
            "of_last": rule.of_last,
            **(_bad(judged, bad) if bad else {}),
        },
        {
            "worse_by": {measure.name: measure.worse_by for measure in fallen},
            "at_least": rule.at_least,
        },
        {**msgspec.to_builtins(rule), "performance": _rules(judged)},
        [evidence(judged, measure) for measure in fallen],
        unsound=_unsound(bad if unsound else [], too_few=history.sound < rule.at_least),
    )


def _bad(judged: JudgedPerformance, features: list[str]) -> dict[str, Any]:
    told = {"bad_data": features, "bad_share": judged.bad_share}
    of_labelled = judged.bad_labelled != judged.bad_share
    return told | ({"bad_share_labelled": judged.bad_labelled} if of_labelled else {})


def _unsound(bad: list[str], *, too_few: bool) -> tuple[str, ...]:
    return tuple(bad or (["windows before"] if too_few else []))


def is_unforeseen(judged: JudgedPerformance, measure: MeasureVerdict) -> bool:
    """Whether even the lower end of the estimate is above what came (all estimated measures are
    better when high), the interval as long as the measure's own verdict makes it."""
    estimate = judged.estimates.get(measure.name)
    if estimate is None:
        return False
    realized = measure.value
    below = estimate.value - realized.value
    slack = max(estimate.value - estimate.low, realized.high - realized.value)
    return below > slack


def evidence(judged: JudgedPerformance, measure: MeasureVerdict) -> dict[str, Any]:
    """What the window says of one measure."""
    tree: dict[str, Any] = {"measure": measure.name}
    tree |= numbers(value=measure.value.value, baseline=measure.baseline)
    estimate = judged.estimates.get(measure.name)
    if estimate is not None:
        tree |= {"estimated": estimate.value}
    return tree | measure_tree(measure)


def _rules(judged: JudgedPerformance) -> dict[str, Any]:
    rules = judged.model.spec.performance
    return {
        "by": rules.by if rules is not None else "",
        "measures": msgspec.to_builtins(rules.measures) if rules is not None else {},
        "min_labels": rules.min_labels if rules is not None else 0,
    }
