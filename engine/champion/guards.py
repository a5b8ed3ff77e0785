"""Guards of a comparison: what else must hold before a challenger is promoted.

Rule.  A guard names a metric and where the challenger's value must stay: absolutely (``at_most``,
``at_least``) or beside the champion's over the same looks (``worse_by`` in the metric's own unit,
``worse_by_share``).  Just at the bound holds.  Estimates are compared as they are.  What cannot be
measured holds back a promotion, but for guards that nobody wrote.

Latency and errors are guarded in every comparison.  Where the spec says nothing of one of the two,
the usual guard is that the challenger's P95 is at most USUAL_LATENCY_SHARE above the champion's,
or its share of errors at most USUAL_ERRORS above it; the second breaks only when it is significant
as well (Fisher's exact test), because a share of rare events swings.

Quantiles are interpolated inside the cells of the latency's histogram, which are 8 % wide.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from detectors.rate_tests import fisher
from engine.champion.cells import (
    ARMS,
    CHALLENGER,
    CHAMPION,
    DECIDED,
    ERRORS,
    LABELS,
    LATENCIES,
    LATENCY_CELLS,
    LATENCY_EDGES_MS,
    LATENCY_US,
    POSITIVE,
    TIMED,
    VALUE,
    VALUE_STEP,
    VALUED,
    MatchLayout,
    arm_cell,
)
from engine.comparison_rules import Guard

if TYPE_CHECKING:
    from engine.panes import Counts

Worse = Literal["higher", "lower", "either"]
Approved = Literal["positive", "negative"]

USUAL_LATENCY_SHARE: Final = 0.05
USUAL_ERRORS: Final = 0.001
USUAL_SIGNIFICANCE: Final = 0.05
LATENCY_METRICS: Final = ("latency_mean", "latency_p50", "latency_p95", "latency_p99")
METRICS: Final[dict[str, Worse]] = {
    **dict.fromkeys(LATENCY_METRICS, "higher"),
    "error_rate": "higher",
    "positive_rate": "either",
    "approval_rate": "lower",
    "value_per_prediction": "lower",
    "default_rate": "higher",
    "accuracy": "lower",
    "precision": "lower",
    "recall": "lower",
}
"""Names of metrics, and which way is worse."""
OF_APPROVALS: Final = ("approval_rate", "default_rate")
"""Metrics that need to know which decision is an approval."""
OF_LABELS: Final = ("default_rate", "accuracy", "precision", "recall")
_QUANTILES: Final = {"latency_p50": 0.5, "latency_p95": 0.95, "latency_p99": 0.99}


@dataclass(frozen=True, slots=True)
class Guarded:
    """What became of one guard."""

    metric: str
    champion: float
    """NaN where nothing tells it, as the next."""
    challenger: float
    guard: Guard
    held: bool

    def as_tree(self) -> dict[str, Any]:
        """As promotions tell it."""
        bounds = {
            name: bound
            for name in ("at_most", "at_least", "worse_by", "worse_by_share")
            if (bound := getattr(self.guard, name)) is not None
        }
        told = {"metric": self.metric, "held": self.held, **bounds}
        for arm, value in (("champion", self.champion), ("challenger", self.challenger)):
            told[arm] = None if math.isnan(value) else value
        return told


def usual_guards(written: Mapping[str, Guard]) -> dict[str, Guard]:
    """The guards as written, and the usual ones of what is not."""
    found = dict(written)
    if not any(name in written for name in LATENCY_METRICS):
        found["latency_p95"] = Guard(worse_by_share=USUAL_LATENCY_SHARE, usual=True)
    if "error_rate" not in written:
        found["error_rate"] = Guard(worse_by=USUAL_ERRORS, usual=True)
    return found


def check_guards(
    guards: Mapping[str, Guard],
    layout: MatchLayout,
    arms: Counts,
    matches: Counts,
    approved: Approved | None,
) -> list[Guarded]:
    """Each guard with both values, in the order of their names."""
    found = []
    for metric, guard in sorted(guards.items()):
        champion, challenger = (
            value_of(metric, arm, layout, arms, matches, approved) for arm in range(ARMS)
        )
        held = _holds(guard, METRICS[metric], champion, challenger)
        if not held and guard.usual and metric == "error_rate":
            held = not _significant(arms)
        found.append(Guarded(metric, champion, challenger, guard, held))
    return found


def value_of(
    metric: str,
    arm: int,
    layout: MatchLayout,
    arms: Counts,
    matches: Counts,
    approved: Approved | None,
) -> float:
    """One arm's value of a metric; NaN where the counts do not define it."""
    if metric in OF_LABELS:
        return _of_labels(metric, decisions_of(layout, matches, arm), approved)
    own = [int(arms[arm_cell(arm, cell)]) for cell in range(LATENCIES)]
    if metric in _QUANTILES:
        start = arm_cell(arm, LATENCIES)
        return quantile_ms(arms[start : start + LATENCY_CELLS], _QUANTILES[metric])
    approvals = own[POSITIVE] if approved == "positive" else own[DECIDED] - own[POSITIVE]
    shares: dict[str, tuple[float, int]] = {
        "latency_mean": (own[LATENCY_US] / 1000, own[TIMED]),
        "error_rate": (own[ERRORS], int(arms[arm])),
        "positive_rate": (own[POSITIVE], own[DECIDED]),
        "approval_rate": (approvals, own[DECIDED]),
        "value_per_prediction": (own[VALUE] * VALUE_STEP, own[VALUED]),
    }
    return _ratio(*shares[metric])


def decisions_of(layout: MatchLayout, matches: Counts, arm: int) -> Counts:
    """Labelled events of one arm by label and decision, shape (2, 2)."""
    decisions = layout.decisions(matches)
    if layout.mode == "split":
        return decisions[:, arm, :LABELS]
    found: Counts = decisions.sum(axis=2 if arm == CHAMPION else 1)[:, :LABELS]
    return found


def quantile_ms(cells: Counts, share: float) -> float:
    """The latency below which ``share`` of the counted ones are; NaN of none."""
    total = int(cells.sum())
    if not total:
        return math.nan
    upto = np.cumsum(cells)
    cell = int(np.searchsorted(upto, share * total))
    low = 0.0 if cell == 0 else LATENCY_EDGES_MS[cell - 1]
    high = LATENCY_EDGES_MS[min(cell, len(LATENCY_EDGES_MS) - 1)]
    inside = (share * total - (int(upto[cell]) - int(cells[cell]))) / int(cells[cell])
    return low + (high - low) * inside


def _of_labels(metric: str, table: Counts, approved: Approved | None) -> float:
    (tn, fp), (fn, tp) = table.tolist()
    shares: dict[str, Callable[[], float]] = {
        "accuracy": lambda: _ratio(tn + tp, tn + fp + fn + tp),
        "precision": lambda: _ratio(tp, tp + fp),
        "recall": lambda: _ratio(tp, tp + fn),
        "default_rate": lambda: (
            _ratio(fn, tn + fn) if approved == "negative" else _ratio(fp, fp + tp)
        ),
    }
    return shares[metric]()


def _ratio(part: float, whole: int) -> float:
    return part / whole if whole > 0 else math.nan


def _holds(guard: Guard, worse: Worse, champion: float, challenger: float) -> bool:
    """Whether a value is inside its guard's bounds."""
    if math.isnan(challenger):
        return guard.usual
    if guard.at_most is not None and challenger > guard.at_most:
        return False
    if guard.at_least is not None and challenger < guard.at_least:
        return False
    if guard.worse_by is None and guard.worse_by_share is None:
        return True
    if math.isnan(champion):
        return guard.usual
    gap = {
        "higher": challenger - champion,
        "lower": champion - challenger,
        "either": abs(challenger - champion),
    }[worse]
    allowed = [
        *([] if guard.worse_by is None else [guard.worse_by]),
        *([] if guard.worse_by_share is None else [guard.worse_by_share * abs(champion)]),
    ]
    return gap <= min(allowed)


def _significant(arms: Counts) -> bool:
    """Whether the challenger's share of errors is above the champion's, and not by chance."""
    hits = [int(arms[arm_cell(arm, ERRORS)]) for arm in range(ARMS)]
    sizes = [int(arms[arm]) for arm in range(ARMS)]
    chance = fisher(hits[CHALLENGER], sizes[CHALLENGER], hits[CHAMPION], sizes[CHAMPION], "greater")
    return float(chance) <= USUAL_SIGNIFICANCE
