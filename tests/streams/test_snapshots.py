"""Snapshots on a compacted topic: the head commits, the highest generation counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.snapshots import (
    MAX_PART_BYTES,
    Record,
    SnapshotError,
    apply,
    encode_snapshot,
    head_key,
    restore,
    superseded,
)

NAME = "tally/0"
LARGE = bytes(range(256)) * (MAX_PART_BYTES // 100)


def written(
    state: bytes, generation: int = 1, last_slot: int | None = None, name: str = NAME
) -> list[Record]:
    """All records of one snapshot."""
    parts, head = encode_snapshot(name, generation, {"labels": 7}, state, last_slot)
    return [*parts, head]


@pytest.mark.parametrize("state", [b"", b"small", LARGE])
def test_what_was_written_comes_back(state: bytes) -> None:
    """State, covered offsets and generation are restored, in one record or in parts."""
    records: dict[bytes, bytes] = {}
    apply(records, written(state, generation=5))
    restored = restore(records, NAME)
    assert restored is not None
    assert (restored.state, restored.covered, restored.generation) == (state, {"labels": 7}, 5)


def test_no_record_is_larger_than_a_part() -> None:
    """Every record of a large state stays under the bound."""
    assert max(len(value or b"") for _, value in written(LARGE)) <= MAX_PART_BYTES


def test_nothing_written_is_nothing_restored() -> None:
    """A partition never saved starts afresh."""
    assert restore({}, NAME) is None


@given(st.integers(0, 10), st.integers(0, 10))
def test_a_torn_write_leaves_the_last_snapshot(cut: int, more: int) -> None:
    """Whatever prefix of the next snapshot's records was written, one whole snapshot restores."""
    first, second = LARGE, LARGE[::-1] + b"!" * more
    records: dict[bytes, bytes] = {}
    apply(records, written(first))
    following = written(second, last_slot=0)
    apply(records, following[:cut])
    restored = restore(records, NAME)
    assert restored is not None
    assert restored.state == (second if cut >= len(following) else first)


def test_a_zombie_writes_in_vain() -> None:
    """A lower generation's later write changes nothing."""
    records: dict[bytes, bytes] = {}
    apply(records, written(b"new", generation=8))
    apply(records, written(b"old", generation=7))
    restored = restore(records, NAME)
    assert restored is not None
    assert restored.state == b"new"


def test_superseded_generations_are_heads_then_parts_of_that_name() -> None:
    """Cleaning up names every older key of this name and of no other, heads first."""
    records: dict[bytes, bytes] = {}
    apply(records, written(LARGE, generation=2))
    apply(records, written(b"x", generation=3))
    apply(records, written(b"y", generation=1, name="tally/01"))
    old = superseded(records, NAME, 3)
    assert old[0] == head_key(NAME, 2)
    assert len(old) == len(written(LARGE, generation=2))
    apply(records, [(key, None) for key in old])
    restored = restore(records, NAME)
    assert restored is not None
    assert restored.state == b"x"


def test_missing_and_damaged_parts_are_refused() -> None:
    """A snapshot that is not whole is never used."""
    records: dict[bytes, bytes] = {}
    apply(records, written(LARGE))
    part = written(LARGE)[0][0]
    damaged = records | {part: b"?"}
    with pytest.raises(SnapshotError, match="does not match its hash"):
        restore(damaged, NAME)
    del records[part]
    with pytest.raises(SnapshotError, match="parts are missing"):
        restore(records, NAME)
    with pytest.raises(SnapshotError, match="head cannot be read"):
        restore({head_key(NAME, 1): b"?"}, NAME)
