"""Faust's Kafka transport with the input topics fetched in batches.

Rule.  Faust and aiokafka keep the group: membership, assignment, table recovery and commits.  The
bytes of the batched topics come from :mod:`streams.feed`; each fetched partition reaches its agent
as ONE message whose value is the batch.  Nothing is committed for these topics but what the keeper
says a durable snapshot covers.

Overridden, with the reason each time the installed version of Faust is changed:
``perform_seek`` (called at the end of every recovery: the moment to take the partitions up),
``on_partitions_assigned`` / ``on_partitions_revoked`` (keep aiokafka off the batched topics, give
partitions up in order), ``getmany`` (batches), ``verify_event_path`` (its livelock detector watches
a fetcher that is paused on purpose), ``_new_consumer_thread`` (membership,
:mod:`streams.membership`), the producer (:mod:`streams.producer`), commits
(:mod:`streams.covered_commits`) and seeks (:mod:`streams.changelog_reading`).

aiokafka leaves the group when nobody fetches through it for long (a spare worker, a long restore),
and its coordinator waits for ever with an error that nobody asks for.  A task of its own therefore
keeps the member in touch, fetching or not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from time import monotonic
from typing import Any, ClassVar, Final, cast

from aiokafka.structs import TopicPartition
from faust.tables.recovery import RebalanceAgain
from faust.transport.drivers.aiokafka import Transport as AioTransport
from faust.types import TP, ConsumerMessage, Message
from mode import Service

from streams.changelog_feed import ChangelogFeed
from streams.covered_commits import CoveringConsumer
from streams.feed import Feed, UnassignedError
from streams.keeper import Keeper
from streams.membership import MembershipError, MemberThread, Patience, trouble_of
from streams.producer import RidingProducer
from streams.starting_offsets import Source, starting_offsets

IDLE_SLEEP_S: Final = 0.05
CHANGELOG_WAIT_S: Final = 0.1
KEEP_MEMBER_S: Final = 1.0
TIMESTAMP_CREATE: Final = 0


class AddedPartitionsError(RuntimeError):
    """A topic has partitions that this worker does not know of."""

    def __init__(self, tp: TP, known: int) -> None:
        super().__init__(
            f"topic {tp.topic} has a partition {tp.partition}, this worker knows {known}: "
            f"partitions were added while it ran, and keys have other homes now"
        )


class BatchingConsumer(CoveringConsumer):
    """The consumer described in the head of this file."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Faust's signature
        super().__init__(*args, **kwargs)
        transport = cast("BatchingTransport", self.transport)
        self._feed = transport.feed
        self._changelog_feed = transport.changelog_feed
        self._keeper = transport.keeper
        self._roles = transport.roles
        self._partitions = transport.partitions
        self._names = {role: name for name, role in transport.roles.items()}
        self._patience = Patience()

    # -- assignment ---------------------------------------------------------------------------

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Keep aiokafka from fetching what librdkafka will, and the changelog until the recovery
        seeks; without partitions, stand by."""
        self._patience.begin_anew()
        beyond = sorted(tp for tp in assigned if tp.partition >= self._partitions)
        if beyond:
            self._keeper.fail(AddedPartitionsError(beyond[0], self._partitions))
        self._pause_in_aiokafka(assigned)
        self._assigned = generation_id
        await super().on_partitions_assigned(assigned, generation_id)
        if not assigned:
            # Faust ends a recovery by a seek only where there is something to seek.
            await self._feed.unassign()
            await self._keeper.take_up({}, generation_id)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Stop reading, save, let go; only then does the group go on."""
        self._assigned = None
        self.stop_flow()
        await self._feed.unassign()
        await self._keeper.give_up()
        await super().on_partitions_revoked(revoked)

    async def perform_seek(self) -> None:
        """Take the partitions up: restore their state, and read on where it ends.

        Raises RebalanceAgain when they were revoked meanwhile, or when what was restored is an
        earlier assignment's.  Faust then waits for the next one; otherwise it would let records
        flow in the middle of a rebalance.
        """
        generation = self._assigned
        if generation is None or generation != self._sought_in:
            raise RebalanceAgain
        seeks = self._seeks
        await super().perform_seek()
        self._refuse_revoked(generation)
        sources = {self._source(tp): tp for tp in self.assignment() if self._batched(tp)}
        self._pause_in_aiokafka(sources.values())
        try:
            committed = {source: self._committed_offset[tp] for source, tp in sources.items()}
            await self._keeper.take_up(committed, generation)
            self._refuse_revoked(generation)
            starts = await self._starts(sources, self._keeper.needed())
            self._refuse_revoked(generation)
            self._keeper.positioned(starts)
            await self._feed.assign(starts, generation)
        except (RebalanceAgain, UnassignedError) as error:
            raise RebalanceAgain from error
        except Exception as error:
            self._keeper.fail(error)
            raise
        self._refuse_revoked(generation)
        await self.stop_fetching(seeks)
        self._refuse_revoked(generation)
        for source, tp in sources.items():
            self._read_offset[tp] = starts[source] or None

    def _refuse_revoked(self, generation: int) -> None:
        """RebalanceAgain when the partitions of this generation are held no more.

        The consumer's thread knows of a new generation before its partitions are known here.
        """
        if self._assigned != generation or self.app.consumer_generation_id != generation:
            raise RebalanceAgain

    def _pause_in_aiokafka(self, tps: Any) -> None:  # noqa: ANN401 - any iterable of TP
        ours = [TopicPartition(tp.topic, tp.partition) for tp in tps]
        if ours:
            self._thread._ensure_consumer().pause(*ours)  # noqa: SLF001 - no public way

    async def _starts(
        self, sources: Mapping[Source, TP], needed: Mapping[Source, int]
    ) -> dict[Source, int]:
        """Where each source is read from; LogMismatchError where it cannot be continued."""
        if not sources:
            return {}
        # Not through aiokafka: there the question waits behind a long poll of the changelog.
        bounds = await self._feed.bounds(sources)
        keeper = self._keeper
        starts, gaps = starting_offsets(bounds, needed, keeper.reread, keeper.continued())
        if gaps:
            self._keeper.read_on(gaps, starts)
        return starts

    # -- fetching -----------------------------------------------------------------------------

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:  # noqa: ARG002,ASYNC109 - Faust's signature
        """Yield batches of the sources taken up, and single records of the changelog."""
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
        if self.should_stop:
            return
        generation = self.app.consumer_generation_id
        reading = self._feed.generation == generation
        for tp, message in await self._fetch_batches(generation) if reading else ():
            if not self._current(generation):
                return
            yield tp, message
        others = {tp for tp in self._get_active_partitions() if not self._batched(tp)}
        if not self._current(generation):
            return
        if others:
            wait_s = 0.0 if reading else CHANGELOG_WAIT_S
            for tp, record in await self._read_changelog(others, wait_s):
                if not self._current(generation):
                    return  # the next recovery seeks, and reads the rest again
                yield tp, self._to_message(tp, record)
        elif not reading:
            await asyncio.sleep(IDLE_SLEEP_S)

    async def _fetch_batches(self, generation: int) -> list[tuple[TP, Message]]:
        try:
            batches = await self._feed.fetch()
        except Exception as error:
            self._keeper.fail(error)
            raise
        tps = [TP(self._names[role], partition) for (role, partition), _, _ in batches]
        return [
            (tp, _batch_message(tp, last, batch, generation))
            for tp, (_, last, batch) in zip(tps, batches, strict=True)
        ]

    def _current(self, generation: int) -> bool:
        return bool(self.flow_active) and self.app.consumer_generation_id == generation

    # -- membership ---------------------------------------------------------------------------

    def _new_consumer_thread(self) -> MemberThread:
        return MemberThread(self, loop=self.loop, beacon=self.beacon)

    @Service.task
    async def _keep_member(self) -> None:
        """Say that somebody is there, and hear what the coordinator cannot mend."""
        while not self.should_stop:
            await asyncio.sleep(KEEP_MEMBER_S)
            trouble = await self._thread.call_thread(self._touch)
            if trouble is None:
                continue
            if self._patience.is_over(monotonic()) or trouble.lasting:
                self._keeper.fail(trouble)
                return

    async def _touch(self) -> MembershipError | None:
        consumer = self._thread._ensure_consumer()  # noqa: SLF001 - no public way
        with consumer._subscription.fetch_context():  # noqa: SLF001
            pass
        return trouble_of(consumer)

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Lag and watermark age are measured elsewhere; a paused fetcher is no livelock."""


def _batch_message(tp: TP, last: int, batch: object, generation: int) -> ConsumerMessage:
    return ConsumerMessage(
        tp.topic,
        tp.partition,
        last,
        0.0,
        TIMESTAMP_CREATE,
        None,
        None,
        cast("bytes", batch),
        None,
        0,
        0,
        tp,
        generation_id=generation,
    )


class BatchingTransport(AioTransport):
    """Bound to one worker's feed and keeper by :func:`batching_transport`."""

    Consumer: ClassVar[Any] = BatchingConsumer
    Producer: ClassVar[Any] = RidingProducer
    feed: Feed
    changelog_feed: ChangelogFeed | None = None
    keeper: Keeper
    roles: Mapping[str, str]
    partitions: int
    carried: frozenset[str] = frozenset()
    producer: RidingProducer | None = None
    """Set by the producer once Faust makes it."""


def batching_transport(
    feed: Feed,
    keeper: Keeper,
    roles: Mapping[str, str],
    partitions: int,
    carried: Iterable[str] = (),
    changelog_feed: ChangelogFeed | None = None,
) -> type[AioTransport]:
    """A transport class for one Faust app; Faust makes the instance by itself.

    ``partitions`` is the count of the batched topics as checked, ``carried`` are the names of the
    topics whose records carry others' bytes; ``changelog_feed`` reads the table's changelog ahead
    of Faust, which reads all of it where there is none.
    """
    bound = {"feed": feed, "keeper": keeper, "roles": dict(roles)}
    bound["changelog_feed"] = changelog_feed
    bound |= {"partitions": partitions, "carried": frozenset(carried)}
    return type("BoundBatchingTransport", (BatchingTransport,), bound)
