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
from typing import Final

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from detectors.kernels import SUM
from engine.judge import Judge
from engine.layout import ERRORS, LATENCY_STEP_MS, PREDICTIONS
from engine.tally import Tally
from streams.drift_gauges import families, samples
from streams.live import LiveState

MAX_SERIES: Final = 50_000
_MODEL: Final = ("model", "version")


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
        found = sorted(
            ((priority, sample) for judge in judges for priority, sample in samples(judge)),
            key=lambda entry: entry[0],
        )
        kept = [sample for _, sample in found[: self._max_series]]
        yield from families(kept)
        left_out = GaugeMetricFamily(
            "longshore_series_left_out", "Series left out because of the bound on series."
        )
        left_out.add_metric([], len(found) - len(kept))
        yield left_out
        yield from _serving(judges)
        yield from _decisions(judges)
        yield from _records(tallies)
        yield from _panes(judges, tallies)
        yield from _clocks(judges, tallies)
        yield from _worker(self._live)


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
        "longshore_records_late",
        "Records beyond lateness and amend.",
        labels=(*_MODEL, "partition"),
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


def _panes(judges: Iterable[Judge], tallies: dict[int, Tally]) -> Iterator[Metric]:
    """What of the counts on their way to the windows is in none."""
    late = CounterMetricFamily(
        "longshore_late_pane_events",
        "Events counted in a pane that reached the judge after its last window was revised.",
        labels=_MODEL,
    )
    foreign = CounterMetricFamily(
        "longshore_foreign_pane_records",
        "Pane records of another layout: a worker with another spec or profile is running.",
        labels=_MODEL,
    )
    fresh = GaugeMetricFamily(
        "longshore_fresh_starts",
        "Tallies and judges here that dropped restored counts because the layout changed.",
        labels=_MODEL,
    )
    started: dict[str, int] = {}
    for tally in tallies.values():
        for key in tally.watermarks_ms():
            started[key] = started.get(key, 0) + (key in tally.fresh)
    for judge in judges:
        labels = (judge.model.spec.model, judge.model.spec.version)
        late.add_metric(labels, judge.late_counts)
        foreign.add_metric(labels, judge.foreign_records)
        started[judge.model.key] = started.get(judge.model.key, 0) + judge.fresh
    for key, count in started.items():
        fresh.add_metric(key.rsplit("@", 1), count)
    yield from (late, foreign, fresh)


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
    errors = CounterMetricFamily(
        "longshore_fetch_errors",
        "Errors met in fetching; what lies behind one waits.",
        labels=("topic", "partition", "error"),
    )
    for (topic, partition, error), count in live.fetch_errors().items():
        errors.add_metric((topic, str(partition), error), count)
    ready = GaugeMetricFamily("longshore_ready", "Whether the worker is reading its partitions.")
    ready.add_metric([], float(live.state == "ready"))
    published = CounterMetricFamily(
        "longshore_published_records", "Records delivered to output topics.", labels=("topic",)
    )
    for topic, count in live.published.items():
        published.add_metric((topic,), count)
    delay = HistogramMetricFamily(
        "longshore_event_to_metric_seconds",
        "From the append of the record that closed a window to its judgement's metrics.",
    )
    delay.add_metric([], live.delays.buckets(), live.delays.total_s)
    yield from (lag, errors, ready, published)
    for name, text, value in (
        ("longshore_rebalances", "Times that partitions were taken up.", live.rebalances),
        ("longshore_batches", "Batches of input records read.", live.batches),
        (
            "longshore_refused_pane_records",
            "Pane records that no tally can have written.",
            live.refused_panes_records,
        ),
        (
            "longshore_unknown_pane_records",
            "Pane records of models that this worker was not told of.",
            live.unknown_panes_records,
        ),
        ("longshore_snapshots", "Snapshots made durable.", live.snapshots),
        ("longshore_snapshot_bytes", "Bytes of the snapshots made durable.", live.snapshot_bytes),
        (
            "longshore_snapshot_seconds",
            "Time spent on making snapshots durable, side by side ones added up.",
            live.snapshot_seconds,
        ),
    ):
        counter = CounterMetricFamily(name, text)
        counter.add_metric([], value)
        yield counter
    last = GaugeMetricFamily(
        "longshore_last_snapshot_timestamp_seconds", "When the newest snapshot became durable."
    )
    if live.last_snapshot_s is not None:
        last.add_metric([], live.last_snapshot_s)
    yield from (last, delay)
