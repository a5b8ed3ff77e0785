"""What waits for labels as records of the compacted topic ``pending``, and reading it back.

Rule.  The key of a row holds the number of the owner that wrote it (as in
:mod:`streams.snapshots`), so the late write of a worker that lost its partition stands beside what
its successor wrote and never over it.  An owner begins with a claim; a row of a lower number behind
a claim is such a late write and is void.  What a late writer may still write or delete is a change
that the snapshot of its successor holds as well (:mod:`streams.pending`), so voiding it loses
nothing.  A fresh claim voids everything before it: its owner began without a snapshot.

Keys: NUMBER is a claim, NUMBER MODEL KEY a row, with 8, 8 and 16 bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from struct import Struct
from typing import Final

from engine.pending_rows import KEY_BYTES, RowError, decode_row, encode_row
from engine.pending_store import Change
from streams.pending_disk import MODEL_BYTES, PartitionDisk, Written
from streams.snapshots import Record

_NUMBER: Final = Struct(">Q")
ROW_KEY_BYTES: Final = _NUMBER.size + MODEL_BYTES + KEY_BYTES
GOES_ON: Final = b"\x00"
BEGINS: Final = b"\x01"

_Slot = tuple[bytes, bytes]
"""Model and key."""


def claim_record(number: int, *, fresh: bool) -> Record:
    """The record with which an owner begins."""
    return _NUMBER.pack(number), BEGINS if fresh else GOES_ON


def claim_end(number: int) -> Record:
    """The end of a claim that no row depends on any more."""
    return _NUMBER.pack(number), None


def row_key(number: int, model: bytes, key: bytes) -> bytes:
    """The key of a row."""
    return _NUMBER.pack(number) + model + key


def change_records(number: int, model: bytes, key: str, change: Change) -> Iterator[Record]:
    """A change as its owner writes it: the row under its number, the end of every other."""
    raw = bytes.fromhex(key)
    if change.row is not None:
        yield row_key(number, model, raw), encode_row(change.row)
    for standing in change.standing:
        if change.row is None or standing != number:
            yield row_key(standing, model, raw), None


class Refill:
    """Fills an empty disk from the topic, records in the order of the log."""

    def __init__(self, disk: PartitionDisk) -> None:
        self._disk = disk
        self._highest = -1
        self.claims: set[int] = set()
        """Numbers whose claims stand in the log."""
        self.foreign = 0
        """Records that nobody of ours wrote."""
        self._rows: dict[_Slot, Written | None] = {}
        self._changed: set[_Slot] = set()
        self._spent: list[bytes] = []

    def take(self, records: Sequence[Record]) -> Iterator[list[bytes]]:
        """Take some records in; gives the keys of those that nobody needs any more."""
        self._look_up(records)
        for key, value in records:
            if len(key) == _NUMBER.size:
                if self._claim(key, value):
                    yield from self._begin_anew()
            elif len(key) == ROW_KEY_BYTES:
                self._row(key, value)
            else:
                self.foreign += 1
        self._write()
        spent, self._spent = self._spent, []
        yield spent

    def _look_up(self, records: Sequence[Record]) -> None:
        self._rows.clear()
        wanted: dict[bytes, dict[bytes, None]] = {}
        for key, _ in records:
            if len(key) == ROW_KEY_BYTES:
                _, model, raw = _parts(key)
                wanted.setdefault(model, {})[raw] = None
        for model, keys in wanted.items():
            found = self._disk.get_many(model, list(keys))
            self._rows.update(zip(((model, key) for key in keys), found, strict=True))

    def _claim(self, key: bytes, value: bytes | None) -> bool:
        """Note a claim; whether it voids all before it."""
        (number,) = _NUMBER.unpack(key)
        if value is None:
            self.claims.discard(number)
            return False
        self.claims.add(number)
        if number < self._highest:
            return False
        self._highest = number
        return value == BEGINS

    def _begin_anew(self) -> Iterator[list[bytes]]:
        """Drop all rows so far; gives their keys."""
        self._write()
        self._rows = dict.fromkeys(self._rows)
        for model in sorted(self._disk.models()):
            for gone in self._disk.drop(model):
                yield [row_key(old, model, raw) for old, raw in gone]

    def _row(self, key: bytes, value: bytes | None) -> None:
        number, model, raw = _parts(key)
        slot = (model, raw)
        held = self._rows[slot]
        if value is None:
            if held is not None and held.number == number:
                self._set(slot, None)
            return
        try:
            row = decode_row(value)
        except RowError:
            self.foreign += 1
            return
        if number < self._highest or (held is not None and number < held.number):
            self._spent.append(key)
            return
        if held is not None and held.number < number:
            self._spent.append(row_key(held.number, model, raw))
        self._set(slot, Written(number, row))

    def _set(self, slot: _Slot, written: Written | None) -> None:
        self._rows[slot] = written
        self._changed.add(slot)

    def _write(self) -> None:
        if self._changed:
            rows = ((*slot, self._rows[slot]) for slot in sorted(self._changed))
            self._disk.write(rows, b"")
            self._changed.clear()


def _parts(key: bytes) -> tuple[int, bytes, bytes]:
    """Number, model and key of a row's key."""
    (number,) = _NUMBER.unpack_from(key)
    return number, key[8 : 8 + MODEL_BYTES], key[8 + MODEL_BYTES :]
