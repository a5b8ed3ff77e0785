"""Control topics: few records that every worker reads for itself, all partitions of them.

Rule.  A control topic (``retraining-results``, ``models``) has its own partition count and is
written by clients that hash keys in their own way, so which partition a record is in says nothing.
Every worker therefore reads all of them, from offsets that are part of its own state, without a
group; what is not its own it passes by.  Records of one partition come in the order of their
offsets.  Where the log does not have the offset any more, the oldest that it has is read; whoever
cares sees it by the offsets.

Every call on the client runs in one thread, as in :mod:`streams.feed`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final, Protocol, TypeVar, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from engine.dead_letters import carry
from engine.effects import Publish
from engine.records import Headers, RecordBatch
from engine.spec import Topic
from streams.clients import librdkafka_reader_options
from streams.settings import Settings
from streams.starting_offsets import Source
from streams.topics import topic_name

CONTROL_BATCH: Final = 500
"""Control records of one fetch."""
ASK_WAIT_S: Final = 5.0
END_WAIT_S: Final = 0.1
"""How long one fetch waits while a topic is read to its end."""
TO_END_WITHIN_S: Final = 120.0
"""Brokers may be restarting while a worker starts."""
ERRORS_TOLD_EVERY_S: Final = 60.0

log = logging.getLogger("longshore.control")

_Result = TypeVar("_Result")


class ControlError(RuntimeError):
    """The brokers do not say what a control topic holds."""


@dataclass(frozen=True, slots=True)
class ControlRecord:
    """One record of a control topic; ``role`` stands for the name on the broker."""

    role: str
    partition: int
    offset: int
    timestamp_ms: int
    """The record's Kafka time, -1 unknown."""
    key: bytes | None
    value: bytes | None
    headers: Headers | None = None

    @property
    def source(self) -> Source:
        """(role, partition)."""
        return self.role, self.partition

    def letter(self, reason: str) -> Publish:
        """The dead letter of a record that cannot be used."""
        row = RecordBatch(
            cast("Topic", self.role),
            self.partition,
            [self.offset],
            [self.timestamp_ms],
            [self.key],
            [self.value],
            None if self.headers is None else [self.headers],
        )
        return carry(row, 0, "dead-letters", reason)


class ControlFeed(Protocol):
    """Where control records come from."""

    async def begin(self, positions: Mapping[Source, int]) -> None:
        """Read every partition from here on; those not named from their beginning."""

    async def fetch(self) -> list[ControlRecord]:
        """What is there now, without waiting for more."""

    async def close(self) -> None:
        """Give everything back."""


class ControlReader:
    """Reads some control topics whole, beside the group."""

    def __init__(self, settings: Settings, *roles: str) -> None:
        """Of these topics, by role; nothing is asked of the brokers yet."""
        self._roles = {topic_name(settings, role): role for role in roles}
        options: dict[str, Any] = librdkafka_reader_options(settings)
        # With "earliest", an offset that retention deleted is no error but the oldest there is.
        options |= {"enable.partition.eof": True, "auto.offset.reset": "earliest"}
        self._consumer = Consumer(options | {"error_cb": lambda _: None})
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="longshore-control")
        self._told_at_s = -ERRORS_TOLD_EVERY_S
        self._ended: set[Source] = set()
        self._closed = False
        self.positions: dict[Source, int] = {}
        """Next offset of every partition that is read."""

    async def begin(self, positions: Mapping[Source, int]) -> None:
        """Read every partition from here on, those not named from their beginning.

        Raises ControlError when no broker says within ASK_WAIT_S how many partitions there are.
        """
        if not self._closed:
            await self._in_thread(lambda: self._begin(positions))

    async def fetch(self) -> list[ControlRecord]:
        """What is there now, at most CONTROL_BATCH records; in order within a partition."""
        return [] if self._closed else await self._in_thread(lambda: self._fetch(0.0))

    async def to_end(self) -> AsyncIterator[list[ControlRecord]]:
        """Everything up to the ends of the logs, a batch at a time, after :meth:`begin`; what comes
        later is :meth:`fetch`'s.

        Raises ControlError when the ends are not reached within TO_END_WITHIN_S without a record.
        """
        limit = monotonic() + TO_END_WITHIN_S
        while self._ended < self.positions.keys():
            records = await self._in_thread(lambda: self._fetch(END_WAIT_S))
            if records:
                limit = monotonic() + TO_END_WITHIN_S
                yield records
            elif monotonic() > limit:
                missing = sorted(self.positions.keys() - self._ended)
                raise ControlError(f"no broker gave the rest of {missing[0][0]}/{missing[0][1]}")

    async def close(self) -> None:
        """Give everything back; the reader is of no use afterwards."""
        if not self._closed:
            self._closed = True
            await asyncio.get_running_loop().run_in_executor(self._thread, self._consumer.close)
            self._thread.shutdown(wait=False)

    async def _in_thread(self, work: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _begin(self, positions: Mapping[Source, int]) -> None:
        starts: dict[Source, int] = {}
        for name, role in self._roles.items():
            starts |= {
                (role, partition): positions.get((role, partition), 0)
                for partition in self._partitions_of(name)
            }
        names = {role: name for name, role in self._roles.items()}
        self._consumer.assign(
            [TopicPartition(names[role], number, at) for (role, number), at in starts.items()]
        )
        self._ended.clear()
        self.positions = starts

    def _partitions_of(self, name: str) -> list[int]:
        try:
            told = self._consumer.list_topics(name, timeout=ASK_WAIT_S).topics[name]
        except KafkaException as error:
            raise ControlError(f"topic {name}: {error.args[0].str()}") from error
        if told.error is not None:
            raise ControlError(f"topic {name}: {told.error.str()}")
        return sorted(told.partitions)

    def _fetch(self, wait_s: float) -> list[ControlRecord]:
        if not self.positions:
            return []
        records = []
        for message in self._consumer.consume(CONTROL_BATCH, wait_s):
            role = self._roles.get(message.topic() or "", "")
            source, error = (role, message.partition() or 0), message.error()
            if error is not None:
                self._note(source, error)
                continue
            self.positions[source] = (message.offset() or 0) + 1
            self._ended.discard(source)
            records.append(_record(role, message))
        return records

    def _note(self, source: Source, error: KafkaError) -> None:
        """An end of a log, or an error: the client goes on by itself, the log has a line."""
        if error.name() == "_PARTITION_EOF":
            self._ended.add(source)
        elif monotonic() - self._told_at_s >= ERRORS_TOLD_EVERY_S:
            self._told_at_s = monotonic()
            log.error("control topic %s/%d: %s", *source, error.str())


def _record(role: str, message: Message) -> ControlRecord:
    return ControlRecord(
        role,
        message.partition() or 0,
        message.offset() or 0,
        message.timestamp()[1],
        cast("bytes | None", message.key()),
        cast("bytes | None", message.value()),
        cast("Headers | None", message.headers()),
    )
