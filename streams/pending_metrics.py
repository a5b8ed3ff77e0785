"""Metrics of what waits for labels: how many, where, and how long it took to get it back.

Rule.  As :mod:`streams.worker_metrics`.  Bytes and rows of the topic are told only by a worker that
keeps them on a disk; how many events wait is told by every one.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from engine.tally import Tally
from streams.live import LiveState


def pending(live: LiveState) -> Iterator[Metric]:
    """Everything of this file."""
    waiting = GaugeMetricFamily(
        "longshore_pending_events",
        "Events that wait for labels or can still be corrected.",
        labels=("model", "version", "partition"),
    )
    for partition, tally in sorted(live.tallies.items()):
        joinings = tally.joinings if isinstance(tally, Tally) else {}
        for key, joining in sorted(joinings.items()):
            model, _, version = key.rpartition("@")
            waiting.add_metric((model, version, str(partition)), len(joining.join))
    disk = GaugeMetricFamily(
        "longshore_pending_disk_bytes",
        "Bytes on the disk of what waits for labels.",
        labels=("partition",),
    )
    for partition, used in sorted(live.pending_disk_bytes.items()):
        disk.add_metric((str(partition),), used())
    yield from (waiting, disk)
    for name, text, value in (
        (
            "longshore_pending_records",
            "Records written to the topic pending.",
            live.pending_records,
        ),
        (
            "longshore_pending_restores",
            "Partitions whose disk was filled from the topic pending.",
            live.pending_restores,
        ),
        (
            "longshore_pending_restore_seconds",
            "Time spent on filling disks from the topic pending.",
            live.pending_restore_seconds,
        ),
    ):
        counter = CounterMetricFamily(name, text)
        counter.add_metric([], value)
        yield counter
