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
from typing import Any, Final, Literal, cast

import orjson

from engine.timestamps import NEWEST_MS, rfc3339_to_ms
from streams.web.rows import data_row, feature_row, levels_of, measured_row

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
"""Of the name of a model, a version, a window, a section, and of a record's own id."""
COMPRESSION: Final = 1
TOLD_OF_ALERTS: Final = ("episode", "state", "severity", "rule")
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
    packed_names: bytes = b""
    """Of a judgement of the data: its features' names, compressed JSON."""
    levels: Mapping[str, str] | None = None
    """Of a judgement: section -> level."""
    alert: Mapping[str, str] | None = None
    """Of an alert: what of it says how a version stands, so that no body is read for that."""

    @property
    def size_bytes(self) -> int:
        """About what it takes of memory."""
        parts = (self.body, self.row, self.features, self.packed_names)
        return OVERHEAD_BYTES + sum(map(len, parts))

    @property
    def names(self) -> tuple[str, ...]:
        """The features, in the order of their row; decoded anew each time."""
        if not self.packed_names:
            return ()
        return tuple(orjson.loads(zlib.decompress(self.packed_names)))

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
        orjson.dumps(tree)  # what is nested too deep to be told again is refused here
        if kind == "judgement":
            return _judgement(tree, value)
        return _other(kind, tree, value)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return None


def _name(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_NAME_CHARS:
        raise ValueError("no name")
    return value


def _time_ms(value: object) -> int:
    if not isinstance(value, str):
        return -1
    try:
        told_ms = rfc3339_to_ms(value)
    except (ValueError, OverflowError):
        return -1
    return told_ms if told_ms <= NEWEST_MS else -1


def _judgement(tree: dict[str, Any], value: bytes) -> Entry:
    section, window = _name(tree.get("section", "")), _name(tree["window"])
    series = Series(window, section, _name(tree.get("maturity", "")))
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
        b"" if section else zlib.compress(orjson.dumps([*features]), COMPRESSION),
        levels_of(tree),
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
    identity = _name(tree[ids[kind]]) if kind in ids else sha256(value).hexdigest()
    if kind == "result":
        _name(tree["trigger_id"])
    model = "" if kind == "result" else _name(tree["model"])
    brief = {name: str(tree.get(name))[:MAX_NAME_CHARS] for name in TOLD_OF_ALERTS}
    alert = brief if kind == "alert" else None
    return Entry(kind, model, _name(version), identity, at_ms, value, alert=alert)
