"""Snapshots in a Faust table: which there are, reading one back, making one durable.

Rule.  What was written once and is still named is not written again; what is no longer named is
deleted before the next head.  Faust refuses table writes outside a stream event, so records go
straight to the changelog and the table's memory is given the same change.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from time import monotonic, time
from typing import Any

from engine.snapshot import Snapshot, SnapshotError
from streams.checkpoint import Send, settle
from streams.live import LiveState
from streams.snapshots import (
    MAX_PART_BYTES,
    NOBODY,
    Owner,
    Record,
    Restored,
    Shelf,
    apply,
    encode_claim,
    encode_head,
    encode_piece,
    head_key,
    owner_of,
    piece_keys,
    restore,
)

log = logging.getLogger("longshore.worker")


class GivenUpError(RuntimeError):
    """What was being written is no business of this worker any more: no fault, but no snapshot."""


@dataclass
class Name:
    """The writing side of one snapshot's name."""

    name: str
    partition: int
    generation: int
    """Part of the key; above that of every snapshot of the name before it."""
    owner: Owner = NOBODY
    slot: int | None = None
    written: int = 0
    on_log: set[bytes] = field(default_factory=set)
    """Pieces of this generation that are on the topic."""
    named: set[bytes] = field(default_factory=set)
    """Pieces that the last head names; the others may be deleted."""
    sizes: dict[bytes, int] = field(default_factory=dict)
    """Records of each piece on the topic."""


@dataclass(frozen=True)
class Home:
    """Of which topics the snapshots speak; a snapshot of others is of no use."""

    partitions: int
    topic_ids: Mapping[str, str] = field(default_factory=dict)
    """Role -> the broker's id of the topic, as far as the broker tells it."""
    part_bytes: int = MAX_PART_BYTES

    def refuse_foreign(self, restored: Restored) -> None:
        """SnapshotError when the snapshot was made on other topics than these."""
        if restored.partitions != self.partitions:
            raise SnapshotError(
                f"the topics had {restored.partitions} partitions when it was written, now they "
                f"have {self.partitions}"
            )
        for role in restored.covered:
            before, now = restored.topic_ids.get(role), self.topic_ids.get(role)
            if before is not None and now is not None and before != now:
                raise SnapshotError(f"the topic {role} was deleted and made anew since")


class SnapshotTable:
    """The snapshots of one worker's partitions."""

    def __init__(
        self,
        table: Any,  # noqa: ANN401 - Faust's
        topic: str,
        send: Send,
        live: LiveState,
        home: Home,
    ) -> None:
        self._table = table
        self._topic = topic
        self._send = send
        self._live = live
        self._home = home
        self._shelf = Shelf(())
        self._lives = 0

    @property
    def _records(self) -> dict[bytes, bytes]:
        records: dict[bytes, bytes] = self._table.data.data
        return records

    @property
    def _partitions(self) -> dict[bytes, int]:
        partitions: dict[bytes, int] = self._table.data._key_partition  # noqa: SLF001
        return partitions

    def let_go(self) -> None:
        """Whatever is still being written ends in GivenUpError at its next step.

        The next life may take the same number, if it cannot see that it was taken; and the table
        may be reading older records of the same keys again.
        """
        self._lives += 1

    def look(self) -> None:
        """See what there is; before any restore of a generation."""
        self._shelf = Shelf(self._records)
        if self._shelf.foreign:
            log.warning(
                "%d keys in %s are none of ours and are left alone: who else may write there?",
                self._shelf.foreign,
                self._topic,
            )

    def newest(self, name: str) -> int | None:
        """The newest generation that saved ``name``; None when none ever did."""
        return self._shelf.newest(name)

    def highest(self, name: str) -> int | None:
        """The newest generation that wrote anything for ``name``; None when none ever did."""
        return self._shelf.highest(name)

    def owner(self, name: str) -> Owner | None:
        """The newest owner of ``name``; None when there was none, or nothing says who."""
        highest = self._shelf.highest(name)
        return None if highest is None else owner_of(self._records, name, highest)

    async def claim(self, names: Collection[Name]) -> None:
        """Make it durable that these generations are taken, before anything is said in their name.

        A static member that dies before its first snapshot comes back in the same group generation;
        what it says then must outrank what it said before.
        """
        life = self._lives
        claims: list[tuple[Record, int]] = [
            (encode_claim(name.name, name.generation, name.owner), name.partition) for name in names
        ]
        older: list[tuple[Record, int]] = [
            ((key, None), name.partition)
            for name in names
            for key in self._shelf.older_claims(name.name, name.generation)
        ]
        for records in (claims, older):
            for partition in sorted({partition for _, partition in records}):
                mine = [record for record, home in records if home == partition]
                await self._write(partition, mine, life)

    def restore(self, name: str, partition: int | None = None) -> Restored | None:
        """The newest snapshot of ``name``, which lies in that partition of the topic where one is
        told; SnapshotError when it cannot be used."""
        generation = self._shelf.newest(name)
        if generation is None:
            return None
        found = self._partitions.get(head_key(name, generation))
        if partition is not None and found is not None and found != partition:
            raise SnapshotError(f"its head lies in partition {found}, it is of {partition}")
        restored = restore(self._records, name, generation)
        self._home.refuse_foreign(restored)
        return restored

    def kept_of(self, kind: str, partition: int) -> dict[str, int]:
        """Names of a kind of which something is kept in a partition, with their newest number."""
        homes = self._partitions
        return {
            name: number
            for name, number in self._shelf.names(kind).items()
            if all(homes.get(key) == partition for key in self._shelf.superseded(name, number + 1))
        }

    async def delete(self, name: str, partition: int, number: int) -> None:
        """Delete all that was written of ``name`` up to this number, the heads first."""
        old = self._shelf.superseded(name, number + 1)
        await self._write(partition, [(key, None) for key in old], self._lives)

    async def write(self, to: Name, covered: Mapping[str, int], snapshot: Snapshot) -> None:
        """Make a snapshot durable: deletions, new pieces, parts; and when they are, the head."""
        began, life = monotonic(), self._lives
        home, pieces = self._home, snapshot.pieces
        gone = to.on_log - to.named - pieces.keys()
        old = self._shelf.superseded(to.name, to.generation) if to.written == 1 else []
        for digest in gone:
            old += piece_keys(to.name, to.generation, digest, to.sizes.pop(digest))
        to.on_log -= gone
        await self._write(to.partition, [(key, None) for key in old], life)
        new = pieces.keys() - to.on_log
        records: list[Record] = []
        for digest in sorted(new):
            piece = encode_piece(to.name, to.generation, digest, pieces[digest], home.part_bytes)
            to.sizes[digest] = len(piece)
            records += piece
        parts, head = encode_head(
            to.name,
            to.generation,
            covered,
            snapshot,
            to.slot,
            partitions=home.partitions,
            topic_ids={role: home.topic_ids[role] for role in covered if role in home.topic_ids},
            part_bytes=home.part_bytes,
            owner=to.owner,
        )
        await self._write(to.partition, records + parts, life)
        await self._write(to.partition, [head], life)
        to.on_log |= new
        to.named = set(pieces)
        to.slot = 0 if to.slot is None else 1 - to.slot
        to.written += 1
        live = self._live
        live.largest_snapshot_bytes = max(live.largest_snapshot_bytes, len(snapshot.state))
        self._note(records + parts + [head], len(new), monotonic() - began)

    def _note(self, written: list[Record], pieces: int, seconds: float) -> None:
        live = self._live
        live.snapshots += 1
        live.snapshot_bytes += sum(len(value or b"") for _, value in written)
        live.snapshot_pieces_written += pieces
        live.snapshot_seconds += seconds
        live.last_snapshot_s = time()

    async def _write(self, partition: int, records: list[Record], life: int) -> None:
        if life != self._lives:
            raise GivenUpError("the partitions were given up before a snapshot was whole")
        sent = [
            await self._send(self._topic, key, value, partition, None, None)
            for key, value in records
        ]
        await settle(sent)
        if life != self._lives:
            raise GivenUpError("the partitions were given up while a snapshot was written")
        apply(self._records, records)
        partitions = self._partitions
        for key, value in records:
            # The store forgets keys by their partition when one moves away.
            if value is None:
                partitions.pop(key, None)
                self._shelf.discard(key)
            else:
                partitions[key] = partition
                self._shelf.add(key)
