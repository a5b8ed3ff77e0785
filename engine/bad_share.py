"""How much of a fall of performance a share of bad predictions can explain.

Rule.  A measure fell on sound data too where what it is worse by is more than was allowed even
without all that the bad predictions may have done to it, at the worst.  Where that cannot be
bounded, it did so only where less than MIN_SHARE of the predictions were bad.

Theory.  Bad data change what a model says, not what turns out to be true.  So with s the share of
bad predictions, s of the positives and s of the negatives are bad, and each of them may be wrong:
the best that the others can have been is what is left when as many wrong ones are taken away.
Where negatives are assumed the two are of other times: p is then the share of the positives, that
of the labels that came, and n that of the negatives, in which the assumed ones are.
With P positives and N negatives

* accuracy, recall, specificity: right / ((1 - s, p or n) of all), at most 1;
* precision: T / (T + FP - n N) with T = TP, (1 - p) P at most: a fault that makes the model cry
  wolf ruins it at a small share;
* F1: 2 T / (2 T + FP - n N + FN - p P);
* AUC: of P N pairs (1 - (1 - p)(1 - n)) have a bad one, and all of these may be in the wrong order;
* Brier: each bad one may cost 1.

When it lies: a share is an estimate (:mod:`engine.bad_labels`), and labels of positives that take
longer than those of negatives, where both come, are of another time.  More of the good ones may be
wrong because of the bad ones where a feature looks back (a mean of the last hour): that time is not
known to be bad.
"""

from __future__ import annotations

from math import inf
from typing import NamedTuple

from engine.bad_spells import MIN_SHARE
from engine.performance_judging import JudgedPerformance
from engine.performance_layout import ASSUMED, DELAY_CELLS, DELAYS, GROUPS
from engine.performance_levels import MeasureVerdict


class Shares(NamedTuple):
    """Which part of the predictions was bad, in [0, 1]."""

    all: float
    positives: float
    negatives: float


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
    shares = _shares(judged)
    if max(shares) <= 0.0:
        return 0.0
    bound = _bound(judged, measure, shares) if max(shares) < 1.0 else None
    if bound is None:
        return inf if max(shares) >= MIN_SHARE else 0.0
    return bound


def _bound(judged: JudgedPerformance, measure: MeasureVerdict, shares: Shares) -> float | None:
    value, name = measure.value.value, measure.name
    if name == "accuracy":
        return _of_right(value, shares.all)
    if name == "brier":
        return value - max(0.0, value - shares.all) / (1.0 - shares.all)
    if name == "auc":
        left = (1.0 - shares.positives) * (1.0 - shares.negatives)
        wrong = max(0.0, (1.0 - value) - (1.0 - left))
        return 1.0 - wrong / left - value
    if judged.model.spec.prediction.type != "binary":
        return None
    if name in {"recall", "specificity"}:
        return _of_right(value, shares.positives if name == "recall" else shares.negatives)
    return _of_decisions(judged, measure, shares) if name in {"precision", "f1"} else None


def _of_right(value: float, share: float) -> float:
    """Of a share of those that were right among all."""
    return min(1.0, value / (1.0 - share)) - value


def _shares(judged: JudgedPerformance) -> Shares:
    """Negatives are those that were assumed, and of the labels that came those that are no
    positives."""
    share, labelled, layout = judged.bad_share, judged.bad_labelled, judged.model.performance
    if labelled == share or layout is None:
        return Shares(share, share, share)
    cells = layout.score_cells
    scored = judged.counts[layout.histogram + cells : layout.histogram + 2 * cells].sum()
    decided = judged.counts[layout.confusion + 2 : layout.confusion + GROUPS].sum()
    known, assumed = judged.counts[DELAYS : DELAYS + DELAY_CELLS].sum(), judged.counts[ASSUMED]
    positives = min(int(max(scored, decided)), int(known))
    negatives = int(known + assumed) - positives
    bad = share * int(known + assumed) - labelled * positives
    return Shares(share, labelled, min(1.0, max(0.0, bad / negatives)) if negatives > 0 else 0.0)


def _of_decisions(judged: JudgedPerformance, measure: MeasureVerdict, shares: Shares) -> float:
    layout = judged.model.performance
    assert layout is not None, "what is judged is laid out"
    cells = judged.counts[layout.confusion : layout.confusion + GROUPS].tolist()
    tn, fp, fn, tp = (float(cell) for cell in cells)
    right = min(tp, (1.0 - shares.positives) * (tp + fn))
    false_alarms = max(0.0, fp - shares.negatives * (tn + fp))
    missed = max(0.0, fn - shares.positives * (tp + fn)) if measure.name == "f1" else 0.0
    weight = 2.0 if measure.name == "f1" else 1.0
    wrong = false_alarms + missed
    best = weight * right / (weight * right + wrong) if right > 0.0 else float(wrong <= 0.0)
    return max(0.0, best - measure.value.value)
