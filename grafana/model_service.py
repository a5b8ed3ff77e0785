"""Operations and business of one model: what its service does, and what its decisions cost."""

from __future__ import annotations

from typing import Final

from grafana.palette import YES_IS_BAD
from grafana.panels import Panel, Query
from grafana.queries import BY_MODEL, BY_WINDOW, MODEL, OF_WINDOW, newest, per_second, quantile

OPERATIONS: Final = (
    Panel(
        "Volume",
        "Predictions a second of the newest window, and that volume over the same hours of the "
        "week in the training table (right; 1 is as usual).",
        (
            Query(newest("serving_events_per_second"), f"{OF_WINDOW} predictions a second"),
            Query(
                newest("serving_volume_ratio"),
                f"{OF_WINDOW} of the usual volume",
                "reference",
                is_right=True,
                unit="percentunit",
            ),
        ),
        "timeseries",
        "reqps",
        8,
        8,
        lowest=0,
    ),
    Panel(
        "Errors",
        "Share of predictions with an error in the newest window and in the model's own windows "
        "before.",
        (
            Query(newest("serving_error_ratio"), f"{OF_WINDOW} errors"),
            Query(newest("serving_error_ratio_usual"), f"{OF_WINDOW} usual", "reference"),
        ),
        "timeseries",
        "percentunit",
        8,
        8,
        lowest=0,
    ),
    Panel(
        "Latency of predictions",
        "Quantiles of the newest window, as the services tell it in their events.",
        (
            Query(newest("serving_latency_p50_seconds"), f"{OF_WINDOW} p50"),
            Query(newest("serving_latency_p95_seconds"), f"{OF_WINDOW} p95"),
            Query(newest("serving_latency_p99_seconds"), f"{OF_WINDOW} p99"),
        ),
        "timeseries",
        "s",
        8,
        8,
        lowest=0,
    ),
    Panel(
        "Slow predictions",
        "Share of predictions slower than the 95th percentile of the windows before, and their "
        "share in those. No line before there are windows to compare with.",
        (
            Query(newest("serving_slow_ratio"), f"{OF_WINDOW} slow"),
            Query(newest("serving_slow_ratio_usual"), f"{OF_WINDOW} usual", "reference"),
        ),
        "timeseries",
        "percentunit",
        8,
        8,
        lowest=0,
    ),
    Panel(
        "Predictions and latency as they are read",
        "By the clock of the worker and not by event time: predictions counted a second, and "
        "their 95th percentile of latency (right). Counts of windows that are judged only.",
        (
            Query(per_second("serving_events_total", by=BY_MODEL), "{{version}} counted a second"),
            Query(
                quantile(0.95, "serving_latency_seconds", BY_MODEL, MODEL),
                "{{version}} p95",
                "estimate",
                is_right=True,
                unit="s",
            ),
        ),
        "timeseries",
        "reqps",
        8,
        8,
        lowest=0,
    ),
    Panel(
        "Age of events when they were written, and repeats",
        "Record time less event time, 95th percentile of the newest window; share of predictions "
        "that were read before (right).",
        (
            Query(newest("serving_freshness_p95_seconds"), f"{OF_WINDOW} age p95"),
            Query(
                newest("serving_duplicate_ratio"),
                f"{OF_WINDOW} repeats",
                "estimate",
                is_right=True,
                unit="percentunit",
            ),
        ),
        "timeseries",
        "s",
        8,
        8,
        lowest=0,
    ),
)

BUSINESS: Final = (
    Panel(
        "Approvals and defaults",
        "Share of decisions that approve, and of the approved that turned out otherwise by their "
        "labels, beside the training table's.",
        (
            Query(newest("business_approval_ratio"), f"{OF_WINDOW} approvals"),
            Query(newest("business_default_ratio"), f"{OF_WINDOW} defaults"),
            Query(
                newest("business_default_ratio_baseline"),
                f"{OF_WINDOW} defaults, training",
                "reference",
            ),
        ),
        "timeseries",
        "percentunit",
        8,
        8,
        lowest=0,
    ),
    Panel(
        "Cost of a prediction",
        "Mean cost of a decided prediction by the spec's costs, of the newest window by arrival "
        "of labels, beside the training table's. In the spec's own unit of money.",
        (
            Query(newest("business_cost_per_prediction"), f"{OF_WINDOW} cost"),
            Query(
                newest("business_cost_per_prediction_baseline"),
                f"{OF_WINDOW} training",
                "reference",
            ),
        ),
        "timeseries",
        "short",
        8,
        8,
        decimals=3,
    ),
    Panel(
        "Limits broken",
        "Figures significantly beyond the spec's limit; of cohorts too. A figure has a series "
        "only as long as its limit is broken.",
        (
            Query(
                newest("business_limit_broken", by=f"{BY_WINDOW}, figure"),
                f"{OF_WINDOW} {{{{figure}}}}",
            ),
            Query(
                newest("business_cohort_limit_broken", by=f"{BY_WINDOW}, figure, maturity"),
                f"{OF_WINDOW} {{{{figure}}}} {{{{maturity}}}}",
            ),
        ),
        "state-timeline",
        "none",
        8,
        8,
        YES_IS_BAD,
        empty="none",
    ),
    Panel(
        "Value by decision",
        "Sum of the predictions' values in the newest window by decision, in the events' own unit.",
        (
            Query(
                newest("business_value", by=f"{BY_WINDOW}, decision"),
                f"{OF_WINDOW} {{{{decision}}}}",
            ),
        ),
        "timeseries",
        "short",
        8,
        8,
    ),
    Panel(
        "Mean value",
        "Mean value of a prediction and of an approved one in the newest window.",
        (
            Query(newest("business_value_per_prediction"), f"{OF_WINDOW} a prediction"),
            Query(newest("business_value_per_approval"), f"{OF_WINDOW} an approval"),
        ),
        "timeseries",
        "short",
        8,
        8,
        decimals=2,
    ),
    Panel(
        "Cost of wrong decisions",
        "What all wrong decisions of a kind cost in the newest window by arrival of labels.",
        (
            Query(
                newest("business_error_cost", by=f"{BY_WINDOW}, error"),
                f"{OF_WINDOW} {{{{error}}}}",
            ),
        ),
        "timeseries",
        "short",
        8,
        8,
        lowest=0,
    ),
)
