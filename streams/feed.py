"""The bytes of the batched topics, fetched by librdkafka.

Rule.  The consumer here is only ever ``assign()``ed: who reads which partition from where is said
by Faust's group.  Every call on it runs in one thread, so an assignment and a fetch never overlap,
and a fetch that began before an assignment is thrown away by its generation.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep
from typing import Any, Final, TypeVar

from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from streams.batches import Batch, PanesBatch, batch_of, by_partition
from streams.feed_errors import ENDS, FeedError, stall_line
from streams.starting_offsets import Source

FETCH_WAIT_S: Final = 0.05
"""How long a fetch waits for a full batch; the latency of a slow stream."""
OFFSETS_WAIT_S: Final = 2.0
BOUNDS_WAIT_S: Final = 120.0
"""Brokers may be restarting while partitions are taken up."""
OFFSETS_RETRY_S: Final = 0.1

ERRORS_TOLD_EVERY_S: Final = 60.0
STALLED_AFTER_S: Final = 30.0
"""A source that lags and gives nothing for this long is stuck, whatever the reason."""
__all__ = ["Batch", "Feed", "FeedError", "PanesBatch"]

log = logging.getLogger("longshore.feed")

_Result = TypeVar("_Result")


class UnassignedError(RuntimeError):
    """The partitions were given up while the brokers were asked about them."""


class Feed:
    """Reads the assigned partitions of the batched topics, a batch per partition and fetch.

    ``roles`` maps the names on the broker to roles; ``options`` are librdkafka's.
    """

    def __init__(self, options: dict[str, Any], roles: Mapping[str, str], batch_size: int) -> None:
        self._roles = dict(roles)
        self._names = {role: name for name, role in roles.items()}
        self._batch_size = batch_size
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="longshore-feed")
        self._consumer = Consumer(
            options | {"error_cb": self._note_state, "enable.partition.eof": True}
        )
        self._told_at_s = -ERRORS_TOLD_EVERY_S
        self.positions: dict[Source, int] = {}
        """Next offset to be handed out, per assigned source."""
        self.errors: Counter[tuple[str, int, str]] = Counter()
        """Errors met in fetching, by (role of the topic, partition, error's name)."""
        self.starts: dict[Source, int] = {}
        """From where each assigned source is read."""
        self._read_up_to: dict[Source, int] = {}
        """Up to where a source was found empty: markers of transactions are no records."""
        self.last_errors: dict[Source, str] = {}
        """What the last attempt to fetch met, per source that gave nothing since."""
        self.moved_at_s: dict[Source, float] = {}
        """When (monotonic) each source last gave records, or was assigned."""
        self.away_since_s: float | None = None
        """Since when (monotonic) no broker could be reached; None while one can."""
        self.generation: int | None = None
        """The group generation of the present assignment, None without one."""
        self._to_hold: frozenset[Source] = frozenset()
        self._held: frozenset[Source] = frozenset()
        self._unassignments = 0
        self._closed = False

    async def assign(self, starts: Mapping[Source, int], generation: int) -> None:
        """Read these sources from these offsets on, in the name of this generation."""
        partitions = [
            TopicPartition(self._names[role], partition, offset)
            for (role, partition), offset in starts.items()
        ]

        def work() -> None:
            self._consumer.assign(partitions)
            self._held = self._to_hold = frozenset()
            self._read_up_to = {}  # before the positions, for both are read by another thread
            self.positions, self.starts, self.last_errors = dict(starts), dict(starts), {}
            self.moved_at_s = dict.fromkeys(starts, monotonic())
            self.generation = generation

        await self._in_thread(work)

    async def unassign(self) -> None:
        """Read nothing until the next assignment."""
        self.generation = None
        self._unassignments += 1

        def work() -> None:
            self._consumer.unassign()
            self.positions = {}

        await self._in_thread(work)

    def hold(self, sources: Collection[Source]) -> None:
        """Read these sources no further, from the next fetch on, and those held before again; with
        a new assignment none is."""
        self._to_hold = frozenset(sources)

    def _obey_holds(self) -> None:
        """Assign anew what is to be read, each source where it stands: a pause leaves it to the
        client from where it goes on."""
        held = self._to_hold & self.positions.keys()
        if held != self._held:
            self._held = held
            self._consumer.assign(
                [
                    TopicPartition(self._names[role], partition, offset)
                    for (role, partition), offset in self.positions.items()
                    if (role, partition) not in held
                ]
            )
        self.moved_at_s.update(dict.fromkeys(held, monotonic()))

    async def fetch(self) -> list[tuple[Source, int, Batch]]:
        """What came within FETCH_WAIT_S: (source, last offset, batch) per partition.

        Raises FeedError when a source cannot be continued at its offset.
        """
        if self._closed:
            return []
        return await self._in_thread(self._fetch)

    async def ends(self, sources: Collection[Source]) -> dict[Source, int]:
        """The ends of the sources as their brokers say now; without those that do not answer."""
        return await self._in_thread(lambda: self._offsets(sources, OFFSET_END, OFFSETS_WAIT_S))

    async def bounds(self, sources: Collection[Source]) -> dict[Source, tuple[int, int]]:
        """First offset and end of each source.

        Raises FeedError when a broker does not answer within BOUNDS_WAIT_S, UnassignedError when
        nothing is to be read any more: a rebalance must not wait for that long.
        """
        asked = self._unassignments

        def work() -> dict[Source, tuple[int, int]]:
            limit = monotonic() + BOUNDS_WAIT_S
            while True:
                first = self._offsets(sources, OFFSET_BEGINNING, OFFSETS_WAIT_S)
                end = self._offsets(sources, OFFSET_END, OFFSETS_WAIT_S)
                found = {source: (first[source], end[source]) for source in first if source in end}
                if len(found) == len(sources):
                    return found
                if asked != self._unassignments:
                    raise UnassignedError(f"{len(sources)} sources were given up")
                if self._closed or monotonic() > limit:
                    silent = sorted(set(sources) - set(found))
                    named = ", ".join(f"{role}/{partition}" for role, partition in silent[:4])
                    raise FeedError(
                        f"no broker said for {BOUNDS_WAIT_S:g} s how far the logs reach of "
                        f"{named} ({len(silent)} in all): see to the brokers"
                    )
                sleep(OFFSETS_RETRY_S)

        return await self._in_thread(work)

    def _offsets(self, sources: Collection[Source], which: int, wait_s: float) -> dict[Source, int]:
        """One request per broker; the special offsets stand for times in ListOffsets."""
        asked = [TopicPartition(self._names[role], partition, which) for role, partition in sources]
        if not asked or self._closed:
            return {}
        try:
            answers = self._consumer.offsets_for_times(asked, timeout=wait_s)
        except KafkaException:
            return {}
        self.away_since_s = None
        return {
            (self._roles[answer.topic], answer.partition): int(answer.offset)
            for answer in answers
            if answer.error is None and answer.offset >= 0
        }

    def lags(self) -> dict[Source, int]:
        """Records between what was handed out and the end as last seen, per source."""
        lags: dict[Source, int] = {}
        for (role, partition), position in list(self.positions.items()):
            where = TopicPartition(self._names[role], partition)
            try:
                ends = self._consumer.get_watermark_offsets(where, cached=True)
            except (KafkaException, RuntimeError):
                continue
            if ends is not None and ends[1] >= 0:
                done = max(position, self._read_up_to.get((role, partition), 0))
                lags[role, partition] = max(0, int(ends[1]) - done)
        return lags

    def read_up_to(self, source: Source, taken: int) -> int:
        """Up to where a source was read by somebody who has taken everything below ``taken``: where
        nothing else is on its way to them, beyond the markers of transactions too."""
        if self.positions.get(source) != taken:
            return taken
        return max(taken, self._read_up_to.get(source, 0))

    def stalled(self) -> list[Source]:
        """Sources that have records to read and gave none for STALLED_AFTER_S."""
        long_ago = monotonic() - STALLED_AFTER_S
        lags = self.lags()
        moved = self.moved_at_s
        return sorted(s for s, lag in lags.items() if lag and moved.get(s, long_ago) < long_ago)

    def stall_line(self, source: Source) -> str:
        """What is known about a source that gives nothing."""
        role, partition = source
        where = f"{self._names.get(role, role)}/{partition}"
        return stall_line(where, self.positions.get(source), self.last_errors.get(source))

    async def close(self) -> None:
        """Give everything back; the feed is of no use afterwards."""
        if not self._closed:
            self._closed = True
            self.generation = None
            await asyncio.get_running_loop().run_in_executor(self._thread, self._consumer.close)
            self._thread.shutdown(wait=False)

    async def _in_thread(self, work: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _fetch(self) -> list[tuple[Source, int, Batch]]:
        if not self.positions:
            return []
        self._obey_holds()
        messages = self._consumer.consume(self._batch_size, FETCH_WAIT_S)
        if not messages:
            return []
        emptied: dict[Source, int] = {}
        if any(map(Message.error, messages)):
            messages = self._without_errors(messages, emptied)
        if messages:
            self.away_since_s = None
        batches = []
        now = monotonic()
        for name, partition, run in by_partition(messages):
            source = (self._roles[name], partition)
            if source not in self.positions or source in self._held:
                continue
            batch = batch_of(source, run)
            last = batch.offsets[-1]
            self.positions[source] = last + 1
            self.moved_at_s[source] = now
            self.last_errors.pop(source, None)
            batches.append((source, last, batch))
        self._read_up_to |= emptied  # after the positions of the records before it
        return batches

    def _note_state(self, error: KafkaError) -> None:
        """Librdkafka's word on its connections."""
        if error.name() == "_ALL_BROKERS_DOWN" and self.away_since_s is None:
            self.away_since_s = monotonic()
            log.warning("no broker can be reached; trying on")

    def _without_errors(self, messages: list[Message], emptied: dict[Source, int]) -> list[Message]:
        """The records among the messages; errors are counted and told, or end the worker.
        ``emptied`` is told of the sources that have no more, and up to where."""
        good = []
        for message in messages:
            error = message.error()
            if error is None:
                good.append(message)
                continue
            topic, partition = message.topic() or "", message.partition() or 0
            where = f"{topic}/{partition}"
            source = (self._roles.get(topic, topic), partition)
            if error.name() == "_PARTITION_EOF":
                emptied[source] = message.offset() or 0
                continue
            if error.name() in ENDS:
                raise FeedError(f"{where}: {ENDS[error.name()].format(self.positions.get(source))}")
            if error.fatal():
                raise FeedError(f"{where}: {error.str()}")
            self.errors[*source, error.name()] += 1
            self.last_errors[source] = error.str()
            if monotonic() - self._told_at_s >= ERRORS_TOLD_EVERY_S:
                self._told_at_s = monotonic()
                log.error("%s", self.stall_line(source))
        return good
