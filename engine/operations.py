"""Errors and slow answers of a window against the model's own windows before.

Theory.  The profile knows no errors and no latency, so a window is compared with those before it.
Slow is what is slower than the usual P95, by the cells of the latency's histogram.  A share rose
when it is higher than the usual one by the spec's floor and significantly (Fisher's exact test).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from detectors.contract import P_VALUE_FLOOR
from detectors.rate_shift import p_value
from engine.layout import ERRORS, PREDICTIONS

if TYPE_CHECKING:
    from engine.model import MonitoredModel
    from engine.panes import Counts

MIN_USUAL: Final = 200
"""Predictions of earlier windows."""
MIN_EVENTS: Final = 30
_USUAL_SHARE: Final = 0.95
_FIGURES: Final = 2


@dataclass(frozen=True, slots=True)
class Compared:
    """One share of a window and of the windows before."""

    rate: float
    usual: float
    p_value: float
    risen: bool


def operation_counts(model: MonitoredModel, counts: Counts) -> list[int]:
    """Predictions, errors and the latency's cells of a window: what makes up the usual."""
    column = model.layout.latency
    latency = counts[column.start : column.start + column.values]
    return [int(counts[PREDICTIONS]), int(counts[ERRORS]), *latency.tolist()]


def is_known(usual: Sequence[int]) -> bool:
    """Whether there were predictions enough before."""
    return bool(usual) and usual[0] >= MIN_USUAL


def against_usual(
    model: MonitoredModel, counts: Counts, usual: Sequence[int], alpha: float
) -> dict[str, Compared]:
    """``errors`` and ``latency``, those that can be compared; ``alpha`` is the significance of one
    comparison of the model."""
    rules, own = model.spec.operations, operation_counts(model, counts)
    if rules is None or not is_known(usual) or own[0] < MIN_EVENTS:
        return {}
    alpha = max(P_VALUE_FLOOR, alpha / _FIGURES)
    slow = _slower(np.array(own[2:]), np.array(usual[2:]))
    shares = {
        "errors": (rules.errors, (own[1], own[0], usual[1], usual[0])),
        "latency": (rules.slow, slow),
    }
    found = {}
    for name, (floor, (hits, size, before, of)) in shares.items():
        if size and of:
            chance = p_value(hits, size, before, of, "greater")
            rate, share = hits / size, before / of
            risen = rate > share + floor and chance <= alpha
            found[name] = Compared(rate, share, chance, risen)
    return found


def _slower(
    latency: npt.NDArray[np.int64], usual: npt.NDArray[np.int64]
) -> tuple[int, int, int, int]:
    """Predictions in cells above the one that holds the usual P95, of the window and usually."""
    total = int(usual.sum())
    if not total:
        return 0, 0, 0, 0
    cell = int(np.searchsorted(np.cumsum(usual), _USUAL_SHARE * total))
    above = int(latency[cell + 1 :].sum()), int(usual[cell + 1 :].sum())
    return above[0], int(latency.sum()), above[1], total
