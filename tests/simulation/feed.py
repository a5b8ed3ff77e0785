"""What :class:`streams.feed.Feed` is to a worker, over the made-up broker.

Rule.  A fetch returns whatever is there, cut anywhere, of any of the assigned sources; one that
began before an assignment gives nothing of the new one, for the real feed's thread does one thing
at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from random import Random
from typing import Final

from engine.records import RecordBatch
from streams.feed import Batch, PanesBatch
from streams.starting_offsets import Source
from tests.engine.models import part
from tests.simulation.broker import PANES, Broker

ASK_S: Final = 0.03
LONG_POLL_S: Final = 2.0


class Feed:
    """Batches of the assigned sources."""

    def __init__(self, broker: Broker, batch_size: int, chance: Random) -> None:
        self._broker = broker
        self._batch_size = batch_size
        self._chance = chance
        self.positions: dict[Source, int] = {}
        self.generation: int | None = None

    async def _ask(self) -> None:
        await asyncio.sleep(self._chance.random() ** 2 * ASK_S)

    async def assign(self, starts: Mapping[Source, int], generation: int) -> None:
        """Read these sources from these offsets on."""
        await self._ask()
        self.positions = dict(starts)
        self.generation = generation

    async def unassign(self) -> None:
        """Read nothing until the next assignment."""
        self.generation = None
        await self._ask()
        self.positions = {}

    async def fetch(self) -> list[tuple[Source, int, Batch]]:
        """What is there: (source, last offset, batch)."""
        positions = self.positions
        if not self._behind():
            news: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._broker.news(news)
            await asyncio.wait([news], timeout=LONG_POLL_S)
        await self._ask()
        if positions is not self.positions:
            return []  # the real one's fetch would have ended before the assignment
        behind = self._behind()
        self._chance.shuffle(behind)
        found = []
        for source in behind[: self._chance.randint(1, max(1, len(behind)))]:
            start = self.positions[source]
            size = self._chance.randint(1, self._batch_size)
            end = min(self._broker.ends[source], start + size)
            self.positions[source] = end
            found.append((source, end - 1, self._cut(source, start, end)))
        return found

    def _behind(self) -> list[Source]:
        ends = self._broker.ends
        return [s for s, at in self.positions.items() if at < ends.get(s, 0)]

    def _cut(self, source: Source, start: int, end: int) -> RecordBatch | PanesBatch:
        role, partition = source
        if role == PANES:
            values = self._broker.panes[partition][start:end]
            return PanesBatch(partition, list(range(start, end)), values)
        return part(self._broker.logs[source], start, end)

    def read_up_to(self, _: Source, taken: int) -> int:
        """No transactions here, so no markers."""
        return taken

    async def ends(self, sources: Collection[Source]) -> dict[Source, int]:
        """The ends of the logs now; now and then a broker does not answer."""
        await self._ask()
        if self._chance.random() < 0.05:
            return {}
        return {source: self._broker.ends.get(source, 0) for source in sources}

    async def bounds(self, sources: Collection[Source]) -> dict[Source, tuple[int, int]]:
        """First offset and end of each log."""
        await self._ask()
        return {source: (0, self._broker.ends.get(source, 0)) for source in sources}
