"""What is kept outside the snapshot of one entry of a join, as bytes.

Rule.  A row is everything that a store must know of an entry without understanding it: the oldest
event time in it, when to look at it again by each clock, and its bytes.  The key is the first 128
bits of the event_id's BLAKE2b: two of 2^32 events have the same one with a chance of 3e-20.  A
number stands for the owner of the partition under which the row was written, see
:mod:`streams.pending_records`.
"""

from __future__ import annotations

import hashlib
from struct import Struct
from typing import Final, NamedTuple

KEY_BYTES: Final = 16
NEVER_MS: Final = 1 << 62
"""No time at which an entry is to be looked at."""
_HEAD: Final = Struct(">Bq")
_TIME: Final = Struct(">q")
_LABELS: Final = 1
_PREDICTIONS: Final = 2


class RowError(ValueError):
    """Bytes that are no row."""


class Row(NamedTuple):
    """One entry."""

    anchor_ms: int
    """Event time of the oldest thing in it."""
    labels_ms: int
    """The watermark of labels at which it is to be looked at; NEVER_MS for none."""
    predictions_ms: int
    """The same of predictions."""
    content: bytes
    """The entry's bytes."""

    @property
    def due_ms(self) -> tuple[int, int]:
        """When it is to be looked at, in the order of :data:`engine.join_store.CLOCKS`."""
        return self.labels_ms, self.predictions_ms

    @property
    def first_ms(self) -> int:
        """The earlier of the two times."""
        return min(self.due_ms)


def digest_of(event_id: str) -> bytes:
    """The key of an event_id, KEY_BYTES."""
    return hashlib.blake2b(event_id.encode(), digest_size=KEY_BYTES).digest()


def key_of(event_id: str) -> str:
    """The same in hexadecimal."""
    return digest_of(event_id).hex()


def encode_row(row: Row) -> bytes:
    """1 byte that says which times follow, the anchor, those times, the entry."""
    flags = _LABELS * (row.labels_ms != NEVER_MS) + _PREDICTIONS * (row.predictions_ms != NEVER_MS)
    head = _HEAD.pack(flags, row.anchor_ms)
    if flags & _LABELS:
        head += _TIME.pack(row.labels_ms)
    if flags & _PREDICTIONS:
        head += _TIME.pack(row.predictions_ms)
    return head + row.content


def decode_row(data: bytes) -> Row:
    """The row; RowError when it is none."""
    at = _HEAD.size
    if len(data) < at:
        raise RowError(f"{len(data)} bytes are no row")
    flags, anchor_ms = _HEAD.unpack_from(data)
    times_ms = [NEVER_MS, NEVER_MS]
    for place, flag in enumerate((_LABELS, _PREDICTIONS)):
        if flags & flag:
            if len(data) < at + _TIME.size:
                raise RowError(f"a row of {len(data)} bytes is cut short")
            (times_ms[place],) = _TIME.unpack_from(data, at)
            at += _TIME.size
    if flags & ~(_LABELS | _PREDICTIONS):
        raise RowError(f"a row with the unknown flags {flags}")
    return Row(anchor_ms, times_ms[0], times_ms[1], data[at:])
