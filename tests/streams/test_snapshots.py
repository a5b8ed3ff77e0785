"""Snapshots on a compacted topic: the head commits, the highest generation counts."""

from __future__ import annotations

import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.snapshot import Snapshot, SnapshotError
from streams.snapshots import (
    MAX_PART_BYTES,
    SNAPSHOT_SCHEMA,
    Record,
    Restored,
    Shelf,
    apply,
    encode_head,
    encode_piece,
    head_key,
    piece_keys,
    restore,
)

NAME = "tally/0"
LARGE = bytes(range(256)) * (MAX_PART_BYTES // 100)


def piece(content: bytes) -> dict[bytes, bytes]:
    """A piece by its digest."""
    return {hashlib.sha256(content).digest(): content}


def written(
    state: bytes,
    generation: int = 1,
    last_slot: int | None = None,
    name: str = NAME,
    pieces: dict[bytes, bytes] | None = None,
) -> list[Record]:
    """All records of one snapshot."""
    snapshot = Snapshot(state, pieces or {})
    parts, head = encode_head(
        name,
        generation,
        {"labels": 7},
        snapshot,
        last_slot,
        partitions=4,
        topic_ids={"labels": "x"},
    )
    blocks = [
        record
        for digest, content in snapshot.pieces.items()
        for record in encode_piece(name, generation, digest, content)
    ]
    return [*blocks, *parts, head]


def newest(records: dict[bytes, bytes], name: str = NAME) -> Restored | None:
    """The newest snapshot of a name."""
    generation = Shelf(records).newest(name)
    return None if generation is None else restore(records, name, generation)


@pytest.mark.parametrize("state", [b"", b"small", LARGE])
@pytest.mark.parametrize("pieces", [{}, piece(b"p"), piece(b"p") | piece(LARGE)])
def test_what_was_written_comes_back(state: bytes, pieces: dict[bytes, bytes]) -> None:
    """State, pieces, covered offsets, generation and the topics spoken of are restored, in one
    record or in many."""
    records: dict[bytes, bytes] = {}
    apply(records, written(state, generation=5, pieces=pieces))
    restored = newest(records)
    assert restored is not None
    assert restored.snapshot == Snapshot(state, pieces)
    assert (restored.covered, restored.generation) == ({"labels": 7}, 5)
    assert (restored.partitions, restored.topic_ids) == (4, {"labels": "x"})


def test_no_record_is_larger_than_a_part() -> None:
    """Every record of a large state, or of a large piece, stays under the bound."""
    records = written(LARGE, pieces=piece(LARGE[::-1]))
    assert max(len(value or b"") for _, value in records) <= MAX_PART_BYTES
    assert len(records) > 5


def test_nothing_written_is_nothing_restored() -> None:
    """A partition never saved starts afresh; a part or a piece alone is no snapshot."""
    assert newest({}) is None
    assert newest(dict(written(LARGE, pieces=piece(LARGE))[:-1])) is None  # type: ignore[arg-type]


@given(st.integers(0, 10), st.integers(0, 10))
def test_a_torn_write_leaves_the_last_snapshot(cut: int, more: int) -> None:
    """Whatever prefix of the next snapshot's records was written, one whole snapshot restores."""
    first, second = LARGE, LARGE[::-1] + b"!" * more
    records: dict[bytes, bytes] = {}
    apply(records, written(first, pieces=piece(b"one")))
    following = written(second, last_slot=0, pieces=piece(b"two"))
    apply(records, following[:cut])
    restored = newest(records)
    assert restored is not None
    assert restored.snapshot.state == (second if cut >= len(following) else first)


def test_a_zombie_writes_and_deletes_in_vain() -> None:
    """A lower generation's later write changes nothing, and what it deletes is its own only."""
    records: dict[bytes, bytes] = {}
    pieces = piece(b"shared")
    apply(records, written(b"new", generation=8, pieces=pieces))
    apply(records, written(b"old", generation=7, pieces=pieces))
    apply(records, [(key, None) for key in piece_keys(NAME, 7, next(iter(pieces)), 1)])
    restored = newest(records)
    assert restored is not None
    assert restored.snapshot == Snapshot(b"new", pieces)


def test_superseded_generations_are_heads_then_the_rest_of_that_name() -> None:
    """Cleaning up names every older key of this name and of no other, heads first."""
    records: dict[bytes, bytes] = {}
    old_one = written(LARGE, generation=2, pieces=piece(b"p"))
    apply(records, old_one)
    apply(records, written(b"x", generation=3))
    apply(records, written(b"y", generation=1, name="tally/01"))
    old = Shelf(records).superseded(NAME, 3)
    assert old[0] == head_key(NAME, 2)
    assert len(old) == len(old_one)
    apply(records, [(key, None) for key in old])
    restored = newest(records)
    assert restored is not None
    assert restored.snapshot.state == b"x"


def test_missing_and_damaged_parts_are_refused() -> None:
    """A snapshot that is not whole is never used."""
    records: dict[bytes, bytes] = {}
    apply(records, written(LARGE, pieces=piece(b"p")))
    part = next(key for key in records if key.count(b"/") == 4 and len(key) < 20)
    block = next(key for key in records if len(key) > 60)
    with pytest.raises(SnapshotError, match="does not match its hash"):
        newest(records | {part: b"?"})
    for key in (part, block):
        with pytest.raises(SnapshotError, match="is missing"):
            newest({k: v for k, v in records.items() if k != key})
    for head in (b"?", b"\x91\x05", msgspec.msgpack.encode([SNAPSHOT_SCHEMA + 1, 2, 3])):
        with pytest.raises(SnapshotError, match=r"head cannot be read|schema \d"):
            newest({head_key(NAME, 1): head})


@pytest.mark.parametrize(
    "key",
    [
        b"",
        b"tally",
        b"tally/0",
        b"tally/0/x",
        b"tally/0/" + b"9" * 5000,
        b"\xff/\xff/\xff",
        b"a/b/",
    ],
)
def test_a_strangers_key_is_left_alone(key: bytes) -> None:
    """Whatever lies on the topic under a key that is none of ours is not looked at."""
    records = {key: b"?"}
    apply(records, written(b"state"))
    restored = newest(records)
    assert restored is not None
    assert restored.snapshot.state == b"state"
