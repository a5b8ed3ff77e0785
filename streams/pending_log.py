"""The topic ``pending`` on the brokers.

Rule.  Rows are many and small, so librdkafka writes and reads them, in a thread of its own: for
aiokafka each would be tens of microseconds in the event loop.  The producer is idempotent and rides
out an outage as :mod:`streams.producer` does; whatever it cannot deliver ends the worker, and what
was under way is in the snapshot.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from streams.clients import librdkafka_options, librdkafka_reader_options
from streams.producer import OUTAGE_LIMIT_S
from streams.settings import Settings
from streams.snapshots import Record
from streams.topics import topic_name

READ_AT_ONCE: Final = 5_000
READ_WAIT_S: Final = 0.05
LINGER_MS: Final = 5
QUEUED_RECORDS: Final = 100_000
"""Records on their way to the brokers; whoever writes more waits."""


class PendingLogError(RuntimeError):
    """The topic ``pending`` cannot be written or read; the message says why."""


class KafkaPendingLog:
    """:class:`streams.pending.PendingLog` on real brokers."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is connected before the first use."""
        self._topic = topic_name(settings, "pending")
        self._reading = librdkafka_reader_options(settings)
        self._writing = librdkafka_options(settings) | {
            "enable.idempotence": not settings.embedded,
            "acks": "all",
            "compression.type": "lz4",
            "linger.ms": LINGER_MS,
            "queue.buffering.max.messages": QUEUED_RECORDS,
            "message.timeout.ms": int(OUTAGE_LIMIT_S * 1_000),
        }
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="longshore-pending")
        self._producer: Producer | None = None

    async def write(self, partition: int, records: Sequence[Record]) -> None:
        """Append records; when this returns the brokers have them."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._write, partition, records)

    def _write(self, partition: int, records: Sequence[Record]) -> None:
        if self._producer is None:
            self._producer = Producer(self._writing)
        producer, failures, left = self._producer, [], len(records)

        def arrived(error: KafkaError | None, _: Message) -> None:
            nonlocal left
            left -= 1
            if error is not None:
                failures.append(error)

        for key, value in records:
            while True:
                try:
                    producer.produce(
                        self._topic, value, key, partition=partition, on_delivery=arrived
                    )
                    break
                except BufferError:
                    producer.poll(READ_WAIT_S)
        while left:
            producer.poll(READ_WAIT_S)
        if failures:
            raise PendingLogError(
                f"topic {self._topic}: {len(failures)} of {len(records)} records could not be "
                f"written: {failures[0].str()}"
            )

    async def read(self, partition: int) -> AsyncIterator[list[Record]]:
        """All there is when it is asked, some at a time."""
        loop = asyncio.get_running_loop()
        consumer = Consumer(self._reading | {"enable.partition.eof": True})
        try:
            consumer.assign([TopicPartition(self._topic, partition, OFFSET_BEGINNING)])
            ended = False
            while not ended:
                found = await loop.run_in_executor(self._thread, self._some, consumer)
                records, ended = self._taken(found)
                if records:
                    yield records
        finally:
            await loop.run_in_executor(self._thread, consumer.close)

    @staticmethod
    def _some(consumer: Consumer) -> list[Message]:
        found: list[Message] = consumer.consume(READ_AT_ONCE, READ_WAIT_S)
        return found

    def _taken(self, found: Sequence[Message]) -> tuple[list[Record], bool]:
        """Records of a fetch, and whether the end was met: everything written before is read."""
        records: list[Record] = []
        for message in found:
            error = message.error()
            if error is None:
                value: Any = message.value()
                records.append((message.key() or b"", value))
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its only name
                return records, True
            elif not error.retriable() and error.code() != KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001
                raise PendingLogError(
                    f"topic {self._topic}: it cannot be read: {error.str()}"
                ) from KafkaException(error)
        return records, False

    async def close(self) -> None:
        """End the thread; what was written is on the brokers."""
        self._thread.shutdown(wait=False)
