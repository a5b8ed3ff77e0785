"""Any records on the snapshots topic: what is restored was written so, or SnapshotError.

Keys and values of a head, its parts and its pieces are changed, left out, exchanged or joined by
foreign ones; a head is also changed inside and encoded again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from engine.snapshot import Snapshot, SnapshotError
from streams.snapshots import Shelf, encode_head, encode_piece, restore
from tests.fuzz.draw import Draw, chunk
from tests.fuzz.target import holds
from tests.fuzz.tree_edits import edited

RUNS: Final = 1_000_000
MAX_BYTES: Final = 200
INSTRUMENTED: Final = ("streams.snapshots", "engine")
NAME: Final = "tally/3"
GENERATION: Final = 17
WORDS: Final = (b"tally/3/", b"judge/m@v1/", b"9" * 19, b"\xc2\xb2", b"/0/0", b"/-1")
_PART_BYTES: Final = 40
_CONTENT: Final = bytes(range(100))


def written(state: bytes) -> tuple[dict[bytes, bytes], Snapshot]:
    """A snapshot's records as the topic holds them."""
    digest = hashlib.sha256(_CONTENT).digest()
    snapshot = Snapshot(state, {digest: _CONTENT})
    parts, head = encode_head(
        NAME,
        GENERATION,
        {"predictions": 7},
        snapshot,
        None,
        partitions=4,
        topic_ids={"predictions": "id"},
        part_bytes=_PART_BYTES,
    )
    pieces = encode_piece(NAME, GENERATION, digest, _CONTENT, _PART_BYTES)
    return {key: value for key, value in (*parts, *pieces, head) if value is not None}, snapshot


def prepare() -> Callable[[bytes], None]:
    """A snapshot in one record and one in parts."""
    sound = [written(b"state"), written(b"a state in parts" * 9)]

    def execute(data: bytes) -> None:
        draw = Draw(data)
        records, _ = sound[draw.below(2)]
        held = dict(records)
        for _ in range(1 + draw.below(3)):
            change(held, draw)
        shelf = Shelf(held)
        newest = shelf.newest(NAME)
        old = shelf.superseded(NAME, GENERATION)
        holds(len(old) <= len(held), "more to delete than there is")
        if newest is None:
            return
        try:
            found = restore(held, NAME, newest)
        except SnapshotError as error:
            holds(str(error), "a refusal without a reason")
            return
        holds(found.generation == newest, "another generation")
        whole = (hashlib.sha256(c).digest() == d for d, c in found.snapshot.pieces.items())
        holds(all(whole), "damaged pieces pass for sound ones")

    return execute


def change(held: dict[bytes, bytes], draw: Draw) -> None:
    """Do one thing to the records."""
    keys = sorted(held)
    key = draw.pick(keys) if keys else b""
    how = draw.below(7)
    if how == 0:
        held.pop(key, None)
    elif how == 1:
        held[key] = draw.chunk()
    elif how == 2 and keys:
        held[draw_key(draw)] = held[key]
    elif how == 3:
        held[draw_key(draw)] = draw.chunk()
    elif how == 4 and keys:
        other = draw.pick(keys)
        held[key], held[other] = held[other], held[key]
    elif how == 5:
        head = held.get(b"%b/%d" % (NAME.encode(), GENERATION), b"")
        held[draw_key(draw)] = spoiled(head, draw)
    else:
        held[b"%b/%d" % (NAME.encode(), GENERATION)] = spoiled(
            held.get(b"%b/%d" % (NAME.encode(), GENERATION), b""), draw
        )


def draw_key(draw: Draw) -> bytes:
    """A key of this name, of another, or any."""
    how = draw.below(4)
    if how == 0:
        return draw.chunk()
    name = NAME.encode() if how < 3 else b"judge/m@v1"
    return name + b"/" + (draw.chunk() if how == 1 else str(draw.byte()).encode())


def spoiled(head: bytes, draw: Draw) -> bytes:
    """A head changed inside; as it is when it is none."""
    try:
        tree: Any = msgspec.msgpack.decode(head)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return head
    return msgspec.msgpack.encode(edited(tree, draw, 1))


def seeds() -> Mapping[str, bytes]:
    """One change of every kind, and keys that are none of ours."""
    found = {
        f"change {how} of {n}": bytes([n & 1, 0, n, how, 2, 3, 1, 0])
        for how in range(7)
        for n in range(4)
    }
    for number, text in enumerate((b"9" * 30, b"\xc2\xb2", b"17/", b"-1", b"0x1", b"17/0/0")):
        found[f"key {number}"] = bytes([0, 0, 0, 3, 1]) + chunk(text) + chunk(b"x")
    return found
