"""One column's numbers as a judgement tells them: statistics, levels, bins."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from engine.layout import NumericColumn
from engine.measuring import Verdict
from engine.model import MonitoredModel

MAX_BINS_TOLD: Final = 100
"""Bins of one column in a judgement; the largest contributions come first."""


def verdict_tree(verdict: Verdict, model: MonitoredModel, *, bins: bool = True) -> dict[str, Any]:
    """One column's numbers: every statistic under its own name."""
    tree: dict[str, Any] = {
        "level": verdict.level,
        "events": verdict.events,
        "missing": verdict.missing,
        "invalid": verdict.invalid,
    }
    for name, measure in verdict.measures.items():
        put(tree, name, measure.value)
        for more, number in measure.more.items():
            put(tree, f"{name}_{more}", number)
        if measure.p_value is not None:
            put(tree, f"{name}_p_value", measure.p_value)
        if name == "psi":
            tree["psi_threshold"] = verdict.threshold
    if bins and verdict.level in ("WATCH", "DRIFT"):
        tree["bins"] = bins_tree(verdict, model)[:MAX_BINS_TOLD]
    return tree


def bins_tree(verdict: Verdict, model: MonitoredModel) -> list[dict[str, Any]]:
    """Coarse bins with their shares and contributions to PSI, the largest contribution first."""
    sample = verdict.sample
    coarse = sample.coarse
    count = int(coarse[-1]) + 1
    expected = np.bincount(coarse, weights=sample.expected, minlength=count)
    actual = np.bincount(coarse, weights=sample.actual.astype(np.float64), minlength=count)
    contributions = verdict.measures["psi"].contributions
    assert contributions is not None, "psi tells its contributions"
    names = _bin_names(verdict, model, count)
    rows = [
        {
            "bin": names[b],
            "expected": float(expected[b] / expected.sum()),
            "actual": float(actual[b] / actual.sum()),
            "contribution": float(contributions[b]),
        }
        for b in range(count)
        if expected[b] or actual[b]
    ]
    return sorted(rows, key=lambda row: (-row["contribution"], row["bin"]))


def _bin_names(verdict: Verdict, model: MonitoredModel, count: int) -> list[str]:
    sample = verdict.sample
    if len(sample.edges):
        bounds = [-np.inf]
        for b in range(count - 1):
            last = int(np.flatnonzero(sample.coarse == b)[-1])
            bounds.append(float(sample.edges[last]))
        return _interval_names([*bounds, np.inf], sample.edges)
    column = model.layout.column(verdict.name)
    assert not isinstance(column, NumericColumn)
    feature = next(f for f in model.spec.features if f.name == verdict.name)
    named = [
        f"category {i}" if feature.sensitive else text for i, text in enumerate(column.categories)
    ]
    return [*named, "(other)", "(unseen)"]


def _interval_names(bounds: list[float], edges: npt.NDArray[np.float64]) -> list[str]:
    """``[low,high)`` of neighbouring bounds.  The bin of a single value v ends at the next double:
    it is written ``[v,v]``, and the one behind it begins with ``(v``."""
    single = dict(zip(np.nextafter(edges, np.inf).tolist(), edges.tolist(), strict=True))
    names = []
    for low, high in pairwise(bounds):
        if low in single:
            opens = f"({single[low]:.12g}"
        else:
            opens = f"{'[' if np.isfinite(low) else '('}{low:.12g}"
        closes = f"{single[high]:.12g}]" if high in single else f"{high:.12g})"
        names.append(f"{opens},{closes}")
    return names


def put(tree: dict[str, Any], name: str, number: float) -> None:
    """A number that does not exist is absent."""
    if np.isfinite(number):
        tree[name] = float(number)
