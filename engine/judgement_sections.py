"""The sections of a judgement beside the features: prediction, quality, operations, business.

Rule.  A section, and a number in it, that the spec or the data do not support is absent, never
zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from detectors.kernels import SUM
from engine.business import Business
from engine.layout import DECIDED, ERRORS, LATENCY_STEP_MS, POSITIVE, PREDICTIONS, NumericColumn
from engine.levels import Level, worst
from engine.measuring import Verdict, mean_and_stddev, quantiles
from engine.model import MonitoredModel
from engine.operations import Compared
from engine.panes import Counts
from engine.positive_rate import RateVerdict, ScoreMoments
from engine.quality import Quality
from engine.quality_faults import Fault
from engine.verdict_tree import put, verdict_tree
from engine.volume import Volume

SCORE_QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
TAIL_QUANTILES: Final = (0.5, 0.95, 0.99)
"""Of latency and freshness."""


def prediction_tree(
    model: MonitoredModel,
    counts: Counts,
    score: Verdict | None,
    positive: RateVerdict | None,
    moments: ScoreMoments | None,
) -> dict[str, Any]:
    """Score and decisions; ``level`` is the worse of the two."""
    tree: dict[str, Any] = {}
    column = model.layout.score
    if score is not None and column is not None and score.events:
        tree = verdict_tree(score, model)
        mean, stddev = mean_and_stddev(column, counts)
        put(tree, "mean", mean)
        put(tree, "stddev", stddev)
        if moments is not None:
            tree["mean_shift"] = moments.mean_shift
            tree["mean_shift_p_value"] = moments.mean_p_value
            tree["stddev_ratio"] = moments.stddev_ratio
        found = quantiles(column, counts, SCORE_QUANTILES)
        tree["quantiles"] = dict(zip(map(str, SCORE_QUANTILES), found.tolist(), strict=True))
    if counts[DECIDED]:
        tree["positive_rate"] = int(counts[POSITIVE]) / int(counts[DECIDED])
        if positive is not None:
            levels: list[Level] = [positive.level, *([] if score is None else [score.level])]
            tree = {"level": worst(levels), **{k: v for k, v in tree.items() if k != "level"}}
            tree["positive_rate_level"] = positive.level
            tree["positive_rate_expected"] = positive.expected
            tree["positive_rate_odds_ratio"] = positive.odds_ratio
            tree["positive_rate_p_value"] = positive.p_value
    return tree


def quality_tree(model: MonitoredModel, counts: Counts, quality: Quality) -> dict[str, Any]:
    """What is bad, with the numbers that say so.

    Freshness is among them only where the spec sets it a limit: a judgement is else the same to the
    last bit from the log and from files that have no record times.
    """
    if not counts[: PREDICTIONS + 1].any() and not quality.bad:
        return {}
    tree: dict[str, Any] = {"level": quality.level}
    if quality.faults:
        tree["features"] = {
            name: {fault.kind: _numbers(fault) for fault in faults}
            for name, faults in quality.faults.items()
        }
    if quality.records:
        tree["records"] = {fault.kind: _numbers(fault) for fault in quality.records}
    ratio = duplicate_ratio(model, counts)
    if ratio is not None:
        tree["duplicate_ratio"] = ratio
    return tree


def _numbers(fault: Fault) -> dict[str, float]:
    tree = {
        "observed": fault.observed,
        "expected": fault.expected,
        "threshold": fault.threshold,
    }
    return tree if fault.p_value is None else {**tree, "p_value": fault.p_value}


def duplicate_ratio(model: MonitoredModel, counts: Counts) -> float | None:
    """Share of the predictions that were duplicates; None where they are not looked for."""
    duplicates = int(counts[model.layout.duplicates])
    total = duplicates + int(counts[PREDICTIONS])
    return duplicates / total if model.spec.duplicates_last and total else None


def tail_quantiles(column: NumericColumn, counts: Counts) -> dict[str, float]:
    """P50, P95 and P99 by name; empty without a value."""
    if not counts[column.start : column.start + column.values].sum():
        return {}
    found = quantiles(column, counts, TAIL_QUANTILES)
    return dict(zip([f"{q:g}" for q in TAIL_QUANTILES], found.tolist(), strict=True))


def operations_tree(
    model: MonitoredModel,
    counts: Counts,
    length_ms: int,
    volume: Volume | None,
    compared: Mapping[str, Compared],
) -> dict[str, Any]:
    """Throughput, errors, latency; volume against the profile's same hours of the week, errors and
    slow answers against the windows before."""
    tree: dict[str, Any] = {}
    predictions = int(counts[PREDICTIONS])
    if predictions:
        tree["events_per_second"] = predictions * 1000 / length_ms
        tree["error_rate"] = int(counts[ERRORS]) / predictions
    if volume is not None:
        tree["events_expected"] = volume.expected
        tree["volume_ratio"] = volume.ratio
        if volume.p_value is not None:
            tree["volume_p_value"] = volume.p_value
    column = model.layout.latency
    latency = tail_quantiles(column, counts)
    if latency:
        measured = int(counts[column.start : column.start + column.values].sum())
        total = int(counts[column.extra(SUM)]) * LATENCY_STEP_MS
        tree["latency_ms"] = {**latency, "mean": total / measured}
    if compared:
        tree["against_usual"] = {
            name: {"rate": one.rate, "usual": one.usual, "p_value": one.p_value}
            for name, one in compared.items()
        }
    return tree


def business_tree(business: Business) -> dict[str, Any]:
    """Figures, values by decision and the limits that are broken."""
    tree: dict[str, Any] = {name: figure.value for name, figure in business.figures.items()}
    if business.value_by_decision:
        tree["value_by_decision"] = {
            name: {"values": n, "total": total}
            for name, (n, total) in business.value_by_decision.items()
        }
    if business.broken:
        tree["broken_limits"] = [
            {"figure": b.figure, "value": b.value, "limit": b.limit, "p_value": b.p_value}
            for b in business.broken
        ]
    return tree
