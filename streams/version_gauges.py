"""Gauges of versions: which serve, from when until when, and what the topic ``models`` gave.

Rule.  Times are event time, as the judge of each version knows its term; a version without one
serves since ever, until further notice, and has neither series.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from engine.judge import Judge
from streams.live import LiveState
from streams.model_records import REASONS

_MODEL: Final = ("model", "version")


def versions(judges: Iterable[Judge], live: LiveState) -> Iterator[Metric]:
    """Terms of the versions judged here, and what was read of ``models``."""
    serves = GaugeMetricFamily(
        "longshore_version_serves",
        "Whether the version serves by event time of its data (1), or not yet or no more (0).",
        labels=_MODEL,
    )
    since = GaugeMetricFamily(
        "longshore_version_from_seconds",
        "Event time (Unix) from which the version serves.",
        labels=_MODEL,
    )
    until = GaugeMetricFamily(
        "longshore_version_until_seconds",
        "Event time (Unix) until which the version serves.",
        labels=_MODEL,
    )
    for judge in judges:
        labels = (judge.model.spec.model, judge.model.spec.version)
        term, clock_ms = judge.decisions.tenure.term, judge.clock_ms
        begun = term.from_ms is None or (clock_ms is not None and clock_ms >= term.from_ms)
        serves.add_metric(labels, float(begun and not term.is_over(clock_ms)))
        if term.from_ms is not None:
            since.add_metric(labels, term.from_ms / 1000)
        if term.until_ms is not None:
            until.add_metric(labels, term.until_ms / 1000)
    yield from (serves, since, until)
    read = CounterMetricFamily("longshore_model_records", "Records of the topic models read.")
    read.add_metric([], live.model_records)
    refused = CounterMetricFamily(
        "longshore_model_records_refused",
        "Records of the topic models that could not be used, by reason.",
        labels=("reason",),
    )
    for reason in REASONS:
        refused.add_metric([reason], live.refused_model_records.get(reason, 0))
    yield from (read, refused)
