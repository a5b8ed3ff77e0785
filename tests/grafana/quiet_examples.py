"""Expressions of which nothing comes of the flights and of card payments as the examples have them.

Rule.  Each stands here with its reason; all of them have data in the streams of
tests/grafana/test_expressions.py, in which everything happens.
"""

from __future__ import annotations

from typing import Final

FEATURES: Final = ("dep_delay", "carrier", "amount")
_COMPARED: Final = "neither example compares two versions"
_BINARY: Final = "both examples are binary"
_COHORTS: Final = "the flights have no maturities, and no labels of the payments are sent"
_COSTS: Final = "the flights have no business section, and no labels of the payments are sent"
_SOUND: Final = "no value of either example is bad"
_CALENDAR: Final = "neither spec has a schedule"
_UNLIMITED: Final = "neither spec has a budget of requests"
_BY_FILE: Final = "both models are given by files, which have no terms"
REASONS: Final[dict[str, str]] = {
    "feature: Alarms of estimators: B": "neither spec has the estimator stale",
    "feature: Faults of $feature: A": _SOUND,
    "feature: annotation Promotions": _COMPARED,
    "model: Performance: $measure: E": "neither spec promises anything",
    "model: Labels of the newest window: B": _COHORTS,
    "model: Who gets labels: A": _COHORTS,
    "model: F1 of each class: A": _BINARY,
    "model: PSI of the score and of the decided classes: C": _BINARY,
    "model: PSI of the score and of the decided classes: D": _BINARY,
    "model: Level of predictions: B": _BINARY,
    "model: How sure: D": _BINARY,
    "model: Decided classes: A": _BINARY,
    "model: Decided classes: B": _BINARY,
    "model: Faults: A": _SOUND,
    "model: Faults: B": _SOUND,
    "model: Age of events when they were written, and repeats: B": "no spec asks for duplicates",
    "model: Approvals and defaults: B": _COSTS,
    "model: Approvals and defaults: C": _COSTS,
    "model: Cost of a prediction: A": _COSTS,
    "model: Cost of a prediction: B": _COSTS,
    "model: Cost of wrong decisions: A": _COSTS,
    "model: Limits broken: A": "no figure of the payments is beyond a limit",
    "model: Limits broken: B": _COHORTS,
    "model: annotation Promotions": _COMPARED,
    "overview: annotation Promotions": _COMPARED,
    "retraining: Where they stand: D": _CALENDAR,
    "retraining: Budget of requests left in the quarter: A": _UNLIMITED,
    "retraining: Budget of requests left in the quarter: B": _UNLIMITED,
    "retraining: Wanted and not asked for: A": "what asked was not held back",
    "retraining: Challenger less champion: ": _COMPARED,
    "retraining: How sure: ": _COMPARED,
    "retraining: Decision: ": _COMPARED,
    "retraining: Both versions: ": _COMPARED,
    "retraining: Events: A": _COMPARED,
    "retraining: Guards: A": _COMPARED,
    "retraining: Share of users: ": _COMPARED,
    "retraining: Stage: ": _COMPARED,
    "retraining: Users: A": _COMPARED,
    "retraining: Promotions: A": _COMPARED,
    "retraining: annotation Promotions": _COMPARED,
    "retraining: Terms: A": _BY_FILE,
    "retraining: Terms: B": _BY_FILE,
    "longshore-models: FeatureFault: feature_quality_fault": _SOUND,
    'longshore: ModelNotice: drift_alert_active{severity="INFO"}': "no alert of INFO is open "
    "at the end",
}
"""Beginning of a place -> why."""
