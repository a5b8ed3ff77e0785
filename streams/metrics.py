"""Prometheus metrics of a worker, built at each scrape from live state.

Rule.  Nothing is kept here and nothing is touched per event: a model that moved to another worker
or was retired is not in the live state any more, so none of its series goes stale.  One metric per
statistic, because the sum over statistics means nothing; a new detector gets its metric by being
discovered.  Never a label per bin, entity, event or category.

The number of series of a worker is bounded (``max_series``): levels and PSI come first, then the
other statistics of columns that are not STABLE, then the rest; what is left out is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from detectors.cells import OUT_OF_RANGE, SUM
from engine.judge import Judge
from engine.judgement import SCORE_QUANTILES, Judged
from engine.layout import (
    DECIDED,
    ERRORS,
    LATENCY_STEP_MS,
    POSITIVE,
    PREDICTIONS,
    NumericColumn,
)
from engine.levels import ORDER
from engine.measuring import Verdict, mean_and_stddev, quantiles
from engine.tally import Tally
from streams.live import LiveState

MAX_SERIES: Final = 50_000

Labels = tuple[str, ...]
_MODEL: Final = ("model", "version")
_WINDOW: Final = (*_MODEL, "window")
_FEATURE: Final = (*_MODEL, "feature", "window")

_HELP: Final = {
    "drift_psi": "Population stability index against the reference profile.",
    "drift_psi_corrected": "Population stability index less its bias at this sample size.",
    "drift_level": "Level of a feature: 0 unknown, 1 stable, 2 watch, 3 drift.",
    "drift_window_level": "Level of the newest judged window: 0 unknown, 1 stable, 2 watch, 3 drift.",
    "drift_window_events": "Events of the newest judged window.",
    "drift_window_end_timestamp_seconds": "End of the newest judged window, event time.",
    "feature_missing_ratio": "Share of a feature's values that are null.",
    "feature_invalid_ratio": "Share of a feature's values of a wrong type.",
    "feature_out_of_range_ratio": "Share of a feature's valid values outside the spec's range.",
    "prediction_mean": "Mean of the score.",
    "prediction_stddev": "Standard deviation of the score.",
    "prediction_quantile": "Quantile of the score.",
    "prediction_positive_ratio": "Share of positive decisions.",
}


@dataclass(frozen=True, slots=True)
class _Sample:
    """One gauge sample on its way into a family."""

    metric: str
    names: Labels
    labels: Labels
    value: float


class WorkerCollector(Collector):
    """Collects a worker's live state; register it with an injected registry."""

    def __init__(self, live: LiveState, max_series: int = MAX_SERIES) -> None:
        self._live = live
        self._max_series = max_series

    def describe(self) -> Iterable[Metric]:
        """Nothing in advance: names depend on what is discovered, and no scrape is needed."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every family, from the state as it is now."""
        judges = [j for j in self._live.judges.values() if isinstance(j, Judge)]
        tallies = {p: t for p, t in self._live.tallies.items() if isinstance(t, Tally)}
        samples = sorted(
            ((priority, sample) for judge in judges for priority, sample in _samples(judge)),
            key=lambda entry: entry[0],
        )
        kept = [sample for _, sample in samples[: self._max_series]]
        yield from _families(kept)
        left_out = GaugeMetricFamily(
            "longshore_series_left_out", "Series left out because of the bound on series."
        )
        left_out.add_metric([], len(samples) - len(kept))
        yield left_out
        yield from _serving(judges)
        yield from _decisions(judges)
        yield from _records(tallies)
        yield from _clocks(judges, tallies)
        yield from _worker(self._live)


def _families(samples: Iterable[_Sample]) -> Iterator[Metric]:
    families: dict[str, GaugeMetricFamily] = {}
    for sample in samples:
        family = families.get(sample.metric)
        if family is None:
            text = _HELP.get(sample.metric, f"{sample.metric} of the newest judged window.")
            family = families[sample.metric] = GaugeMetricFamily(
                sample.metric, text, labels=sample.names
            )
        family.add_metric(sample.labels, sample.value)
    yield from families.values()


def _samples(judge: Judge) -> Iterator[tuple[int, _Sample]]:
    """Gauges of one model with their priority; the lowest comes first."""
    model = (judge.model.spec.model, judge.model.spec.version)
    for window, judged in judge.latest.items():
        of_window = (*model, window)
        end_s = judged.end_ms / 1000
        yield 0, _Sample("drift_window_level", _WINDOW, of_window, ORDER[judged.level()])
        yield 0, _Sample("drift_window_events", _WINDOW, of_window, judged.events)
        yield 0, _Sample("drift_window_end_timestamp_seconds", _WINDOW, of_window, end_s)
        for verdict in judged.verdicts:
            yield from _verdict(judged, verdict, (*model, verdict.name, window))
        yield from _prediction(judged, model, window)


def _verdict(judged: Judged, verdict: Verdict, labels: Labels) -> Iterator[tuple[int, _Sample]]:
    """A feature: level and PSI first, the rest by whether it moved."""
    later = _later(verdict)

    def gauge(metric: str, value: float) -> _Sample:
        return _Sample(metric, _FEATURE, labels, value)

    yield from _measures(verdict, "drift", _FEATURE, labels)
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


def _measures(
    verdict: Verdict, prefix: str, names: Labels, labels: Labels
) -> Iterator[tuple[int, _Sample]]:
    """Level and statistics of one column, under ``drift_`` or ``prediction_``."""
    later = _later(verdict)

    def gauge(metric: str, value: float) -> _Sample:
        return _Sample(f"{prefix}_{metric}", names, labels, value)

    yield 0, gauge("level", ORDER[verdict.level])
    for name, measure in verdict.measures.items():
        yield 1 if name == "psi" else later, gauge(name, measure.value)
        if measure.p_value is not None:
            yield later, gauge(f"{name}_p_value", measure.p_value)
        if name == "psi":
            yield later, gauge("psi_threshold", verdict.threshold)
            if "corrected" in measure.more:
                yield later, gauge("psi_corrected", measure.more["corrected"])


def _prediction(judged: Judged, model: Labels, window: str) -> Iterator[tuple[int, _Sample]]:
    labels = (*model, window)
    column = judged.model.layout.score
    if judged.score is not None and column is not None and judged.score.events:
        yield from _measures(judged.score, "prediction", _WINDOW, labels)
        mean, stddev = mean_and_stddev(column, judged.counts)
        yield 1, _Sample("prediction_mean", _WINDOW, labels, mean)
        yield 1, _Sample("prediction_stddev", _WINDOW, labels, stddev)
        found = quantiles(column, judged.counts, SCORE_QUANTILES)
        for share, value in zip(SCORE_QUANTILES, found.tolist(), strict=True):
            names = (*_WINDOW, "quantile")
            yield 2, _Sample("prediction_quantile", names, (*labels, f"{share:g}"), value)
    if judged.counts[DECIDED]:
        ratio = int(judged.counts[POSITIVE]) / int(judged.counts[DECIDED])
        yield 1, _Sample("prediction_positive_ratio", _WINDOW, labels, ratio)


def _serving(judges: Iterable[Judge]) -> Iterator[Metric]:
    """What the services do, over everything that was ever in a window."""
    events = CounterMetricFamily("serving_events", "Predictions counted.", labels=_MODEL)
    errors = CounterMetricFamily("serving_errors", "Predictions with an error.", labels=_MODEL)
    latency = HistogramMetricFamily(
        "serving_latency_seconds", "Latency of predictions as the services tell it.", labels=_MODEL
    )
    for judge in judges:
        labels = (judge.model.spec.model, judge.model.spec.version)
        events.add_metric(labels, int(judge.totals[PREDICTIONS]))
        errors.add_metric(labels, int(judge.totals[ERRORS]))
        column = judge.model.layout.latency
        cells = judge.totals[column.start : column.start + column.values].cumsum().tolist()
        bounds = [f"{edge / 1000:g}" for edge in column.edges.tolist()]
        buckets = list(zip([*bounds, "+Inf"], cells, strict=True))
        total_s = int(judge.totals[column.extra(SUM)]) * LATENCY_STEP_MS / 1000
        latency.add_metric(labels, buckets, total_s)
    yield events
    yield errors
    yield latency


def _decisions(judges: Iterable[Judge]) -> Iterator[Metric]:
    active = GaugeMetricFamily(
        "drift_alert_active", "Open alert episodes.", labels=(*_MODEL, "severity", "rule", "cause")
    )
    triggers = CounterMetricFamily(
        "drift_retraining_triggers", "Retraining triggers.", labels=(*_MODEL, "rule")
    )
    judgements = CounterMetricFamily(
        "longshore_judgements", "Windows judged, revisions included.", labels=_MODEL
    )
    for judge in judges:
        labels = (judge.model.spec.model, judge.model.spec.version)
        judgements.add_metric(labels, judge.judged_windows)
        for key, episode in judge.decisions.episodes.items():
            rule, cause = key.split("/", 1)
            active.add_metric((*labels, episode.severity, rule, cause), 1)
        for rule, count in judge.decisions.triggers.items():
            triggers.add_metric((*labels, rule), count)
    yield active
    yield triggers
    yield judgements


def _records(tallies: dict[int, Tally]) -> Iterator[Metric]:
    """Where records ended.  Per partition, so that a partition that moves away ends its series."""
    records = CounterMetricFamily(
        "longshore_records", "Records read.", labels=("topic", "partition")
    )
    outcomes = CounterMetricFamily(
        "longshore_records_outcomes",
        "Records by where they ended; the outcomes of a topic add up to its records.",
        labels=("topic", "outcome", "partition"),
    )
    rejected = CounterMetricFamily(
        "longshore_records_rejected", "Records rejected.", labels=("reason", "partition")
    )
    late = CounterMetricFamily(
        "longshore_records_late", "Records beyond lateness and amend.", labels=(*_MODEL, "partition")
    )
    shadows = CounterMetricFamily(
        "longshore_shadow_records", "Records of unmonitored models.", labels=("name", "partition")
    )
    misrouted = CounterMetricFamily(
        "longshore_records_misrouted",
        "Records in another partition than their event_id belongs to.",
        labels=("partition",),
    )
    for number, tally in tallies.items():
        partition, out = str(number), tally.outcomes
        for topic, count in out.records.items():
            records.add_metric((topic, partition), count)
        for key, count in out.by_outcome.items():
            topic_name, outcome = key.split("/", 1)
            outcomes.add_metric((topic_name, outcome, partition), count)
        for reason, count in out.by_reason.items():
            rejected.add_metric((reason, partition), count)
        for key, count in out.late_by_model.items():
            name, version = key.rsplit("@", 1)
            late.add_metric((name, version, partition), count)
        for name, count in out.shadows.items():
            shadows.add_metric((name, partition), count)
        misrouted.add_metric((partition,), out.misrouted)
    yield from (records, outcomes, rejected, late, shadows, misrouted)


def _clocks(judges: Iterable[Judge], tallies: dict[int, Tally]) -> Iterator[Metric]:
    watermark = GaugeMetricFamily(
        "longshore_watermark_timestamp_seconds",
        "Event time up to which a model's windows are closed.",
        labels=_MODEL,
    )
    sources = GaugeMetricFamily(
        "longshore_source_watermark_timestamp_seconds",
        "Watermark of a source.",
        labels=(*_MODEL, "topic", "partition"),
    )
    for judge in judges:
        if judge.clock_ms is not None:
            labels = (judge.model.spec.model, judge.model.spec.version)
            watermark.add_metric(labels, judge.clock_ms / 1000)
    for partition, tally in tallies.items():
        for key, topics in tally.watermarks_ms().items():
            name, version = key.rsplit("@", 1)
            for topic, at_ms in topics.items():
                if at_ms is not None:
                    source = (name, version, topic, str(partition))
                    sources.add_metric(source, at_ms / 1000)
    yield watermark
    yield sources


def _worker(live: LiveState) -> Iterator[Metric]:
    lag = GaugeMetricFamily(
        "longshore_consumer_lag_records", "Records not read yet.", labels=("topic", "partition")
    )
    for (topic, partition), records in live.lags().items():
        lag.add_metric((topic, str(partition)), records)
    ready = GaugeMetricFamily("longshore_ready", "Whether the worker is reading its partitions.")
    ready.add_metric([], float(live.state == "ready"))
    published = CounterMetricFamily(
        "longshore_published_records", "Records delivered to output topics.", labels=("topic",)
    )
    for topic, count in live.published.items():
        published.add_metric((topic,), count)
    snapshots = CounterMetricFamily("longshore_snapshots", "Snapshots made durable.")
    snapshots.add_metric([], live.snapshots)
    delay = HistogramMetricFamily(
        "longshore_event_to_metric_seconds",
        "From the append of the record that closed a window to its judgement's metrics.",
    )
    delay.add_metric([], live.delays.buckets(), live.delays.total_s)
    yield from (lag, ready, published, snapshots, delay)
