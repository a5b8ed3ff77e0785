"""The levels of a window's performance as the judgement tells them.

Rule.  A number that does not exist is absent.
"""

from __future__ import annotations

from typing import Any

from engine.performance import numbers
from engine.performance_levels import MeasureVerdict, PerformanceVerdict


def verdict_tree(verdict: PerformanceVerdict) -> dict[str, Any]:
    """``levels`` by measure, and the significance that each was held to."""
    return {
        "levels": {measure.name: measure_tree(measure) for measure in verdict.measures},
        "significance": verdict.alpha,
    }


def measure_tree(measure: MeasureVerdict) -> dict[str, Any]:
    """One measure's verdict with the numbers that say so."""
    tree: dict[str, Any] = {"level": measure.level}
    if measure.reason:
        tree["reason"] = measure.reason
    worse = measure.worse
    told = numbers(value=worse.value, low=worse.low, high=worse.high)
    if told:
        tree["worse"] = told
    tree |= numbers(worse_by=measure.worse_by)
    if measure.limit is not None:
        tree["limit"] = measure.limit
        tree["broken"] = measure.broken
    return tree
