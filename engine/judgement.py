"""The judgement of one window: what was measured, in the form that the topic carries.

Rule.  A section that the spec or the data do not support is absent, never zero; a number that does
not exist (NaN) is absent too.  Bins are told only of columns that are WATCH or DRIFT, and those of
a sensitive feature by number, never by category.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from detectors.cbpe import EstimatedPerformance
from detectors.kernels import OUT_OF_RANGE, SUM
from engine.estimating import estimated_tree
from engine.layout import (
    DECIDED,
    ERRORS,
    EVENTS,
    LATENCY_STEP_MS,
    POSITIVE,
    PREDICTIONS,
    NumericColumn,
)
from engine.levels import Level, worst
from engine.measuring import Verdict, mean_and_stddev, quantiles
from engine.model import MonitoredModel
from engine.panes import Counts
from engine.spec import WindowRule
from engine.timestamps import ms_to_rfc3339

JUDGEMENT_SCHEMA: Final = 1
SCORE_QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
LATENCY_QUANTILES: Final = (0.5, 0.95, 0.99)
MAX_BINS_TOLD: Final = 100
"""Bins of one column in a judgement; the largest contributions come first."""
MAX_FEATURES_WITH_BINS: Final = 100
"""Features of a judgement that have their bins told, those that moved most: with all of them, the
judgement of a thousand features that moved would be larger than a broker takes."""
DRIFTED_FEATURES: Final = 3
"""Features over that make the data section DRIFT when the spec has no rule of its own."""


@dataclass(frozen=True, slots=True)
class AlarmCount:
    """Alarms of one estimator on one feature in a window, over all source partitions."""

    count: int
    since_ms: int | None
    """Start of the first pane of the window that has one."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One closed window with its verdicts, for the decisions and for the world."""

    model: MonitoredModel
    window: WindowRule
    end_ms: int
    revision: int
    counts: Counts
    verdicts: tuple[Verdict, ...]
    """One per feature."""
    score: Verdict | None
    alpha: float
    alarms: Mapping[str, Mapping[str, AlarmCount]]
    """Feature -> estimator -> its alarms in the window; numeric features only."""
    first_event_ms: int
    """Start of the first base pane that ever held an event of this model."""
    estimated: EstimatedPerformance | None = None
    """What the labels will probably say; None where the training table had none."""

    @property
    def start_ms(self) -> int:
        """Start of the window."""
        return self.end_ms - self.window.length_ms

    @property
    def events(self) -> int:
        """Events, or predictions where the features come apart, whichever are more."""
        return int(max(self.counts[EVENTS], self.counts[PREDICTIONS]))

    @property
    def is_disjoint(self) -> bool:
        """Whether it belongs to the windows that tile time; the sliding ones confirm nothing."""
        return self.end_ms % self.window.length_ms == 0

    def data_level(self) -> Level:
        """DRIFT when as many features as the rule wants are over its bound, WATCH when any is
        DRIFT or WATCH."""
        rule = self.model.spec.retraining.psi_features
        wanted = rule.features if rule is not None else DRIFTED_FEATURES
        above = rule.above if rule is not None else self.model.spec.psi_drift
        drifted = sum(v.over(above, self.alpha) for v in self.verdicts)
        level = worst(v.level for v in self.verdicts)
        if drifted >= min(wanted, max(1, len(self.verdicts))):
            return "DRIFT"
        return "WATCH" if level == "DRIFT" else level

    def level(self) -> Level:
        """The worst section."""
        prediction = [self.score.level] if self.score is not None else []
        return worst([self.data_level(), *prediction])

    def as_tree(self) -> dict[str, Any]:
        """The judgement as builtins, in the order in which people read it."""
        spec = self.model.spec
        tree: dict[str, Any] = {
            "schema": JUDGEMENT_SCHEMA,
            "model": spec.model,
            "version": spec.version,
            "window": self.window.name,
            "start": ms_to_rfc3339(self.start_ms),
            "end": ms_to_rfc3339(self.end_ms),
            "revision": self.revision,
            "events": self.events,
            "level": self.level(),
            "data": {"level": self.data_level()},
            "features": self._features(),
        }
        prediction = self._prediction()
        if prediction:
            tree["prediction"] = prediction
        if self.estimated is not None:
            tree["estimated"] = estimated_tree(self.estimated)
        operations = self._operations()
        if operations:
            tree["operations"] = operations
        tree["conventions"] = {
            "psi": {"bins": "reference quantiles", "pseudo_count": spec.pseudo_count},
            "significance": self.alpha,
        }
        tree["profile"] = self.model.profile.hash
        tree["spec"] = self.model.policy_hash
        return tree

    def _features(self) -> dict[str, Any]:
        moved = sorted(self.verdicts, key=_movement)[-MAX_FEATURES_WITH_BINS:]
        told = {verdict.name for verdict in moved}
        return {v.name: self._feature(v, bins=v.name in told) for v in self.verdicts}

    def _feature(self, verdict: Verdict, *, bins: bool) -> dict[str, Any]:
        column = self.model.layout.column(verdict.name)
        tree = verdict_tree(verdict, self.model, bins=bins)
        if isinstance(column, NumericColumn):
            outside = int(self.counts[column.extra(OUT_OF_RANGE)])
            if outside:
                tree["out_of_range"] = outside
            mean, stddev = mean_and_stddev(column, self.counts)
            _put(tree, "mean", mean)
            _put(tree, "stddev", stddev)
            for name, alarms in self.alarms.get(verdict.name, {}).items():
                tree[name] = {"alarms": alarms.count}
                if alarms.since_ms is not None:
                    tree[name]["since"] = ms_to_rfc3339(alarms.since_ms)
        return tree

    def _prediction(self) -> dict[str, Any]:
        tree: dict[str, Any] = {}
        column = self.model.layout.score
        if self.score is not None and column is not None and self.score.events:
            tree = verdict_tree(self.score, self.model)
            mean, stddev = mean_and_stddev(column, self.counts)
            _put(tree, "mean", mean)
            _put(tree, "stddev", stddev)
            found = quantiles(column, self.counts, SCORE_QUANTILES)
            tree["quantiles"] = dict(zip(map(str, SCORE_QUANTILES), found.tolist(), strict=True))
        if self.counts[DECIDED]:
            tree["positive_rate"] = int(self.counts[POSITIVE]) / int(self.counts[DECIDED])
            if self.model.profile.positive_rate is not None:
                tree["positive_rate_expected"] = self.model.profile.positive_rate
        return tree

    def _operations(self) -> dict[str, Any]:
        tree: dict[str, Any] = {}
        predictions = int(self.counts[PREDICTIONS])
        if predictions:
            tree["events_per_second"] = predictions * 1000 / self.window.length_ms
            tree["error_rate"] = int(self.counts[ERRORS]) / predictions
        column = self.model.layout.latency
        measured = int(self.counts[column.start : column.start + column.values].sum())
        if measured:
            found = quantiles(column, self.counts, LATENCY_QUANTILES)
            names = [f"{q:g}" for q in LATENCY_QUANTILES]
            tree["latency_ms"] = dict(zip(names, found.tolist(), strict=True))
            total = int(self.counts[column.extra(SUM)]) * LATENCY_STEP_MS
            tree["latency_ms"]["mean"] = total / measured
        return tree


def _movement(verdict: Verdict) -> tuple[float, str]:
    """By how much a column moved, for an order."""
    psi = verdict.measures["psi"].value if "psi" in verdict.measures else 0.0
    return (psi if np.isfinite(psi) else 0.0), verdict.name


def verdict_tree(verdict: Verdict, model: MonitoredModel, *, bins: bool = True) -> dict[str, Any]:
    """One column's numbers: every statistic under its own name."""
    tree: dict[str, Any] = {
        "level": verdict.level,
        "events": verdict.events,
        "missing": verdict.missing,
        "invalid": verdict.invalid,
    }
    for name, measure in verdict.measures.items():
        _put(tree, name, measure.value)
        for more, number in measure.more.items():
            _put(tree, f"{name}_{more}", number)
        if measure.p_value is not None:
            _put(tree, f"{name}_p_value", measure.p_value)
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


def _put(tree: dict[str, Any], name: str, number: float) -> None:
    """A number that does not exist is absent."""
    if np.isfinite(number):
        tree[name] = float(number)
