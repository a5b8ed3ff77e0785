"""Snapshots as records of a compacted topic.

Rule.  A snapshot is a head record and, when it is too large for one record, parts written before
it; the head commits.  Parts alternate between two slots, so the last good head's parts outlive the
writing of the next.  The key holds the group generation of the writer: restore takes the highest,
so the late write of a worker that lost the partition changes nothing.  Older generations are
deleted before the second snapshot of a new one, so that the last record of the log is always a
head.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Final

import msgspec

SNAPSHOT_SCHEMA: Final = 1
MAX_PART_BYTES: Final = 900_000
"""Below every Kafka default for the largest record (1 MB)."""
SLOTS: Final = 2

Record = tuple[bytes, bytes | None]
"""Key and value; None deletes."""


class SnapshotError(RuntimeError):
    """A snapshot on the topic cannot be used."""


class Head(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The record that makes a snapshot count."""

    schema: int
    covered: dict[str, int]
    """Role of the topic -> next offset that the state covers."""
    sha256: bytes
    slot: int
    parts: int
    """0 when the state is in ``body``."""
    body: bytes


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot read back."""

    generation: int
    covered: dict[str, int]
    state: bytes
    slot: int


def head_key(name: str, generation: int) -> bytes:
    """The key of the head: ``tally/3/17`` is partition 3 written in generation 17."""
    return f"{name}/{generation}".encode()


def part_key(name: str, generation: int, slot: int, part: int) -> bytes:
    """The key of a part, always longer than its head's."""
    return f"{name}/{generation}/{slot}/{part}".encode()


def encode_snapshot(
    name: str, generation: int, covered: Mapping[str, int], state: bytes, last_slot: int | None
) -> tuple[list[Record], Record]:
    """The parts to be written first and the head to be written when they are durable."""
    slot = 0 if last_slot is None else (last_slot + 1) % SLOTS
    parts: list[Record] = []
    if len(state) > MAX_PART_BYTES:
        pieces = [state[at : at + MAX_PART_BYTES] for at in range(0, len(state), MAX_PART_BYTES)]
        parts = [
            (part_key(name, generation, slot, number), piece) for number, piece in enumerate(pieces)
        ]
    head = Head(
        schema=SNAPSHOT_SCHEMA,
        covered=dict(covered),
        sha256=hashlib.sha256(state).digest(),
        slot=slot,
        parts=len(parts),
        body=b"" if parts else state,
    )
    return parts, (head_key(name, generation), msgspec.msgpack.encode(head))


def restore(records: Mapping[bytes, bytes], name: str) -> Restored | None:
    """The newest generation's snapshot of ``name``, None when there never was one.

    Raises SnapshotError when it is of another schema, incomplete or damaged.
    """
    generations = _generations(records, name)
    if not generations:
        return None
    generation = max(generations)
    try:
        head = msgspec.msgpack.decode(records[head_key(name, generation)], type=Head)
    except msgspec.DecodeError as error:
        raise SnapshotError(f"snapshot {name}: its head cannot be read: {error}") from error
    if head.schema != SNAPSHOT_SCHEMA:
        raise SnapshotError(
            f"snapshot {name}: schema {head.schema}, this version reads {SNAPSHOT_SCHEMA}"
        )
    keys = [part_key(name, generation, head.slot, part) for part in range(head.parts)]
    missing = [key for key in keys if key not in records]
    if missing:
        raise SnapshotError(f"snapshot {name}: {len(missing)} of {head.parts} parts are missing")
    state = b"".join(records[key] for key in keys) if keys else head.body
    if hashlib.sha256(state).digest() != head.sha256:
        raise SnapshotError(f"snapshot {name}: its content does not match its hash")
    return Restored(generation=generation, covered=head.covered, state=state, slot=head.slot)


def superseded(records: Iterable[bytes], name: str, generation: int) -> list[bytes]:
    """Keys of older generations of ``name``, heads first so that no head outlives its parts."""
    start = f"{name}/".encode()
    old = []
    for key in records:
        if key.startswith(start):
            numbers = _numbers(key[len(start) :])
            if numbers and numbers[0] < generation:
                old.append(key)
    return sorted(old, key=lambda key: (key.count(b"/"), key))


def apply(records: MutableMapping[bytes, bytes], written: Iterable[Record]) -> None:
    """Do to ``records`` what reading ``written`` back would do."""
    for key, value in written:
        if value is None:
            records.pop(key, None)
        else:
            records[key] = value


def _generations(records: Mapping[bytes, bytes], name: str) -> list[int]:
    start = f"{name}/".encode()
    found = []
    for key in records:
        if key.startswith(start):
            numbers = _numbers(key[len(start) :])
            if len(numbers) == 1:
                found.append(numbers[0])
    return found


def _numbers(text: bytes) -> list[int]:
    """The numbers of ``17`` or ``17/0/3``; none when it is part of a longer name."""
    pieces = text.split(b"/")
    return [int(piece) for piece in pieces] if all(piece.isdigit() for piece in pieces) else []
