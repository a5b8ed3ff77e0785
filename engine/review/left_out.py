"""Records that no window has: rejected ones and late ones, by topic and reason.

Rule.  Such a record is read as far as it can be: one of another model is none of this report's, one
whose own time is outside the period neither.  One of which neither can be read is counted, and
counted apart.  What it held is not told.
"""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from engine.review.index import Tree
from engine.review.scope import Scope
from engine.timestamps import TimestampError, rfc3339_to_ms

TOPIC: Final = "__connect.errors.topic"
PARTITION: Final = "__connect.errors.partition"
OFFSET: Final = "__connect.errors.offset"
REASON: Final = "longshore.reason"


@dataclass(slots=True)
class LeftOut:
    """Counts by topic and reason."""

    known: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Of this model, in this period."""
    unreadable: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Of which nobody can say whose they are, or of when."""


def left_out_of(scope: Scope, records: Iterable[Tree]) -> LeftOut:
    """Count the records of ``dead-letters`` or of ``late``, each once."""
    out = LeftOut()
    seen: set[tuple[str | None, ...]] = set()
    for record in records:
        if "headers" not in record:
            if record.get("model") == scope.model and scope.has(record["pane_start_ms"] + 1):
                out.known["panes", "after_roll_up"] += record["events"]
            continue
        headers = record["headers"]
        place = tuple(headers.get(name) for name in (TOPIC, PARTITION, OFFSET, REASON))
        if place in seen:
            continue
        seen.add(place)
        model, at_ms = _whose(record.get("value_base64"))
        if (model is not None and model != scope.model) or (
            at_ms is not None and not scope.has(at_ms)
        ):
            continue
        kind = (str(place[0]), str(place[3]))
        (out.unreadable if model is None or at_ms is None else out.known)[kind] += 1
    return out


def _whose(value: str | None) -> tuple[str | None, int | None]:
    """Model and event time of a carried record, each None where it cannot be read."""
    try:
        event: Any = orjson.loads(base64.b64decode(value or "", validate=True))
    except (orjson.JSONDecodeError, binascii.Error, ValueError):
        return None, None
    if not isinstance(event, dict):
        return None, None
    model, ts = event.get("model"), event.get("ts")
    try:
        at_ms = rfc3339_to_ms(ts) if isinstance(ts, str) else ts
    except TimestampError:
        at_ms = None
    timed = isinstance(at_ms, int) and not isinstance(at_ms, bool)
    return (model if isinstance(model, str) else None), (at_ms if timed else None)
