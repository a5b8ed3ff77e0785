"""All models: who is in trouble, and how much of the false-alarm budget is spent."""

from __future__ import annotations

from typing import Final

from grafana.choices import MARKS, MODELS, TO_MODEL, VERSIONS
from grafana.palette import (
    ANY_IS_BAD,
    ANY_IS_WATCH,
    LEVELS,
    PLAIN,
    TROUBLES,
    USED,
    YES_IS_GOOD,
    Step,
)
from grafana.panels import Page, Panel, Query, Row
from grafana.queries import BY_MODEL, MODEL, newest
from grafana.status import DIMENSIONS, EVERY, TROUBLE, open_alerts

_AGE: Final = f"time() - max by ({BY_MODEL}) (drift_window_end_timestamp_seconds{{{MODEL}}})"
_ALLOWED: Final = newest("drift_alert_budget_per_30d", by=BY_MODEL, where=MODEL)
_PAGES: Final = newest("drift_alert_budget_pages", by=BY_MODEL, where=MODEL)
_EXPECTED: Final = (
    f"sum by ({BY_MODEL}) (increase(drift_alert_budget_spent_total{{{MODEL}}}[30d])) / {_ALLOWED}"
)


def _count(title: str, says: str, expr: str, steps: tuple[Step, ...]) -> Panel:
    return Panel(
        title, says, (Query(expr, title),), "stat", "short", 4, 4, steps, decimals=0, empty="0"
    )


def _levelled(at: str) -> str:
    worst = f"max by ({BY_MODEL}) (drift_window_level{{{MODEL}}})"
    return f"count({worst} {at}) or vector(0)"


def _open(severity: str) -> str:
    active = f'drift_alert_active{{{MODEL}, severity="{severity}"}}'
    return f"sum(max by (model, version, rule, cause) ({active})) or vector(0)"


_NOW: Final = (
    _count(
        "Versions judged",
        "Versions of models that some worker judges now, also those that serve no more and still "
        "get labels.",
        f"count({EVERY}) or vector(0)",
        PLAIN,
    ),
    _count(
        "Versions in drift",
        "Versions whose newest window of some length is at DRIFT: features that moved by more "
        "than they do within the training data, significantly.",
        _levelled("== 3"),
        ANY_IS_BAD,
    ),
    _count(
        "Versions to watch",
        "Versions whose worst newest window is at WATCH: something moved, not enough for DRIFT.",
        _levelled("== 2"),
        ANY_IS_WATCH,
    ),
    _count(
        "Critical alerts",
        "Open episodes that page. docs/alerts.md says what to do for each rule.",
        _open("CRITICAL"),
        ANY_IS_BAD,
    ),
    _count(
        "Warnings",
        "Open episodes for working hours.",
        _open("WARNING"),
        ANY_IS_WATCH,
    ),
    _count(
        "Muted alerts",
        "Open episodes that a mute or maintenance keeps quiet; they are on the topic of alerts.",
        f"sum(max by (model, version, rule, cause) (drift_alert_muted{{{MODEL}}})) or vector(0)",
        ANY_IS_WATCH,
    ),
)

_TABLE: Final = Panel(
    "Models by trouble",
    "One row a version, worst first: by the severity of its worst alert, then by dimensions in "
    "trouble, by those to be watched, and by open alerts. A dimension is the worse of the level of "
    "its newest windows and of its open alerts; operations and business have no level. Unknown: "
    "nothing was measured. Click a model for its page.",
    (
        Query(TROUBLE, "Trouble", unit="short"),
        *(Query(expr, name, steps=TROUBLES) for name, expr in DIMENSIONS.items()),
        Query(open_alerts("CRITICAL"), "Critical", unit="short", steps=ANY_IS_BAD),
        Query(open_alerts("WARNING"), "Warnings", unit="short", steps=ANY_IS_WATCH),
        Query(_PAGES, "Pages in budget period", unit="short"),
        Query(_ALLOWED, "False pages allowed in 30 d", unit="none"),
        Query(_AGE, "Newest window ended ago", unit="s"),
        Query(EVERY, "Serves", unit="none", steps=YES_IS_GOOD),
    ),
    "table",
    "none",
    24,
    11,
    labels=("model", "version"),
    sort="Trouble",
    label_link=("model", TO_MODEL),
)

_TIMELINE: Final = Panel(
    "Level of the data over time",
    "The worst level of the newest windows of each version. A gap is a time without a scrape or "
    "without a judged window.",
    (Query(newest("drift_window_level", by=BY_MODEL, where=MODEL), "{{model}} {{version}}"),),
    "state-timeline",
    "none",
    12,
    8,
    LEVELS,
)
_BUDGET: Final = Panel(
    "Budget spent by what was looked at",
    "False pages to be expected of the windows judged in the last 30 days, if nothing ever "
    "happened, as a share of those that the spec allows in 30 days. It is a matter of clock time: "
    "history that was read quickly spends much of it at once.",
    (Query(_EXPECTED, "{{model}} {{version}}"),),
    "bargauge",
    "percentunit",
    6,
    8,
    USED,
    lowest=0,
    highest=1,
)
_PAGED: Final = Panel(
    "Pages against the budget",
    "Alerts that somebody heard at once, true or false, within the budget's period of event time, "
    "and the false ones that the spec allows in 30 days. Many more than allowed are either news or "
    "a budget that does not hold: docs/false-alarms.md.",
    (
        Query(_PAGES, "{{model}} {{version}}"),
        Query(_ALLOWED, "{{model}} {{version}} allowed", role="limit"),
    ),
    "timeseries",
    "short",
    6,
    8,
    lowest=0,
)

PAGE: Final = Page(
    "longshore-overview",
    "Longshore / Models",
    "Which of all models is in trouble, in which of six dimensions, and what the alerts cost.",
    (
        Row("Now", _NOW),
        Row("Models", (_TABLE,)),
        Row("Over time", (_TIMELINE, _BUDGET, _PAGED)),
    ),
    (MODELS, VERSIONS),
    MARKS,
)
