"""The gauges of performance: the newest judged window of each plane, and the join's own.

Rule.  A measure that does not exist has no sample.  A share ends in ``_ratio``; what the training
table's own labels say stands beside it as ``_baseline``, and what the labels will probably say, of
the newest window of the data, as ``_estimated``.  Cohorts have metrics of their own: a sum
over maturities means nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from detectors.intervals import Estimate
from engine.estimating import estimates
from engine.join_counts import LABEL_OUTCOMES
from engine.judge import Judge
from engine.performance_judging import JudgedPerformance
from engine.performance_tree import label_delay_s
from engine.tally import Tally
from streams.drift_gauges import GaugeSample, Labels

_WINDOW: Final = ("model", "version", "window")
_COHORT: Final = (*_WINDOW, "maturity")
SHARES: Final = frozenset(
    {"accuracy", "precision", "recall", "f1", "specificity", "auc", "pr_auc", "calibration_error"}
)
"""Measures from 0 to 1."""
HELP: Final = {
    "labelled_predictions": "Predictions with a label in the newest judged window.",
    "labelled_ratio": "Share of the predictions of a cohort's newest window that have a label.",
    "label_delay_seconds": "Quantile of the time from a prediction to its label, newest window.",
    "performance_end_timestamp_seconds": "End of the newest window with performance, event time.",
}


def performance_samples(judge: Judge) -> Iterator[tuple[int, GaugeSample]]:
    """Gauges of one model with their priority; the lowest comes first."""
    spec = judge.model.spec
    for window, data in judge.latest.items():
        if data.estimated is not None:
            for name, estimate in estimates(data.estimated).items():
                metric = f"{_metric('model', name)}_estimated"
                labels = (spec.model, spec.version, window)
                yield 1, GaugeSample(metric, _WINDOW, labels, estimate.value)
    for (plane, window), judged in judge.latest_performance.items():
        of_window = (spec.model, spec.version, window)
        if judged.plane.maturity_ms is None:
            yield from _section("model", _WINDOW, of_window, judged)
        else:
            yield from _section("model_cohort", _COHORT, (*of_window, plane), judged)


def _section(
    prefix: str, names: Labels, labels: Labels, judged: JudgedPerformance
) -> Iterator[tuple[int, GaugeSample]]:
    found = judged.found
    end_s = judged.end_ms / 1000
    yield (
        0,
        GaugeSample(f"{prefix}_performance_end_timestamp_seconds", names, labels, end_s),
    )
    yield 0, GaugeSample(f"{prefix}_labelled_predictions", names, labels, found.labelled)
    if found.predicted:
        share = found.labelled / found.predicted
        yield 0, GaugeSample(f"{prefix}_labelled_ratio", names, labels, share)
    for name, estimate in found.measures.items():
        yield 0, GaugeSample(_metric(prefix, name), names, labels, estimate.value)
    baseline: Mapping[str, Estimate] = {} if judged.baseline is None else judged.baseline.measures
    for name, estimate in baseline.items():
        metric = f"{_metric(prefix, name)}_baseline"
        yield 1, GaugeSample(metric, names, labels, estimate.value)
    for quantile, delay_s in label_delay_s(judged.counts).items():
        metric = f"{prefix}_label_delay_seconds"
        yield 1, GaugeSample(metric, (*names, "quantile"), (*labels, quantile), delay_s)


def _metric(prefix: str, measure: str) -> str:
    return f"{prefix}_{measure}_ratio" if measure in SHARES else f"{prefix}_{measure}"


def performance_help(metric: str) -> str | None:
    """What a metric of this file says; None for any other."""
    kinds = {"model_cohort_": "a cohort's newest window", "model_": "the newest window"}
    for prefix, what in kinds.items():
        if not metric.startswith(prefix):
            continue
        name = metric.removeprefix(prefix)
        if name in HELP:
            return HELP[name]
        if name.endswith("_baseline"):
            plain = name.removesuffix("_baseline").removesuffix("_ratio").replace("_", " ")
            return f"{plain.capitalize()} of the training table's own labels."
        if name.endswith("_estimated"):
            plain = name.removesuffix("_estimated").removesuffix("_ratio").replace("_", " ")
            return f"{plain.capitalize()} that the labels of the newest window will probably say."
        plain = name.removesuffix("_ratio").replace("_", " ")
        return f"{plain.capitalize()} over the labelled predictions of {what}."
    return None


def joins(tallies: Mapping[int, Tally]) -> Iterable[Metric]:
    """What became of the labels, and how full the join is, per model over the partitions here."""
    by_model = ("model", "version")
    labels = GaugeMetricFamily(
        "longshore_labels", "Labels by what they are now.", labels=(*by_model, "outcome")
    )
    waiting = GaugeMetricFamily(
        "longshore_join_events", "Events that the join keeps, matched ones too.", labels=by_model
    )
    repeats = CounterMetricFamily(
        "longshore_join_repeats",
        "Predictions that were not the first of their event.",
        labels=by_model,
    )
    forgotten = CounterMetricFamily(
        "longshore_join_forgotten", "Events let go above the bound label.pending.", labels=by_model
    )
    totals: dict[str, dict[str, int]] = {}
    for tally in tallies.values():
        for key, joining in tally.joinings.items():
            total = totals.setdefault(key, {})
            counts = joining.join.counts
            found = {str(name): counts.by_outcome.get(name, 0) for name in LABEL_OUTCOMES}
            found["events"] = len(joining.join)
            found["repeats"] = counts.repeats
            found["forgotten"] = counts.forgotten
            for name, count in found.items():
                total[name] = total.get(name, 0) + count
    for key, total in totals.items():
        model = key.rsplit("@", 1)
        for outcome in LABEL_OUTCOMES:
            labels.add_metric((*model, outcome), total[outcome])
        waiting.add_metric(model, total["events"])
        repeats.add_metric(model, total["repeats"])
        forgotten.add_metric(model, total["forgotten"])
    return (labels, waiting, repeats, forgotten)
