"""Reads the counts of a peer while it works."""

from __future__ import annotations

import threading
from time import monotonic
from typing import Final

from confluent_kafka import TopicPartition

from load_tests.chaos.peers.systems import System
from load_tests.chaos.reading import consumer
from load_tests.event import PARTITIONS

WAIT_S: Final = 0.1
TAKE: Final = 2_000


class Counts(threading.Thread):
    """The newest count of each cell, from the topic where the peer says it."""

    def __init__(self, bootstrap: str, group: str, system: System) -> None:
        super().__init__(name="counts", daemon=True)
        self.totals: list[tuple[float, int]] = []
        """(time by ``monotonic``, events counted over all cells) whenever it changed."""
        self._newest: dict[tuple[int, str], int] = {}
        self._total = 0
        self._told = system.told
        self._stopping = threading.Event()
        self._reader = consumer(
            bootstrap, f"{group}-counts", **{"topic.metadata.refresh.interval.ms": 1_000}
        )
        topic = system.counts_topic.format(group=group)
        self._reader.assign([TopicPartition(topic, p, 0) for p in range(PARTITIONS)])

    def run(self) -> None:
        """Read; a topic that is not there yet is waited for."""
        while not self._stopping.is_set():
            messages = self._reader.consume(TAKE, WAIT_S)
            for message in messages:
                if message.error() is None and message.value() is not None:
                    self._take(message.partition(), message.key() or b"", message.value() or b"")
            if messages and (not self.totals or self.totals[-1][1] != self._total):
                self.totals.append((monotonic(), self._total))
        self._reader.close()

    def _take(self, partition: int, key: bytes, value: bytes) -> None:
        cell, count = self._told(key, value)
        self._total += count - self._newest.get((partition, cell), 0)
        self._newest[partition, cell] = count

    def per_cell(self) -> dict[str, int]:
        """Cell -> events, over all partitions."""
        cells: dict[str, int] = {}
        for (_, cell), count in self._newest.items():
            cells[cell] = cells.get(cell, 0) + count
        return cells

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        self.join(10.0)
