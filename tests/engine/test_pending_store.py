"""Entries on a disk behind an overlay are those of a store in memory, whatever happens between."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.join_store import Clock
from engine.pending_rows import NEVER_MS, Row, RowError, decode_row, encode_row, key_of
from engine.pending_store import DUE_AT_ONCE, PendingStore
from engine.pieces import PieceReader, PieceWriter
from engine.snapshot import SnapshotError
from streams.pending_disk import KeyValue, ModelDisk, PartitionDisk, Written
from streams.rocks import Rocks
from tests.engine.driven_join import OPEN, Driven, join_of
from tests.engine.naive_join import Record, Setting
from tests.engine.test_join import label, made, simple, situations
from tests.simulation.waiting import Disk, Medium
from tests.thoroughness import examples

MODEL = b"m" * 8
STEPS = st.lists(
    st.tuples(
        st.booleans(), st.integers(1, 4), st.sampled_from(["", "cut", "confirm", "crash", "crash"])
    ),
    max_size=25,
)


class OnDisk(Driven):
    """The driven join over a disk, with checkpoints and crashes between its batches."""

    def __init__(
        self,
        setting: Setting,
        logs: dict[Clock, Sequence[Record]],
        kept: KeyValue,
        pending: int = OPEN,
    ) -> None:
        super().__init__(setting, logs, pending)
        self.disk = PartitionDisk(kept, "home")
        self.owner = 0
        self._begin()
        self._save()

    def _begin(self) -> None:
        self.owner += 1
        entries = ModelDisk(MODEL)
        entries.disk = self.disk
        self.kept = PendingStore(entries, self.owner)
        self.kept.is_filled = True
        self.join = join_of(self.setting, self.kept, self.pending)

    def _save(self) -> None:
        pieces = PieceWriter()
        counts = self.join.counts
        self.saved: Any = (
            self.kept.save(pieces),
            pieces.pieces,
            (counts.labels, dict(counts.by_outcome), counts.repeats, counts.forgotten),
            Counter(self.places),
            dict(self.read),
        )

    def cut(self) -> None:
        """A snapshot."""
        self.kept.cut_now()
        self._save()

    def confirm(self) -> None:
        """A snapshot, and what it holds goes to the disk."""
        self.cut()
        self._write(self.owner)
        self.kept.confirmed()

    def _write(self, number: int) -> None:
        self.disk.write(
            [
                (MODEL, bytes.fromhex(key), change.row and Written(number, change.row))
                for key, change in self.kept.cut.items()
            ],
            b"",
        )

    def crash(self) -> None:
        """Everything since the last snapshot is gone and read again."""
        stored, pieces, counts, self.places, self.read = self.saved
        self.places, self.read = Counter(self.places), dict(self.read)
        self._begin()
        self.kept.restore(stored, PieceReader(pieces))
        self._write(self.kept.restored_number)
        known = self.join.counts
        known.labels, known.by_outcome, known.repeats, known.forgotten = (
            counts[0],
            dict(counts[1]),
            *counts[2:],
        )
        self.join.restored({clock: self._known(clock)[1] for clock in self.read})

    def entries(self) -> dict[str, bytes]:
        """Everything that is there."""
        found = dict(self.kept.items())
        assert len(found) == len(self.kept)
        return found


def twin_entries(driven: Driven) -> dict[str, bytes]:
    """The same of a store in memory."""
    return dict(driven.store.items())


@settings(max_examples=examples(250), deadline=None, database=None)
@given(situation=situations(), steps=STEPS)
def test_checkpoints_and_crashes_change_nothing(
    situation: tuple[Setting, dict[Clock, Sequence[Record]]], steps: list[tuple[bool, int, str]]
) -> None:
    """What was contributed, counted and kept is that of one run in memory without an accident."""
    setting, logs = situation
    found = OnDisk(setting, logs, Disk(Medium()))
    for labels, count, then in steps:
        found.step("labels" if labels else "predictions", count)
        if then:
            getattr(found, then)()
    twin = Driven(setting, logs)
    for clock in ("predictions", "labels"):
        found.step(clock, OPEN)
        twin.step(clock, OPEN)
    assert found.entries() == twin_entries(twin)
    assert +found.places == +twin.places
    assert -found.places == -twin.places
    assert found.join.counts == twin.join.counts


@pytest.mark.parametrize("then", ["cut", "confirm", "crash"])
def test_rocks_is_such_a_disk(tmp_path: Path, then: str) -> None:
    """The same over the real database, which is opened again at the end."""
    setting = simple()
    logs: dict[Clock, Sequence[Record]] = {
        "predictions": [made(f"e{n}", 1_000 + n) for n in range(300)],
        "labels": [label(f"e{n}", 1_010 + n, n % 2) for n in range(0, 300, 3)],
    }
    kept = Rocks(tmp_path / "database")
    found, twin = OnDisk(setting, logs, kept), Driven(setting, logs)
    for driven in (found, twin):
        for _ in range(40):
            driven.step("predictions", 7)
            driven.step("labels", 3)
            if driven is found:
                found.cut()
                getattr(found, then)()
    assert found.entries() == twin_entries(twin)
    found.confirm()
    entries = found.entries()
    kept.close()
    again = PartitionDisk(Rocks(tmp_path / "database"), "home")
    assert {key.hex() for key in again.keys(MODEL)} == entries.keys()
    assert again.count(MODEL) == len(twin.store)


def test_above_the_bound_those_that_leave_first_are_let_go() -> None:
    """On the disk, in the overlay and in both."""
    logs: dict[Clock, Sequence[Record]] = {
        "predictions": [made(f"e{n}", 1_000 + 3 * n) for n in range(12)],
        "labels": [],
    }
    found = OnDisk(simple(), logs, Disk(Medium()), pending=4)
    found.step("predictions", 4)
    found.confirm()
    found.step("predictions", 2)
    assert found.entries().keys() == {key_of(f"e{n}") for n in (2, 3, 4, 5)}
    found.step("predictions", 6)
    assert found.entries().keys() == {key_of(f"e{n}") for n in (8, 9, 10, 11)}
    assert found.join.counts.forgotten == 8


def test_a_leap_of_time_is_taken_in_parts() -> None:
    """More entries than are looked at in one go leave at once."""
    many = DUE_AT_ONCE + 500
    logs: dict[Clock, Sequence[Record]] = {
        "predictions": [made(f"e{n}", 1_000) for n in range(many)] + [made("last", 100_000)],
        "labels": [label("none", 100_000, 1)],
    }
    found = OnDisk(simple(), logs, Disk(Medium()), pending=2 * many)
    found.step("predictions", many)
    found.confirm()
    assert len(found.entries()) == many
    found.step("predictions", 1)
    found.step("labels", 1)
    assert found.entries().keys() == {key_of("last"), key_of("none")}


def test_what_came_and_went_is_never_written() -> None:
    """An entry that ended before any snapshot is no change."""
    logs: dict[Clock, Sequence[Record]] = {
        "predictions": [made("a", 1_000), made("b", 100_000)],
        "labels": [label("c", 100_000, 1)],
    }
    found = OnDisk(simple(), logs, Disk(Medium()))
    found.step("predictions", 2)
    found.step("labels", 1)
    assert {key for key, _ in found.kept.items()} == {key_of("b"), key_of("c")}
    assert found.kept.overlay == 2


@pytest.mark.parametrize(
    "block",
    [
        b"nonsense",
        b"\x92\x01\x91\x93\xc4\x01k\xc0\x90",  # a key of one byte
        b"\x92\x01\x91\x93\xc4\x10" + bytes(16) + b"\xc4\x02ab\x90",  # a row cut short
    ],
)
def test_a_snapshot_that_holds_no_changes_is_refused(block: bytes) -> None:
    """Damage is told, never read as something else."""
    store = PendingStore(ModelDisk(MODEL), 1)
    with pytest.raises(SnapshotError, match="not the changes of a join"):
        store.restore({0: b"\x00" + block}, PieceReader({}))


@settings(max_examples=examples(200), deadline=None, database=None)
@given(
    times=st.tuples(*[st.integers(-(1 << 61), NEVER_MS)] * 2),
    anchor=st.integers(-(1 << 61), 1 << 61),
    content=st.binary(max_size=40),
)
def test_a_row_reads_back(times: tuple[int, int], anchor: int, content: bytes) -> None:
    """Every row is itself again; what is no row is told."""
    row = Row(anchor, *times, content)
    assert decode_row(encode_row(row)) == row


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x03" + bytes(12), b"\x08" + bytes(20)])
def test_what_is_no_row_is_told(data: bytes) -> None:
    """Too short, or of another kind."""
    with pytest.raises(RowError):
        decode_row(data)


def test_a_key_tells_event_ids_apart() -> None:
    """128 bits of the text, and the same everywhere."""
    assert re.fullmatch("[0-9a-f]{32}", key_of("a"))
    assert key_of("a") != key_of("b")
