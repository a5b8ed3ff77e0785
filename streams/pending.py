"""What waits for labels in one source partition, from take-up to give-up: overlay, disk, topic.

Rule.  The order of a checkpoint, continued (:mod:`streams.checkpoint`): panes, snapshot, commit;
then, only where the group took the commit, the changes that this snapshot holds go to the topic
``pending`` and, when they are durable there, to the disk, in one write with the snapshot's SHA-256.

Theory.  A commit that was taken proves that the group had not gone on when this snapshot was
durable already; so whoever takes the partition up restores it or a later one, which holds the same
changes until they are confirmed.  What a worker that has lost its partition may still write to the
topic, or had written only half of, is therefore written again by its successor, under the
successor's own number.  A disk is used when it holds the restored state or the one before it; any
other is made anew from the topic, and the number of its entries must be what the snapshot says.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from engine.join_store import JoinStore
from engine.pending_store import PendingStore
from engine.snapshot import Snapshot
from streams.pending_disk import DiskError, KeyValue, ModelDisk, PartitionDisk, Written, model_of
from streams.pending_places import Places
from streams.pending_records import Refill, change_records, claim_end, claim_record, row_key
from streams.recovery import Recovery, StaleOwnerError
from streams.snapshot_table import GivenUpError
from streams.snapshots import Record

log = logging.getLogger("longshore.worker")

MAX_OVERLAY_CHANGES: Final = 200_000
"""Changes of one partition that may wait for disk and topic before its reader waits for them."""


@dataclass
class Pending:
    """A :class:`engine.join_store.Keeping` of one partition."""

    places: Places
    partition: int
    number: int
    holds: bytes = b""
    stores: dict[bytes, PendingStore] = field(default_factory=dict)
    _disks: list[ModelDisk] = field(default_factory=list)
    _disk: PartitionDisk | None = None
    _restored: bytes = b""
    """SHA-256 of the state that was restored; empty without one."""
    _usable: bool = False
    _cut_of: bytes = b""
    _claimed: bytes = b""
    _known: set[bytes] = field(default_factory=set)
    """Models whose rows the newest cut wants kept."""
    _leaving: set[bytes] = field(default_factory=set)
    _closed: bool = False

    def store(self, key: str, layout: str, ttl_ms: int) -> JoinStore:
        """An empty store for ``model@version`` with this layout, at any time."""
        del ttl_ms
        model = ModelDisk(model_of(key, layout))
        model.disk = self._disk
        self._known.add(model.model)
        self._leaving.discard(model.model)
        self._disks.append(model)
        store = self.stores[model.model] = PendingStore(model, self.number)
        store.is_filled = self._disk is not None
        return store

    def forget(self, key: str, layout: str) -> None:
        """The next cut wants this model's rows no more."""
        self._leaving.add(model_of(key, layout))

    @property
    def overlay(self) -> int:
        """Changes that disk and topic do not have yet."""
        return sum(store.overlay for store in self.stores.values())

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be read before some of it is written."""
        return self.overlay > MAX_OVERLAY_CHANGES

    @property
    def entries(self) -> int:
        """Entries of all models."""
        return sum(map(len, self.stores.values()))

    def disk_bytes(self) -> int:
        """Bytes on the disk, about; 0 without one."""
        return 0 if self._disk is None else self._disk.bytes_used()

    # -- take-up ------------------------------------------------------------------------------

    def open(
        self, restored: Snapshot | None, joined: Iterable[tuple[str, str]], recovery: Recovery
    ) -> None:
        """Open the disk and bring it to the restored state where it can be.

        A disk that is somebody else's is told to ``recovery``; a damaged one is made anew.
        """
        self._known = {model_of(key, layout) for key, layout in joined}
        disk = self._opened()
        if disk.is_foreign:
            found = "" if disk.found is None else disk.found.home
            recovery.trouble(
                "pending",
                f"partition {self.partition}: the data_dir holds what waits for labels of {found}, "
                f"not of {disk.home} (give each worker a directory of its own)",
            )
        before = self.holds
        self._restored = b"" if restored is None else hashlib.sha256(restored.state).digest()
        self.holds = self._restored
        self._usable = bool(
            not disk.is_foreign and disk.holds and disk.holds in (before, self._restored)
        )
        self._disk = disk
        for model in self._disks:
            model.disk = disk
        if self._usable:
            self._bring_to_restored(disk)
            self._usable = not self._missing()
        self._say_filled(filled=self._usable)

    def _opened(self) -> PartitionDisk:
        places = self.places
        home = f"{places.home}/{self.partition}"
        kept: KeyValue | None = None
        try:
            kept = places.open_disk(self.partition)
            return PartitionDisk(kept, home)
        except DiskError as error:
            if kept is not None:
                kept.close()
            log.warning("what waits for labels is read from its topic again: %s", error)
            places.live.rebuilt["pending"] = places.live.rebuilt.get("pending", 0) + 1
        places.wipe_disk(self.partition)
        return PartitionDisk(places.open_disk(self.partition), home)

    def _bring_to_restored(self, disk: PartitionDisk) -> None:
        """What the snapshot says was changed, once more: it may have been written or not.

        As its writer would have written it, so that all disks that hold a state are the same.
        """
        disk.write(self._cut_rows(lambda store: store.restored_number), self._restored)

    def _cut_rows(
        self, number_of: Callable[[PendingStore], int]
    ) -> Iterable[tuple[bytes, bytes, Written | None]]:
        for model, store in self.stores.items():
            number = number_of(store)
            for key, change in store.cut.items():
                row = None if change.row is None else Written(number, change.row)
                yield model, bytes.fromhex(key), row

    def _missing(self) -> list[str]:
        """Stores that do not have what they should, in words."""
        disk, missing = self._there(), []
        for model, store in self.stores.items():
            found = disk.count(model)
            if found != store.expected:
                missing.append(f"{found} of {store.expected}")
        return missing

    def _say_filled(self, *, filled: bool) -> None:
        for store in self.stores.values():
            store.is_filled = filled

    async def begin(self, recovery: Recovery) -> None:
        """Claim the topic's partition, and fill the disk from it where it was of no use.

        GivenUpError when the partition is given up meanwhile, StaleOwnerError when the group had
        gone on without this worker before.
        """
        claim = claim_record(self.number, fresh=not self._restored)
        await self._write([claim])
        if self._usable:
            return
        disk = self._there()
        began = monotonic()
        disk.wipe()
        refill = Refill(disk)
        live = self.places.live
        async for records in self.places.log.read(self.partition):
            self._refuse_closed()
            live.pending_rows_read += len(records)
            for spent in refill.take(records):
                await self._write([(key, None) for key in spent])
        if max(refill.claims, default=0) > self.number:
            raise StaleOwnerError(
                f"what waits for labels in partition {self.partition} is kept by a later owner "
                "already: this one stops and starts anew"
            )
        await self._write([claim_end(n) for n in sorted(refill.claims) if n < self.number])
        self._bring_to_restored(disk)
        if refill.foreign:
            log.warning("%d records of the topic pending are none of ours", refill.foreign)
        live.pending_restores += 1
        live.pending_restore_seconds += monotonic() - began
        missing = self._missing()
        self._say_filled(filled=True)
        if missing:
            recovery.trouble(
                "pending",
                f"partition {self.partition}: the topic pending has {', '.join(missing)} events "
                "that wait for labels (was it deleted or truncated?)",
            )
        log.info(
            "partition %d: %d events that wait for labels read from the topic in %.2f s",
            self.partition,
            self.entries,
            monotonic() - began,
        )

    # -- checkpoint ---------------------------------------------------------------------------

    def claimed(self, snapshot: Snapshot) -> None:
        """What was restored stands in this snapshot too, the owner's first; as :meth:`cut`."""
        self.cut(snapshot)
        self._claimed = self._cut_of

    def cut(self, snapshot: Snapshot) -> None:
        """All changes so far stand in this snapshot; to be called as it is made."""
        self._known -= self._leaving
        self._disks = [one for one in self._disks if one.model not in self._leaving]
        for model in self._leaving & self.stores.keys():
            del self.stores[model]
        self._leaving.clear()
        for store in self.stores.values():
            store.cut_now()
        self._cut_of = hashlib.sha256(snapshot.state).digest()

    async def confirm(self) -> None:
        """The snapshot of the cut is durable and its offsets are committed: write the changes.

        GivenUpError when the partition is given up meanwhile.
        """
        disk = self._there()
        rows = list(self._cut_rows(lambda _: self.number))
        if rows:
            await self._write(
                [
                    record
                    for model, store in self.stores.items()
                    for key, change in store.cut.items()
                    for record in change_records(self.number, model, key, change)
                ]
            )
            disk.write(rows, self._cut_of)
            self.holds = self._cut_of
            for store in self.stores.values():
                store.confirmed()
        if self._cut_of == self._claimed:
            return  # nothing was committed yet that only this owner can have said
        for model in sorted(disk.models() - self._known):
            for gone in disk.drop(model):
                await self._write([(row_key(number, model, key), None) for number, key in gone])

    async def _write(self, records: Sequence[Record]) -> None:
        self._refuse_closed()
        if records:
            await self.places.log.write(self.partition, records)
            self.places.live.pending_records += len(records)
            self._refuse_closed()

    def _refuse_closed(self) -> None:
        if self._closed:
            raise GivenUpError("the partition was given up before all was written")

    def _there(self) -> PartitionDisk:
        self._refuse_closed()
        assert self._disk is not None, "opened at take-up"
        return self._disk

    def close(self) -> None:
        """Let the disk go; whatever is still under way ends at its next step."""
        self._closed = True
        if self._disk is not None:
            self._disk.close()
            self._disk = None
