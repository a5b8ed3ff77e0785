"""Performance of one model: what labels say, beside the baseline, the estimate and the limits."""

from __future__ import annotations

from typing import Final

from grafana.palette import LEVELS, YES_IS_BAD
from grafana.panels import Panel, Query, Variable
from grafana.queries import BY_WINDOW, OF_WINDOW, WINDOW, newest

MEASURES: Final = (
    "accuracy",
    "precision",
    "recall",
    "f1",
    "specificity",
    "auc",
    "pr_auc",
    "log_loss",
    "brier",
    "calibration_error",
    "mae",
    "rmse",
    "bias",
    "r2",
)
MEASURE: Final = Variable(
    "measure", "Measure", "", "The measure of performance shown.", is_multi=False, choices=MEASURES
)
_BY_MEASURE: Final = f"{BY_WINDOW}, measure"


def _named(end: str) -> str:
    """Of the chosen measure; a share's metric ends in _ratio, another's does not."""
    return f'max by ({BY_WINDOW}) ({{__name__=~"model_$measure(_ratio)?{end}", {WINDOW}}})'


def _all(end: str) -> str:
    """Of every measure, by its name."""
    names = f"model_({'|'.join(MEASURES)})(_ratio)?{end}"
    found = f'max by (__name__, {BY_WINDOW}) ({{__name__=~"{names}", {WINDOW}}})'
    plain = f"model_(.+?)(_ratio)?{end}"
    told = f'label_replace({found}, "measure", "$1", "__name__", "{plain}")'
    return f"max by ({_BY_MEASURE}) ({told})"


_MEASURED: Final = Panel(
    "Performance: $measure",
    "The measure over the labelled predictions of the newest window, beside the training table's "
    "own labels (baseline), what labels will probably say (estimate, of the newest window of the "
    "data) and the control limit. Windows follow the labels' clock, so the estimate is ahead of "
    "the measure by the labels' delay. No line: the measure is not of this kind of model, or the "
    "window had too few labels.",
    (
        Query(_named(""), f"{OF_WINDOW} measured"),
        Query(_named("_baseline"), f"{OF_WINDOW} baseline", "reference"),
        Query(_named("_estimated"), f"{OF_WINDOW} estimate", "estimate"),
        Query(
            newest("model_performance_chart_limit", 'measure="$measure"'),
            f"{OF_WINDOW} control limit",
            "limit",
        ),
        Query(
            newest("model_performance_promised", 'measure="$measure"'),
            f"{OF_WINDOW} promised",
            "limit",
        ),
    ),
    "timeseries",
    "short",
    12,
    9,
    decimals=3,
)
_TABLE: Final = Panel(
    "All measures",
    "Every measure of the newest window with labels, its baseline, the newest estimate, and the "
    "level of those that are judged.",
    (
        Query(_all(""), "Measured"),
        Query(_all("_baseline"), "Baseline"),
        Query(_all("_estimated"), "Estimate"),
        Query(newest("model_performance_measure_level", by=_BY_MEASURE), "Level", steps=LEVELS),
    ),
    "table",
    "short",
    12,
    9,
    decimals=3,
    labels=("measure", "version", "window"),
)
_CHART: Final = Panel(
    "Control chart: $measure",
    "By how many standard errors the newest window is worse than the reference, the average of "
    "these that weighs the newest most (EWMA), and what the average must exceed to signal. One "
    "window signals beyond the control limit on the left. A chart signals small changes that "
    "last; it never asks for retraining.",
    (
        Query(newest("model_performance_chart_score", 'measure="$measure"'), f"{OF_WINDOW} score"),
        Query(newest("model_performance_chart_ewma", 'measure="$measure"'), f"{OF_WINDOW} EWMA"),
        Query(
            newest("model_performance_chart_ewma_limit", 'measure="$measure"'),
            f"{OF_WINDOW} EWMA limit",
            "limit",
        ),
    ),
    "timeseries",
    "short",
    8,
    decimals=2,
)
_LEVEL: Final = Panel(
    "Level of each judged measure",
    "What the worker called each measure that it judges, in the newest window with labels.",
    (
        Query(
            newest("model_performance_measure_level", by=_BY_MEASURE),
            "{{measure}} {{version}} {{window}}",
        ),
    ),
    "state-timeline",
    "none",
    8,
    8,
    LEVELS,
)
_ESTIMATE: Final = Panel(
    "How right the estimate was",
    "Estimate less what labels then said, of the same events. Where it leaves 0 for good, what a "
    "score means has changed (concept drift), and estimates of now are as wrong.",
    (
        Query(
            f'max by (__name__, {BY_WINDOW}) ({{__name__=~"model_[a-z0-9_]+_estimated_error", '
            f'__name__!~"model_cohort_.+", {WINDOW}}})',
            "{{__name__}} {{window}} {{version}}",
        ),
    ),
    "timeseries",
    "percentunit",
    8,
)
_LABELLED: Final = Panel(
    "Labels of the newest window",
    "Predictions with a label in the newest window by arrival of labels, and by cohort (the "
    "prediction's own window, some time after it). Few labels make every number above unsure.",
    (
        Query(newest("model_labelled_predictions"), f"{OF_WINDOW} by arrival"),
        Query(
            newest("model_cohort_labelled_predictions", by=f"{BY_WINDOW}, maturity"),
            f"{OF_WINDOW} {{{{maturity}}}}",
        ),
    ),
    "timeseries",
    "short",
    8,
    lowest=0,
)
_DELAY: Final = Panel(
    "Delay of labels",
    "Quantiles of the time from a prediction to its label in the newest window. What is late is "
    "not in the windows of now.",
    (
        Query(
            newest("model_label_delay_seconds", by=f"{BY_WINDOW}, quantile"),
            f"{OF_WINDOW} q{{{{quantile}}}}",
        ),
    ),
    "timeseries",
    "s",
    8,
    lowest=0,
)
_LOSSES: Final = Panel(
    "Concept drift: alarms over losses",
    "Alarms of the estimators that watch the losses of labelled predictions (concept: in the "
    "spec). Only a rise of the loss is one.",
    (
        Query(
            newest("model_loss_alarms", by=f"{BY_WINDOW}, estimator, loss"),
            f"{OF_WINDOW} {{{{estimator}}}} {{{{loss}}}}",
        ),
    ),
    "timeseries",
    "short",
    8,
    lowest=0,
)
_SELECTED: Final = Panel(
    "Who gets labels",
    "Share of each decision that has a label, by cohort. Where one decision hardly ever gets "
    "labels (declined payments, say) performance is that of the others only.",
    (
        Query(
            newest("model_cohort_decision_labelled_ratio", by=f"{BY_WINDOW}, maturity, decision"),
            f"{OF_WINDOW} {{{{maturity}}}} {{{{decision}}}}",
        ),
    ),
    "timeseries",
    "percentunit",
    8,
    lowest=0,
    highest=1,
)
_CLASSES: Final = Panel(
    "F1 of each class",
    "Of a multiclass model: how well each class is told in the newest window.",
    (
        Query(
            newest("model_class_f1_ratio", by=f"{BY_WINDOW}, class"),
            f"{OF_WINDOW} {{{{class}}}}",
        ),
    ),
    "timeseries",
    "percentunit",
    8,
    lowest=0,
    highest=1,
)
_ALARM: Final = Panel(
    "Control chart alarms",
    "Whether the chart of a measure alarms with its newest window.",
    (
        Query(
            newest("model_performance_chart_alarm", by=_BY_MEASURE),
            "{{measure}} {{version}} {{window}}",
        ),
    ),
    "state-timeline",
    "none",
    8,
    8,
    YES_IS_BAD,
)

PERFORMANCE: Final = (
    _MEASURED,
    _TABLE,
    _CHART,
    _ALARM,
    _LEVEL,
    _ESTIMATE,
    _LABELLED,
    _DELAY,
    _LOSSES,
    _SELECTED,
    _CLASSES,
)
