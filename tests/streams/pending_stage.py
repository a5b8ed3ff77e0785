"""A machine with a disk, a topic in a list, and snapshots as the shell makes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from engine.entry_codec import decode_entry
from engine.join_entry import Entry, Label
from engine.pending_store import PendingStore
from engine.pieces import PieceReader, PieceWriter
from engine.snapshot import Snapshot
from streams.data_dir import DataDir
from streams.live import LiveState
from streams.pending import Pending
from streams.pending_places import Places
from streams.recovery import Recovery
from streams.snapshots import Owner, Record

JOINED = [("m@1", "layout")]


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
        self.pending = Pending(places, 0, self.number)
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
        """Change an entry, one that ``content`` tells from others, in a batch of its own."""
        if content is None:
            self.store.write({}, [key], {})
        else:
            self.store.schedule("labels", 10, key)
            label = Label(int.from_bytes(content, "big"), 5, 5, on_time=True, label=0.0)
            self.store.write({key: Entry((), (label,))}, (), {})
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
        """Everything that waits, as it was put."""
        found = {}
        for key, content in self.store.items():
            offset = decode_entry(content).labels[0].offset
            found[key] = offset.to_bytes((offset.bit_length() + 7) // 8, "big")
        return found
