"""What a worker tells of itself: its life, its reader, its snapshots and its bounds.

Rule.  Times are exported, not ages; what has not happened yet has no time and so no series, and
every counter begins at 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, get_args

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from engine.effects import OutputTopic
from streams.bounds import measured
from streams.live import LiveState
from streams.pending_metrics import pending

REBUILT_KINDS: Final = ("tally", "judge", "panes", "gap", "pending")
_SOURCE: Final = ("topic", "partition")


def worker(live: LiveState) -> Iterator[Metric]:
    """Everything that is not of a model."""
    yield from _life(live)
    yield from _reader(live)
    yield from _counters(live)
    yield from _snapshots(live)
    yield from _bounds(live)
    yield from pending(live)
    delay = HistogramMetricFamily(
        "longshore_event_to_metric_seconds",
        "From the append of the record that closed a window to its judgement's metrics.",
    )
    delay.add_metric([], live.delays.buckets(), live.delays.total_s)
    yield delay


def _gauge(name: str, text: str, value: float | None) -> GaugeMetricFamily:
    """A gauge without labels; without a sample where there is no value."""
    family = GaugeMetricFamily(name, text)
    if value is not None:
        family.add_metric([], value)
    return family


def _life(live: LiveState) -> Iterator[Metric]:
    yield _gauge("longshore_start_time_seconds", "When the worker started.", live.started_s)
    yield _gauge(
        "longshore_ready",
        "Whether the worker is reading its partitions.",
        float(live.state == "ready"),
    )
    done, names = live.restored_of or (None, None)
    yield _gauge("longshore_restored_names", "While recovering: snapshots restored so far.", done)
    yield _gauge("longshore_names_to_restore", "While recovering: snapshots to be restored.", names)


def _reader(live: LiveState) -> Iterator[Metric]:
    lag = GaugeMetricFamily(
        "longshore_consumer_lag_records", "Records not read yet.", labels=_SOURCE
    )
    for (topic, number), count in live.lags().items():
        lag.add_metric((topic, str(number)), count)
    stalled = GaugeMetricFamily(
        "longshore_source_stalled",
        "Whether a source has records to read and gives none.",
        labels=_SOURCE,
    )
    uncovered = GaugeMetricFamily(
        "longshore_uncovered_records",
        "Records read that no committed offset covers yet; they would be read again.",
        labels=_SOURCE,
    )
    stuck = live.stalled()
    for source, position in live.positions().items():
        labels = (source[0], str(source[1]))
        stalled.add_metric(labels, float(source in stuck))
        done = live.committed.get(source, live.starts().get(source, position))
        uncovered.add_metric(labels, max(0, position - done))
    committed = GaugeMetricFamily(
        "longshore_committed_offset",
        "Offset behind the last record that a durable snapshot covers.",
        labels=_SOURCE,
    )
    for (topic, number), offset in live.committed.items():
        committed.add_metric((topic, str(number)), offset)
    errors = CounterMetricFamily(
        "longshore_fetch_errors",
        "Errors met in fetching; what lies behind one waits.",
        labels=(*_SOURCE, "error"),
    )
    for (topic, number, error), count in live.fetch_errors().items():
        errors.add_metric((topic, str(number), error), count)
    published = CounterMetricFamily(
        "longshore_published_records",
        "Records handed to the producer for output topics.",
        labels=("topic",),
    )
    for topic in get_args(OutputTopic):
        published.add_metric((topic,), live.published.get(topic, 0))
    yield from (lag, stalled, uncovered, committed, errors, published)


def _counters(live: LiveState) -> Iterator[Metric]:
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
            "longshore_snapshot_pieces",
            "Pieces of snapshots written; one that stands already is not written again.",
            live.snapshot_pieces_written,
        ),
        (
            "longshore_snapshot_seconds",
            "Time spent on making snapshots durable, side by side ones added up.",
            live.snapshot_seconds,
        ),
        (
            "longshore_refused_restores",
            "Restores refused because snapshots and committed offsets contradict each other.",
            live.refused_restores,
        ),
    ):
        counter = CounterMetricFamily(name, text)
        counter.add_metric([], value)
        yield counter


def _snapshots(live: LiveState) -> Iterator[Metric]:
    rebuilt = CounterMetricFamily(
        "longshore_rebuilt",
        "States rebuilt from the topics because their snapshot could not be used.",
        labels=("kind",),
    )
    for kind in dict.fromkeys((*REBUILT_KINDS, *live.rebuilt)):
        rebuilt.add_metric((kind,), live.rebuilt.get(kind, 0))
    yield rebuilt
    yield _gauge(
        "longshore_last_snapshot_timestamp_seconds",
        "When the newest snapshot became durable.",
        live.last_snapshot_s,
    )


def _bounds(live: LiveState) -> Iterator[Metric]:
    limits = GaugeMetricFamily(
        "longshore_bound_limit",
        "Bounds of the worker, and what happens when one is reached.",
        labels=("bound", "reached"),
    )
    usage = GaugeMetricFamily(
        "longshore_bound_used",
        "How much of a bound is used, the most of all partitions and models.",
        labels=("bound",),
    )
    for bound, limit, used in measured(live):
        limits.add_metric((bound.name, bound.reached), limit)
        if used is not None:
            usage.add_metric((bound.name,), used)
    yield from (limits, usage)
