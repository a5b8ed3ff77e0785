"""What waits in memory, as a table and as blocks of a state: nothing is lost, damage is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
import pytest

from engine.entry_codec import encode_entry
from engine.join_entry import Entry, Label, Prediction
from engine.join_store import Clock, MemoryStore
from engine.pending_rows import key_of
from engine.pieces import PieceReader, PieceWriter
from engine.snapshot import SnapshotError
from engine.waiting_rows import FIRST_ROWS, OTHER
from tests.engine.driven_join import Driven
from tests.engine.naive_join import Record, joined
from tests.engine.test_join import label, made, simple

TTL_MS = 640
ON_TIME = True


def prediction(ts_ms: int, offset: int = 0) -> Prediction:
    """A prediction with two segments."""
    return Prediction(offset, ts_ms, ON_TIME, 0.25, 1, 12.5, (3, 0))


FAR = Entry((), (Label(0, 1 << 62, 0, ON_TIME, 1.0),))


def entries() -> dict[str, Entry]:
    """Of every kind, in several groups."""
    first = Label(7, 1_010, 1_000, ON_TIME, 1.0)
    kinds = [
        Entry((prediction(1_000),), ()),
        Entry((), (first,)),
        Entry((prediction(1_005),), (first,)),
        Entry((prediction(1_000),), (first, Label(9, 1_012, 1_001, ON_TIME, 0.0))),
        Entry((prediction(1_000), prediction(1_300, 4)), ()),
        Entry((prediction(1_001),), (Label(3, 1_001 + TTL_MS + 1, 1_000, ON_TIME, 1.0),)),
        Entry((msgspec.structs.replace(prediction(1_000), assumed=True),), ()),
        Entry((msgspec.structs.replace(prediction(1_000), segments=(300, 0)),), ()),
    ]
    return {key_of(str(at)): kind for at, kind in enumerate(kinds)}


def store_of(held: dict[str, Entry]) -> MemoryStore:
    """A store with these entries."""
    store = MemoryStore(TTL_MS)
    store.write(held, (), {})
    return store


def saved(store: MemoryStore) -> tuple[dict[int, bytes], Any]:
    """Blocks and pieces."""
    pieces = PieceWriter()
    return store.save(pieces), pieces.pieces


def test_entries_of_every_kind_are_kept() -> None:
    """The simple ones as columns, the others as they are; and all come back from the blocks."""
    held = entries()
    store = store_of(held)
    assert store.get_many([*held]) == [*held.values()]
    assert np.count_nonzero(store.rows.states == OTHER) == 5
    blocks, pieces = saved(store)
    again = MemoryStore(TTL_MS)
    again.restore(blocks, PieceReader(pieces))
    assert dict(again.items()) == dict(store.items())
    assert saved(again) == (blocks, pieces)
    assert again.get_many([key_of("x")]) == [None]


def test_blocks_are_of_the_entries_alone() -> None:
    """Whatever was put in and taken out before, and in whatever order."""
    held = entries()
    store = MemoryStore(TTL_MS)
    for key in reversed(held):
        store.write({key: Entry((prediction(5_000),), ())}, (), {})
    store.write({key_of("y"): held[key_of("0")]}, (), {})
    saved(store)
    store.write({}, [key_of("y")], {})
    for key in reversed(held):
        store.write({key: held[key]}, (), {})
    assert saved(store) == saved(store_of(held))


def test_a_block_that_did_not_change_is_not_written_anew() -> None:
    """Only the group of the entry that changed is."""
    late = {key_of("late"): Entry((prediction(90_000),), ())}
    store = store_of({**entries(), **late})
    before, _ = saved(store)
    store.write({key_of("0"): Entry((prediction(1_000, 99),), ())}, (), {})
    after, _ = saved(store)
    assert {group for group in before if before[group] != after[group]} == {1_000 // 10}


def test_the_oldest_go_first() -> None:
    """By time, then by key, over rows of any kind."""
    held = {key_of(str(n)): Entry((prediction(1_000 + n % 5),), ()) for n in range(40)}
    store = store_of({**held, key_of("l"): Entry((), (Label(0, 999, 999, ON_TIME, 0.0),))})
    oldest = store.oldest(9)
    assert oldest[0] == key_of("l")
    assert set(oldest[1:]) == {key_of(str(n)) for n in range(40) if n % 5 == 0}
    assert store.oldest(100) == [*oldest, *store.oldest(100)[9:]]


def test_more_events_than_there_is_room_at_first() -> None:
    """Rows are found after the table has grown, in whatever batches they came."""
    count = 3 * FIRST_ROWS
    logs: dict[Clock, Sequence[Record]] = {
        "predictions": [made(f"e{n}", n // 40) for n in range(count)],
        "labels": [label(f"e{count - 1 - n}", 80 + n // 99, n % 2) for n in range(count)],
    }
    whole, cut = Driven(simple(), logs, 2 * count), Driven(simple(), logs, 2 * count)
    whole.step("predictions", count)
    assert len(whole.store) == count
    whole.step("labels", count)
    for _ in range(5):
        cut.step("labels", 700)
        cut.step("predictions", 700)
    assert cut.state() == whole.state()
    plain = joined(simple(), logs["predictions"], logs["labels"])
    assert whole.outcome().fates == plain.fates
    assert whole.outcome().places == plain.places


def test_a_block_is_narrow() -> None:
    """Fewer than 60 bytes for an event that is labelled, its key and its score included."""
    random = np.random.default_rng(1)
    held = {}
    for n in range(2_000):
        ts_ms = 1_767_225_600_000 + n
        made = Prediction(n, ts_ms, ON_TIME, random.random(), n % 2, random.random(), (n % 3,))
        known = Label(n, ts_ms + 30_000, ts_ms + 30_000, ON_TIME, float(n % 2))
        held[key_of(str(n))] = Entry((made,), (known,))
    store = MemoryStore(3_600_000)
    store.write(held, (), {})
    blocks, pieces = saved(store)
    assert sum(map(len, [*blocks.values(), *pieces.values()])) < 60 * len(held)


def edited(change: Callable[[list[Any]], object]) -> dict[int, bytes]:
    """A sound block of two groups' first, changed."""
    blocks, _ = saved(store_of(entries()))
    tree = msgspec.msgpack.decode(blocks[100][1:])
    change(tree)
    return {100: b"\x00" + msgspec.msgpack.encode(tree)}


def put(place: int, value: object) -> Callable[[list[Any]], object]:
    """Another value at one place of a block."""
    return lambda tree: tree.__setitem__(place, value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (put(0, bytes(16) * 8), "twice"),
        (put(0, bytes(15)), "no keys"),
        (put(0, b""), "without keys"),
        (put(1, [0, 0, b""]), "are nothing"),
        (put(1, [4, 0, b""]), "are nothing"),
        (put(1, [1, 1, b"\x00"]), "no column"),
        (put(3, [[300, 0, b""], [0, 0, b""]]), "a segment that there is not"),
        (lambda tree: tree[2].__setitem__(1, [0, 0, b""]), "further from its prediction than ttl"),
        (lambda tree: tree[2].__setitem__(1, [1 << 61, 0, b""]), "a time in a join"),
        (lambda tree: tree[2].__setitem__(3, [b"\0" * 7, b""]), "no reals"),
        (lambda tree: tree[4].__setitem__(4, [b"\xff" * 8, b""]), "that is none"),
        (lambda tree: tree[5].__setitem__(0, b"\x92\x90\x90"), "that is empty"),
        (lambda tree: tree[5].__setitem__(0, b"\x93"), "not an entry of a join"),
        (lambda tree: tree[5].__setitem__(0, encode_entry(FAR)), "a time in a join"),
        (put(2, []), "not the entries of a join"),
    ],
)
def test_a_damaged_block_is_refused(change: Callable[[list[Any]], object], told: str) -> None:
    """With what is wrong with it, and never read as something else."""
    with pytest.raises(SnapshotError, match=told):
        MemoryStore(TTL_MS).restore(edited(change), PieceReader({}))


def test_a_block_in_the_wrong_place_is_refused() -> None:
    """So is one that says an entry again."""
    sound = edited(lambda tree: tree)
    store = MemoryStore(TTL_MS)
    with pytest.raises(SnapshotError, match="in the wrong block"):
        store.restore({3: sound[100]}, PieceReader({}))
    with pytest.raises(SnapshotError, match="twice"):
        MemoryStore(TTL_MS).restore({100: sound[100], 101: sound[100]}, PieceReader({}))


def test_room_is_given_back() -> None:
    """When nearly all have left, those that stay are still found, by key and by time."""
    many = 40 * FIRST_ROWS
    last = many // 40 + 200
    logs: dict[Clock, Sequence[Record]] = {
        "predictions": [made(f"e{n}", n // 40) for n in range(many)] + [made("last", last)],
        "labels": [label("e0", 0, 1), label("e0", 1, 0), label("last", last, 1)],
    }
    driven = Driven(simple(), logs, 2 * many)
    driven.step("labels", 2)
    driven.step("predictions", many)
    assert len(driven.store.rows.states) >= many
    driven.step("predictions", 1)
    driven.step("labels", 1)
    assert len(driven.store.rows.states) == FIRST_ROWS
    assert {key for key, _ in driven.store.items()} == {key_of("last")}
    assert driven.store.get_many([key_of("last"), key_of("e0")])[0] is not None
    plain = joined(simple(), logs["predictions"], logs["labels"])
    assert driven.outcome().places == plain.places
