"""The bytes of the snapshots' changelog, read by librdkafka ahead of Faust's recovery.

Rule.  Faust's recovery takes every record through a fetcher, a queue and an event in Python, and a
wide model has tens of megabytes there that compaction has not reached yet.  So what a partition
holds when the recovery seeks it is read here, in one go, and Faust goes on where that ends: records
that come meanwhile, and a partition that cannot be read here, are still its own to read.

Only the newest value of a key is kept while reading.  Whoever asks may lose the partitions in the
middle; the reading then ends at its next look and comes to nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event
from time import monotonic
from typing import Any, Final

from confluent_kafka import Consumer, Message, TopicPartition

from streams.feed_errors import ENDS

LOOK_S: Final = 0.1
"""How long one look for records waits."""
RECORDS_AT_ONCE: Final = 500
SILENCE_LIMIT_S: Final = 10.0
"""Without a record for so long the rest is left to Faust: a partition without a leader must not
keep the others, and brokers that are away are waited for there."""


@dataclass(slots=True)
class ReadAhead:
    """What was read of one partition."""

    next_offset: int
    """The end of the log when it was met."""
    newest: dict[bytes, bytes | None] = field(default_factory=dict)
    """Key -> its newest value; None where that deletes."""


class ChangelogFeed:
    """Reads partitions of one topic to their ends.

    ``options`` are librdkafka's, ``topic`` the name on the broker.
    """

    def __init__(self, options: Mapping[str, Any], topic: str) -> None:
        self._options = {**options, "enable.partition.eof": True}
        self.topic = topic

    async def read(
        self, starts: Mapping[int, int], progress: Callable[[int], None]
    ) -> dict[int, ReadAhead]:
        """Partition -> what it holds from its start up to its end; without those that cannot be
        read.  ``progress`` is told of every number of records, in another thread."""
        given_up = Event()
        try:
            return await asyncio.to_thread(self._read, starts, progress, given_up)
        finally:
            given_up.set()

    def _read(
        self, starts: Mapping[int, int], progress: Callable[[int], None], given_up: Event
    ) -> dict[int, ReadAhead]:
        if not starts:
            return {}
        consumer = Consumer(self._options)
        try:
            consumer.assign([TopicPartition(self.topic, p, at) for p, at in starts.items()])
            under_way = {partition: ReadAhead(start) for partition, start in starts.items()}
            done: dict[int, ReadAhead] = {}
            heard_s = monotonic()
            while under_way and not given_up.is_set() and monotonic() - heard_s < SILENCE_LIMIT_S:
                messages = consumer.consume(RECORDS_AT_ONCE, LOOK_S)
                for message in messages:
                    _take(message, under_way, done)
                records = sum(message.error() is None for message in messages)
                heard_s = monotonic() if records else heard_s
                progress(records)
            return done
        finally:
            consumer.close()


def _take(message: Message, under_way: dict[int, ReadAhead], done: dict[int, ReadAhead]) -> None:
    """One record, or the word that there are no more, or that there never will be."""
    partition = message.partition()
    if partition not in under_way:
        return
    error = message.error()
    if error is None:
        key = message.key()
        if isinstance(key, bytes):
            value = message.value()
            under_way[partition].newest[key] = value if isinstance(value, bytes) else None
    elif error.name() == "_PARTITION_EOF":
        done[partition] = under_way.pop(partition)
        done[partition].next_offset = message.offset() or 0
    elif error.name() in ENDS or error.fatal():
        del under_way[partition]
