"""The section of a judgement that tells performance, from the cells of one window.

Rule.  A number that the counts do not give is absent, never zero.  What is told of a decision (how
many of its predictions have a label, and after how long) is told of every decision that was made,
because where only one of them ever gets labels, what the labels say is not of all.

``selected`` is true of a cohort in which a decision with MIN_MADE predictions or more has labels at
less than SELECTED_RATIO of the rate of the best labelled decision.  Recall, accuracy and the like
then speak of the labelled ones only, and are not comparable with those of a reference that is not
selected so.
"""

from __future__ import annotations

from math import isfinite
from typing import Any, Final

import numpy as np

from detectors.confusion import Confusion, binary_performance, multiclass_performance
from engine.panes import Counts
from engine.performance import Performance, class_matrix, difference, numbers
from engine.performance_layout import (
    ASSUMED,
    DELAY_CELLS,
    DELAY_EDGES_MS,
    DELAYS,
    GROUPS,
    VALUE_STEP,
    PerformanceLayout,
)

DELAY_QUANTILES: Final = (0.5, 0.95)
MIN_MADE: Final = 30
"""Predictions of a decision below which nothing is said of which of them get labels."""
SELECTED_RATIO: Final = 0.1
OTHER: Final = "(other)"


def performance_tree(
    layout: PerformanceLayout, counts: Counts, found: Performance, baseline: Performance | None
) -> dict[str, Any]:
    """The section of a judgement."""
    tree: dict[str, Any] = {"labelled": found.labelled}
    if found.predicted:
        tree["predictions"] = found.predicted
        tree["labelled_ratio"] = found.labelled / found.predicted
    decisions = decisions_tree(layout, counts)
    if decisions:
        tree["decisions"] = decisions
    if selected(layout, counts):
        tree["selected"] = True
    if counts[ASSUMED]:
        tree["assumed_negative"] = int(counts[ASSUMED])
    tree.update({name: estimate.value for name, estimate in found.measures.items()})
    tree["intervals"] = {
        name: [estimate.low, estimate.high]
        for name, estimate in found.measures.items()
        if isfinite(estimate.low) and isfinite(estimate.high)
    }
    if baseline is not None:
        tree["baseline"] = {name: e.value for name, e in baseline.measures.items()}
        both = [name for name in found.measures if name in baseline.measures]
        differences = {n: difference(found.measures[n], baseline.measures[n]) for n in both}
        tree["difference"] = {
            name: numbers(value=d.value, low=d.low, high=d.high) for name, d in differences.items()
        }
    if layout.kind == "binary":
        tree.update(_confusion(layout, counts))
    tree.update(_classes(layout, counts))
    delays = label_delay_s(counts)
    if delays:
        tree["label_delay_s"] = delays
    segments = segments_tree(layout, counts)
    if segments:
        tree["segments"] = segments
    return tree


def _confusion(layout: PerformanceLayout, counts: Counts) -> dict[str, Any]:
    """The four counts of a binary model, and what the wrong decisions are worth."""
    cells = counts[layout.confusion : layout.confusion + GROUPS].tolist()
    tree: dict[str, Any] = {
        "confusion": dict(zip(("tn", "fp", "fn", "tp"), cells, strict=True)),
    }
    values = counts[layout.confusion + GROUPS : layout.confusion + 2 * GROUPS].tolist()
    if any(values):
        wrong = {"false_positive": values[1], "false_negative": values[2]}
        tree["value"] = {name: steps * VALUE_STEP for name, steps in wrong.items()}
    return tree


def _classes(layout: PerformanceLayout, counts: Counts) -> dict[str, Any]:
    """Averages weighted by support, and each class with its own numbers.

    Averages over all decisions (micro) are the accuracy; macro ones are the section's own.
    """
    classes = class_numbers(layout, counts)
    if not classes:
        return {}
    found = multiclass_performance(class_matrix(layout, counts))
    return {
        "micro": {"f1": found.accuracy.value},
        "weighted": numbers(
            precision=found.average_precision.weighted.value,
            recall=found.average_recall.weighted.value,
            f1=found.average_f1.weighted.value,
        ),
        "classes": classes,
    }


def class_numbers(layout: PerformanceLayout, counts: Counts) -> dict[str, dict[str, float]]:
    """Class -> labelled matches, precision, recall and F1; a class without matches is left out."""
    if layout.kind != "multiclass":
        return {}
    matrix = class_matrix(layout, counts)
    if not matrix.any():
        return {}
    found = multiclass_performance(matrix)
    rows = zip(
        [*layout.classes, OTHER],
        found.support.tolist(),
        matrix.sum(axis=0).tolist(),
        found.precision.values.tolist(),
        found.recall.values.tolist(),
        found.f1.values.tolist(),
        strict=True,
    )
    return {
        name: {"labelled": labelled, **numbers(precision=precision, recall=recall, f1=f1)}
        for name, labelled, decided, precision, recall, f1 in rows
        if labelled or decided
    }


def labelled_by_decision(layout: PerformanceLayout, counts: Counts) -> list[tuple[str, int, int]]:
    """Name, labelled predictions and predictions made of each decision; none of a regression.

    Only a cohort counts what was made; elsewhere that is 0.
    """
    if layout.kind == "binary":
        tn, fp, fn, tp = counts[layout.confusion : layout.confusion + GROUPS].tolist()
        names, labelled = ["0", "1"], [tn + fn, fp + tp]
    elif layout.kind == "multiclass":
        names = [*layout.classes, OTHER]
        labelled = class_matrix(layout, counts).sum(axis=0).tolist()
    else:
        return []
    made = counts[layout.made : layout.made + layout.decisions].tolist()
    return list(zip(names, labelled, made, strict=True))


def decisions_tree(layout: PerformanceLayout, counts: Counts) -> dict[str, Any]:
    """Decision -> labelled, predictions made, the share of the two, and the labels' delay."""
    tree: dict[str, Any] = {}
    for number, (name, labelled, made) in enumerate(labelled_by_decision(layout, counts)):
        if not labelled and not made:
            continue
        told: dict[str, Any] = {"labelled": labelled}
        if made:
            told |= {"predictions": made, "labelled_ratio": labelled / made}
        delays = decision_delay_s(layout, counts, number)
        if delays:
            told["label_delay_s"] = delays
        tree[name] = told
    return tree


def selected(layout: PerformanceLayout, counts: Counts) -> bool:
    """Whether some decision hardly ever gets labels where another does."""
    rates = [
        labelled / made
        for _, labelled, made in labelled_by_decision(layout, counts)
        if made >= MIN_MADE
    ]
    return bool(rates) and min(rates) < SELECTED_RATIO * max(rates)


def decision_delay_s(layout: PerformanceLayout, counts: Counts, number: int) -> dict[str, float]:
    """:func:`label_delay_s` of the predictions of one decision of a binary model; else empty."""
    if layout.kind != "binary":
        return {}
    first = layout.decision_delays + number * DELAY_CELLS
    return delay_quantiles_s(counts[first : first + DELAY_CELLS])


def label_delay_s(counts: Counts) -> dict[str, float]:
    """:func:`delay_quantiles_s` of all labels of a vector of performance."""
    return delay_quantiles_s(counts[DELAYS : DELAYS + DELAY_CELLS])


def delay_quantiles_s(cells: Counts) -> dict[str, float]:
    """Quantiles of the delays in DELAY_CELLS cells, seconds, linear within a cell; one below the
    first edge or above the last counts as that edge.  Empty without labels."""
    upto = np.cumsum(cells)
    if upto[-1] == 0:
        return {}
    edges_s = [DELAY_EDGES_MS[0] / 1000, *(ms / 1000 for ms in DELAY_EDGES_MS)]
    edges_s.append(edges_s[-1])
    found = {}
    for share in DELAY_QUANTILES:
        target = max(share * float(upto[-1]), 0.5)
        cell = int(np.searchsorted(upto, target))
        inside = (target - float(upto[cell] - cells[cell])) / float(cells[cell])
        low, high = edges_s[cell], edges_s[cell + 1]
        found[f"{share:g}"] = low + max(0.0, inside) * (high - low)
    return found


def segments_tree(layout: PerformanceLayout, counts: Counts) -> dict[str, Any]:
    """Segment -> value -> its numbers; a value without matches is left out."""
    tree: dict[str, Any] = {}
    for segment in layout.segments:
        rows = counts[segment.start : segment.end].reshape(-1, GROUPS)
        named = zip([*segment.values, OTHER, "(missing)"], rows.tolist(), strict=True)
        found = {name: _segment(layout, groups) for name, groups in named if any(groups)}
        if found:
            tree[segment.name] = found
    return tree


def _segment(layout: PerformanceLayout, groups: list[int]) -> dict[str, float]:
    if layout.kind == "binary":
        tn, fp, fn, tp = groups
        plain = binary_performance(Confusion(tp=tp, fp=fp, fn=fn, tn=tn))
        return numbers(
            labelled=plain.events,
            accuracy=plain.accuracy.value,
            precision=plain.precision.value,
            recall=plain.recall.value,
        )
    if layout.kind == "multiclass":
        wrong, right = groups[:2]
        return numbers(labelled=wrong + right, accuracy=right / (wrong + right))
    events, absolute = groups[:2]
    return numbers(labelled=events, mae=absolute * layout.step / events)
