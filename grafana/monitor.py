"""The monitor itself: is what the other pages show complete, in time and trustworthy?"""

from __future__ import annotations

from typing import Final

from grafana.choices import INSTANCES, MODELS, VERSIONS
from grafana.monitor_flow import CLOCKS, RECORDS
from grafana.palette import ANY_IS_BAD, ANY_IS_WATCH, SKY, USED, VERMILION, YES_IS_BAD, Step
from grafana.panels import Page, Panel, Query, Row
from grafana.queries import WORKER, grown, newest, per_second

_BY: Final = "instance"


def _of(metric: str, *more: str, by: str = _BY) -> str:
    return newest(metric, *more, by=by, where=WORKER)


def _grown(metric: str, by: str = _BY) -> str:
    return grown(metric, by=by, where=WORKER)


# All jobs may be chosen, and those of Prometheus and of Alertmanager have ``up`` too.
_ANSWER: Final = (
    f"sum(up{{{WORKER}}} and on (job, instance) longshore_ready{{{WORKER}}}) or vector(0)"
)
_NOW: Final = (
    Panel(
        "Workers that answer",
        "Workers whose last scrape worked. Other programs that the same Prometheus scrapes do not "
        "count.",
        (Query(_ANSWER, "up"),),
        "stat",
        "short",
        4,
        4,
        (Step(None, VERMILION), Step(1, SKY)),
        decimals=0,
    ),
    Panel(
        "Workers ready",
        "Workers that read their partitions; one that restores or waits for the group is not.",
        (Query(f"sum(longshore_ready{{{WORKER}}}) or vector(0)", "ready"),),
        "stat",
        "short",
        4,
        4,
        (Step(None, VERMILION), Step(1, SKY)),
        decimals=0,
    ),
    Panel(
        "Lag",
        "Records that are not read yet, of all topics. A lag that grows means too few workers.",
        (Query(f"sum(longshore_consumer_lag_records{{{WORKER}}})", "records"),),
        "stat",
        "short",
        4,
        4,
        (Step(None, SKY), Step(100_000, VERMILION)),
        empty="none",
    ),
    Panel(
        "Sources that stall",
        "Sources that have records to read and give none: no window of their models can close.",
        (Query(f"sum(longshore_source_stalled{{{WORKER}}})", "stalled"),),
        "stat",
        "short",
        4,
        4,
        ANY_IS_BAD,
        decimals=0,
        empty="none",
    ),
    Panel(
        "Age of the oldest snapshot",
        "Since a worker's newest snapshot became durable, the oldest of all workers. After a crash "
        "what was read since is read again; nothing is lost.",
        (Query(f"max(time() - longshore_last_snapshot_timestamp_seconds{{{WORKER}}})", "age"),),
        "stat",
        "s",
        4,
        4,
        (Step(None, SKY), Step(120, VERMILION)),
        decimals=0,
        empty="none yet",
    ),
    Panel(
        "Series left out",
        "Series that a worker would expose above its bound on series; what was stable is left out "
        "first.",
        (Query(f"sum(longshore_series_left_out{{{WORKER}}})", "left out"),),
        "stat",
        "short",
        4,
        4,
        ANY_IS_WATCH,
        decimals=0,
    ),
)
_STATE: Final = (
    Panel(
        "Records that a crash would read again",
        "Records read that no committed offset covers yet. Commits follow durable snapshots.",
        (
            Query(
                f"sum by (instance, topic) (longshore_uncovered_records{{{WORKER}}})",
                "{{instance}} {{topic}}",
            ),
        ),
        "timeseries",
        "short",
        8,
        8,
        lowest=0,
    ),
    Panel(
        "Age of the newest snapshot",
        "By worker; the alert SnapshotsTooOld fires above 120 s while something was read.",
        (Query(f"time() - {_of('longshore_last_snapshot_timestamp_seconds')}", "{{instance}}"),),
        "timeseries",
        "s",
        8,
        8,
        (Step(None, SKY), Step(120, VERMILION)),
        are_limits=True,
        lowest=0,
    ),
    Panel(
        "Snapshots",
        "Bytes of snapshots made durable a second, and seconds spent on it a second (right).",
        (
            Query(
                per_second("longshore_snapshot_bytes_total", by=_BY, where=WORKER),
                "{{instance}} bytes",
            ),
            Query(
                per_second("longshore_snapshot_seconds_total", by=_BY, where=WORKER),
                "{{instance}} time",
                "estimate",
                is_right=True,
                unit="percentunit",
            ),
        ),
        "timeseries",
        "Bps",
        8,
        8,
        lowest=0,
    ),
    Panel(
        "Bounds in use",
        "How much of each bound is used, the most of all partitions and models: docs/bounds.md "
        "says what happens at 100 %. Of those that are not full in normal work the alert "
        "BoundNearlyReached fires above 80 %.",
        (
            Query(
                f"max by (bound) (longshore_bound_used{{{WORKER}}} / ignoring (reached) "
                f"longshore_bound_limit{{{WORKER}}})",
                "{{bound}}",
            ),
        ),
        "bargauge",
        "percentunit",
        12,
        11,
        USED,
        lowest=0,
        highest=1,
    ),
    Panel(
        "Incidents in the time shown",
        "Partitions taken up, state rebuilt from the topics, restores refused, pane records "
        "refused: all but the first are never normal (docs/troubles.md).",
        (
            Query(_grown("longshore_rebalances_total"), "Taken up", unit="short"),
            Query(_grown("longshore_rebuilt_total"), "Rebuilt", unit="short", steps=ANY_IS_WATCH),
            Query(
                _grown("longshore_refused_restores_total"),
                "Restores refused",
                unit="short",
                steps=ANY_IS_BAD,
            ),
            Query(
                _grown("longshore_refused_pane_records_total"),
                "Panes refused",
                unit="short",
                steps=ANY_IS_WATCH,
            ),
            Query(f"time() - {_of('longshore_start_time_seconds')}", "Up for", unit="s"),
        ),
        "table",
        "short",
        12,
        11,
        decimals=0,
        labels=("instance",),
    ),
)
_READY: Final = Panel(
    "Stalled sources over time",
    "Sources that have records and give none.",
    (
        Query(
            newest("longshore_source_stalled", by="topic, partition", where=WORKER),
            "{{topic}}/{{partition}}",
        ),
    ),
    "state-timeline",
    "none",
    24,
    6,
    YES_IS_BAD,
)

PAGE: Final = Page(
    "longshore-monitor",
    "Longshore / The monitor itself",
    "Is what the other pages show complete, in time and trustworthy?",
    (
        Row("Now", _NOW),
        Row("Clocks and delays", CLOCKS),
        Row("Records", RECORDS),
        Row("State and bounds", (*_STATE, _READY)),
    ),
    (INSTANCES, MODELS, VERSIONS),
    span="now-6h",
)
