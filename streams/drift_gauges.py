"""The gauges of the newest judged windows: what drifts, by how much and how sure.

Each sample carries a priority, the lowest first, for the bound on series.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric

from detectors.discovery import estimators, statistics
from detectors.kernels import OUT_OF_RANGE
from engine.judge import Judge
from engine.judgement import Judged
from engine.judgement_sections import SCORE_QUANTILES
from engine.layout import DECIDED, POSITIVE, NumericColumn
from engine.levels import ORDER, Level
from engine.measuring import Verdict, mean_and_stddev, quantiles

Labels = tuple[str, ...]
_MODEL: Final = ("model", "version")
_WINDOW: Final = (*_MODEL, "window")
_FEATURE: Final = (*_MODEL, "feature", "window")

_HELP: Final = {
    "drift_psi": "Population stability index against the reference profile.",
    "drift_psi_corrected": "Population stability index less its bias at this sample size.",
    "drift_level": "Level of a feature: 0 unknown, 1 stable, 2 watch, 3 drift.",
    "drift_window_level": "Level of the newest window: 0 unknown, 1 stable, 2 watch, 3 drift.",
    "drift_window_events": "Events of the newest judged window.",
    "drift_window_end_timestamp_seconds": "End of the newest judged window, event time.",
    "feature_missing_ratio": "Share of a feature's values that are null.",
    "feature_invalid_ratio": "Share of a feature's values of a wrong type.",
    "feature_out_of_range_ratio": "Share of a feature's valid values outside the spec's range.",
    "feature_outlier_ratio": "Share of a feature's valid values beyond the reference's extremes.",
    "feature_unseen_ratio": "Share of a feature's valid values that the reference does not have.",
    "drift_quality_level": "Level of the data's quality: 0 unknown, 1 stable, 2 watch.",
    "serving_quality_fault": "Faults of a window's records: bad data, not drift.",
    "feature_quality_fault": "Faults of a feature's data: bad data, not drift.",
    "prediction_positive_ratio_expected": "Share of positive decisions in the reference.",
    "prediction_positive_odds_ratio": "Odds of a positive decision over the reference's.",
    "prediction_positive_ratio_p_value": "Fisher's exact test of the positive decisions.",
    "prediction_mean_shift": "Mean of the score less the reference's, in its standard deviations.",
    "prediction_mean_shift_p_value": "Chance of such a shift of the score's mean.",
    "prediction_stddev_ratio": "Standard deviation of the score over the reference's.",
    "prediction_class_level": "Level of decided classes: 0 unknown, 1 stable, 2 watch, 3 drift.",
    "prediction_class_ratio": "Share of the decisions that are of a class.",
    "prediction_class_ratio_expected": "Share of a class in the reference's decisions.",
    "prediction_class_odds_ratio": "Odds of deciding a class over the reference's.",
    "prediction_class_ratio_p_value": "Fisher's exact test of a class's share.",
    "serving_error_ratio": "Share of predictions with an error.",
    "serving_volume_ratio": "Events over those of the profile's same hours of the week.",
    "serving_volume_ratio_p_value": "Chance of such a volume in the profile's same hours.",
    "serving_events_per_second": "Predictions a second of the newest window.",
    "serving_error_ratio_usual": "Share of predictions with an error in the windows before.",
    "serving_error_ratio_p_value": "Fisher's exact test of the errors against the windows before.",
    "serving_slow_ratio": "Share of predictions slower than the usual 95th percentile.",
    "serving_slow_ratio_usual": "Share of predictions as slow in the windows before.",
    "serving_slow_ratio_p_value": "Fisher's exact test of the slow predictions.",
    "serving_latency_p50_seconds": "Latency in the newest window, median.",
    "serving_latency_p95_seconds": "Latency in the newest window, 95th percentile.",
    "serving_latency_p99_seconds": "Latency in the newest window, 99th percentile.",
    "serving_duplicate_ratio": "Share of predictions that were read before.",
    "serving_freshness_p50_seconds": "Record time less event time, median.",
    "serving_freshness_p95_seconds": "Record time less event time, 95th percentile.",
    "serving_freshness_p99_seconds": "Record time less event time, 99th percentile.",
    "business_approval_ratio": "Share of decisions that approve, as the spec says which do.",
    "business_value_per_prediction": "Mean value of a prediction.",
    "business_value_per_approval": "Mean value of an approved prediction.",
    "business_value": "Sum of the values by decision.",
    "business_limit_broken": "Business figures significantly beyond the spec's limit.",
    "prediction_mean": "Mean of the score.",
    "prediction_stddev": "Standard deviation of the score.",
    "prediction_quantile": "Quantile of the score.",
    "prediction_positive_ratio": "Share of positive decisions.",
}


@dataclass(frozen=True, slots=True)
class GaugeSample:
    """One gauge sample on its way into a family."""

    metric: str
    names: Labels
    labels: Labels
    value: float


def first(found: Iterable[tuple[int, GaugeSample]], most: int) -> tuple[list[GaugeSample], int]:
    """The first samples by priority, and how many there were; what is left out is never held."""
    chosen: dict[int, list[GaugeSample]] = {}
    count = 0
    for priority, sample in found:
        count += 1
        held = chosen.setdefault(priority, [])
        if len(held) < most:
            held.append(sample)
    in_order = [sample for priority in sorted(chosen) for sample in chosen[priority]]
    return in_order[:most], count


def families(
    found: Iterable[GaugeSample], told: Callable[[str], str | None] = lambda _: None
) -> Iterator[Metric]:
    """Samples by metric, in the order in which the metrics first appear; ``told`` says what
    metrics of other files mean."""
    by_name: dict[str, GaugeMetricFamily] = {}
    for sample in found:
        family = by_name.get(sample.metric)
        if family is None:
            text = _HELP.get(sample.metric) or told(sample.metric) or _help(sample.metric)
            family = by_name[sample.metric] = GaugeMetricFamily(
                sample.metric, text, labels=sample.names
            )
        family.add_metric(sample.labels, sample.value)
    yield from by_name.values()


def _help(metric: str) -> str:
    """What a detector's file says of it in its first line, and which of its numbers this is."""
    what, _, name = metric.partition("_")
    of = "the score" if what == "prediction" else "a feature"
    if name.startswith("class_"):
        of, name = "the decided classes", name.removeprefix("class_")
    detectors = {**statistics(), **estimators()}
    owner = max((d for d in detectors if name.startswith(d)), key=len, default=None)
    if owner is None:
        return f"{name.replace('_', ' ').capitalize()} of {of}."
    first = (detectors[owner].__doc__ or owner).partition("\n")[0].rstrip(".")
    number = name.removeprefix(owner).strip("_").replace("_", " ") or "value"
    return f"{first} ({number}, of {of})."


def samples(judge: Judge) -> Iterator[tuple[int, GaugeSample]]:
    """Gauges of one model with their priority; the lowest comes first."""
    model = (judge.model.spec.model, judge.model.spec.version)
    for window, judged in judge.latest.items():
        of_window = (*model, window)
        end_s = judged.end_ms / 1000
        yield 0, GaugeSample("drift_window_level", _WINDOW, of_window, ORDER[judged.level()])
        yield 0, GaugeSample("drift_window_events", _WINDOW, of_window, judged.events)
        yield 0, GaugeSample("drift_window_end_timestamp_seconds", _WINDOW, of_window, end_s)
        for verdict in judged.verdicts:
            yield from _verdict(judged, verdict, (*model, verdict.name, window))
        yield from _prediction(judged, model, window)


def _verdict(judged: Judged, verdict: Verdict, labels: Labels) -> Iterator[tuple[int, GaugeSample]]:
    """A feature: level and PSI first, the rest by whether it moved."""
    later = _later(verdict)

    def gauge(metric: str, value: float) -> GaugeSample:
        return GaugeSample(metric, _FEATURE, labels, value)

    yield from measure_samples(verdict, "drift", _FEATURE, labels)
    total = verdict.events + verdict.missing + verdict.invalid
    if total:
        yield later, gauge("feature_missing_ratio", verdict.missing / total)
        yield later, gauge("feature_invalid_ratio", verdict.invalid / total)
        column = judged.model.layout.column(verdict.name)
        if isinstance(column, NumericColumn):
            outside = int(judged.counts[column.extra(OUT_OF_RANGE)])
            if verdict.events:
                ratio = outside / verdict.events
                yield later, gauge("feature_out_of_range_ratio", ratio)
            for name, alarms in judged.alarms.get(verdict.name, {}).items():
                yield later, gauge(f"drift_{name}_alarms", alarms.count)


def _later(verdict: Verdict) -> int:
    return 2 if verdict.level in ("WATCH", "DRIFT") else 3


def measure_samples(
    verdict: Verdict, prefix: str, names: Labels, labels: Labels, level: Level | None = None
) -> Iterator[tuple[int, GaugeSample]]:
    """Level (``level`` where the column is not all that has one) and statistics of one column,
    under ``drift_``, ``prediction_`` or ``prediction_class_``."""
    later = _later(verdict)

    def gauge(metric: str, value: float) -> GaugeSample:
        return GaugeSample(f"{prefix}_{metric}", names, labels, value)

    yield 0, gauge("level", ORDER[level or verdict.level])
    for name, measure in verdict.measures.items():
        yield 1 if name == "psi" else later, gauge(name, measure.value)
        if measure.p_value is not None:
            yield later, gauge(f"{name}_p_value", measure.p_value)
        if name == "psi":
            yield later, gauge("psi_threshold", verdict.threshold)
            if "corrected" in measure.more:
                yield later, gauge("psi_corrected", measure.more["corrected"])


def _prediction(judged: Judged, model: Labels, window: str) -> Iterator[tuple[int, GaugeSample]]:
    labels = (*model, window)
    column = judged.model.layout.score
    if judged.score is not None and column is not None and judged.score.events:
        level = judged.prediction_level()
        yield from measure_samples(judged.score, "prediction", _WINDOW, labels, level)
        mean, stddev = mean_and_stddev(column, judged.counts)
        yield 1, GaugeSample("prediction_mean", _WINDOW, labels, mean)
        yield 1, GaugeSample("prediction_stddev", _WINDOW, labels, stddev)
        found = quantiles(column, judged.counts, SCORE_QUANTILES)
        for share, value in zip(SCORE_QUANTILES, found.tolist(), strict=True):
            names = (*_WINDOW, "quantile")
            yield 2, GaugeSample("prediction_quantile", names, (*labels, f"{share:g}"), value)
    if judged.counts[DECIDED]:
        ratio = int(judged.counts[POSITIVE]) / int(judged.counts[DECIDED])
        yield 1, GaugeSample("prediction_positive_ratio", _WINDOW, labels, ratio)
