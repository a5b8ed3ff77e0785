"""State that cannot be restored exactly is refused with what to do, or rebuilt: by choice."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from engine.judge import Judge
from engine.snapshot import Snapshot
from engine.tally import Tally
from streams.live import LiveState
from streams.recovery import LIVES, Recovery, RestoreError, StaleOwnerError
from streams.snapshot_table import Home, Name, SnapshotTable
from streams.snapshots import Owner
from tests.engine.models import HOUR, START, ended, logs_of, model_of, run, stream

NAME = "tally/0"
SMALL = 500
"""Bytes a record, so that a state has parts."""


class Store:
    """What Faust's table keeps in memory."""

    def __init__(self, records: dict[bytes, bytes]) -> None:
        self.data = records
        self._key_partition: dict[bytes, int] = {}


class Topic:
    """A snapshots topic in memory, and what was sent to it in order."""

    def __init__(self, home: Home) -> None:
        self.records: dict[bytes, bytes] = {}
        self.sent: list[tuple[bytes, bytes | None]] = []
        self.live = LiveState()
        self.home = home

    def table(self, home: Home | None = None) -> SnapshotTable:
        """The table that a worker sees after its recovery."""
        memory: Any = SimpleNamespace(data=Store(self.records))
        table = SnapshotTable(memory, "snapshots", self._send, self.live, home or self.home)
        table.look()
        return table

    async def _send(self, _: str, key: bytes, value: bytes | None, *__: object) -> Any:  # noqa: ANN401
        self.sent.append((key, value))
        settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        settled.set_result(None)
        return settled


@pytest.fixture(scope="module")
def tally() -> Tally:
    """A tally with many open panes."""
    logs = ended(logs_of(stream(4, 300, shift=2.0), 1), START + HOUR)
    return run([model_of()], 1, logs)[1].tallies[0]


@pytest.fixture
def topic(tally: Tally) -> Topic:
    """A topic with one snapshot of the tally, written by generation 3."""
    topic = Topic(Home(4, {"predictions": "first"}, part_bytes=SMALL))

    async def write() -> None:
        await topic.table().write(Name(NAME, 0, 3), dict(tally.covered), tally.snapshot())

    asyncio.run(write())
    assert len(topic.records) > 2, "a state in parts"
    return topic


def build(snapshot: Snapshot | None, generation: int) -> Tally:
    """As a worker does."""
    return Tally(0, 1, [model_of()], resume=snapshot, generation=generation)


def cut_part(records: dict[bytes, bytes]) -> None:
    """A part is gone."""
    del records[next(key for key in records if key.count(b"/") == 4)]


def flip_bit(records: dict[bytes, bytes]) -> None:
    """A part is damaged."""
    key = next(key for key in records if key.count(b"/") == 4)
    records[key] = bytes([records[key][0] ^ 1]) + records[key][1:]


def cut_head(records: dict[bytes, bytes]) -> None:
    """The head is cut short."""
    records[b"tally/0/3"] = records[b"tally/0/3"][:10]


def future_head(records: dict[bytes, bytes]) -> None:
    """A later version of Longshore wrote it."""
    records[b"tally/0/3"] = msgspec.msgpack.encode([99, {}, "more"])


def foreign_state(records: dict[bytes, bytes]) -> None:
    """The state of something else."""
    other = Topic(Home(4, part_bytes=SMALL))
    judge = Judge(model_of(), 1).snapshot()
    asyncio.run(other.table().write(Name(NAME, 0, 3), {}, judge))
    records.clear()
    records.update(other.records)


DAMAGES: tuple[tuple[Callable[[dict[bytes, bytes]], None], str], ...] = (
    (cut_part, "a part is missing"),
    (flip_bit, "does not match its hash"),
    (cut_head, "head cannot be read"),
    (future_head, "schema 99, this version reads"),
    (foreign_state, "a judge snapshot where a tally one was wanted"),
)


@pytest.mark.parametrize(("damage", "words"), DAMAGES)
def test_unusable_snapshots_are_refused_with_what_to_do(
    topic: Topic, damage: Callable[[dict[bytes, bytes]], None], words: str
) -> None:
    """Damaged, cut short, from the future, of something else: named, with the way out."""
    damage(topic.records)
    recovery = Recovery("refuse", topic.table(), topic.live, Owner("g", 4))
    recovery.resume(NAME, build, committed=True)
    with pytest.raises(RestoreError, match=words) as told:
        recovery.conclude()
    assert NAME in str(told.value)
    assert "LONGSHORE_RECOVERY=rebuild" in str(told.value)
    assert topic.live.refused_restores == 1
    assert topic.live.rebuilt == {}


@pytest.mark.parametrize(("damage", "words"), DAMAGES)
def test_unusable_snapshots_are_rebuilt_by_choice(
    topic: Topic,
    damage: Callable[[dict[bytes, bytes]], None],
    words: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The state starts afresh under a stamp above everything that was told before, and it is said
    and counted."""
    damage(topic.records)
    recovery = Recovery("rebuild", topic.table(), topic.live, Owner("g", 2))
    with caplog.at_level(logging.WARNING, "longshore.worker"):
        rebuilt, restored, generation = recovery.resume(NAME, build, committed=False)
    recovery.conclude()
    assert (rebuilt.covered, restored) == ({}, None)
    assert generation == rebuilt._epoch == 2 * LIVES
    assert topic.live.rebuilt == {"tally": 1}
    assert words in caplog.text


def test_snapshots_of_other_topics_are_refused(topic: Topic) -> None:
    """Another partition count, or a topic deleted and made anew, is no home for old counts."""
    for home, words in (
        (Home(6, {"predictions": "first"}), "had 4 partitions .* now they have 6"),
        (Home(4, {"predictions": "second"}), "predictions was deleted and made anew"),
    ):
        recovery = Recovery("refuse", topic.table(home), topic.live, Owner("g", 4))
        recovery.resume(NAME, build, committed=True)
        with pytest.raises(RestoreError, match=words):
            recovery.conclude()
    unknown = Recovery("refuse", topic.table(Home(4)), topic.live, Owner("g", 4))
    assert unknown.resume(NAME, build, committed=True).restored is not None
    unknown.conclude()


def test_a_group_that_was_deleted_begins_again(topic: Topic) -> None:
    """Its generations begin at 1, and its first owner's claim makes the second one welcome; an
    owner of a later generation of the same group keeps earlier ones out."""

    def taken_up(generation: int, *, committed: bool, group: str = "g") -> int:
        table, owner = topic.table(), Owner(group, generation)
        recovery = Recovery("refuse", table, topic.live, owner)
        number = recovery.resume(NAME, build, committed=committed).generation
        recovery.conclude()
        asyncio.run(table.claim([Name(NAME, 0, number, owner)]))
        return number

    before = taken_up(57, committed=True)
    assert before == 57 * LIVES
    with pytest.raises(StaleOwnerError, match="generation 57 already"):
        taken_up(56, committed=True)
    numbers = [taken_up(1, committed=False), taken_up(2, committed=True)]
    assert before < numbers[0] < numbers[1]
    elsewhere = taken_up(1, committed=True, group="another")
    back = taken_up(1, committed=True)
    assert numbers[1] < elsewhere < back, "generations of another group say nothing"
    claims = [key for key, value in topic.records.items() if key.endswith(b"/claim") and value]
    assert len(claims) == 1, "older claims are deleted"


@pytest.mark.parametrize("key", [b"tally/0/999999999999999", b"tally/0/999999999999999999/claim"])
def test_keys_beyond_all_numbers_are_nobodys(
    topic: Topic, key: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """They are told, and neither used nor a reason to take a number that is none."""
    topic.records[key] = b"1"
    with caplog.at_level(logging.WARNING, "longshore.worker"):
        table = topic.table()
        recovery = Recovery("refuse", table, topic.live, Owner("g", 4))
    resumed = recovery.resume(NAME, build, committed=True)
    recovery.conclude()
    assert resumed.restored is not None
    assert resumed.generation == 4 * LIVES
    assert "1 keys in" in caplog.text


def test_what_is_unchanged_is_not_written_again(tally: Tally) -> None:
    """A second snapshot writes only new pieces; pieces no longer named are deleted before the next
    head, and whatever was written last is a head."""
    topic = Topic(Home(4))
    old, kept, new = ({hashlib.sha256(c).digest(): c} for c in (b"0" * 5_000, b"1" * 5_000, b"2"))
    table, name = topic.table(), Name(NAME, 0, 1)

    async def write(*pieces: dict[bytes, bytes]) -> list[bytes]:
        topic.sent.clear()
        merged = {digest: content for piece in pieces for digest, content in piece.items()}
        await table.write(name, {}, Snapshot(tally.snapshot().state, merged))
        assert topic.sent[-1][0] == b"tally/0/1"
        restored = table.restore(NAME)
        assert restored is not None
        assert restored.snapshot.pieces == merged
        return [key for key, value in topic.sent if value is None]

    assert asyncio.run(write(old, kept)) == []
    assert asyncio.run(write(kept, new)) == []
    assert sum(len(value or b"") for _, value in topic.sent) < 10_000 + len(tally.snapshot().state)
    gone = asyncio.run(write(kept, new))
    assert gone == [f"tally/0/1/{next(iter(old)).hex()}/0".encode()]
    assert len(topic.sent) == 2
    assert topic.live.snapshot_pieces_written == 3
