"""The gauges of the sections beside the features: quality, prediction, operations, business.

Each sample carries a priority, the lowest first, for the bound on series.  A number that the spec
or the data do not support has no series.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from engine.judge import Judge
from engine.judgement import Judged
from engine.judgement_sections import (
    TAIL_QUANTILES,
    duplicate_ratio,
    tail_quantiles,
)
from engine.layout import ERRORS, PREDICTIONS
from engine.levels import ORDER
from engine.quality_feature import Rates
from streams.drift_gauges import GaugeSample, Labels, measure_samples

_WINDOW: Final = ("model", "version", "window")
_FEATURE: Final = ("model", "version", "feature", "window")
_OF_FAULTS, _OF_MODELS, _OF_FEATURES = 1, 2, 3
Prioritised = tuple[int, GaugeSample]


def section_samples(judge: Judge) -> Iterator[Prioritised]:
    """Gauges of one model's newest windows."""
    model = (judge.model.spec.model, judge.model.spec.version)
    for window, judged in judge.latest.items():
        labels = (*model, window)
        yield from _quality(judged, model, window)
        yield from _prediction(judged, labels)
        yield from _classes(judged, labels)
        yield from _operations(judged, labels)
        yield from _business(judged, labels)


def _gauge(metric: str, labels: Labels, value: float) -> Prioritised:
    return _OF_MODELS, GaugeSample(metric, _WINDOW, labels, value)


def _quality(judged: Judged, model: Labels, window: str) -> Iterator[Prioritised]:
    for verdict in judged.verdicts:
        labels = (*model, verdict.name, window)
        rates = Rates(judged.model.layout.column(verdict.name), judged.counts)
        for kind in ("outlier", "unseen"):
            ratio = rates.ratio(kind)
            if ratio is not None:
                yield _OF_FEATURES, GaugeSample(f"feature_{kind}_ratio", _FEATURE, labels, ratio)
    if judged.quality is None:
        return
    of_window = (*model, window)
    if judged.events or judged.quality.bad:
        yield _gauge("drift_quality_level", of_window, ORDER[judged.quality.level])
    for fault in judged.quality.records:
        sample = GaugeSample(
            "serving_quality_fault", (*_WINDOW, "fault"), (*of_window, fault.kind), 1
        )
        yield _OF_FAULTS, sample
    for name, faults in judged.quality.faults.items():
        for fault in faults:
            labels = (*model, name, window, fault.kind)
            names = (*_FEATURE, "fault")
            yield _OF_FAULTS, GaugeSample("feature_quality_fault", names, labels, 1)


def _prediction(judged: Judged, labels: Labels) -> Iterator[Prioritised]:
    rate, moments = judged.positive, judged.moments
    if rate is not None:
        yield _gauge("prediction_positive_ratio_expected", labels, rate.expected)
        yield _gauge("prediction_positive_odds_ratio", labels, rate.odds_ratio)
        yield _gauge("prediction_positive_ratio_p_value", labels, rate.p_value)
    if moments is not None:
        yield _gauge("prediction_mean_shift", labels, moments.mean_shift)
        yield _gauge("prediction_mean_shift_p_value", labels, moments.mean_p_value)
        yield _gauge("prediction_stddev_ratio", labels, moments.stddev_ratio)


def _classes(judged: Judged, labels: Labels) -> Iterator[Prioritised]:
    found = judged.classes
    if found is None:
        return
    yield from measure_samples(found.verdict, "prediction_class", _WINDOW, labels, found.level)
    names = (*_WINDOW, "class")
    for name, one in found.classes.items():
        numbers = {
            "ratio": one.rate,
            "ratio_expected": one.expected,
            "odds_ratio": one.odds_ratio,
            "ratio_p_value": one.p_value,
        }
        for number, value in numbers.items():
            metric = f"prediction_class_{number}"
            yield _OF_MODELS, GaugeSample(metric, names, (*labels, name), value)


def _operations(judged: Judged, labels: Labels) -> Iterator[Prioritised]:
    model, counts = judged.model, judged.counts
    predictions = int(counts[PREDICTIONS])
    if predictions:
        yield _gauge("serving_error_ratio", labels, int(counts[ERRORS]) / predictions)
        per_second = predictions * 1000 / judged.window.length_ms
        yield _gauge("serving_events_per_second", labels, per_second)
    for name, one in judged.against_usual().items():
        metric = {"errors": "serving_error_ratio", "latency": "serving_slow_ratio"}[name]
        if name == "latency":
            yield _gauge(metric, labels, one.rate)
        yield _gauge(f"{metric}_usual", labels, one.usual)
        yield _gauge(f"{metric}_p_value", labels, one.p_value)
    volume = judged.volume()
    if volume is not None:
        yield _gauge("serving_volume_ratio", labels, volume.ratio)
        if volume.p_value is not None:
            yield _gauge("serving_volume_ratio_p_value", labels, volume.p_value)
    latency = tail_quantiles(model.layout.latency, counts)
    for share, taken_ms in zip(TAIL_QUANTILES, latency.values(), strict=False):
        yield _gauge(f"serving_latency_p{share * 100:g}_seconds", labels, taken_ms / 1000)
    repeated = duplicate_ratio(model, counts)
    if repeated is not None:
        yield _gauge("serving_duplicate_ratio", labels, repeated)
    freshness = tail_quantiles(model.layout.freshness, counts)
    for share, at_ms in zip(TAIL_QUANTILES, freshness.values(), strict=False):
        yield _gauge(f"serving_freshness_p{share * 100:g}_seconds", labels, at_ms / 1000)


def _business(judged: Judged, labels: Labels) -> Iterator[Prioritised]:
    found = judged.business
    if found is None:
        return
    for name, figure in found.figures.items():
        yield _gauge(f"business_{name.removesuffix('_rate')}{_unit(name)}", labels, figure.value)
    for decision, (_, total) in found.value_by_decision.items():
        names = (*_WINDOW, "decision")
        yield _OF_MODELS, GaugeSample("business_value", names, (*labels, decision), total)
    for broken in found.broken:
        names = (*_WINDOW, "figure")
        sample = GaugeSample("business_limit_broken", names, (*labels, broken.figure), 1)
        yield _OF_FAULTS, sample


def _unit(figure: str) -> str:
    return "_ratio" if figure.endswith("_rate") else ""
