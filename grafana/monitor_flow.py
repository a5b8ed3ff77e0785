"""Records on their way, and the clocks that wait for them."""

from __future__ import annotations

from typing import Final

from grafana.palette import SKY, VERMILION, Step
from grafana.panels import Panel, Query
from grafana.queries import BY_MODEL, MODEL, WORKER, grown, newest, per_second, quantile

_VERSION: Final = "{{model}} {{version}}"


def _rate(metric: str, *more: str, by: str) -> str:
    return per_second(metric, *more, by=by, where=WORKER)


def _lately(metric: str) -> str:
    """By how much a counter of a model grew from one point of a graph to the next, or so: the
    growth of all the time shown would be a line of what was before that time."""
    return grown(metric, by=BY_MODEL, over="$__rate_interval")


CLOCKS: Final = (
    Panel(
        "Lag by topic",
        "Records that are not read yet.",
        (Query(f"sum by (topic) (longshore_consumer_lag_records{{{WORKER}}})", "{{topic}}"),),
        "timeseries",
        "short",
        8,
        8,
        lowest=0,
    ),
    Panel(
        "Age of the watermarks",
        "How far event time lies behind the clock: of the data, of the labels (by plane), and of "
        "the slowest source. Records of history are as old as they are; a watermark that stands "
        "still while others move is a source without records.",
        (
            Query(
                f"time() - max by ({BY_MODEL}) (longshore_watermark_timestamp_seconds{{{MODEL}}})",
                f"{_VERSION} data",
            ),
            Query(
                "time() - "
                + newest(
                    "longshore_performance_watermark_timestamp_seconds",
                    by="model, version, plane",
                    where=MODEL,
                ),
                f"{_VERSION} {{{{plane}}}}",
            ),
            Query(
                "time() - min by (model, version, topic) "
                f"(longshore_source_watermark_timestamp_seconds{{{MODEL}}})",
                f"{_VERSION} slowest of {{{{topic}}}}",
                "reference",
            ),
        ),
        "timeseries",
        "s",
        8,
        8,
    ),
    Panel(
        "From event to metric",
        "From the append of the record that closed a window to its judgement's metrics: median, "
        "95th and 99th percentile. More than ten minutes is a backlog being read and not counted.",
        (
            Query(quantile(0.5, "longshore_event_to_metric_seconds"), "median"),
            Query(quantile(0.95, "longshore_event_to_metric_seconds"), "p95"),
            Query(quantile(0.99, "longshore_event_to_metric_seconds"), "p99"),
        ),
        "timeseries",
        "s",
        8,
        8,
        (Step(None, SKY), Step(5, VERMILION)),
        are_limits=True,
        lowest=0,
        empty="no window closed",
    ),
)

RECORDS: Final = (
    Panel(
        "Records by outcome",
        "Records a second by where they ended. The outcomes of a topic add up to its records.",
        (
            Query(
                _rate("longshore_records_outcomes_total", by="topic, outcome"),
                "{{topic}} {{outcome}}",
            ),
        ),
        "timeseries",
        "cps",
        8,
        8,
        lowest=0,
    ),
    Panel(
        "Rejected records",
        "Share of a topic's records that cannot be used, and the share from which over 15 minutes "
        "the alert RecordsRejected fires. Each is a dead letter with its reason.",
        (
            Query(
                _rate("longshore_records_outcomes_total", 'outcome="rejected"', by="topic")
                + " / "
                + _rate("longshore_records_total", by="topic"),
                "{{topic}}",
            ),
            Query(f"min(longshore_dead_letter_ratio_limit{{{WORKER}}})", "limit", "limit"),
        ),
        "timeseries",
        "percentunit",
        8,
        8,
        lowest=0,
    ),
    Panel(
        "Rejected by reason",
        "Records rejected in the time shown; the topic of dead letters has the first of each "
        "reason and minute with its bytes.",
        (
            Query(
                grown("longshore_records_rejected_total", by="reason", where=WORKER), "{{reason}}"
            ),
        ),
        "bargauge",
        "short",
        8,
        8,
        decimals=0,
        lowest=0,
        empty="none",
    ),
    Panel(
        "Late records",
        "Records a second beyond lateness and amend: in no window. Raise lateness or amend in the "
        "spec where this is normal.",
        (Query(per_second("longshore_records_late_total", by=BY_MODEL), _VERSION),),
        "timeseries",
        "cps",
        6,
        8,
        lowest=0,
    ),
    Panel(
        "Unmonitored and misrouted",
        "Records a second of models or versions that nobody registered, and of those in another "
        "partition than their event_id belongs to.",
        (
            Query(_rate("longshore_shadow_records_total", by="name"), "unmonitored {{name}}"),
            Query(
                f"sum(rate(longshore_records_misrouted_total{{{WORKER}}}[$__rate_interval]))",
                "misrouted",
            ),
        ),
        "timeseries",
        "cps",
        6,
        8,
        lowest=0,
    ),
    Panel(
        "Labels",
        "Labels by what they are now: matched, waiting, or of no use and why.",
        (
            Query(
                f"sum by (outcome) (longshore_labels{{{MODEL}}})",
                "{{outcome}}",
            ),
        ),
        "timeseries",
        "short",
        6,
        8,
        lowest=0,
    ),
    Panel(
        "Waiting for labels",
        "Events that the join keeps, and those let go above label.pending about each point.",
        (
            Query(f"sum by ({BY_MODEL}) (longshore_join_events{{{MODEL}}})", f"{_VERSION} kept"),
            Query(_lately("longshore_join_forgotten_total"), f"{_VERSION} let go"),
        ),
        "timeseries",
        "short",
        6,
        8,
        lowest=0,
    ),
    Panel(
        "Records told",
        "Records handed to the producer a second, by topic: panes, judgements, alerts, triggers.",
        (Query(_rate("longshore_published_records_total", by="topic"), "{{topic}}"),),
        "timeseries",
        "cps",
        8,
        8,
        lowest=0,
    ),
    Panel(
        "Windows judged",
        "Windows judged a second, revisions included.",
        (Query(per_second("longshore_judgements_total", by=BY_MODEL), _VERSION),),
        "timeseries",
        "cps",
        8,
        8,
        lowest=0,
    ),
    Panel(
        "Counts that reached no window",
        "Of panes: foreign (another spec or profile is running), stale (repeats, or of a worker "
        "that was replaced), late (after the last revision). About each point.",
        (
            Query(_lately("longshore_foreign_pane_records_total"), f"{_VERSION} foreign"),
            Query(_lately("longshore_stale_pane_records_total"), f"{_VERSION} stale"),
            Query(_lately("longshore_late_pane_events_total"), f"{_VERSION} late"),
        ),
        "timeseries",
        "short",
        8,
        8,
        lowest=0,
    ),
)
