"""Operations: more errors, or slower answers, than the model's own windows before.

Rule.  The profile knows no errors and no latency, so a window is compared with those before it,
their counts faded by an eighth a window.  It holds when the share of errors, or of predictions
slower than the usual P95, is higher by the spec's floor and significantly (Fisher's exact test).
A window that holds is not taken as usual, so a lasting fault stays one; MIN_USUAL predictions must
be known before anything is said.
"""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np

from detectors.contract import P_VALUE_FLOOR
from detectors.rate_shift import p_value
from engine.decide.contract import Finding
from engine.decide.history import History
from engine.judgement import Judged
from engine.layout import ERRORS, PREDICTIONS

SECTION: Final = "operations"
NAME: Final = "operations"
MIN_USUAL: Final = 200
"""Predictions of earlier windows."""
MIN_EVENTS: Final = 30
_USUAL_SHARE: Final = 0.95
_FIGURES: Final = 2


def examine(judged: Judged, history: History) -> Finding | None:
    """Whether errors or latency rose."""
    rule = judged.model.spec.operations
    if rule is None or judged.window.name != rule.window:
        return None
    column = judged.model.layout.latency
    latency = judged.counts[column.start : column.start + column.values]
    counts = [int(judged.counts[PREDICTIONS]), int(judged.counts[ERRORS]), *latency.tolist()]
    usual = list(history.usual)
    known = bool(usual) and usual[0] >= MIN_USUAL
    alpha = max(P_VALUE_FLOOR, judged.alpha / _FIGURES)
    risen = []
    if known and counts[0] >= MIN_EVENTS:
        slow = _slower(np.array(counts[2:]), np.array(usual[2:]))
        figures = (("errors", rule.errors, (counts[1], counts[0], usual[1], usual[0])),)
        for name, floor, sizes in (*figures, ("latency", rule.slow, slow)):
            hits, size, before, of = sizes
            if not size or not of or hits / size <= before / of + floor:
                continue
            chance = p_value(hits, size, before, of, "greater")
            if chance <= alpha:
                rates = {"rate": hits / size, "usual": before / of, "p_value": chance}
                risen.append((name, rates))
    held = history.note(judged.end_ms, judged.window.length_ms, rule.of_last, held=bool(risen))
    if not risen:
        history.take_as_usual(counts)
    if not known or counts[0] < MIN_EVENTS:
        return None
    if not risen or held < rule.at_least:
        return Finding("quiet", NAME)
    return Finding(
        "operations",
        risen[0][0],
        "",
        dict(risen),
        {"errors": rule.errors, "slow": rule.slow},
        msgspec.to_builtins(rule),
    )


def _slower(
    latency: np.ndarray[tuple[int], np.dtype[np.int64]],
    usual: np.ndarray[tuple[int], np.dtype[np.int64]],
) -> tuple[int, int, int, int]:
    """Predictions in cells above the one that holds the usual P95, of the window and usually."""
    total = int(usual.sum())
    if not total:
        return 0, 0, 0, 0
    cell = int(np.searchsorted(np.cumsum(usual), _USUAL_SHARE * total))
    above = int(latency[cell + 1 :].sum()), int(usual[cell + 1 :].sum())
    return above[0], int(latency.sum()), above[1], total
