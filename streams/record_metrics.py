"""Counters of records: where they ended, why they were rejected, what became of the dead letters.

Rule.  Every series that can exist is there from the start with 0 (topics, outcomes and reasons are
closed sets), so that a rate or an alert sees the first event.  The label ``partition`` lets a
series end where its partition goes, instead of jumping back somewhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from engine.outcomes import OTHER_SHADOWS, OUTCOMES, REASONS, Outcomes
from engine.tally import TOPICS, Tally
from streams.dead_letter_limit import DeadLetterLimit

_MODEL: Final = ("model", "version")


def records(tallies: Mapping[int, Tally]) -> Iterator[Metric]:
    """Where the records of each source partition ended."""
    read = CounterMetricFamily("longshore_records", "Records read.", labels=("topic", "partition"))
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
        for topic in TOPICS:
            read.add_metric((topic, partition), out.records.get(topic, 0))
        for name, outcome, count in _ends(out):
            outcomes.add_metric((name, outcome, partition), count)
        for reason in dict.fromkeys((*REASONS, *out.by_reason)):
            rejected.add_metric((reason, partition), out.by_reason.get(reason, 0))
        for key in dict.fromkeys((*tally.watermarks_ms(), *out.late_by_model)):
            name, version = key.rsplit("@", 1)
            late.add_metric((name, version, partition), out.late_by_model.get(key, 0))
        for name in dict.fromkeys((*out.shadows, OTHER_SHADOWS)):
            shadows.add_metric((name, partition), out.shadows.get(name, 0))
        misrouted.add_metric((partition,), out.misrouted)
    yield from (read, outcomes, rejected, late, shadows, misrouted)


def _ends(out: Outcomes) -> Iterator[tuple[str, str, int]]:
    for topic in TOPICS:
        for outcome in OUTCOMES:
            yield topic, outcome, out.by_outcome.get(f"{topic}/{outcome}", 0)


def dead_letters(limit: DeadLetterLimit, ratio_limit: float) -> Iterator[Metric]:
    """What was carried, what was counted only, and the ratio that is too much."""
    carried = CounterMetricFamily(
        "longshore_dead_letters", "Dead letters carried with their bytes.", labels=("reason",)
    )
    left_out = CounterMetricFamily(
        "longshore_dead_letters_left_out",
        "Dead letters beyond the first of a minute, counted only.",
        labels=("reason",),
    )
    for reason in REASONS:
        carried.add_metric((reason,), limit.carried.get(reason, 0))
        left_out.add_metric((reason,), limit.left_out.get(reason, 0))
    ratio = GaugeMetricFamily(
        "longshore_dead_letter_ratio_limit",
        "Share of a topic's records that may be rejected before the alert RecordsRejected.",
    )
    ratio.add_metric([], ratio_limit)
    yield from (carried, left_out, ratio)
