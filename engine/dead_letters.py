"""Dead letters and late records: the record's own bytes, with where it came from and why.

Rule.  The headers carry Connect's names, which most tools read; never a message or a stack trace,
because those may quote the payload.  The record's key, value and headers are kept as they were.
A record that fits the input topic but not the output one is cut to its headers and says so.  The
core knows topics by role; whoever publishes puts in the name on the broker (:func:`with_origin`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from engine.effects import OutputTopic, Publish
from engine.records import Headers, RecordBatch

MAX_CARRIED_BYTES: Final = 8_388_608
"""A larger record's bytes are left out of its dead letter (its headers then say ``too_large``)."""
_ORIGIN: Final = "__connect.errors.topic"
_REASON: Final = "longshore.reason"


def carry(batch: RecordBatch, row: int, to: OutputTopic, reason: str) -> Publish:
    """The dead letter (or late record) of one row of a batch."""
    value = batch.values[row]
    carried = batch.headers[row] if batch.headers is not None else None
    cut = value is not None and len(value) > MAX_CARRIED_BYTES
    headers: Headers = [
        *(carried or ()),
        (_ORIGIN, batch.topic.encode()),
        ("__connect.errors.partition", str(batch.partition).encode()),
        ("__connect.errors.offset", str(batch.offsets[row]).encode()),
        (
            "__connect.errors.stage",
            b"VALUE_CONVERTER" if to == "dead-letters" else b"TRANSFORMATION",
        ),
        (_REASON, reason.encode()),
    ]
    if cut:
        headers.append(("longshore.value-left-out", str(len(value or b"")).encode()))
    key = batch.keys[row]
    kept = None if cut else value
    if key is None and kept is None:
        # Neither key nor value is no record to some clients; the header tells it from an empty one.
        kept = b""
        headers.append(("longshore.value-was", b"null" if value is None else b"left out"))
    return Publish(to, key, kept, tuple(headers))


def reason_of(letter: Publish) -> str:
    """Why the record of a dead letter was rejected; ours is the last header of that name."""
    return next((v or b"").decode() for name, v in reversed(letter.headers) if name == _REASON)


def with_origin(
    headers: tuple[tuple[str, bytes | None], ...], topic_name: Callable[[str], str]
) -> tuple[tuple[str, bytes | None], ...]:
    """The headers with the origin's name on the broker in place of its role.

    Ours is the last of that name: a carried record may have been a dead letter before.
    """
    for at in range(len(headers) - 1, -1, -1):
        name, role = headers[at]
        if name == _ORIGIN and role is not None:
            return (*headers[:at], (name, topic_name(role.decode()).encode()), *headers[at + 1 :])
    return headers
