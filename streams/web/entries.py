"""One record of an output topic as the live page keeps it.

Rule.  Pure: bytes in, an :class:`Entry` out, or None for what is no record of ours.  A judgement is
kept in three forms, all of them bytes: its numbers as a row of JSON, what its features say as a
narrower row, and the whole record compressed, to be opened when somebody asks how it came about.
Answers over many windows are then these rows, joined; nothing is decoded that nobody reads.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from math import isfinite
from typing import Any, Final, Literal, cast

import orjson

from engine.timestamps import rfc3339_to_ms

Kind = Literal["judgement", "alert", "trigger", "promotion", "audit", "result"]

KIND_OF_ROLE: Final[Mapping[str, Kind]] = {
    "judgements": "judgement",
    "alerts": "alert",
    "retraining-triggers": "trigger",
    "promotions": "promotion",
    "audit": "audit",
    "retraining-results": "result",
}
ROLES: Final = tuple(KIND_OF_ROLE)
"""The topics that the page reads."""
MAX_ENTRY_BYTES: Final = 2_000_000
"""Of a record; a larger one is not shown."""
MAX_NAME_CHARS: Final = 512
"""Of a model's and a version's name."""
LEVEL_LETTERS: Final = {"UNKNOWN": "U", "STABLE": "S", "WATCH": "W", "DRIFT": "D"}
DIGITS: Final = 5
"""Significant digits of a number in a row."""
COMPRESSION: Final = 1
OVERHEAD_BYTES: Final = 600
"""Of an entry beside its bytes."""


@dataclass(frozen=True, slots=True)
class Series:
    """Which windows follow each other: ``section`` is empty for the data's own."""

    window: str
    section: str = ""
    maturity: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One record, and what orders it."""

    kind: Kind
    model: str
    version: str
    identity: str
    """What a repeat of the record has in common with it."""
    at_ms: int
    """End of the window, or the time that the record is about; -1 unknown."""
    body: bytes
    """A judgement compressed, anything else as it came."""
    series: Series | None = None
    revision: int = 0
    row: bytes = b""
    features: bytes = b""
    names: tuple[str, ...] = ()
    levels: Mapping[str, str] | None = None
    """Of a judgement: section -> level."""

    @property
    def size_bytes(self) -> int:
        """About what it takes of memory."""
        return OVERHEAD_BYTES + len(self.body) + len(self.row) + len(self.features)

    def tree(self) -> dict[str, Any]:
        """The record itself."""
        text = zlib.decompress(self.body) if self.kind == "judgement" else self.body
        return cast("dict[str, Any]", orjson.loads(text))


def entry_of(role: str, value: bytes | None) -> Entry | None:
    """The record of the topic with this role; None for what cannot be shown."""
    kind = KIND_OF_ROLE.get(role)
    if kind is None or value is None or len(value) > MAX_ENTRY_BYTES:
        return None
    try:
        tree = orjson.loads(value)
        if not isinstance(tree, dict):
            return None
        if kind == "judgement":
            return _judgement(tree, value)
        return _other(kind, tree, value)
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
        return None


def _name(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_NAME_CHARS:
        raise ValueError("no name")
    return value


def _time_ms(value: object) -> int:
    if not isinstance(value, str):
        return -1
    try:
        return rfc3339_to_ms(value)
    except ValueError:
        return -1


def _judgement(tree: dict[str, Any], value: bytes) -> Entry:
    section, window = str(tree.get("section", "")), _name(tree["window"])
    series = Series(window, section, str(tree.get("maturity", "")))
    end_ms = _time_ms(tree["end"])
    if end_ms < 0:
        raise ValueError("no end")
    features = tree.get("features") or {}
    row = measured_row(tree) if section else data_row(tree)
    return Entry(
        "judgement",
        _name(tree["model"]),
        _name(tree["version"]),
        f"{window}/{section}/{series.maturity}/{end_ms}",
        end_ms,
        zlib.compress(value, COMPRESSION),
        series,
        int(tree["revision"]),
        orjson.dumps(row),
        b"" if section else feature_row(features),
        () if section else tuple(map(str, features)),
        levels_of(tree),
    )


def levels_of(tree: Mapping[str, Any]) -> dict[str, str]:
    """Section -> level of the six dimensions that this judgement speaks of."""
    found: dict[str, str] = {}
    if "section" in tree:
        if tree["section"] == "performance":
            found["performance"] = str(tree.get("level", "UNKNOWN"))
        return found
    found["data"] = str(tree["data"]["level"])
    for name in ("prediction", "quality"):
        section = tree.get(name)
        if section:
            found[name] = str(section.get("level", "UNKNOWN"))
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


def _head(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "start": tree["start"],
        "end": tree["end"],
        "revision": tree["revision"],
        "events": number(tree.get("events")),
        "level": str(tree.get("level", "UNKNOWN")),
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
        "levels": {name: str(one.get("level")) for name, one in levels.items()},
        "limits": {name: number(one.get("limit")) for name, one in charts.items()},
        "alarms": sorted(name for name, one in charts.items() if one.get("alarm")),
    }
    return row


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
            "levels": "".join(LEVEL_LETTERS.get(str(v.get("level")), "U") for v in verdicts),
            "psi": [number(v.get("psi_corrected")) for v in verdicts],
            "threshold": [number(v.get("psi_threshold")) for v in verdicts],
        }
    )


def _other(kind: Kind, tree: dict[str, Any], value: bytes) -> Entry:
    version = tree.get("judged_as", tree.get("version", tree.get("challenger", "")))
    window = tree.get("window")
    ends = (
        tree.get("end"),
        window.get("end") if isinstance(window, dict) else None,
        *(tree.get(name) for name in ("until", "at", "effective_from")),
    )
    at_ms = next((ms for ms in map(_time_ms, ends) if ms >= 0), -1)
    ids = {"alert": "alert_id", "trigger": "trigger_id", "promotion": "promotion_id"}
    identity = str(tree[ids[kind]]) if kind in ids else sha256(value).hexdigest()
    if kind == "result":
        _name(tree["trigger_id"])
    model = "" if kind == "result" else _name(tree["model"])
    return Entry(kind, model, _name(version), identity, at_ms, value)
