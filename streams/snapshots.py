"""Snapshots as records of a compacted topic.

Rule.  A snapshot is a head record, written last, and what the head names: the state in parts when
it is too large for one record, and the pieces (:mod:`engine.pieces`), each written once as long as
a head names it.  Parts alternate between two slots, so the last good head's parts outlive the
writing of the next.

Every key holds the group generation of its writer: restore takes the highest, so the late write of
a worker that lost the partition changes nothing, and neither does its late deletion, because a new
generation writes pieces of its own.  Deletions come before a head, so that the last record of the
log is always a head.

Keys: ``NAME/GENERATION`` the head, ``NAME/GENERATION/SLOT/NUMBER`` a part, and
``NAME/GENERATION/SHA-256/NUMBER`` a piece, ``NAME/GENERATION/claim`` the claim of an owner that may
have saved nothing yet; NAME is ``tally/3``, ``judge/fraud@2``, ``panes/3``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Final

import msgspec

from engine.snapshot import Snapshot, SnapshotError

SNAPSHOT_SCHEMA: Final = 3
MAX_PART_BYTES: Final = 900_000
"""Below every Kafka default for the largest record (1 MB)."""
SLOTS: Final = 2
MAX_NUMBER: Final = 1 << 48
"""Of a generation in a key: above every one that :mod:`streams.recovery` gives; a key with a higher
one is none of ours, and must not raise the next number beyond what is one."""
MAX_DIGITS: Final = len(str(MAX_NUMBER))

Record = tuple[bytes, bytes | None]
"""Key and value; None deletes."""


class Owner(msgspec.Struct, frozen=True, array_like=True):
    """Who holds a name."""

    group: str
    generation: int
    """The group's, when the owner came."""


NOBODY: Final = Owner("", 0)


class Head(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The record that makes a snapshot count."""

    schema: int
    covered: dict[str, int]
    """Role of the topic -> next offset that the state covers."""
    sha256: bytes
    """Of the state."""
    slot: int
    parts: int
    """0 when the state is in ``body``."""
    body: bytes
    pieces: list[tuple[bytes, int]]
    """SHA-256 and number of records of each piece."""
    partitions: int
    """Partition count of the topics when it was written."""
    topic_ids: dict[str, str]
    """Role -> the broker's id of the topic that ``covered`` speaks of, as far as known."""
    group_generation: int
    """The group's generation when the writer came."""
    group: str
    """Generations are compared within one group only."""


class _Schema(msgspec.Struct, frozen=True, array_like=True):
    """The first field of a head of any schema."""

    schema: int


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot read back."""

    generation: int
    covered: dict[str, int]
    snapshot: Snapshot
    slot: int
    partitions: int
    topic_ids: dict[str, str]


class Shelf:
    """The keys of a snapshots topic by name and generation."""

    def __init__(self, keys: Iterable[bytes]) -> None:
        self._keys: dict[str, dict[int, set[bytes]]] = {}
        self.foreign = 0
        """Keys that nobody of ours wrote."""
        for key in keys:
            self.add(key)

    def add(self, key: bytes) -> None:
        """Note a key; one that is none of ours is left alone."""
        place = _place(key)
        if place is None:
            self.foreign += 1
        else:
            name, generation = place
            self._keys.setdefault(name, {}).setdefault(generation, set()).add(key)

    def names(self, kind: str) -> dict[str, int]:
        """Names of a kind (``judge``) with the highest generation that wrote anything."""
        found = {name: self.highest(name) for name in self._keys if name.startswith(f"{kind}/")}
        return {name: number for name, number in found.items() if number is not None}

    def discard(self, key: bytes) -> None:
        """Forget a key."""
        place = _place(key)
        if place is not None:
            name, generation = place
            self._keys.get(name, {}).get(generation, set()).discard(key)

    def newest(self, name: str) -> int | None:
        """The highest generation that ever wrote a head of ``name``; None when there was none."""
        written = self._keys.get(name, {})
        return max((g for g, keys in written.items() if head_key(name, g) in keys), default=None)

    def highest(self, name: str) -> int | None:
        """The highest generation that ever wrote anything for ``name``, a claim included."""
        written = self._keys.get(name, {})
        return max((g for g, keys in written.items() if keys), default=None)

    def older_claims(self, name: str, generation: int) -> list[bytes]:
        """Claims of ``name`` that stand below this generation."""
        written = self._keys.get(name, {})
        old = ((g, claim_key(name, g)) for g in sorted(written) if g < generation)
        return [key for g, key in old if key in written[g]]

    def superseded(self, name: str, generation: int) -> list[bytes]:
        """Keys of older generations of ``name``, heads first so that no head outlives its parts."""
        written = self._keys.get(name, {})
        old = [key for g, keys in written.items() if g < generation for key in keys]
        return sorted(old, key=lambda key: (key.count(b"/"), key))


_HEAD: Final = msgspec.msgpack.Decoder(Head)


def _place(key: bytes) -> tuple[str, int] | None:
    """Name and generation of a key; None when it is none of ours."""
    kind, name, generation, *_ = [*key.split(b"/", 3), b"", b""]
    if not generation.isdigit() or len(generation) > MAX_DIGITS or int(generation) >= MAX_NUMBER:
        return None
    return f"{kind.decode(errors='replace')}/{name.decode(errors='replace')}", int(generation)


def head_key(name: str, generation: int) -> bytes:
    """The key of the head: ``tally/3/17`` is partition 3 written in generation 17."""
    return f"{name}/{generation}".encode()


def claim_key(name: str, generation: int) -> bytes:
    """The key of the record by which an owner takes a generation for itself."""
    return f"{name}/{generation}/claim".encode()


def part_key(name: str, generation: int, slot: int, part: int) -> bytes:
    """The key of a part."""
    return f"{name}/{generation}/{slot}/{part}".encode()


def piece_keys(name: str, generation: int, digest: bytes, count: int) -> Iterator[bytes]:
    """The keys of a piece."""
    start = f"{name}/{generation}/{digest.hex()}"
    return (f"{start}/{number}".encode() for number in range(count))


def cut(content: bytes, part_bytes: int) -> list[bytes]:
    """Content in records of at most ``part_bytes``; always at least one."""
    return [content[at : at + part_bytes] for at in range(0, max(1, len(content)), part_bytes)]


def encode_head(  # noqa: PLR0913 - the fields of the record, by name
    name: str,
    generation: int,
    covered: Mapping[str, int],
    snapshot: Snapshot,
    last_slot: int | None,
    *,
    partitions: int,
    topic_ids: Mapping[str, str],
    part_bytes: int = MAX_PART_BYTES,
    owner: Owner = NOBODY,
) -> tuple[list[Record], Record]:
    """The parts of the state, and the head that is to be written when they and the pieces are
    durable."""
    slot = 0 if last_slot is None else (last_slot + 1) % SLOTS
    state, parts = snapshot.state, []
    if len(state) > part_bytes:
        parts = [
            (part_key(name, generation, slot, number), part)
            for number, part in enumerate(cut(state, part_bytes))
        ]
    head = Head(
        schema=SNAPSHOT_SCHEMA,
        covered=dict(covered),
        sha256=hashlib.sha256(state).digest(),
        slot=slot,
        parts=len(parts),
        body=b"" if parts else state,
        pieces=[
            (digest, len(cut(content, part_bytes)))
            for digest, content in sorted(snapshot.pieces.items())
        ],
        partitions=partitions,
        topic_ids=dict(topic_ids),
        group_generation=owner.generation,
        group=owner.group,
    )
    return [*parts], (head_key(name, generation), msgspec.msgpack.encode(head))


def encode_claim(name: str, generation: int, owner: Owner) -> Record:
    """The record by which an owner takes a generation for itself."""
    return claim_key(name, generation), msgspec.msgpack.encode(owner)


def owner_of(records: Mapping[bytes, bytes], name: str, generation: int) -> Owner | None:
    """The owner of this generation; None when nothing readable says."""
    try:
        claim = records.get(claim_key(name, generation))
        if claim is not None:
            return msgspec.msgpack.decode(claim, type=Owner)
        head = _HEAD.decode(records.get(head_key(name, generation), b""))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return Owner(head.group, head.group_generation)


def encode_piece(
    name: str, generation: int, digest: bytes, content: bytes, part_bytes: int = MAX_PART_BYTES
) -> list[Record]:
    """The records of a piece."""
    parts = cut(content, part_bytes)
    return list(zip(piece_keys(name, generation, digest, len(parts)), parts, strict=True))


def restore(records: Mapping[bytes, bytes], name: str, generation: int) -> Restored:
    """The snapshot of ``name`` that this generation wrote; SnapshotError when it is of another
    schema, incomplete or damaged."""
    try:
        raw = records[head_key(name, generation)]
        schema = msgspec.msgpack.decode(raw, type=_Schema).schema
        if schema != SNAPSHOT_SCHEMA:
            raise SnapshotError(f"schema {schema}, this version reads {SNAPSHOT_SCHEMA}")
        head = _HEAD.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise SnapshotError(f"its head cannot be read: {error}") from error
    state = head.body
    if head.parts:
        keys = (part_key(name, generation, head.slot, part) for part in range(head.parts))
        state = _joined(records, keys, "part")
    if hashlib.sha256(state).digest() != head.sha256:
        raise SnapshotError("its content does not match its hash")
    pieces = {
        digest: _joined(records, piece_keys(name, generation, digest, count), "piece")
        for digest, count in head.pieces
    }
    if damaged := [d for d, piece in pieces.items() if hashlib.sha256(piece).digest() != d]:
        raise SnapshotError(f"the piece {damaged[0].hex()[:16]} does not match its hash")
    return Restored(
        generation=generation,
        covered=head.covered,
        snapshot=Snapshot(state, pieces),
        slot=head.slot,
        partitions=head.partitions,
        topic_ids=head.topic_ids,
    )


def _joined(records: Mapping[bytes, bytes], keys: Iterable[bytes], what: str) -> bytes:
    """The contents of some records; SnapshotError at the first that is missing."""
    found = []
    for key in keys:
        content = records.get(key)
        if content is None:
            raise SnapshotError(f"a {what} is missing ({key.decode()})")
        found.append(content)
    return b"".join(found) if len(found) > 1 else found[0] if found else b""


def apply(records: MutableMapping[bytes, bytes], written: Iterable[Record]) -> None:
    """Do to ``records`` what reading ``written`` back would do."""
    for key, value in written:
        if value is None:
            records.pop(key, None)
        else:
            records[key] = value
