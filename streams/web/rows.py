"""What the live page draws of a judgement, as rows of JSON.

Rule.  Pure.  What is drawn has few digits, and types that the page can count on: a time is a text,
a level one of the four, a name a text; numbers that JSON has not are absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any, Final

import orjson

LEVEL_LETTERS: Final = {"UNKNOWN": "U", "STABLE": "S", "WATCH": "W", "DRIFT": "D"}
DIGITS: Final = 5
"""Significant digits of a number in a row."""


def level_of(tree: Mapping[str, Any]) -> str:
    """One of the four levels; UNKNOWN for anything else."""
    level = tree.get("level")
    return level if isinstance(level, str) and level in LEVEL_LETTERS else "UNKNOWN"


def levels_of(tree: Mapping[str, Any]) -> dict[str, str]:
    """Section -> level of the six dimensions that this judgement speaks of."""
    found: dict[str, str] = {}
    if "section" in tree:
        if tree["section"] == "performance":
            found["performance"] = level_of(tree)
        return found
    found["data"] = level_of(tree["data"])
    for name in ("prediction", "quality"):
        section = tree.get(name)
        if section:
            found[name] = level_of(section)
    if tree.get("operations"):
        found["operations"] = "STABLE"
    business = tree.get("business")
    if business:
        found["business"] = "WATCH" if business.get("broken_limits") else "STABLE"
    return found


def number(value: object) -> float | None:
    """A number of a row; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return None
    return value if isinstance(value, int) else float(f"{value:.{DIGITS}g}")


def numbers(tree: object) -> dict[str, Any]:
    """The numbers of a section, those of its groups too; texts and lists are left out."""
    if not isinstance(tree, dict):
        return {}
    found: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            inner = {key: number(one) for key, one in value.items()}
            inner = {key: one for key, one in inner.items() if one is not None}
            if inner:
                found[name] = inner
        elif (told := number(value)) is not None:
            found[name] = told
    return found


TOLD_OF_SCORES: Final = (
    "psi_corrected",
    "psi_threshold",
    "psi_p_value",
    "mean",
    "stddev",
    "positive_rate",
    "positive_rate_expected",
    "quantiles",
)


MAX_TIME_CHARS: Final = 40
"""Of a time."""


def _head(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "start": str(tree["start"])[:MAX_TIME_CHARS],
        "end": str(tree["end"])[:MAX_TIME_CHARS],
        "revision": int(tree["revision"]),
        "events": number(tree.get("events")),
        "level": level_of(tree),
    }


def data_row(tree: Mapping[str, Any]) -> dict[str, Any]:
    """What the page draws of the data's judgement of one window, features apart."""
    row = _head(tree)
    row["levels"] = levels_of(tree)
    prediction = tree.get("prediction") or {}
    scores = numbers({name: prediction[name] for name in TOLD_OF_SCORES if name in prediction})
    quality = tree.get("quality") or {}
    faulty = quality.get("features") or {}
    row |= {
        "prediction": scores,
        "faults": {str(name): sorted(map(str, kinds)) for name, kinds in faulty.items()},
        "record_faults": sorted(map(str, quality.get("records") or {})),
        "operations": numbers(tree.get("operations")),
        "business": numbers(tree.get("business")),
        "estimated": numbers(tree.get("estimated")),
        "held_back": [str(name) for name in tree["data"].get("held_back", ())],
    }
    return row


def measured_row(tree: Mapping[str, Any]) -> dict[str, Any]:
    """What the page draws of a judgement of performance or of a cohort."""
    told = tree.get("performance") or tree.get("cohorts") or {}
    row = _head(tree)
    levels = told.get("levels") or {}
    charts = told.get("charts") or {}
    row |= {
        "labelled": number(told.get("labelled")),
        "measures": {
            name: value
            for name, value in numbers({k: v for k, v in told.items() if k in MEASURES}).items()
            if isinstance(value, int | float)
        },
        "intervals": {
            name: [number(one) for one in pair]
            for name, pair in (told.get("intervals") or {}).items()
        },
        "baseline": numbers(told.get("baseline")),
        "levels": {name: level_of(one) for name, one in levels.items()},
        "verdicts": {name: _why(one) for name, one in levels.items()},
        "limits": {name: number(one.get("limit")) for name, one in charts.items()},
        "alarms": sorted(name for name, one in charts.items() if one.get("alarm")),
    }
    return row


def _why(verdict: Mapping[str, Any]) -> dict[str, Any]:
    """Why a measure has its level: what hid it, by how much it is worse, and what is too much."""
    told = numbers({name: verdict[name] for name in ("worse", "worse_by") if name in verdict})
    reason = verdict.get("reason")
    return {**told, "reason": reason} if isinstance(reason, str) else told


MEASURES: Final = frozenset(
    {
        *("accuracy", "precision", "recall", "f1", "specificity", "auc", "pr_auc", "log_loss"),
        *("brier", "calibration_error", "mae", "rmse", "bias", "r2"),
    }
)


def feature_row(features: Mapping[str, Any]) -> bytes:
    """Levels, PSI and its thresholds of all features, in their order."""
    verdicts = list(features.values())
    return orjson.dumps(
        {
            "levels": "".join(LEVEL_LETTERS[level_of(v)] for v in verdicts),
            "psi": [number(v.get("psi_corrected")) for v in verdicts],
            "threshold": [number(v.get("psi_threshold")) for v in verdicts],
        }
    )
