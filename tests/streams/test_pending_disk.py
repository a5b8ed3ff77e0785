"""The disk of a partition: its directory, what is due on it, and filling it from the topic."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from engine.pending_rows import NEVER_MS, Row, encode_row
from streams.data_dir import DataDir, DataDirError
from streams.pending_disk import DiskError, PartitionDisk, Written
from streams.pending_records import BEGINS, GOES_ON, Refill, claim_record, row_key
from streams.snapshots import Record
from tests.simulation.waiting import Disk, Medium

MODEL = b"model---"
KEY = b"k" * 16


def row(content: bytes = b"c") -> Row:
    """Any row."""
    return Row(5, 10, NEVER_MS, content)


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


def put(number: int, content: bytes) -> Record:
    """A row as its owner writes it."""
    return row_key(number, MODEL, KEY), encode_row(row(content))


def end(number: int) -> Record:
    """The end of a row."""
    return row_key(number, MODEL, KEY), None


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
