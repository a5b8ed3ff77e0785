"""What waits for labels in one partition: disk, topic, owners that come and go, and damage."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from engine.pending_rows import NEVER_MS, Row, encode_row
from engine.pending_store import PendingStore
from engine.pieces import PieceReader, PieceWriter
from engine.snapshot import Snapshot
from streams.data_dir import DataDir, DataDirError
from streams.live import LiveState
from streams.pending import Pending, Places
from streams.pending_disk import DiskError, PartitionDisk, Written, model_of
from streams.pending_records import BEGINS, GOES_ON, Refill, claim_record, row_key
from streams.recovery import Recovery, RestoreError, StaleOwnerError
from streams.snapshot_table import GivenUpError
from streams.snapshots import Owner, Record
from tests.simulation.waiting import Disk, Medium

MODEL = b"model---"
KEY, OTHER = b"k" * 16, b"o" * 16
KEYS = ("00" * 16, "11" * 16, "22" * 16)
JOINED = [("m@1", "layout")]


def row(content: bytes = b"c", labels_ms: int = 10) -> Row:
    """Any row."""
    return Row(5, labels_ms, NEVER_MS, content)


class Topic:
    """The topic in a list."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.broken = False

    async def write(self, partition: int, records: Sequence[Record]) -> None:
        """Append, unless the brokers are away."""
        assert partition == 0
        if self.broken:
            raise RuntimeError("away")
        self.records += records

    async def read(self, partition: int) -> AsyncIterator[list[Record]]:
        """All there is, two at a time."""
        assert partition == 0
        records = list(self.records)
        for at in range(0, len(records), 2):
            yield records[at : at + 2]

    def latest(self) -> dict[bytes, bytes]:
        """What compaction leaves."""
        found: dict[bytes, bytes] = {}
        for key, value in self.records:
            found.pop(key, None)
            if value is not None:
                found[key] = value
        return found


class Stage:
    """A machine with a disk, a topic, and snapshots as the shell makes them."""

    def __init__(self, directory: Path, policy: Any = "refuse") -> None:  # noqa: ANN401
        self.data_dir = DataDir(str(directory))
        self.topic = Topic()
        self.live = LiveState()
        self.policy = policy
        self.home = "here"
        self.number = 0
        self.saved: Snapshot | None = None
        self.stored: dict[int, bytes] = {}
        self.waiting = 0
        self.holds = b""
        self.pending: Pending
        self.store: PendingStore

    def open(self, known: Sequence[tuple[str, str]] = JOINED) -> Recovery:
        """Take the partition up, as far as the disk goes."""
        self.number += 1
        recovery = Recovery(self.policy, None, self.live, Owner("g", self.number))  # type: ignore[arg-type]
        data = self.data_dir
        places = Places(self.topic, data.open_disk, data.wipe_disk, self.home, self.live)
        self.pending = places.pending(0, self.number)
        store = self.pending.store("m@1", "layout", 1_000)
        assert isinstance(store, PendingStore)
        self.store = store
        if self.saved is not None:
            store.restore(self.stored, PieceReader(self.saved.pieces))
            store.expected = self.waiting
            self.pending.holds = self.holds
        self.pending.open(self.saved, known, recovery)
        return recovery

    def begin(self, known: Sequence[tuple[str, str]] = JOINED) -> None:
        """Take the partition up."""
        recovery = self.open(known)
        recovery.conclude()
        self.pending.claimed(self.snapshot())
        asyncio.run(self.pending.begin(recovery))
        recovery.conclude()

    def snapshot(self) -> Snapshot:
        """A durable snapshot, different from all before."""
        pieces = PieceWriter()
        self.stored = self.store.save(pieces)
        self.waiting, self.holds = len(self.store), self.pending.holds
        state = repr((self.number, self.stored, self.waiting, self.holds, len(self.topic.records)))
        self.saved = Snapshot(state.encode(), pieces.pieces)
        return self.saved

    def put(self, key: str, content: bytes | None) -> None:
        """Change an entry in a batch of its own."""
        if content is None:
            self.store.write({}, [key], {})
        else:
            self.store.schedule("labels", 10, key)
            self.store.write({key: (5, content)}, (), {})
        self.store.write({}, (), {})

    def checkpoint(self, *, committed: bool = True) -> None:
        """Snapshot, commit, disk and topic."""
        self.pending.cut(self.snapshot())
        if committed:
            asyncio.run(self.pending.confirm())

    def die(self) -> None:
        """The process ends; what is on the disk stays."""
        self.pending.close()

    def entries(self) -> dict[str, bytes]:
        """Everything that waits."""
        return dict(self.store.items())


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A new machine."""
    return Stage(tmp_path / "data")


def filled(stage: Stage) -> dict[str, bytes]:
    """Three entries, two of them confirmed, of which one has changed and one has gone since."""
    stage.begin()
    stage.put(KEYS[0], b"a")
    stage.put(KEYS[1], b"b")
    stage.checkpoint()
    stage.put(KEYS[0], None)
    stage.put(KEYS[1], b"B")
    stage.put(KEYS[2], b"c")
    stage.checkpoint(committed=False)
    return {KEYS[1]: b"B", KEYS[2]: b"c"}


def test_a_restart_goes_on_with_its_disk(stage: Stage) -> None:
    """Nothing is read from the topic, and what the disk did not have is in the snapshot."""
    truth = filled(stage)
    stage.die()
    stage.begin()
    assert stage.entries() == truth
    assert stage.live.pending_restores == 1  # the first life's, of an empty topic
    assert len(stage.store) == 2


@pytest.mark.parametrize("lives", [1, 2, 3])
def test_a_lost_disk_is_made_anew_from_the_topic(stage: Stage, lives: int) -> None:
    """Also when owners before it died without having written what they had restored."""
    truth = filled(stage)
    for _ in range(lives):
        stage.die()
        stage.data_dir.wipe_disk(0)
        stage.begin()
    assert stage.entries() == truth
    stage.checkpoint()
    stage.die()
    stage.data_dir.wipe_disk(0)
    stage.begin()
    assert stage.entries() == truth
    assert stage.live.pending_restore_seconds > 0


def test_the_topic_holds_one_row_per_entry_and_one_claim(stage: Stage) -> None:
    """Rows of owners before, ends of entries and older claims leave the topic."""
    truth = filled(stage)
    stage.die()
    stage.data_dir.wipe_disk(0)
    stage.begin()
    stage.checkpoint()
    stage.put(KEYS[1], b"BB")
    stage.checkpoint()
    latest = stage.topic.latest()
    assert sorted(latest) == sorted(
        [
            claim_record(2, fresh=False)[0],
            *(row_key(2, model_of("m@1", "layout"), bytes.fromhex(key)) for key in truth),
        ]
    )


@pytest.mark.parametrize("found", ["before", "after", "half"])
def test_a_late_writer_takes_nothing_away(stage: Stage, found: str) -> None:
    """What a worker that lost the partition still writes is void, before and after its successor
    has read the topic."""
    truth = filled(stage)
    lost, before = stage.pending, len(stage.topic.records)
    asyncio.run(lost.confirm())
    late = stage.topic.records[before:]
    del stage.topic.records[before:]
    lost.close()
    stage.data_dir.wipe_disk(0)
    early = {"before": len(late), "after": 0, "half": 2}[found]
    stage.topic.records += late[:early]
    stage.begin()
    stage.checkpoint()
    stage.put(KEYS[2], None)
    stage.checkpoint()
    stage.topic.records += late[early:]
    stage.die()
    stage.data_dir.wipe_disk(0)
    stage.begin()
    assert stage.entries() == {KEYS[1]: truth[KEYS[1]]}


def test_a_damaged_disk_is_told_and_made_anew(
    stage: Stage, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Half of every file is overwritten."""
    truth = filled(stage)
    stage.die()
    for file in (tmp_path / "data" / "pending-0").iterdir():
        file.write_bytes(b"\xff" * 50)
    with caplog.at_level(logging.WARNING):
        stage.begin()
    assert stage.entries() == truth
    assert "read from its topic again" in caplog.text
    assert stage.live.rebuilt == {"pending": 1}


@pytest.mark.parametrize("value", [b"junk", b"\x94\x09\xa1h\xc4\x00\x80"])
def test_a_disk_that_says_nonsense_of_itself_is_made_anew(stage: Stage, value: bytes) -> None:
    """No format of ours, or a later one."""
    truth = filled(stage)
    stage.die()
    kept = stage.data_dir.open_disk(0)
    kept.write({b"m": value}, ())
    kept.close()
    stage.begin()
    assert stage.entries() == truth
    assert stage.live.rebuilt == {"pending": 1}


def test_a_disk_of_another_group_is_refused(stage: Stage) -> None:
    """It is somebody's: it goes only where rebuilding was asked for."""
    truth = filled(stage)
    stage.die()
    stage.home = "elsewhere"
    with pytest.raises(RestoreError, match=r"waits for labels of here/0, not of elsewhere/0"):
        stage.begin()
    stage.die()
    stage.policy = "rebuild"
    stage.begin()
    assert stage.entries() == truth
    assert stage.live.rebuilt == {"pending": 1}


def test_a_topic_that_lost_rows_is_refused(stage: Stage) -> None:
    """The snapshot knows how many there were."""
    filled(stage)
    stage.checkpoint()
    stage.checkpoint()
    stage.die()
    stage.data_dir.wipe_disk(0)
    stage.topic.records.clear()
    with pytest.raises(RestoreError, match="was it deleted or truncated"):
        stage.begin()


def test_without_a_snapshot_all_begins_anew(stage: Stage) -> None:
    """What stands on disk and topic belongs to no state, and leaves both."""
    filled(stage)
    stage.die()
    stage.saved = None
    stage.begin()
    assert stage.entries() == {}
    assert [value for key, value in stage.topic.latest().items() if len(key) > 8] == []
    stage.put(KEYS[0], b"new")
    stage.checkpoint()
    stage.die()
    stage.data_dir.wipe_disk(0)
    stage.begin()
    assert stage.entries() == {KEYS[0]: b"new"}


def test_entries_of_a_layout_that_is_gone_leave(stage: Stage) -> None:
    """From disk and topic, once a commit shows that the group agrees."""
    filled(stage)
    asyncio.run(stage.pending.confirm())
    gone = model_of("m@1", "old")
    disk = stage.pending._disk
    assert disk is not None
    disk.write([(gone, KEY, Written(1, row()))], disk.holds)
    stage.topic.records.append((row_key(1, gone, KEY), encode_row(row())))
    stage.checkpoint()
    assert disk.models() == {model_of("m@1", "layout")}
    assert row_key(1, gone, KEY) not in stage.topic.latest()


def test_a_later_owner_is_seen_in_the_topic(stage: Stage) -> None:
    """Who reads a claim above its own number has lost the partition."""
    filled(stage)
    stage.die()
    stage.data_dir.wipe_disk(0)
    stage.topic.records.append(claim_record(9, fresh=False))
    with pytest.raises(StaleOwnerError):
        stage.begin()


def test_what_was_given_up_writes_no_more(stage: Stage) -> None:
    """Neither the topic nor the disk."""
    filled(stage)
    stage.die()
    before = list(stage.topic.records)
    with pytest.raises(GivenUpError):
        asyncio.run(stage.pending.confirm())
    assert stage.topic.records == before


def test_the_disk_does_not_run_ahead_of_the_topic(stage: Stage) -> None:
    """What the brokers did not take is not on the disk either."""
    filled(stage)
    stage.topic.broken = True
    with pytest.raises(RuntimeError, match="away"):
        asyncio.run(stage.pending.confirm())
    disk = stage.pending._disk
    assert disk is not None
    assert disk.holds != hashlib.sha256(b"" if stage.saved is None else stage.saved.state).digest()
    assert disk.count(model_of("m@1", "layout")) == 2  # as the first checkpoint left it


def test_a_bound_holds_the_reader(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above it nothing more is to be read before some of it was written."""
    monkeypatch.setattr("streams.pending.MAX_OVERLAY_CHANGES", 1)
    filled(stage)
    assert stage.pending.is_full
    asyncio.run(stage.pending.confirm())
    assert not stage.pending.is_full


def test_one_directory_one_worker(tmp_path: Path) -> None:
    """The second is refused while the first lives."""
    first = DataDir(str(tmp_path))
    with pytest.raises(DataDirError, match="in use: give each worker a directory of its own"):
        DataDir(str(tmp_path))
    first.close()
    DataDir(str(tmp_path)).close()


def test_a_directory_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """With its path and the reason."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataDirError, match="cannot be written: Not a directory"):
        DataDir(str(tmp_path / "file" / "data"))


def refilled(records: Sequence[Record]) -> tuple[PartitionDisk, list[bytes], Refill]:
    """A disk filled from these records, one by one."""
    disk = PartitionDisk(Disk(Medium()), "")
    refill = Refill(disk)
    spent = [key for record in records for some in refill.take([record]) for key in some]
    return disk, spent, refill


def put(number: int, content: bytes, key: bytes = KEY) -> Record:
    """A row as its owner writes it."""
    return row_key(number, MODEL, key), encode_row(row(content))


def end(number: int, key: bytes = KEY) -> Record:
    """The end of a row."""
    return row_key(number, MODEL, key), None


@pytest.mark.parametrize(
    ("records", "content", "spent"),
    [
        ([put(1, b"a"), put(1, b"b")], b"b", []),
        ([put(1, b"a"), end(1)], None, []),
        ([put(1, b"a"), put(2, b"b")], b"b", [1]),
        ([put(2, b"b"), put(1, b"a")], b"b", [1]),
        ([put(1, b"a"), put(2, b"b"), end(1)], b"b", [1]),
        ([put(2, b"b"), end(1)], b"b", []),
        ([claim_record(2, fresh=False), put(1, b"late")], None, [1]),
        ([put(1, b"a"), claim_record(2, fresh=False)], b"a", []),
        ([put(1, b"a"), claim_record(2, fresh=True)], None, [1]),
        ([claim_record(3, fresh=False), claim_record(2, fresh=True), put(3, b"c")], b"c", []),
        ([put(3, b"a"), claim_record(3, fresh=False), claim_record(2, fresh=True)], b"a", []),
        ([(b"nobody's", b"x" * 3), (b"x", b"")], None, []),
    ],
)
def test_reading_the_topic_back(
    records: list[Record], content: bytes | None, spent: list[int]
) -> None:
    """The highest number wins, late ones are void, fresh claims void all before."""
    for found in (refilled(records), _in_one(records)):
        disk, gone, _ = found
        (held,) = disk.get_many(MODEL, [KEY])
        assert (held and held.row.content) == content
        assert gone == [row_key(number, MODEL, KEY) for number in spent]


def _in_one(records: list[Record]) -> tuple[PartitionDisk, list[bytes], Refill]:
    disk = PartitionDisk(Disk(Medium()), "")
    refill = Refill(disk)
    return disk, [key for some in refill.take(records) for key in some], refill


def test_records_of_strangers_are_counted() -> None:
    """Keys of other lengths, and rows that are none."""
    _, _, refill = refilled([(b"x", b"y"), (row_key(1, MODEL, KEY), b"no row")])
    assert refill.foreign == 2


def test_claims_that_ended_are_forgotten() -> None:
    """Only those that stand are to be ended."""
    one, two = claim_record(1, fresh=True), claim_record(2, fresh=False)
    assert (one[1], two[1]) == (BEGINS, GOES_ON)
    assert refilled([one, two, (one[0], None)])[2].claims == {2}


def test_a_disk_lists_what_is_due_in_order() -> None:
    """By clock, from behind a place on, up to a time that is included."""
    disk = PartitionDisk(Disk(Medium()), "")
    keys = [bytes([n]) * 16 for n in range(4)]
    rows = [Row(0, 10, 7, b""), Row(0, 12, NEVER_MS, b""), Row(0, 10, 9, b""), Row(0, -3, 9, b"")]
    disk.write(
        [(MODEL, key, Written(1, one)) for key, one in zip(keys, rows, strict=True)], b"state"
    )
    start = (-NEVER_MS, "")
    named = [key.hex() for key in keys]
    assert list(disk.due(MODEL, "labels", start, 11)) == [
        (-3, named[3]),
        (10, named[0]),
        (10, named[2]),
    ]
    assert list(disk.due(MODEL, "labels", (10, named[0]), 12)) == [(10, named[2]), (12, named[1])]
    assert list(disk.due(MODEL, "predictions", start, 8)) == [(7, named[0])]
    disk.write([(MODEL, keys[0], None), (MODEL, keys[2], Written(2, Row(0, 50, 60, b"")))], b"next")
    assert list(disk.due(MODEL, "labels", start, 40)) == [(-3, named[3]), (12, named[1])]
    assert (disk.count(MODEL), disk.holds) == (3, b"next")


def test_a_row_that_is_damaged_on_the_disk_is_told() -> None:
    """The worker ends; at the next start the disk is made anew where it cannot be opened."""
    kept = Disk(Medium())
    disk = PartitionDisk(kept, "")
    kept.write({b"e" + MODEL + KEY: b"short"}, ())
    with pytest.raises(DiskError, match="a row cannot be read"):
        disk.get_many(MODEL, [KEY])
