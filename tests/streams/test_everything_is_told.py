"""Every section and every metric name of the contract, from one replay of a labelled stream.

The contract's names are written down here once more: who renames one breaks other people's
dashboards, and has to say so in two places.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import pytest

from tests.streams.metrics_page import PAGE, families, page
from tests.streams.test_metrics import exposed, live_of, samples
from tests.streams.whole_story import story

STATISTICS: Final = ("psi", "ks", "jensen_shannon", "wasserstein", "chi_square")
MEASURES: Final = ("accuracy", "precision", "recall", "f1", "auc")
CONTRACT: Final = {
    "data": (
        *(f"drift_{name}" for name in STATISTICS),
        *("drift_psi_threshold", "drift_psi_p_value", "drift_ks_p_value"),
        *("drift_chi_square_p_value", "drift_level", "drift_window_events"),
        *("drift_window_end_timestamp_seconds", "drift_adwin_alarms", "drift_stale_alarms"),
        *("drift_alert_active", "drift_retraining_triggers_total"),
    ),
    "performance": (
        *(f"model_{name}_ratio" for name in MEASURES),
        *(f"model_{name}_ratio_baseline" for name in MEASURES),
        *("model_labelled_predictions", "model_label_delay_seconds"),
    ),
    "concept": (
        *("model_loss_mean", "model_loss_mean_baseline", "model_loss_alarms"),
        *("model_loss_improvements", "model_concept_kind", "model_concept_mix_change"),
        *("model_concept_conditional_change", "longshore_losses_waiting"),
    ),
    "cohorts": (
        *(f"model_cohort_{name}_ratio" for name in MEASURES),
        "model_cohort_labelled_ratio",
    ),
    "estimated": tuple(f"model_{name}_ratio_estimated" for name in MEASURES),
    "prediction": (
        *("prediction_mean", "prediction_stddev", "prediction_quantile"),
        *("prediction_positive_ratio", "prediction_positive_ratio_p_value", "prediction_psi"),
        *("prediction_ks", "prediction_jensen_shannon", "prediction_level"),
        *("prediction_mean_shift", "prediction_mean_shift_p_value"),
    ),
    "quality": (
        *("feature_missing_ratio", "feature_invalid_ratio", "feature_outlier_ratio"),
        *("feature_out_of_range_ratio", "feature_unseen_ratio", "feature_quality_fault"),
        *("drift_quality_level", "serving_quality_fault", "serving_duplicate_ratio"),
    ),
    "operations": (
        *("serving_latency_seconds_bucket", "serving_latency_seconds_sum"),
        *(f"serving_latency_p{share}_seconds" for share in (50, 95, 99)),
        *("serving_errors_total", "serving_events_total", "serving_events_per_second"),
        *("serving_error_ratio", "serving_error_ratio_p_value", "serving_slow_ratio_p_value"),
        *("serving_volume_ratio", "serving_volume_ratio_p_value"),
    ),
    "business": (
        *("business_approval_ratio", "business_value_per_prediction", "business_value"),
        *("business_value_per_approval", "business_default_ratio", "business_error_cost"),
        *("business_cost_per_prediction", "business_limit_broken"),
        "business_cohort_default_ratio",
    ),
    "itself": (
        *("longshore_records_total", "longshore_records_rejected_total"),
        *("longshore_records_late_total", "longshore_watermark_timestamp_seconds"),
        *("longshore_event_to_metric_seconds_bucket", "longshore_labels"),
    ),
}
"""Section of the contract -> names of series."""

TOLD: Final = {
    "data": ("data.level", "features.amount.psi", "features.amount.bins", "features.mcc.psi"),
    "prediction": (
        *("prediction.psi", "prediction.ks", "prediction.jensen_shannon", "prediction.mean"),
        *("prediction.stddev", "prediction.quantiles.0.05", "prediction.quantiles.0.95"),
        *("prediction.positive_rate", "prediction.positive_rate_p_value"),
    ),
    "estimated": ("estimated.accuracy", "estimated.auc"),
    "quality": (
        *("quality.level", "quality.features.amount.missing.p_value"),
        *("quality.records.duplicates.observed", "quality.duplicate_ratio"),
        *("features.amount.missing", "features.amount.quality_fault"),
    ),
    "operations": (
        *("operations.events_per_second", "operations.error_rate", "operations.latency_ms.0.5"),
        *("operations.latency_ms.0.95", "operations.latency_ms.0.99", "operations.volume_ratio"),
        *("operations.volume_p_value", "operations.against_usual.errors.p_value"),
        "operations.against_usual.latency.p_value",
    ),
    "business": (
        *("business.approval_rate", "business.value_per_prediction"),
        *("business.value_per_approval", "business.broken_limits"),
    ),
    "performance": (
        *("performance.labelled", "performance.accuracy", "performance.auc"),
        *("performance.baseline.accuracy", "performance.segments.channel"),
        *("performance.label_delay_s", "business.default_rate", "business.cost_per_prediction"),
        *("business.cost_of_errors.false_positive", "business.cost_of_errors.false_negative"),
    ),
    "concept": (
        *("performance.concept.kind", "performance.concept.by_score.conditional.low"),
        *("performance.concept.by_segment.channel.mix", "performance.concept.losses.error.held"),
        *("performance.concept.losses.missed.estimators.adwin.alarms",),
        *("performance.concept.losses.squared_error.baseline",),
    ),
    "cohorts": (
        *("cohorts.2h.labelled_ratio", "cohorts.2h.accuracy", "cohorts.2h.business.default_rate"),
    ),
}
"""Section -> what some judgement of the replay has, a dot between the keys."""


@cache
def series() -> dict[str, float]:
    """What a worker with this state would expose."""
    return samples(exposed(live_of(story().pipeline)))


def has(tree: Any, path: str) -> bool:  # noqa: ANN401 - a judgement's part
    """Whether a judgement has this; keys may hold dots themselves."""
    if not path:
        return True
    if not isinstance(tree, dict):
        return False
    parts = path.split(".")
    return any(
        ".".join(parts[:n]) in tree and has(tree[".".join(parts[:n])], ".".join(parts[n:]))
        for n in range(1, len(parts) + 1)
    )


@pytest.mark.parametrize("section", list(CONTRACT))
def test_metrics_have_the_section(section: str) -> None:
    """Every name of it, with a series."""
    there = {name.partition("{")[0] for name in series()}
    for name in CONTRACT[section]:
        assert name in there, name


@pytest.mark.parametrize("section", list(TOLD))
def test_judgements_of_the_replay_have_the_section(section: str) -> None:
    """Every part of it, in some judgement."""
    for path in TOLD[section]:
        assert any(has(judgement, path) for judgement in story().judgements), path


def test_the_metrics_are_the_newest_judgements() -> None:
    """The same numbers in both, of the data and of performance."""
    newest: dict[str, dict[str, Any]] = {}
    for judgement in story().judgements:
        newest[judgement.get("section", "data")] = judgement
    labels = 'model="fraud",version="2026.11",window="6h"'
    data, found = newest["data"], series()
    assert found[f"prediction_mean{{{labels}}}"] == data["prediction"]["mean"]
    assert found[f'drift_psi{{feature="amount",{labels}}}'] == data["features"]["amount"]["psi"]
    operations, business = data["operations"], data["business"]
    assert found[f"serving_volume_ratio_p_value{{{labels}}}"] == operations["volume_p_value"]
    assert found[f"serving_events_per_second{{{labels}}}"] == operations["events_per_second"]
    assert found[f"business_approval_ratio{{{labels}}}"] == business["approval_rate"]
    performance = newest["performance"]
    accuracy = performance["performance"]["accuracy"]
    assert found[f"model_accuracy_ratio{{{labels}}}"] == accuracy
    assert found[f"business_default_ratio{{{labels}}}"] == performance["business"]["default_rate"]


def test_what_happened_was_alerted_and_what_is_bad_asked_for_nothing() -> None:
    """Drift asks for retraining once; from the third quarter's end on the data are bad, and what
    the drifted amounts show is held back."""
    causes = {alert["cause"] for alert in story().alerts if alert["state"] == "open"}
    assert {"data_drift", "data_quality", "errors", "business"} <= causes
    first_bad = next(a["end"] for a in story().alerts if a["cause"] == "data_quality")
    assert story().triggers
    assert all(t["window"]["end"] < first_bad for t in story().triggers)


def test_the_page_lists_every_metric() -> None:
    """docs/metrics.md is what is exposed; `python -m tests.streams.metrics_page` writes it."""
    missing = [name for name in families() if f"| `{name}` |" not in PAGE.read_text()]
    assert not missing, missing
    assert PAGE.read_text() == page(), "run python -m tests.streams.metrics_page"
