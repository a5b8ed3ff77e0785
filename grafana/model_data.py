"""Data and predictions of one model: what moved, how far, how sure, and what is bad data."""

from __future__ import annotations

from typing import Final

from grafana.choices import TO_FEATURE
from grafana.palette import LEVELS, PSI, PSI_DRIFT, SURE, YES_IS_BAD
from grafana.panels import Panel, Query
from grafana.queries import BY_WINDOW, OF_WINDOW, among_worst, newest

_BY_FEATURE: Final = f"{BY_WINDOW}, feature"
_SHOWN: Final = 40
"""Features of a wide model that are drawn over time."""
_LISTED: Final = 60
"""Rows of its table."""

DATA_DRIFT: Final = (
    Panel(
        "Data drift: PSI of each feature over time",
        "Population stability index of each feature's newest window against the reference, in the "
        "bands 0.10 and 0.20: of the forty features that moved most in the time shown. A band is "
        "a size and no verdict: the table beside has the verdict, which asks for significance and "
        "for more than the training data's own swing.",
        (
            Query(
                among_worst(newest("drift_psi", by=_BY_FEATURE), "drift_psi", _BY_FEATURE, _SHOWN),
                "{{feature}} {{window}} {{version}}",
            ),
        ),
        "status-history",
        "none",
        15,
        13,
        PSI,
        decimals=3,
    ),
    Panel(
        "Features now",
        "Level, PSI, PSI without the bias of the sample's size, what it is held against, and the "
        "p-value, of the newest window. DRIFT needs size and significance. Click a feature for "
        "its page.",
        (
            Query(newest("drift_level", by=_BY_FEATURE), "Level", steps=LEVELS),
            Query(newest("drift_psi", by=_BY_FEATURE), "PSI", steps=PSI),
            Query(newest("drift_psi_corrected", by=_BY_FEATURE), "Corrected"),
            Query(newest("drift_psi_threshold", by=_BY_FEATURE), "Threshold"),
            Query(newest("drift_psi_p_value", by=_BY_FEATURE), "p-value", unit="sci"),
        ),
        "table",
        "none",
        9,
        13,
        decimals=3,
        labels=("feature", "window", "version"),
        sort="PSI",
        label_link=("feature", TO_FEATURE),
    ),
)

PREDICTION: Final = (
    Panel(
        "PSI of the score and of the decided classes",
        "Drift of what the model says: PSI of the score, and of the decided classes of a "
        "multiclass model, with what each is held against and the bands 0.10 and 0.20. It needs "
        "no labels; it moves with the inputs also where the model is right about them.",
        (
            Query(newest("prediction_psi"), f"{OF_WINDOW} score"),
            Query(newest("prediction_psi_threshold"), f"{OF_WINDOW} score threshold", "limit"),
            Query(newest("prediction_class_psi"), f"{OF_WINDOW} classes"),
            Query(
                newest("prediction_class_psi_threshold"), f"{OF_WINDOW} classes threshold", "limit"
            ),
        ),
        "timeseries",
        "none",
        8,
        8,
        PSI,
        are_limits=True,
        decimals=3,
        lowest=0,
    ),
    Panel(
        "Level of predictions",
        "What the worker called the score and the decided classes in the newest window.",
        (
            Query(newest("prediction_level"), f"{OF_WINDOW} score"),
            Query(newest("prediction_class_level"), f"{OF_WINDOW} classes"),
        ),
        "state-timeline",
        "none",
        8,
        8,
        LEVELS,
    ),
    Panel(
        "How sure",
        "p-values of the shift: score by PSI, its mean, the share of positive decisions. They "
        "hold far out, because a false-alarm budget asks for one window in many thousand.",
        (
            Query(newest("prediction_psi_p_value"), "Score (PSI)", unit="sci", steps=SURE),
            Query(newest("prediction_mean_shift_p_value"), "Mean of score", unit="sci", steps=SURE),
            Query(
                newest("prediction_positive_ratio_p_value"),
                "Positive share",
                unit="sci",
                steps=SURE,
            ),
            Query(newest("prediction_class_psi_p_value"), "Classes (PSI)", unit="sci", steps=SURE),
        ),
        "table",
        "none",
        8,
        8,
        labels=("version", "window"),
    ),
    Panel(
        "Score",
        "Mean and quantiles of the score in the newest window.",
        (
            Query(newest("prediction_mean"), f"{OF_WINDOW} mean"),
            Query(
                newest("prediction_quantile", by=f"{BY_WINDOW}, quantile"),
                f"{OF_WINDOW} q{{{{quantile}}}}",
            ),
        ),
        "timeseries",
        "none",
        8,
        8,
        decimals=3,
    ),
    Panel(
        "Positive decisions",
        "Share of positive decisions in the newest window and in the reference. An exact test "
        "judges it, because PSI cannot see 0.2 % become 0.4 %.",
        (
            Query(newest("prediction_positive_ratio"), f"{OF_WINDOW} share"),
            Query(
                newest("prediction_positive_ratio_expected"), f"{OF_WINDOW} reference", "reference"
            ),
        ),
        "timeseries",
        "percentunit",
        8,
        8,
        lowest=0,
    ),
    Panel(
        "Decided classes",
        "Of a multiclass model: share of each decided class in the newest window and in the "
        "reference.",
        (
            Query(
                newest("prediction_class_ratio", by=f"{BY_WINDOW}, class"),
                f"{OF_WINDOW} {{{{class}}}}",
            ),
            Query(
                newest("prediction_class_ratio_expected", by=f"{BY_WINDOW}, class"),
                f"{OF_WINDOW} {{{{class}}}} reference",
                "reference",
            ),
        ),
        "timeseries",
        "percentunit",
        8,
        8,
        lowest=0,
        highest=1,
    ),
)


def _faulty(kind: str, what: str) -> Query:
    """The features with the largest share of one kind of bad value."""
    metric = f"feature_{kind}_ratio"
    shown = among_worst(newest(metric, by=_BY_FEATURE), metric, _BY_FEATURE, 5)
    return Query(shown, f"{{{{feature}}}} {{{{window}}}} {{{{version}}}} {what}")


DATA_QUALITY: Final = (
    Panel(
        "Faults",
        "Faults of features and of records in the newest window: bad data, not drift. A feature "
        "with a fault is held back from the rule, and retraining with it. A fault has a series "
        "only as long as it lasts.",
        (
            Query(
                newest("feature_quality_fault", by=f"{_BY_FEATURE}, fault"),
                "{{feature}} {{fault}} {{window}} {{version}}",
            ),
            Query(
                newest("serving_quality_fault", by=f"{BY_WINDOW}, fault"),
                "records {{fault}} {{window}} {{version}}",
            ),
        ),
        "state-timeline",
        "none",
        8,
        8,
        YES_IS_BAD,
        empty="no fault",
    ),
    Panel(
        "Values that are bad",
        "Shares of a feature's values that are null, of a wrong type, outside the spec's range or "
        "not in the reference: the five features with the largest of each.",
        (
            _faulty("missing", "missing"),
            _faulty("invalid", "invalid"),
            _faulty("out_of_range", "out of range"),
            _faulty("unseen", "unseen"),
        ),
        "timeseries",
        "percentunit",
        8,
        8,
        lowest=0,
    ),
    Panel(
        "Quality of the data by window",
        f"Level of the data's quality in the newest window of each length: stable or watch. Bad "
        f"data are never called drift, however far beyond PSI {PSI_DRIFT:.2f} they move a feature.",
        (Query(newest("drift_quality_level"), OF_WINDOW),),
        "state-timeline",
        "none",
        8,
        8,
        LEVELS,
    ),
)
