"""One model: its six dimensions in the order in which people ask about them."""

from __future__ import annotations

from typing import Final

from grafana.choices import LIVE_MODEL, MARKS, ONE_MODEL, VERSIONS, WINDOWS
from grafana.model_data import DATA_DRIFT, DATA_QUALITY, PREDICTION
from grafana.model_labels import MEASURE, PERFORMANCE
from grafana.model_service import BUSINESS, OPERATIONS
from grafana.palette import LEVELS, TROUBLES
from grafana.panels import Page, Panel, Query, Row
from grafana.queries import BY_WINDOW, MODEL, OF_WINDOW, WINDOW, newest
from grafana.status import DIMENSIONS

_STATUS: Final = Panel(
    "Six dimensions",
    "The worse of the level of the newest windows, whatever length is chosen above, and of the "
    "open alerts. Operations and business have no level: well where something was measured and "
    "no alert is open. Unknown: nothing was measured.",
    tuple(Query(f"max({expr})", name) for name, expr in DIMENSIONS.items()),
    "stat",
    "none",
    12,
    5,
    TROUBLES,
    empty="unknown",
)
_ALERTS: Final = Panel(
    "Open alerts",
    "Episodes that are open, with their rule and cause. What to do for each: docs/alerts.md. The "
    "evidence is in the record on the topic alerts and on the live page.",
    (
        Query(
            newest("drift_alert_active", by="severity, rule, cause, version", where=MODEL),
            "Open",
            unit="short",
        ),
    ),
    "table",
    "short",
    6,
    5,
    labels=("severity", "rule", "cause", "version"),
    empty="none",
)
_WINDOWS: Final = Panel(
    "Newest windows",
    "Events of the newest judged window of each length, and how long ago it ended by event time. "
    "Every gauge on this page is of these windows. Click a version for its live page.",
    (
        Query(newest("drift_window_events"), "Events", unit="short"),
        Query(
            f"time() - max by ({BY_WINDOW}) (drift_window_end_timestamp_seconds{{{WINDOW}}})",
            "Ended ago",
            unit="s",
        ),
        Query(newest("drift_window_level"), "Level", steps=LEVELS),
    ),
    "table",
    "short",
    6,
    5,
    labels=("version", "window"),
    label_link=("version", LIVE_MODEL),
)
_LEVEL: Final = Panel(
    "Level of the data by window",
    "What the worker called the newest window of each length.",
    (Query(newest("drift_window_level"), OF_WINDOW),),
    "state-timeline",
    "none",
    24,
    5,
    LEVELS,
)

PAGE: Final = Page(
    "longshore-model",
    "Longshore / One model",
    "One model in six dimensions: performance, data drift, predictions, data quality, operations "
    "and business.",
    (
        Row("Status", (_STATUS, _ALERTS, _WINDOWS, _LEVEL)),
        Row("Performance", PERFORMANCE),
        Row("Data drift", DATA_DRIFT),
        Row("Prediction drift", PREDICTION),
        Row("Data quality", DATA_QUALITY),
        Row("Operations", OPERATIONS),
        Row("Business", BUSINESS),
    ),
    (ONE_MODEL, VERSIONS, WINDOWS, MEASURE),
    MARKS,
)
