"""The rows of a table of what waits for labels as one block of a state, and back.

Rule.  A block is a function of the set of its entries: rows stand in the order of their keys, the
simple ones first as columns, the others as entries.  Which rows they were is not part of it.
"""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np

from engine.entry_codec import decode_entry, encode_entry
from engine.event_keys import WORDS_OF_KEY, Keys
from engine.join_batches import Integers, LabelColumns, PredictionColumns
from engine.join_entry import Entry, Label, Prediction
from engine.packed_columns import (
    PackedIntegers,
    PackedReals,
    pack_integers,
    pack_reals,
    unpack_integers,
    unpack_reals,
)
from engine.pending_rows import KEY_BYTES
from engine.snapshot import SnapshotError
from engine.waiting_rows import (
    KNOWN,
    MADE,
    MATCHED,
    OTHER,
    SEGMENT_CODES,
    WaitingRows,
    repeated_keys,
)

FURTHEST: Final = 1 << 60
"""No time, offset or number in an entry is as far from 0 as this."""


class Block(msgspec.Struct, frozen=True, array_like=True):
    """Entries of about the same age."""

    keys: bytes
    """KEY_BYTES each, of the simple rows, then of the others."""
    states: PackedIntegers
    made: tuple[
        PackedIntegers, PackedIntegers, PackedIntegers, PackedReals, PackedIntegers, PackedReals
    ]
    """Offset, time, whether on time, score, decision and value of the simple rows with a
    prediction."""
    segments: list[PackedIntegers]
    """The numbers of their values; none where there are no such rows."""
    known: tuple[PackedIntegers, PackedIntegers, PackedIntegers, PackedIntegers, PackedReals]
    """Offset, time, watermark, whether on time and label of the simple rows with a label."""
    others: list[bytes]


_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder(Block).decode


def encode_block(table: WaitingRows, rows: Integers) -> bytes:
    """The block of these rows, shape (n,), in any order."""
    first, second = table.keys[rows].T
    is_other = table.states[rows] == OTHER
    rows = rows[np.lexsort((second, first, is_other))]
    states = table.states[rows]
    simple, others = rows[states != OTHER], rows[states == OTHER]
    states = states[: len(simple)]
    made, known = table.made(simple[states & MADE != 0]), table.known(simple[states & KNOWN != 0])
    return _ENCODE(
        Block(
            table.keys[rows].astype("<u8").tobytes(),
            pack_integers(states.astype(np.int64)),
            (
                pack_integers(made.offsets),
                pack_integers(made.ts_ms),
                pack_integers(made.on_time.astype(np.int64)),
                pack_reals(made.scores),
                pack_integers(made.decisions),
                pack_reals(made.values),
            ),
            [pack_integers(codes) for codes in made.segments if len(codes)],
            (
                pack_integers(known.offsets),
                pack_integers(known.ts_ms),
                pack_integers(known.watermarks_ms),
                pack_integers(known.on_time.astype(np.int64)),
                pack_reals(known.labels),
            ),
            [encode_entry(entry) for entry in table.entries(others)],
        )
    )


def decode_block(table: WaitingRows, content: bytes, ttl_ms: int) -> Integers:
    """Add the rows of a block to a table; gives them.  SnapshotError when it is none, or not of
    this table."""
    try:
        block = _DECODE(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise SnapshotError(f"not the entries of a join: {error}") from error
    others = [_other(entry) for entry in block.others]
    keys = _keys(table, block.keys)
    simple = len(keys) - len(others)
    if simple < 0:
        raise SnapshotError("entries of a join without keys")
    states = unpack_integers(block.states, simple)
    if np.any((states < MADE) | (states > MATCHED)):
        raise SnapshotError("rows of a join that are nothing")
    made, known = _made(block, int((states & MADE != 0).sum())), _known(block, states)
    if table.segments not in {None, len(made.segments)} and len(made.ts_ms):
        raise SnapshotError(f"predictions of a join with {len(made.segments)} segments")
    apart_ms = known.ts_ms[(states == MATCHED)[states & KNOWN != 0]]
    apart_ms = np.abs(apart_ms - made.ts_ms[(states == MATCHED)[states & MADE != 0]])
    if np.any(apart_ms > ttl_ms):
        raise SnapshotError("a label of a join further from its prediction than ttl")
    rows = table.add(keys)
    table.put_made(rows[:simple][states & MADE != 0], made)
    table.put_known(rows[:simple][states & KNOWN != 0], known)
    table.put_others(rows[simple:], others)
    return rows


def _other(content: bytes) -> Entry:
    entry = decode_entry(content)
    records: list[Prediction | Label] = [*entry.predictions, *entry.labels]
    if not records:
        raise SnapshotError("an entry of a join that is empty")
    if any(max(abs(r.ts_ms), abs(r.offset)) > FURTHEST for r in records):
        raise SnapshotError("a time in a join that cannot be")
    return entry


def _keys(table: WaitingRows, content: bytes) -> Keys:
    if len(content) % KEY_BYTES:
        raise SnapshotError(f"{len(content)} bytes are no keys of a join")
    keys = np.frombuffer(content, dtype="<u8").astype(np.uint64).reshape(-1, WORDS_OF_KEY)
    if repeated_keys(keys).any() or np.any(table.find(keys) >= 0):
        raise SnapshotError("an entry of a join twice")
    return keys


def _made(block: Block, count: int) -> PredictionColumns:
    offsets, ts_ms, on_time, scores, decisions, values = block.made
    codes = np.empty((len(block.segments), count), dtype=np.int64)
    for row, packed in zip(codes, block.segments, strict=True):
        row[:] = unpack_integers(packed, count)
    if np.any((codes < 0) | (codes >= SEGMENT_CODES)):
        raise SnapshotError("a prediction of a join with a segment that there is not")
    return PredictionColumns(
        unpack_integers(offsets, count),
        _times_ms(ts_ms, count),
        unpack_integers(on_time, count) != 0,
        unpack_reals(scores, count),
        unpack_integers(decisions, count),
        unpack_reals(values, count),
        codes,
    )


def _known(block: Block, states: Integers) -> LabelColumns:
    count = int((states & KNOWN != 0).sum())
    offsets, ts_ms, watermarks_ms, on_time, labels = block.known
    found = LabelColumns(
        unpack_integers(offsets, count),
        _times_ms(ts_ms, count),
        _times_ms(watermarks_ms, count),
        unpack_integers(on_time, count) != 0,
        unpack_reals(labels, count),
    )
    if np.isnan(found.labels).any():
        raise SnapshotError("a label of a join that is none")
    return found


def _times_ms(packed: PackedIntegers, count: int) -> Integers:
    found = unpack_integers(packed, count)
    if np.any(np.abs(found) > FURTHEST):
        raise SnapshotError("a time in a join that cannot be")
    return found
