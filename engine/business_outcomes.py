"""What the decisions turned out to be worth: defaults among the approved, and the cost of errors.

Rule.  Both are of decided matches, by the labels' clock.  The default rate is the share of the
approved that turned out otherwise: false negatives of a model whose approval is the negative
decision (fraud, default), false positives of the other kind.  A decision costs what the spec's
``costs`` say of what it turned out to be, ``each`` and a share of its ``value``; the sums of values
and of their squares are whole numbers, so cost and its spread are exact.  A limit is broken as in
:mod:`engine.business`.

When it lies: where only one of the decisions ever gets labels, the default rate of the others is
not seen, and before the labels are all there early ones are not like the rest: read the cohorts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from detectors.contract import P_VALUE_FLOOR
from detectors.kernels import SQUARES_BITS
from engine.business import Broken, Figure, broken_limits
from engine.business_figures import GROUPS, OUTCOME_FIGURES, WRONG
from engine.performance_layout import VALUE_STEP, PerformanceLayout

if TYPE_CHECKING:
    from engine.model import MonitoredModel
    from engine.panes import Counts
    from engine.spec import BusinessRules


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The figures of a window of matches."""

    figures: dict[str, Figure]
    errors: dict[str, float]
    """False positives and false negatives -> what all of them cost; empty without ``costs``."""
    broken: tuple[Broken, ...] = ()


def outcomes(model: MonitoredModel, counts: Counts, alpha: float) -> Outcomes | None:
    """The figures of a vector of performance's cells; None without a business section, for a model
    that is not binary, or without a decided match.  ``alpha`` is the significance of one comparison
    of the model."""
    rules, layout = model.spec.business, model.performance
    if rules is None or layout is None or layout.kind != "binary":
        return None
    groups = counts[layout.confusion : layout.confusion + len(GROUPS)].tolist()
    decided = sum(groups)
    if decided <= 0:
        return None
    figures = {}
    tn, fp, fn, tp = groups
    defaults, approved = (fn, tn + fn) if rules.approved == "negative" else (fp, fp + tp)
    if approved > 0:
        rate = defaults / approved
        error = float(np.sqrt(max(0.0, rate * (1 - rate)) / approved))
        figures["default_rate"] = Figure(rate, approved, error)
    errors = {}
    if rules.costs:
        moments = {name: _moments(rules, layout, counts, name) for name in GROUPS}
        total, squares = (sum(m[part] for m in moments.values()) for part in range(2))
        variance = max(0.0, squares / decided - (total / decided) ** 2)
        error = float(np.sqrt(variance / decided))
        figures["cost_per_prediction"] = Figure(total / decided, decided, error)
        errors = {name: moments[name][0] for name in WRONG}
    alpha = max(P_VALUE_FLOOR, alpha / max(1, len(rules.limits)))
    known = list(broken_limits(rules, figures, OUTCOME_FIGURES, {"default_rate": defaults}, alpha))
    return Outcomes(figures, errors, tuple(known))


def _moments(
    rules: BusinessRules, layout: PerformanceLayout, counts: Counts, group: str
) -> tuple[float, float]:
    """Sum and sum of squares of what the decisions of one group cost."""
    cost, place = rules.costs.get(group), GROUPS.index(group)
    if cost is None:
        return 0.0, 0.0
    n = int(counts[layout.confusion + place])
    value = VALUE_STEP * int(counts[layout.confusion + len(GROUPS) + place])
    low, high = counts[layout.value_squares + 2 * place : layout.value_squares + 2 * place + 2]
    squares = VALUE_STEP * VALUE_STEP * ((int(high) << SQUARES_BITS) + int(low))
    each, share = cost.each, cost.of_value
    return each * n + share * value, each * each * n + 2 * each * share * value + share**2 * squares


def outcomes_tree(found: Outcomes, baseline: Outcomes | None) -> dict[str, Any]:
    """The figures as a judgement tells them, beside those of the training table."""
    tree: dict[str, Any] = {name: figure.value for name, figure in found.figures.items()}
    if found.errors:
        tree["cost_of_errors"] = dict(found.errors)
    if baseline is not None:
        tree["baseline"] = {name: figure.value for name, figure in baseline.figures.items()}
    if found.broken:
        tree["broken_limits"] = [told(one) for one in found.broken]
    return tree


def told(broken: Broken) -> dict[str, Any]:
    """A broken limit as judgements and alerts tell it."""
    return {
        "figure": broken.figure,
        "value": broken.value,
        "limit": broken.limit,
        "p_value": broken.p_value,
    }
