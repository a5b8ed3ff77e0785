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
from engine.levels import ORDER
from engine.measures import SHARES
from engine.performance_charts import chart_key
from engine.performance_judging import JudgedPerformance
from engine.performance_tree import (
    class_numbers,
    decision_delay_s,
    label_delay_s,
    labelled_by_decision,
    selected,
)
from engine.tally import Tally
from streams.drift_gauges import GaugeSample, Labels

_WINDOW: Final = ("model", "version", "window")
_COHORT: Final = (*_WINDOW, "maturity")
HELP: Final = {
    "labelled_predictions": "Predictions with a label in the newest judged window.",
    "labelled_ratio": "Share of the predictions of a cohort's newest window that have a label.",
    "label_delay_seconds": "Quantile of the time from a prediction to its label, newest window.",
    "performance_end_timestamp_seconds": "End of the newest window with performance, event time.",
    "labels_selected": "Whether some decision hardly ever gets labels where another does.",
    "decision_labelled_ratio": "Share of the predictions with this decision that have a label.",
    "decision_label_delay_seconds": "Quantile of the time to the labels of this decision.",
    "performance_level": "Performance: 0 unknown, 1 stable, 2 watch, 3 drift, newest window.",
    "performance_measure_level": "Level of one measure: 0 unknown, 1 stable, 2 watch, 3 drift.",
    "performance_promised": "What the spec promises of a measure: at least or at most so much.",
    "performance_chart_score": "Standard errors by which the newest window is worse.",
    "performance_chart_limit": "Value of the measure beyond which one window signals (Shewhart).",
    "performance_chart_ewma": "Average of the scores, the newest weighing most.",
    "performance_chart_ewma_limit": "What that average must exceed to signal.",
    "performance_chart_alarm": "Whether the chart alarms with its newest window.",
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
        yield from _verdict(judge, of_window, judged)
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
    for name, error in judged.estimated_errors.items():
        metric = f"{_metric(prefix, name)}_estimated_error"
        yield 1, GaugeSample(metric, names, labels, error)
    for quantile, delay_s in label_delay_s(judged.counts).items():
        metric = f"{prefix}_label_delay_seconds"
        yield 1, GaugeSample(metric, (*names, "quantile"), (*labels, quantile), delay_s)
    yield from _by_decision(prefix, names, labels, judged)


def _by_decision(
    prefix: str, names: Labels, labels: Labels, judged: JudgedPerformance
) -> Iterator[tuple[int, GaugeSample]]:
    """Who gets labels, and of a multiclass model how well each class is told."""
    layout, counts = judged.model.performance, judged.counts
    assert layout is not None, "only a model with performance is judged"
    if layout.decisions and judged.found.predicted:
        is_selected = float(selected(layout, counts))
        yield 0, GaugeSample(f"{prefix}_labels_selected", names, labels, is_selected)
    decided = (*names, "decision")
    for number, (name, labelled, made) in enumerate(labelled_by_decision(layout, counts)):
        of_decision = (*labels, name)
        if made:
            metric = f"{prefix}_decision_labelled_ratio"
            yield 1, GaugeSample(metric, decided, of_decision, labelled / made)
        for quantile, delay_s in decision_delay_s(layout, counts, number).items():
            metric = f"{prefix}_decision_label_delay_seconds"
            yield 1, GaugeSample(metric, (*decided, "quantile"), (*of_decision, quantile), delay_s)
    for name, numbers in class_numbers(layout, counts).items():
        for measure in ("precision", "recall", "f1"):
            if measure in numbers:
                metric = f"{prefix}_class_{measure}_ratio"
                value = numbers[measure]
                yield 1, GaugeSample(metric, (*names, "class"), (*labels, name), value)


def _verdict(
    judge: Judge, labels: Labels, judged: JudgedPerformance
) -> Iterator[tuple[int, GaugeSample]]:
    """Levels and promises of the view that is judged; only one is."""
    if judged.verdict is None:
        return
    level = ORDER[judged.verdict.level]
    yield 0, GaugeSample("model_performance_level", _WINDOW, labels, level)
    names = (*_WINDOW, "measure")
    for measure in judged.verdict.measures:
        of_measure = (*labels, measure.name)
        level = ORDER[measure.level]
        yield 0, GaugeSample("model_performance_measure_level", names, of_measure, level)
        if measure.limit is not None:
            yield 1, GaugeSample("model_performance_promised", names, of_measure, measure.limit)
        chart = judge.decisions.charts.get(chart_key(judged.window.name, measure.name))
        if chart is None:
            continue
        told = {
            "score": chart.score,
            "limit": chart.limit,
            "ewma": chart.ewma,
            "ewma_limit": chart.ewma_limit,
            "alarm": float(chart.alarm),
        }
        for name, value in told.items():
            yield 1, GaugeSample(f"model_performance_chart_{name}", names, of_measure, value)


def _metric(prefix: str, measure: str) -> str:
    return f"{prefix}_{measure}_ratio" if measure in SHARES else f"{prefix}_{measure}"


def performance_help(metric: str) -> str | None:
    """What a metric of this file says; None for any other."""
    kinds = {"model_cohort_": "a cohort's newest window", "model_": "the newest window"}
    for prefix, what in kinds.items():
        if metric.startswith(prefix):
            name = metric.removeprefix(prefix)
            return HELP.get(name) or _derived_help(name, what)
    return None


def _derived_help(name: str, what: str) -> str:
    """Of a metric that is named after a measure."""
    ends = {
        "_baseline": "{} of the training table's own labels.",
        "_estimated_error": "{} as estimated less as realized, of the same events.",
        "_estimated": "{} that the labels of the newest window will probably say.",
        "": "{} over the labelled predictions of " + what + ".",
    }
    text = next(text for end, text in ends.items() if name.endswith(end))
    plain = name.removesuffix(next(end for end in ends if name.endswith(end)))
    plain = plain.removesuffix("_ratio").replace("_", " ").capitalize()
    if plain.startswith("Class "):
        plain = f"{plain.removeprefix('Class ').capitalize()} of one class"
    return text.format(plain)


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
