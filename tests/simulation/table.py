"""The Faust table behind the snapshots, with its recovery from the changelog.

Rule.  As Faust's memory store: recovery reads each assigned partition of the changelog up to the
end that it had when the recovery began, from the beginning or, where the partition stayed with the
worker, from the last record that the last recovery read; own writes since are read again.  After
it, keys of partitions that went away are forgotten.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from random import Random
from typing import Final

from tests.simulation.broker import Broker

READ_S: Final = 0.08


class Store:
    """``table.data`` of a Faust table."""

    def __init__(self) -> None:
        self.data: dict[bytes, bytes] = {}
        self._key_partition: dict[bytes, int] = {}

    def set(self, key: bytes, value: bytes | None, partition: int) -> None:
        """One record of the changelog."""
        if value is None:
            self.data.pop(key, None)
            self._key_partition.pop(key, None)
        else:
            self.data[key] = value
            self._key_partition[key] = partition

    def keep(self, partitions: Iterable[int]) -> None:
        """Forget the keys of all other partitions."""
        kept = set(partitions)
        for key in [k for k, p in self._key_partition.items() if p not in kept]:
            self.data.pop(key, None)
            self._key_partition.pop(key, None)


class Table:
    """What the shell sees of the table: ``table.data.data``."""

    def __init__(self, broker: Broker, chance: Random) -> None:
        self.data = Store()
        self._broker = broker
        self._chance = chance
        self._read_to: dict[int, int] = {}
        """Partition -> offset of the last record that a recovery read."""

    def assigned(self, partitions: frozenset[int]) -> None:
        """Positions in partitions that went away are forgotten."""
        self._read_to = {p: at for p, at in self._read_to.items() if p in partitions}

    async def recover(self, partitions: frozenset[int]) -> None:
        """Bring the memory to what the changelog says."""
        await asyncio.sleep(self._chance.random() * READ_S)
        logs = self._broker.snapshots
        goals = {p: logs[p].end - 1 for p in sorted(partitions)}
        for partition, goal in goals.items():
            await asyncio.sleep(self._chance.random() * READ_S)
            seen = self._read_to.get(partition, -1)
            for offset, key, value in list(logs[partition].records):
                if seen < offset <= goal:
                    self.data.set(key, value, partition)
            self._read_to[partition] = max(seen, goal)
        self.data.keep(partitions)
