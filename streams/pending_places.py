"""Where a worker keeps what waits for labels: a topic, and a disk of each partition.

Rule.  Nothing here is about one partition or one owner; that is :mod:`streams.pending`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from streams.live import LiveState
from streams.pending_disk import KeyValue
from streams.snapshots import Record


class PendingLog(Protocol):
    """The topic ``pending`` (:class:`streams.pending_log.KafkaPendingLog`)."""

    async def write(self, partition: int, records: Sequence[Record]) -> None:
        """Append records; when this returns the brokers have them."""

    def read(self, partition: int) -> AsyncIterator[list[Record]]:
        """All there is when it is asked, some at a time."""


@dataclass(frozen=True)
class Places:
    """Where the partitions of one worker keep what waits for labels."""

    log: PendingLog
    open_disk: Callable[[int], KeyValue]
    """Of a partition; DiskError when it cannot be opened."""
    wipe_disk: Callable[[int], None]
    home: str
    """Of which topic the disks are copies, and for which group."""
    live: LiveState
