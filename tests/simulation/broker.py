"""The topics: logs with offsets, one of them compacted at any time.

Rule.  A record that was appended stays where it is; only compaction takes records away, and it
keeps the last of each key, tombstones too (they live a day on a real broker, longer than any run
here).  The broker sees everything that any worker ever wrote, so it is where the run is observed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from engine.records import RecordBatch
from streams.benches import panes_partition
from streams.starting_offsets import Source
from tests.simulation.virtual_time import Process

SNAPSHOTS: Final = "snapshots"
PANES: Final = "panes"
PENDING: Final = "pending"


@dataclass(slots=True)
class Sent:
    """A record on its way."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]] | None
    done: asyncio.Future[Any]
    writer: str


@dataclass(slots=True)
class CompactedLog:
    """One partition of a compacted topic."""

    records: list[tuple[int, bytes, bytes | None]] = field(default_factory=list)
    """(offset, key, value); None deletes."""
    end: int = 0
    latest: dict[bytes, bytes] = field(default_factory=dict)
    """What a reader of the whole log would hold now."""

    def append(self, key: bytes, value: bytes | None) -> None:
        """One more record."""
        self.records.append((self.end, key, value))
        self.end += 1
        if value is None:
            self.latest.pop(key, None)
        else:
            self.latest[key] = value

    def compact(self, below: int) -> int:
        """Drop records below an offset that a later one overwrote; how many."""
        last = {key: offset for offset, key, _ in self.records}
        kept = [row for row in self.records if row[0] >= below or last[row[1]] == row[0]]
        dropped = len(self.records) - len(kept)
        self.records = kept
        return dropped


class Broker:
    """All topics of a run."""

    def __init__(self, partitions: int, logs: Mapping[Source, RecordBatch]) -> None:
        self.partitions = partitions
        self.logs = dict(logs)
        """Everything that producers of events will ever write, by source."""
        self.ends: dict[Source, int] = dict.fromkeys(logs, 0)
        """How much of it is there by now; of the panes, how much was appended."""
        self.panes: list[list[bytes | None]] = [[] for _ in range(partitions)]
        self.ends |= {(PANES, p): 0 for p in range(partitions)}
        self.snapshots = [CompactedLog() for _ in range(partitions)]
        self.pending = [CompactedLog() for _ in range(partitions)]
        self.outputs: dict[str, list[Sent]] = {}
        self.seen: Counter[str] = Counter()
        self.failures: set[tuple[str, int]] = set()
        """Partitions to which a write failed while later ones may have arrived."""
        self.watch: Callable[[str, str, bytes | None, Process], None] = lambda *_: None
        """Told of every record as it is sent and as it arrived: (when, topic, key, writer)."""
        self.told: Callable[[Sent], None] = lambda _: None
        """Told of every record that arrived in an output topic."""
        self._readers: list[asyncio.Future[None]] = []

    def partition_of(self, topic: str, key: bytes | None) -> int:
        """Where a record without a chosen partition goes."""
        if topic == PANES and key is not None:
            return panes_partition(key.decode(), self.partitions)
        return 0

    def append(self, sent: Sent) -> None:
        """A record has arrived."""
        self.seen[f"{sent.topic} records"] += 1
        if sent.topic == PANES:
            self.panes[sent.partition].append(sent.value)
            self.ends[PANES, sent.partition] += 1
            self.wake_readers()
        elif sent.topic in (SNAPSHOTS, PENDING):
            assert sent.key is not None, "what is compacted has a key"
            logs = self.snapshots if sent.topic == SNAPSHOTS else self.pending
            logs[sent.partition].append(sent.key, sent.value)
        else:
            self.outputs.setdefault(sent.topic, []).append(sent)
            self.told(sent)

    def grow(self, source: Source, to: int) -> None:
        """Events up to this offset were produced."""
        self.ends[source] = max(self.ends[source], min(to, len(self.logs[source])))
        self.wake_readers()

    def news(self, of: asyncio.Future[None]) -> None:
        """Settle ``of`` at the next append to a topic that workers read."""
        self._readers.append(of)

    def wake_readers(self) -> None:
        """Tell whoever waits for records."""
        readers, self._readers = self._readers, []
        for reader in readers:
            if not reader.done():
                reader.set_result(None)
