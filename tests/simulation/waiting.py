"""Disks and the topic ``pending`` of the made-up world: where predictions wait for their labels.

Rule.  A disk keeps what was written to it whatever becomes of its worker; a power cut may take the
last writes away, and a lost disk all.  The topic is one more log of the made-up broker.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import Final

from streams.checkpoint import settle
from streams.live import LiveState
from streams.pending_disk import DiskError
from streams.pending_places import Places
from streams.snapshots import Record
from tests.simulation.broker import PENDING, Broker
from tests.simulation.producing import Producer

READ_AT_ONCE: Final = 40
READ_S: Final = 0.02
POWER_CUT_WRITES: Final = 3
HOME: Final = "pending of the simulation"


class Medium:
    """What stands on the disk of one partition."""

    def __init__(self) -> None:
        self.content: dict[bytes, bytes] = {}
        self.older: list[dict[bytes, bytes]] = []


class Disk:
    """A handle on it (:class:`streams.pending_disk.KeyValue`)."""

    def __init__(self, medium: Medium) -> None:
        self._medium: Medium | None = medium

    @property
    def _open(self) -> Medium:
        if self._medium is None:
            raise DiskError("closed")
        return self._medium

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of these keys."""
        return [self._open.content.get(key) for key in keys]

    def scan(self, first: bytes, end: bytes) -> Iterator[bytes]:
        """The keys in [first, end), in order."""
        return iter(sorted(key for key in self._open.content if first <= key < end))

    def write(self, puts: Mapping[bytes, bytes], deletes: Iterable[bytes]) -> None:
        """All of it or nothing."""
        medium = self._open
        medium.older = [*medium.older, dict(medium.content)][-POWER_CUT_WRITES:]
        for key in deletes:
            medium.content.pop(key, None)
        medium.content.update(puts)

    def wipe(self) -> None:
        """Drop everything."""
        self._open.content.clear()
        self._open.older.clear()

    def close(self) -> None:
        """Let it go."""
        self._medium = None

    def bytes_used(self) -> int:
        """Bytes of all values."""
        return sum(map(len, self._open.content.values()))


class Disks:
    """The disks of all partitions on one machine."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._media: dict[int, Medium] = {}
        self.seen: Counter[str] = Counter()

    def open_disk(self, partition: int) -> Disk:
        """The disk of a partition."""
        return Disk(self._media.setdefault(partition, Medium()))

    def wipe_disk(self, partition: int) -> None:
        """Remove it."""
        self._media.pop(partition, None)

    def restart(self) -> None:
        """What may have become of them when the machine is started again."""
        draw = self._chance.random()
        if draw < 0.2:
            self.seen["lost disk"] += bool(self._media)
            self._media.clear()
        elif draw < 0.35:
            for medium in self._media.values():
                if medium.older:
                    self.seen["power cut"] += 1
                    medium.content = dict(self._chance.choice(medium.older))


class Log:
    """The topic as one worker has it (:class:`streams.pending.PendingLog`)."""

    def __init__(self, broker: Broker, producer: Producer, chance: Random) -> None:
        self._broker = broker
        self._producer = producer
        self._chance = chance

    async def write(self, partition: int, records: Sequence[Record]) -> None:
        """Append records."""
        sent = [
            await self._producer.send(PENDING, key, value, partition, None, None)
            for key, value in records
        ]
        await settle(sent)

    async def read(self, partition: int) -> AsyncIterator[list[Record]]:
        """All there is when it is asked, some at a time."""
        await asyncio.sleep(self._chance.random() * READ_S)
        records = [(key, value) for _, key, value in self._broker.pending[partition].records]
        self._broker.seen["pending read back"] += 1
        for at in range(0, len(records), READ_AT_ONCE):
            await asyncio.sleep(self._chance.random() * READ_S)
            yield records[at : at + READ_AT_ONCE]


def places(
    broker: Broker, producer: Producer, disks: Disks, live: LiveState, chance: Random
) -> Places:
    """Where one worker keeps what waits for labels."""
    log = Log(broker, producer, chance)
    return Places(log, disks.open_disk, disks.wipe_disk, HOME, live)
