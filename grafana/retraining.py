"""Retraining, the versions that it makes, and the comparisons that decide between them."""

from __future__ import annotations

from typing import Final

from grafana.choices import MARKS, MODELS, VERSIONS
from grafana.comparison import COMPARISON, SPLIT
from grafana.palette import ANY_IS_WATCH, YES_IS_GOOD
from grafana.panels import Page, Panel, Query, Row
from grafana.queries import BY_MODEL, MODEL, grown, newest

_VERSION: Final = "{{model}} {{version}}"


def _of(metric: str, *more: str, by: str = BY_MODEL) -> str:
    return newest(metric, *more, by=by, where=MODEL)


_ASKED: Final = (
    Panel(
        "Triggers",
        "Requests to retrain in the time shown, by the rule that asked; marked in every graph.",
        (
            Query(
                grown("drift_retraining_triggers_total", by="model, version, rule"),
                f"{_VERSION} {{{{rule}}}}",
            ),
        ),
        "bargauge",
        "short",
        8,
        8,
        ANY_IS_WATCH,
        decimals=0,
        lowest=0,
    ),
    Panel(
        "Wanted and not asked for",
        "Windows in which a rule wanted retraining and it was held, by the reason: bad data, "
        "cool-down, budget, improvement, threshold or policy (docs/retraining.md).",
        (
            Query(
                grown("drift_retraining_held_total", by="model, version, rule, reason"),
                f"{_VERSION} {{{{rule}}}}: {{{{reason}}}}",
            ),
        ),
        "bargauge",
        "short",
        8,
        8,
        ANY_IS_WATCH,
        decimals=0,
        lowest=0,
    ),
    Panel(
        "What becomes of them",
        "Remembered requests by state. Requested and accepted ones wait for a job or its model.",
        (
            Query(
                _of("drift_retraining_requests", by="model, version, state"),
                f"{_VERSION} {{{{state}}}}",
            ),
        ),
        "timeseries",
        "short",
        8,
        8,
        lowest=0,
    ),
)
_WAITING: Final = (
    Panel(
        "Where they stand",
        "Late: without an answer, or accepted and without a model. Waiting: requests of the data "
        "that wait for the labels of the same time. Age by event time.",
        (
            Query(
                f"sum by ({BY_MODEL}) (drift_retraining_overdue{{{MODEL}}})",
                "Late",
                steps=ANY_IS_WATCH,
            ),
            Query(_of("drift_retraining_waiting"), "Waiting"),
            Query(_of("drift_retraining_request_age_seconds"), "Oldest open", unit="s"),
            Query(
                f"1000 * {_of('drift_retraining_schedule_timestamp_seconds')}",
                "Next by schedule",
                unit="dateTimeAsIso",
            ),
        ),
        "table",
        "short",
        12,
        7,
        labels=("model", "version"),
    ),
    Panel(
        "Budget of requests left in the quarter",
        "Of each side, data and schedule or performance; at 0 a request is held and told as such. "
        "Quarters are of event time.",
        (
            Query(
                _of("drift_retraining_budget_left", by="model, version, side"),
                f"{_VERSION} {{{{side}}}} left",
            ),
            Query(
                _of("drift_retraining_budget", by="model, version, side"),
                f"{_VERSION} {{{{side}}}} allowed",
                "limit",
            ),
        ),
        "timeseries",
        "short",
        6,
        7,
        lowest=0,
    ),
    Panel(
        "Results",
        "Answers in the time shown by the state that they made, and those that changed nothing by "
        "the reason.",
        (
            Query(
                grown("drift_retraining_results_total", by="model, version, status"),
                f"{_VERSION} {{{{status}}}}",
            ),
            Query(
                grown("drift_retraining_results_refused_total", by="model, version, reason"),
                f"{_VERSION} refused: {{{{reason}}}}",
            ),
        ),
        "bargauge",
        "short",
        6,
        7,
        decimals=0,
        lowest=0,
    ),
)
_TERMS: Final = (
    Panel(
        "Who serves",
        "Whether a version serves by event time of its data. One that serves no more stays while "
        "its labels come.",
        (Query(_of("longshore_version_serves"), _VERSION),),
        "state-timeline",
        "none",
        12,
        6,
        YES_IS_GOOD,
    ),
    Panel(
        "Terms",
        "From when until when a version serves, event time; of versions registered on the topic "
        "models. No end: nobody took over.",
        (
            Query(f"1000 * {_of('longshore_version_from_seconds')}", "From", unit="dateTimeAsIso"),
            Query(
                f"1000 * {_of('longshore_version_until_seconds')}", "Until", unit="dateTimeAsIso"
            ),
        ),
        "table",
        "none",
        12,
        6,
        labels=("model", "version"),
        empty="none registered",
    ),
)

PAGE: Final = Page(
    "longshore-retraining",
    "Longshore / Retraining and comparisons",
    "What asked for retraining, what became of it, who serves, and which version is better.",
    (
        Row("Requests", _ASKED),
        Row("Their state", _WAITING),
        Row("Champion and challenger", COMPARISON),
        Row("Split of users", SPLIT),
        Row("Terms of versions", _TERMS),
    ),
    (MODELS, VERSIONS),
    MARKS,
)
