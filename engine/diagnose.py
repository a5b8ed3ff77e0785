"""Why one record could not be used: the slow way, taken only by records that the decoder refused.

Rule.  A bad record is a value, never an exception: the answer is a rejection with its reason, the
name of a model that nobody monitors (a shadow model), or a heartbeat.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import msgspec

MAX_RECORD_BYTES: Final = 1_048_576
"""A larger record is rejected unread: one event of 2,000 features has about 60 KB."""
MAX_NAME_CHARS: Final = 128
"""A longer model or version name cannot be one of ours."""
_REGISTRY_MAGIC: Final = (0, 1)


@dataclass(frozen=True, slots=True)
class Rejected:
    """The record is unusable; ``reason`` is one of the names in docs and metrics."""

    reason: str


@dataclass(frozen=True, slots=True)
class Shadow:
    """A well-formed event of a model or version that no spec names."""

    name: str


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Event time of one partition, for one model."""

    model: str
    ts: int | str


Diagnosis = Rejected | Shadow | Heartbeat


def diagnose(  # noqa: PLR0911 - one return a reason reads as the table it is
    value: bytes | None, known: frozenset[str], needed: tuple[str, ...]
) -> Diagnosis:
    """Why ``value`` is not an event of one of the ``known`` models.

    ``needed`` are the envelope's fields in the order in which their absence is told.
    """
    if value is None:
        return Rejected("null_value")
    if len(value) > MAX_RECORD_BYTES:
        return Rejected("too_large")
    if value[:1] and value[0] in _REGISTRY_MAGIC:
        return Rejected("registry_framed")
    try:
        tree = msgspec.json.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        beyond = "out of range" in str(error)
        return Rejected("number_out_of_range" if beyond else "malformed_json")
    if not isinstance(tree, dict):
        return Rejected("not_an_object")
    model = tree.get("model")
    if model is None:
        return Rejected("missing_model")
    if not isinstance(model, str) or len(model) > MAX_NAME_CHARS:
        return Rejected("bad_model")
    if model not in known:
        return Shadow(model)
    return _within_known_model(tree, model, needed)


def _within_known_model(tree: dict[str, Any], model: str, needed: tuple[str, ...]) -> Diagnosis:
    ts = tree.get("ts")
    if tree.get("heartbeat") is True:
        if type(ts) is int or type(ts) is str:
            return Heartbeat(model, ts)
        return Rejected("bad_timestamp" if "ts" in tree else "missing_ts")
    for field in needed:
        if tree.get(field) is None:
            return Rejected(f"missing_{field}")
    if type(ts) is not int and type(ts) is not str:
        return Rejected("bad_timestamp")
    for field in ("event_id", "version"):
        if field in needed and not isinstance(tree[field], str):
            return Rejected(f"bad_{field}")
    return Rejected("wrong_type")
