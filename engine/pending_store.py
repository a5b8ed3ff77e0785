"""The entries of a join on a disk, and the changes that the disk does not have yet.

Rule.  The disk is never ahead of the snapshot.  What a batch changes waits in the overlay; a
snapshot holds the whole overlay (so it is exact together with the disk as it was), and the changes
that a durable snapshot holds may then be written to the disk and to the topic ``pending``.  Writing
them again, or only some of them, changes nothing: a change is the whole row or its end.  So a
restart needs neither transactions nor a second reading of the records.

Theory.  A change goes through two layers: ``new`` since the last snapshot, ``cut`` since it stands
in one and until disk and topic have it.  Each remembers under which owners' numbers the topic may
have a row of its key, because those have to be taken away there.  What has come and gone between
two snapshots is never written at all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from heapq import heapify, heappop, heappush, merge
from itertools import islice
from typing import Final, NamedTuple, Protocol

import msgspec

from engine.entry_codec import decode_entry, encode_entry
from engine.join_entry import Entry, anchor_ms
from engine.join_store import CLOCKS, Clock
from engine.pending_rows import KEY_BYTES, NEVER_MS, Row, RowError, decode_row, encode_row
from engine.pieces import Packed, PieceReader, PieceWriter
from engine.snapshot import SnapshotError
from engine.spec import Topic

DUE_AT_ONCE: Final = 10_000
"""Entries of the disk that are looked at in one go: bounds what a leap of time reads at once."""
_BLOCK: Final = msgspec.msgpack.Decoder(tuple[int, list[tuple[bytes, bytes | None, list[int]]]])
Place = tuple[int, str]
"""(when due, key) of an entry on the disk."""
_START: Final[Place] = (-NEVER_MS, "")


class Change(NamedTuple):
    """What becomes of one key."""

    row: Row | None
    """None: it is gone."""
    standing: tuple[int, ...]
    """Numbers under which the topic may have a row of it."""
    on_disk: bool


class Disk(Protocol):
    """The entries of one model as they are on the disk."""

    def __len__(self) -> int:
        """How many there are."""

    def get_many(self, keys: Sequence[str]) -> list[tuple[int, Row] | None]:
        """Number and row of each key, None where there is none."""

    def due(self, clock: Clock, after: Place, to_ms: int) -> Iterator[Place]:
        """Entries behind ``after`` that are due up to ``to_ms``, included, in order."""

    def every(self) -> Iterator[str]:
        """Every key."""


class PendingStore:
    """A :class:`engine.join_store.JoinStore` over a disk."""

    kind = "disk"
    rows: Final = None

    def __init__(self, disk: Disk, number: int) -> None:
        """``number`` is the owner's; it is above that of every owner before."""
        self.offsets: dict[Topic, int] = {}
        self.expected = 0
        """Entries that there were when the state that was restored was saved."""
        self.is_filled = False
        """Whether the disk has what it should; set by who fills it."""
        self.restored_number = number
        """The number of the owner whose changes were restored."""
        self._disk = disk
        self._number = number
        self._new: dict[str, Change] = {}
        self._cut: dict[str, Change] = {}
        self._beyond = 0
        """Entries that the overlay adds to those of the disk, less those that it takes away."""
        self._seen: dict[str, tuple[int, Row] | None] = {}
        """What the disk has of the keys of this batch."""
        self._times: dict[str, list[int]] = {}
        """When to look at the keys of this batch again, by clock."""
        self._heaps: dict[Clock, list[tuple[int, str]]] = {clock: [] for clock in CLOCKS}
        self._looked: dict[Clock, Place] = dict.fromkeys(CLOCKS, _START)
        """Up to where the disk's entries were looked at."""

    def __len__(self) -> int:
        return self._beyond + (len(self._disk) if self.is_filled else self.expected)

    @property
    def overlay(self) -> int:
        """Changes that the disk does not have yet."""
        return len(self._new) + len(self._cut)

    # -- reading ------------------------------------------------------------------------------

    def get_many(self, keys: Sequence[str]) -> list[Entry | None]:
        """The entries of these keys, None where there is none; SnapshotError when the disk has
        something else."""
        missing = [k for k in keys if k not in self._new and k not in self._cut]
        self._see(missing)
        rows = map(self._row, keys)
        return [None if row is None else decode_entry(row.content) for row in rows]

    def _see(self, keys: Sequence[str]) -> None:
        wanted = [key for key in keys if key not in self._seen]
        if wanted:
            self._seen.update(zip(wanted, self._disk.get_many(wanted), strict=True))

    def _row(self, key: str) -> Row | None:
        change = self._new.get(key) or self._cut.get(key)
        if change is not None:
            return change.row
        self._see([key])
        found = self._seen[key]
        return None if found is None else found[1]

    def items(self) -> Iterator[tuple[str, bytes]]:
        """Every entry, in no order that matters."""
        for key in {**self._cut, **self._new}:
            row = self._row(key)
            if row is not None:
                yield key, row.content
        for key in self._disk.every():
            if key not in self._new and key not in self._cut:
                (found,) = self._disk.get_many([key])
                assert found is not None, "the disk has what it lists"
                yield key, found[1].content

    def oldest(self, count: int) -> list[str]:
        """The keys of the ``count`` entries that would leave first."""
        overlay = {**self._cut, **self._new}
        mine = sorted((c.row.first_ms, key) for key, c in overlay.items() if c.row is not None)
        theirs = merge(*(self._disk.due(clock, self._looked[clock], NEVER_MS) for clock in CLOCKS))
        places = merge(mine, (place for place in theirs if place[1] not in overlay))
        return list(islice(dict.fromkeys(key for _, key in places), count))

    # -- time ---------------------------------------------------------------------------------

    def schedule(self, clock: Clock, at_ms: int, key: str) -> None:
        """An entry of this batch is to be looked at when this watermark reaches ``at_ms``."""
        times_ms = self._times.setdefault(key, [NEVER_MS, NEVER_MS])
        place = CLOCKS.index(clock)
        times_ms[place] = min(times_ms[place], at_ms)

    def due(self, clock: Clock, to_ms: int) -> set[str]:
        """Keys to be looked at now: of the overlay all, of the disk up to DUE_AT_ONCE."""
        heap, keys = self._heaps[clock], set()
        while heap and heap[0][0] <= to_ms:
            keys.add(heappop(heap)[1])
        after = self._looked[clock]
        while True:
            places = list(islice(self._disk.due(clock, after, to_ms), DUE_AT_ONCE))
            after = places[-1] if places else after
            # Whatever the overlay has of a key is in the heap, if it is due at all.
            keys.update(k for _, k in places if k not in self._new and k not in self._cut)
            if keys or len(places) < DUE_AT_ONCE:
                break
        self._looked[clock] = max(after, (to_ms + 1, "")) if len(places) < DUE_AT_ONCE else after
        return keys

    def unscheduled(self) -> Iterator[tuple[str, Entry]]:
        """None: a row says when it is due."""
        return iter(())

    # -- writing ------------------------------------------------------------------------------

    def write(
        self, puts: Mapping[str, Entry], deletes: Collection[str], offsets: Mapping[Topic, int]
    ) -> None:
        """Change entries; a batch ends with a write of nothing."""
        times = self._times
        for key in deletes:
            times.pop(key, None)
            self._set(key, None)
        for key, entry in puts.items():
            labels_ms, predictions_ms = times.pop(key, (NEVER_MS, NEVER_MS))
            content = encode_entry(entry)
            self._set(key, Row(anchor_ms(entry), labels_ms, predictions_ms, content))
        for key, (labels_ms, predictions_ms) in times.items():
            row = self._row(key)
            assert row is not None, "only entries that stay are looked at again"
            self._set(key, row._replace(labels_ms=labels_ms, predictions_ms=predictions_ms))
        times.clear()
        if not puts and not deletes:
            self._seen.clear()
        self.offsets.update(offsets)

    def _set(self, key: str, row: Row | None) -> None:
        before = self._new.get(key) or self._cut.get(key)
        if before is None:
            self._see([key])
            found = self._seen[key]
            standing = () if found is None else (found[0],)
            before = Change(None if found is None else found[1], standing, found is not None)
        self._beyond += (row is not None) - (before.row is not None)
        if row is None and not before.on_disk and not before.standing and key not in self._cut:
            self._new.pop(key, None)
            return
        self._new[key] = Change(row, before.standing, before.on_disk)
        if row is not None:
            self._push(key, row)

    def _push(self, key: str, row: Row) -> None:
        for clock, at_ms in zip(CLOCKS, row.due_ms, strict=True):
            if at_ms != NEVER_MS:
                heappush(self._heaps[clock], (at_ms, key))

    # -- from the overlay to the disk ---------------------------------------------------------

    def save(self, pieces: PieceWriter) -> dict[int, bytes]:
        """What the disk does not have yet, with the owner's number."""
        overlay = {**self._cut, **self._new}
        if not overlay:
            return {}
        rows = [
            (bytes.fromhex(key), None if c.row is None else encode_row(c.row), list(c.standing))
            for key, c in sorted(overlay.items())
        ]
        return {0: pieces.put(Packed(msgspec.msgpack.encode((self._number, rows))))}

    def restore(self, stored: Mapping[int, bytes], pieces: PieceReader) -> None:
        """Take over what a snapshot says; the disk gets :attr:`cut` before anything is read.

        SnapshotError when it is no overlay.
        """
        for block in stored.values():
            try:
                number, rows = _BLOCK.decode(pieces.get(block).content)
                self.restored_number = number
                for key, value, standing in rows:
                    row = None if value is None else decode_row(value)
                    if len(key) != KEY_BYTES:
                        raise RowError(f"a key of {len(key)} bytes")
                    numbers = tuple(sorted({*standing, number}))
                    self._cut[key.hex()] = Change(row, numbers, row is not None)
                    if row is not None:
                        self._push(key.hex(), row)
            except (msgspec.MsgspecError, RowError) as error:
                raise SnapshotError(f"not the changes of a join: {error}") from error

    @property
    def cut(self) -> Mapping[str, Change]:
        """The changes that a snapshot holds and the disk may not have."""
        return self._cut

    def cut_now(self) -> None:
        """All changes so far stand in a snapshot; to be called with it."""
        self._cut.update(self._new)
        self._new.clear()

    def confirmed(self) -> None:
        """The disk, and the topic under the owner's number, have the changes of the cut."""
        for key, change in self._new.items():
            written = self._cut.get(key)
            if written is not None:
                gone = written.row is None
                standing = () if gone else (self._number,)
                self._new[key] = Change(change.row, standing, not gone)
        self._cut.clear()
        self._beyond = sum((c.row is not None) - c.on_disk for c in self._new.values())
        for place, clock in enumerate(CLOCKS):
            times = ((c.row.due_ms[place], k) for k, c in self._new.items() if c.row is not None)
            self._heaps[clock] = [(at_ms, key) for at_ms, key in times if at_ms != NEVER_MS]
            heapify(self._heaps[clock])
