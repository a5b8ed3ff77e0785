"""What the decisions are worth: approvals, value by decision, and the limits that the spec sets.

Rule.  Values are summed in whole steps (``value_step``), so equal streams give equal cents.  A
figure breaks its limit when it is beyond it significantly: an approval rate by the exact binomial
tail at the limit itself, a mean value by a z-test with the window's own spread.  A figure without
events does not exist; a limit without a figure says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import ndtr

from detectors.contract import P_VALUE_FLOOR
from detectors.kernels import SQUARES_BITS, SQUARES_HIGH, SQUARES_LOW, SUM
from detectors.rate_shift import limit_p_value
from detectors.rate_tests import Direction
from engine.business_figures import FIGURES
from engine.layout import DECIDED, DECISIONS, POSITIVE, NumericColumn

if TYPE_CHECKING:
    from engine.model import MonitoredModel
    from engine.panes import Counts
    from engine.spec import BusinessRules

MIN_EVENTS: Final = 30
"""Fewer break no limit."""
_BEYOND: Final[dict[int, Direction]] = {-1: "less", 1: "greater"}


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a window with the size that it stands on and its standard error."""

    value: float
    size: int
    error: float


@dataclass(frozen=True, slots=True)
class Broken:
    """A figure beyond its limit."""

    figure: str
    value: float
    limit: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Business:
    """The figures of a window."""

    figures: dict[str, Figure]
    value_by_decision: dict[str, tuple[int, float]]
    """Decision -> (values, their sum); only those that occur."""
    broken: tuple[Broken, ...]


def business(model: MonitoredModel, counts: Counts, alpha: float) -> Business | None:
    """The figures of a window's counts; None without a business section or without any figure."""
    rules = model.spec.business
    if rules is None:
        return None
    figures: dict[str, Figure] = {}
    decided, positive = int(counts[DECIDED]), int(counts[POSITIVE])
    approved = positive if rules.approved == "positive" else decided - positive
    if decided:
        rate = approved / decided
        figures["approval_rate"] = Figure(
            rate, decided, float(np.sqrt(rate * (1 - rate) / decided))
        )
    columns = dict(zip(DECISIONS, model.layout.values, strict=True))
    every = _mean(list(columns.values()), counts)
    if every is not None:
        figures["value_per_prediction"] = every
    of_approved = _mean([columns[rules.approved]], counts)
    if of_approved is not None:
        figures["value_per_approval"] = of_approved
    by_decision = {
        name: (n, column.step * int(counts[column.extra(SUM)]))
        for name, column in columns.items()
        if (n := _values(column, counts))
    }
    if not figures:
        return None
    alpha = max(P_VALUE_FLOOR, alpha / max(1, len(rules.limits)))
    broken = broken_limits(rules, figures, FIGURES, {"approval_rate": approved}, alpha)
    return Business(figures, by_decision, tuple(broken))


def _values(column: NumericColumn, counts: Counts) -> int:
    return int(counts[column.start : column.start + column.values].sum())


def _mean(columns: list[NumericColumn], counts: Counts) -> Figure | None:
    """Mean value over some decisions, from whole numbers to the last step."""
    n = sum(_values(column, counts) for column in columns)
    if not n:
        return None
    total = sum(int(counts[column.extra(SUM)]) for column in columns)
    squares = sum(
        (int(counts[c.extra(SQUARES_HIGH)]) << SQUARES_BITS) + int(counts[c.extra(SQUARES_LOW)])
        for c in columns
    )
    step = columns[0].step
    variance = (n * squares - total * total) / (n * n)
    return Figure(step * (total / n), n, step * float(np.sqrt(variance / n)))


def broken_limits(
    rules: BusinessRules,
    figures: dict[str, Figure],
    names: Sequence[str],
    hits: dict[str, int],
    alpha: float,
) -> Iterator[Broken]:
    """Which of the figures of these names are significantly beyond their limits; ``hits`` has the
    numerators of those that are rates."""
    for name in names:
        figure, limit = figures.get(name), rules.limits.get(name)
        if figure is None or limit is None or figure.size < MIN_EVENTS:
            continue
        for bound, sign in ((limit.low, -1), (limit.high, 1)):
            if bound is None or sign * (figure.value - bound) <= 0:
                continue
            if name in hits:
                share = min(1.0, max(0.0, bound))
                chance = limit_p_value(hits[name], figure.size, share, _BEYOND[sign])
            else:
                distance = abs(figure.value - bound)
                chance = float(ndtr(-distance / figure.error)) if figure.error > 0.0 else 0.0
            chance = max(P_VALUE_FLOOR, chance)
            if chance <= alpha:
                yield Broken(name, figure.value, bound, chance)
