"""Records of the output topics, made up for tests of the live page."""

from __future__ import annotations

from typing import Any, Final

from engine.timestamps import ms_to_rfc3339

HOUR_MS: Final = 3_600_000
START_MS: Final = 1_772_323_200_000  # 2026-03-01
LEVELS: Final = ("STABLE", "WATCH", "DRIFT")
HOSTILE: Final = '<script>window.hurt=1</script><img src=x onerror="window.hurt=1">'


def bins() -> list[dict[str, Any]]:
    """Three bins of one feature."""
    return [
        {"bin": "[20,inf)", "expected": 0.1, "actual": 0.4, "contribution": 0.41},
        {"bin": "[0,10)", "expected": 0.6, "actual": 0.3, "contribution": 0.2},
        {"bin": "[10,20)", "expected": 0.3, "actual": 0.3, "contribution": 0.0},
    ]


def verdict(level: str, psi: float) -> dict[str, Any]:
    """What a judgement says of a feature."""
    tree: dict[str, Any] = {
        "level": level,
        "events": 1000,
        "missing": 3,
        "psi": psi + 0.001,
        "psi_bias": 0.001,
        "psi_corrected": psi,
        "psi_p_value": 1e-6,
        "psi_threshold": 0.2,
    }
    return tree if level == "STABLE" else {**tree, "bins": bins()}


def judgement(
    number: int,
    *,
    model: str = "credit",
    version: str = "7",
    window: str = "1h",
    features: tuple[str, ...] = ("amount", "age"),
    level: str = "STABLE",
    revision: int = 0,
    **more: Any,  # noqa: ANN401 - sections
) -> dict[str, Any]:
    """The judgement of the ``number``-th hour; the first feature has its level."""
    found = {name: verdict("STABLE", 0.01 + 0.001 * i) for i, name in enumerate(features)}
    found[features[0]] = verdict(level, 0.4 if level == "DRIFT" else 0.15)
    return {
        "schema": 1,
        "model": model,
        "version": version,
        "window": window,
        "start": ms_to_rfc3339(START_MS + number * HOUR_MS),
        "end": ms_to_rfc3339(START_MS + (number + 1) * HOUR_MS),
        "revision": revision,
        "events": 1000 + number,
        "level": level,
        "data": {"level": level},
        "features": found,
        "prediction": {"level": "STABLE", "psi_corrected": 0.02, "psi_threshold": 0.2, "mean": 0.3},
        "estimated": {"predictions": 1000, "auc": 0.84, "intervals": {"auc": [0.8, 0.9]}},
        "quality": {"level": "STABLE"},
        "operations": {"events_per_second": 0.28, "error_rate": 0.0, "events_expected": 990.0},
        "business": {"approval_rate": 0.61},
        "conventions": {"significance": 0.001, "significance_of_features": 0.001},
        "profile": "sha256:p",
        "spec": "sha256:s",
        **more,
    }


def performance(number: int, auc: float = 0.86, level: str = "STABLE") -> dict[str, Any]:
    """The judgement of labels of the ``number``-th hour."""
    tree = judgement(number)
    head = {k: tree[k] for k in ("schema", "model", "version", "window", "start", "end")}
    return {
        **head,
        "revision": 0,
        "section": "performance",
        "events": 500,
        "level": level,
        "performance": {
            "level": level,
            "labelled": 500,
            "auc": auc,
            "accuracy": 0.9,
            "intervals": {"auc": [auc - 0.02, auc + 0.02]},
            "baseline": {"auc": 0.87},
            "levels": {"auc": {"level": level, "worse_by": 0.03}},
            "charts": {"auc": {"limit": 0.8, "alarm": level == "DRIFT"}},
        },
    }


def alert(number: int, state: str = "open", rule: str = "psi_features") -> dict[str, Any]:
    """An alert of one episode of a rule."""
    return {
        "alert_id": f"sha256:{rule}{number}{state}",
        "schema": 1,
        "episode": f"sha256:{rule}",
        "model": "credit",
        "version": "7",
        "severity": "WARNING",
        "rule": rule,
        "cause": "data_drift",
        "state": state,
        "since": ms_to_rfc3339(START_MS),
        "window": "1h",
        "end": ms_to_rfc3339(START_MS + (number + 1) * HOUR_MS),
        "events": 1000,
        "evidence": {"observed": {"features_over": 1}, "features": []},
    }


def trigger(number: int) -> dict[str, Any]:
    """A trigger with the way that led to it."""
    return {
        "trigger_id": f"sha256:t{number}",
        "schema": 1,
        "model": "credit",
        "version": "7",
        "kind": "retrain",
        "cause": "data_drift",
        "window": {
            "name": "1h",
            "start": ms_to_rfc3339(START_MS + number * HOUR_MS),
            "end": ms_to_rfc3339(START_MS + (number + 1) * HOUR_MS),
            "events": 1000,
        },
        "rule": "psi_features",
        "observed": {"features_over": 1, "windows_over": 2, "of_last": 3},
        "threshold": {"psi": 0.2, "features": 1, "at_least": 2},
        "evidence": [{"feature": "amount", "psi": 0.4, "p_value": 1e-6, "top_bins": bins()}],
        "drift_type": "covariate",
        "recommended": "retrain",
        "path": [
            {"question": "are the data sound?", "answer": "yes", "numbers": {}},
            {"question": "did features move?", "answer": "yes", "numbers": {"features": 1}},
        ],
    }


def story() -> list[tuple[str, dict[str, Any]]]:
    """Twelve hours of one model: it drifts from the ninth on."""
    told: list[tuple[str, dict[str, Any]]] = []
    for number in range(12):
        level = "DRIFT" if number >= 8 else "STABLE"
        told.append(("judgements", judgement(number, level=level)))
        told.append(("judgements", performance(number)))
    told += [
        ("alerts", alert(3, rule="volume")),
        ("alerts", alert(5, "resolved", rule="volume")),
        ("alerts", alert(9)),
        ("retraining-triggers", trigger(9)),
        (
            "retraining-results",
            {"trigger_id": "sha256:t9", "status": "accepted", "model": "credit"},
        ),
        (
            "audit",
            {
                "schema": 1,
                "kind": "retraining_result",
                "model": "credit",
                "judged_as": "7",
                "trigger_id": "sha256:t9",
                "status": "accepted",
                "taken": True,
                "at": ms_to_rfc3339(START_MS + 10 * HOUR_MS),
            },
        ),
        (
            "promotions",
            {
                "promotion_id": "sha256:p1",
                "schema": 1,
                "kind": "stage",
                "model": "credit",
                "champion": "7",
                "challenger": "8",
                "until": ms_to_rfc3339(START_MS + 10 * HOUR_MS),
                "decision": "HOLD",
                "reasons": ["stage_time"],
                "final": False,
            },
        ),
    ]
    return told
