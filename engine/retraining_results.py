"""What a retraining job answers: one record of the topic ``retraining-results``.

Rule.  The contract is ``{"trigger_id", "status", "version", "effective_from", "reason"}``, with the
model's name as the key of the record or, from clients that cannot set one, as ``model`` beside
these.  What cannot be understood is one reason and never an exception; unknown fields are ignored.
Lines that a worker told on the topic ``audit`` read as results too, so that a replay is given what
a worker took and when (``at``).
"""

from __future__ import annotations

import re
from typing import Final, Literal

import msgspec

from engine.timestamps import NEWEST_MS, OLDEST_MS, TimestampError, rfc3339_to_ms

Status = Literal["accepted", "rejected", "failed", "ready"]
STATUSES: Final[tuple[Status, ...]] = ("accepted", "rejected", "failed", "ready")
REASONS: Final = (
    "null_value",
    "too_large",
    "malformed",
    "no_model",
    "unknown_model",
    "bad_trigger_id",
    "bad_status",
    "bad_version",
    "bad_effective_from",
)
"""Why a record is none, as its dead letter says."""
ROLE: Final = "retraining-results"
"""Of the topic that results come from."""
AUDIT_KIND: Final = "retraining_result"
"""Of the lines of ``audit`` that tell of a result; ``at`` is read of those alone."""
MAX_RESULT_BYTES: Final = 65_536
MAX_REASON_CHARS: Final = 500
"""Of the words of a job that are kept and told on; the rest is cut off."""
_TRIGGER_ID: Final = re.compile(r"[\x21-\x7e]{1,200}")
_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")


class Result(msgspec.Struct, frozen=True):
    """An answer to one trigger."""

    trigger_id: str
    status: Status
    version: str = ""
    """Of the model that was made; only of one that is ready, where it must be."""
    effective_from_ms: int | None = None
    """From when, in event time, that version is to be used; None for at once."""
    reason: str = ""
    at_ms: int | None = None
    """When, in event time, it was taken before: told by an audit record only."""


class Unusable(ValueError):  # noqa: N818 - a value of the flow, not a fault of ours
    """A record that is no result; ``reason`` is one of REASONS."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Wire(msgspec.Struct):
    trigger_id: object = None
    status: object = None
    version: object = None
    effective_from: object = None
    reason: object = None
    model: object = None
    at: object = None
    kind: object = None


_DECODER: Final = msgspec.json.Decoder(_Wire)


def read_result(value: bytes | None) -> Result:
    """The result in a record's value; Unusable with its reason when it is none."""
    wire = _wire(value)
    if not (isinstance(wire.trigger_id, str) and _TRIGGER_ID.fullmatch(wire.trigger_id)):
        raise Unusable("bad_trigger_id")
    status = next((one for one in STATUSES if one == wire.status), None)
    if status is None:
        raise Unusable("bad_status")
    version = ""
    if status == "ready":
        if not (isinstance(wire.version, str) and _VERSION.fullmatch(wire.version)):
            raise Unusable("bad_version")
        version = wire.version
    return Result(
        wire.trigger_id,
        status,
        version,
        _time(wire.effective_from),
        _words(wire.reason),
        _time(wire.at) if wire.kind == AUDIT_KIND else None,
    )


def _words(told: object) -> str:
    """A job's words on one line, without what a terminal would obey."""
    kept = told[:MAX_REASON_CHARS] if isinstance(told, str) else ""
    return "".join(char if char.isprintable() else " " for char in kept)


def model_named(key: bytes | None, value: bytes | None) -> str:
    """The name of the model that a record is about: its field ``model``, else its key.

    Unusable when neither says it.
    """
    wire = _wire(value)
    if isinstance(wire.model, str) and wire.model:
        return wire.model
    if not key:
        raise Unusable("no_model")
    return key.decode("utf-8", "replace")


def _wire(value: bytes | None) -> _Wire:
    if value is None:
        raise Unusable("null_value")
    if len(value) > MAX_RESULT_BYTES:
        raise Unusable("too_large")
    try:
        return _DECODER.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Unusable("malformed") from error


def _time(told: object) -> int | None:
    """A time of the record in epoch milliseconds, None where it has none."""
    if told is None:
        return None
    at_ms: object = told
    if isinstance(told, str):
        try:
            at_ms = rfc3339_to_ms(told)
        except TimestampError as error:
            raise Unusable("bad_effective_from") from error
    if isinstance(at_ms, bool) or not isinstance(at_ms, int) or not OLDEST_MS <= at_ms <= NEWEST_MS:
        raise Unusable("bad_effective_from")
    return at_ms
