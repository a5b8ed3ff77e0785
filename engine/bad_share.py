"""How much of a fall of performance a share of bad predictions can explain.

Rule.  A measure fell on sound data too where what it is worse by is more than was allowed even
without all that the bad predictions may have done to it, at the worst.  Where that cannot be
bounded, it did so only where less than MIN_SHARE of the predictions were bad.

Theory.  Bad data change what a model says, not what turns out to be true.  So with s the share of
bad predictions, s of the positives and s of the negatives are bad, and each of them may be wrong:
the best that the others can have been is what is left when as many wrong ones are taken away.
With P positives and N negatives

* accuracy, recall, specificity: right / ((1 - s) of all), at most 1;
* precision: TP / (TP + FP - s N): a fault that makes the model cry wolf ruins it at a small share;
* F1: 2 TP / (2 TP + FP - s N + FN - s P);
* AUC: of P N pairs (2 s - s^2) have a bad one, and all of these may be in the wrong order;
* Brier: each bad one may cost 1.

When it lies: a share is an estimate (:mod:`engine.bad_labels`), and labels of positives that take
longer than those of negatives are of another time.  More of the good ones may be wrong because of
the bad ones where a feature looks back (a mean of the last hour): that time is not known to be bad.
"""

from __future__ import annotations

from math import inf
from typing import Final

from engine.bad_spells import MIN_SHARE
from engine.performance_judging import JudgedPerformance
from engine.performance_layout import GROUPS
from engine.performance_levels import MeasureVerdict

RATES: Final = frozenset({"accuracy", "recall", "specificity"})


def fell_on_sound_data(judged: JudgedPerformance, measure: MeasureVerdict) -> bool:
    """Whether a measure fell by more than the bad predictions of the window can explain."""
    if not measure.fell:
        return False
    explained = explained_at_most(judged, measure)
    worse = measure.worse
    return worse.value - explained > measure.worse_by and worse.low - explained > 0.0


def explained_at_most(judged: JudgedPerformance, measure: MeasureVerdict) -> float:
    """By how much, at most, the measure is worse for the bad predictions; infinite where nobody
    knows."""
    share, value = judged.bad_share, measure.value.value
    if share <= 0.0:
        return 0.0
    if share < 1.0:
        left = 1.0 - share
        multiclass = judged.model.spec.prediction.type != "binary"
        if measure.name == "accuracy" or (measure.name in RATES and not multiclass):
            return min(1.0, value / left) - value
        if measure.name == "brier":
            return value - max(0.0, value - share) / left
        if measure.name == "auc":
            wrong = max(0.0, (1.0 - value) - share * (1.0 + left))
            return 1.0 - wrong / (left * left) - value
        if measure.name in {"precision", "f1"} and not multiclass:
            return _of_decisions(judged, measure, share)
    return inf if share >= MIN_SHARE else 0.0


def _of_decisions(judged: JudgedPerformance, measure: MeasureVerdict, share: float) -> float:
    layout = judged.model.performance
    assert layout is not None, "what is judged is laid out"
    cells = judged.counts[layout.confusion : layout.confusion + GROUPS].tolist()
    tn, fp, fn, tp = (float(cell) for cell in cells)
    false_alarms = max(0.0, fp - share * (tn + fp))
    missed = max(0.0, fn - share * (tp + fn)) if measure.name == "f1" else 0.0
    weight = 2.0 if measure.name == "f1" else 1.0
    wrong = false_alarms + missed
    best = weight * tp / (weight * tp + wrong) if tp > 0.0 else float(wrong <= 0.0)
    return max(0.0, best - measure.value.value)
