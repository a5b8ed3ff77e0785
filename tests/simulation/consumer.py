"""What :class:`streams.transport.BatchingConsumer` does with Faust, over the made-up group.

Rule.  The steps and their order are those of the real one, ``perform_seek``,
``on_partitions_revoked``, ``getmany`` and ``_new_offset`` above all, with Faust's recovery running
beside the membership as it does there: partitions may be revoked while they are still taken up.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Final

from faust.tables.recovery import RebalanceAgain

from streams.starting_offsets import Source, starting_offsets
from streams.topics import INPUT_ROLES
from tests.simulation.broker import PANES
from tests.simulation.group import HEARTBEAT_S, Group, Member

if TYPE_CHECKING:
    from streams.agents import Agents
    from tests.simulation.feed import Feed
    from tests.simulation.producing import Producer
    from tests.simulation.table import Table
    from tests.simulation.virtual_time import Process, VirtualLoop

QUEUED: Final = 4
IDLE_S: Final = 0.25


@dataclass(frozen=True)
class Message:
    """What an event of Faust knows of where it is from."""

    generation_id: int


@dataclass(frozen=True)
class Event:
    """One batch on its way to an agent."""

    value: Any
    message: Message


class Stream:
    """The queue before an agent, as ``stream.noack().events()``."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Event] = asyncio.Queue(QUEUED)

    def noack(self) -> Stream:
        """Nothing is acknowledged anyway."""
        return self

    def events(self) -> Stream:
        """For ever."""
        return self

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> Event:
        return await self.queue.get()

    def clear(self) -> None:
        """Throw away what waits."""
        while not self.queue.empty():
            self.queue.get_nowait()


class Consumer:
    """Membership, recovery, fetching and commits of one worker."""

    def __init__(
        self,
        loop: VirtualLoop,
        process: Process,
        group: Group,
        feed: Feed,
        table: Table,
        producer: Producer,
        chance: Random,
        instance: str | None,
    ) -> None:
        self._loop = loop
        self._process = process
        self._group = group
        self._feed = feed
        self._table = table
        self._producer = producer
        self._chance = chance
        self._called = asyncio.Event()
        self._flows = asyncio.Event()
        self._generation = -1
        self._assigned: int | None = None
        self._partitions: frozenset[int] = frozenset()
        self._committed: dict[Source, int] = {}
        self.member = Member(process, instance, self._called.set)
        self.streams = {"tally": Stream(), "judge": Stream()}
        self.keeper: Agents

    # -- membership ---------------------------------------------------------------------------

    async def take_part(self) -> None:
        """Join, take up, give up, again and again."""
        recovery: asyncio.Task[None] | None = None
        while True:
            self._called.clear()
            place = await self._group.join(self.member)
            if recovery is not None:
                recovery.cancel()
            self._generation, self._partitions = place
            self._assigned = self._generation
            self._table.assigned(self._partitions)
            recovery = self._loop.spawn(self._process, self._recover(self._partitions))
            while not self._called.is_set():
                known = asyncio.ensure_future(self._called.wait())
                await asyncio.wait([known], timeout=1.0)
                known.cancel()
                if not self._group.knows(self.member):
                    await asyncio.sleep(self._chance.random() * HEARTBEAT_S)
                    break
            await self._on_partitions_revoked()

    async def _on_partitions_revoked(self) -> None:
        self._assigned = None
        self._flows.clear()
        await self._feed.unassign()
        await self.keeper.give_up()
        if self._chance.random() < 0.5:
            for stream in self.streams.values():
                stream.clear()
        self._committed.clear()

    async def _recover(self, partitions: frozenset[int]) -> None:
        try:
            if partitions:
                generation = self._assigned
                await self._table.recover(partitions)
                await self._perform_seek(generation)
            else:
                await self._feed.unassign()
                await self.keeper.take_up({}, self._generation)
        except asyncio.CancelledError:
            raise
        except RebalanceAgain:
            return
        except Exception as error:  # noqa: BLE001 - as the real one, which raises it too
            self.keeper.fail(error)
            return
        self._flows.set()

    async def _perform_seek(self, generation: int | None) -> None:
        self._refuse_revoked(generation)
        sources = self._sources()
        for source, offset in (await self._group.fetch_committed(sources)).items():
            if offset is not None:
                self._committed[source] = offset
        self._refuse_revoked(generation)
        assert generation is not None
        sources = self._sources()
        if not self._group.knows(self.member) and not any(self._committed.values()):
            return  # a known gap, left out here: see docs/simulation.md
        await self.keeper.take_up({s: self._committed.get(s) for s in sources}, generation)
        self._refuse_revoked(generation)
        needed = self.keeper.needed()
        bounds = await self._feed.bounds(sources) if sources else {}
        self._refuse_revoked(generation)
        starts, gaps = starting_offsets(bounds, needed, self.keeper.reread, self.keeper.continued())
        if gaps:
            self.keeper.read_on(gaps, starts)
        self.keeper.positioned(starts)
        await self._feed.assign(starts, generation)
        self._refuse_revoked(generation)

    def _refuse_revoked(self, generation: int | None) -> None:
        if generation is None or self._assigned != generation:
            raise RebalanceAgain

    def _sources(self) -> list[Source]:
        return [(role, p) for p in sorted(self._partitions) for role in (*INPUT_ROLES, PANES)]

    # -- fetching -----------------------------------------------------------------------------

    async def fetch(self) -> None:
        """Hand batches to the agents."""
        while True:
            await self._flows.wait()
            generation = self._generation
            if self._feed.generation != generation:
                await asyncio.sleep(IDLE_S)
                continue
            for (role, _), _, batch in await self._feed.fetch():
                if not (self._flows.is_set() and self._generation == generation):
                    break
                stream = self.streams["judge" if role == PANES else "tally"]
                await stream.queue.put(Event(batch, Message(generation)))

    # -- commits ------------------------------------------------------------------------------

    async def commit(self) -> bool:
        """Commit what is covered; Faust flushes its producer first."""
        offsets = {}
        for source in self._sources():
            offset = self.keeper.covered(source)
            known = self._committed.get(source)
            if offset is not None and offset != known:
                offsets[source] = offset
        if not offsets:
            return False
        generation = self._generation
        await self._producer.flush()
        good = await self._group.commit(self.member, generation, offsets)
        if good:
            self._committed.update(offsets)
        return good

    def committed(self, source: Source) -> int | None:
        """What the group holds for a source, as far as is known."""
        return self._committed.get(source)
