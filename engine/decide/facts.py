"""What is known when a rule asks for retraining: the facts that the decision tree asks for.

Rule.  Of a window of the data: what moved, what is bad, what is estimated.  Of a window of
performance: what the labels say.  Nothing is taken from the other kind, whose windows may have been
judged earlier or later (:mod:`engine.judge`); only where a request waits for the labels
(:mod:`engine.decide.waiting`) do the two come together.
"""

from __future__ import annotations

from math import isfinite
from typing import Final

import msgspec
import numpy as np

from engine.business_figures import FIGURES
from engine.concept_shift import shift_of
from engine.decide.contract import Finding
from engine.decide.performance import is_unforeseen
from engine.decide.psi_features import NAME as PSI
from engine.decide.retraining_tree import Facts
from engine.estimated_breach import estimated_worse
from engine.estimating import ScoreMap
from engine.judgement import Judged
from engine.performance import difference, score_histogram
from engine.performance_judging import JudgedPerformance
from engine.performance_levels import MeasureVerdict

MISCALIBRATED: Final = 0.03
"""Mean distance of the rates from what the reference had at the same scores that is off; half the
reference's share of positives where that is less."""
RANKING_FELL: Final = 0.03
"""Fall of AUC where the spec does not judge it."""
SHARES_OF_DECISIONS: Final = frozenset({"approval_rate"})
_WIDTH: Final = 1.96


def data_facts(rule: str, judged: Judged, finding: Finding) -> Facts:
    """Those of a window of the data."""
    spec = judged.model.spec
    psi = spec.retraining.psi_features
    above = spec.psi_drift if psi is None else psi.above
    bad = bad_data(judged)
    if rule == PSI:
        bad = [name for name in bad if name.startswith("records ")]
    broken = {row["figure"] for row in finding.evidence if "figure" in row}
    return Facts(
        cause=finding.cause,
        bad=bad,
        moved=len(judged.causes(above)),
        scores=judged.prediction_level(),
        estimated_worse=estimated_worse(judged),
        only_decisions=bool(broken) and broken <= SHARES_OF_DECISIONS & set(FIGURES),
    )


def bad_data(judged: Judged) -> list[str]:
    """What of a window's data is bad: features, then faults of its records; ``no events``."""
    if not judged.events:
        return ["no events"]
    if judged.quality is None:
        return []
    records = [f"records {fault.kind}" for fault in judged.quality.records]
    return [*judged.quality.faults, *records]


def with_labels(facts: Facts, judged: JudgedPerformance) -> Facts:
    """The same with what labels say in a window of performance that has levels; nothing is added
    where they are too few."""
    verdict = judged.verdict
    if verdict is None or verdict.level == "UNKNOWN":
        return facts
    known = [measure for measure in verdict.measures if measure.level != "UNKNOWN"]
    worse = [measure for measure in known if measure.fell]
    auc, ranks = _ranking(judged, known)
    return msgspec.structs.replace(
        facts,
        labelled=judged.found.labelled,
        better=[measure.name for measure in known if is_better(measure)],
        worse=[measure.name for measure in worse],
        unforeseen=[m.name for m in worse if is_unforeseen(judged, m)]
        if judged.estimates
        else None,
        auc=auc,
        ranks=ranks,
        miscalibrated=_miscalibrated(judged, verdict.alpha),
        mix_moved=_mix_moved(judged, verdict.alpha),
    )


def facts_of(rule: str, judged: Judged | JudgedPerformance, finding: Finding) -> Facts:
    """Those of a window of either kind."""
    if isinstance(judged, JudgedPerformance):
        return with_labels(Facts(cause=finding.cause, bad=list(finding.unsound)), judged)
    return data_facts(rule, judged, finding)


def is_better(measure: MeasureVerdict) -> bool:
    """Whether it is better than the reference by more than half of what would be DRIFT the other
    way, significantly."""
    return measure.worse.high < 0.0 and -measure.worse.value > measure.worse_by / 2.0


def _ranking(
    judged: JudgedPerformance, known: list[MeasureVerdict]
) -> tuple[list[float] | None, bool | None]:
    """AUC with its ends and the reference's, and whether it holds."""
    auc = judged.found.measures.get("auc")
    then = None if judged.baseline is None else judged.baseline.measures.get("auc")
    if auc is None or then is None:
        return None, None
    for measure in known:
        if measure.name == "auc":
            value = measure.value
            return _numbers(value.value, value.low, value.high, then.value), not measure.fell
    if any(
        measure.name == "auc" for measure in (judged.verdict.measures if judged.verdict else ())
    ):
        return None, None  # judged, and too few labels to say
    apart = difference(auc, then)
    fell = apart.high < 0.0 and apart.value < -RANKING_FELL
    return _numbers(auc.value, auc.low, auc.high, then.value), not fell


def _numbers(*found: float) -> list[float] | None:
    return list(found) if all(map(isfinite, found)) else None


def _miscalibrated(judged: JudgedPerformance, alpha: float) -> float | None:
    layout = judged.model.performance
    if layout is None or not layout.score_cells:
        return None
    negatives, positives, _ = score_histogram(layout, judged.counts)
    found = ScoreMap(judged.model.spec, judged.model.profile).surprise(negatives, positives)
    if found is None:
        return None
    distance, p_value = found
    events = int((negatives + positives).sum())
    share = judged.estimated.tp + judged.estimated.fn if judged.estimated is not None else events
    least = min(MISCALIBRATED, 0.5 * share / events)
    return distance if distance > least and p_value <= alpha else 0.0


def _mix_moved(judged: JudgedPerformance, alpha: float) -> bool | None:
    reference = judged.model.profile.performance
    layout = judged.model.performance
    if reference is None or layout is None or len(reference.cells) != layout.size:
        return None
    cells = np.array(reference.cells, dtype=np.int64)
    shift = shift_of(judged.model, cells, judged.counts, alpha, _WIDTH)
    return any(each.moved for each in shift.groupings) if shift.groupings else None
