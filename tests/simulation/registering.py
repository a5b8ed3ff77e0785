"""The topic ``models`` of the made-up world: who registers, and how workers hear of it.

Rule.  A registration comes before the first row of its phase is produced.  Of one that says
``moment`` nobody waits: a worker may hear of it from the very event.  Of one that says ``heard``
the producers wait until all workers know it, and of one that says ``settled`` it is made when all
before was committed: counts and clocks depend on what was known, where it was not known in time
(:mod:`engine.version_register`).  Those of the story ``late`` come when they come.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from random import Random
from typing import TYPE_CHECKING, Any, Final

from streams.control import ControlRecord
from streams.starting_offsets import Source
from tests.simulation.broker import Broker
from tests.simulation.scenarios import Scenario

if TYPE_CHECKING:
    from tests.simulation.virtual_time import VirtualLoop
    from tests.simulation.worker import Worker

ASK_S: Final = 0.05
LOOK_S: Final = 0.1
LATEST_S: Final = 5.0
"""How long after its place in the logs a late registration may come."""
ACTS_S: Final = 10.0
"""Until what workers heard was told, judged and saved."""
AT_ONCE: Final = 3
COMPACTED: Final = 0.5
"""Of the workers that start, the share that finds the topic compacted."""
LONG_BEFORE: Final = 0.5
"""Of those that nobody waits for, the share that is registered at some time before."""


class Registering:
    """Whoever registers, and the gates before the rows that wait for it."""

    def __init__(
        self,
        seed: int,
        loop: VirtualLoop,
        broker: Broker,
        case: Scenario,
        workers: Callable[[], list[Worker]],
        is_settled: Callable[[], bool],
    ) -> None:
        """``workers`` are those that are not dead, ``is_settled`` whether all there is was read,
        judged and committed."""
        assert case.story is not None, "nothing is registered without a story"
        self._seed = seed
        self._loop = loop
        self._broker = broker
        self._case = case
        self._story = case.story
        self._workers = workers
        self._is_settled = is_settled
        self._chance = Random(f"registering {seed}")
        self._wanted: dict[Source, int] = {}
        self._reached = self._open = 0
        """Lessons whose phase was reached, and whose rows may come."""
        self.log: list[ControlRecord] = []
        self.known = 0
        """Lessons that are on the topic."""
        self.seen: Counter[str] = Counter()
        self._heard_at_s: float | None = None
        at_the_moment = case.lessons[0].registration.mode == "moment" and self._story.in_time
        if at_the_moment and self._chance.random() < LONG_BEFORE:
            loop.later(self._chance.uniform(0.0, LATEST_S), self._write, 0)

    # -- who produces asks here ---------------------------------------------------------------

    def grow(self, source: Source, to: int) -> None:
        """Events up to this offset were produced, as far as no registration must come before."""
        self._wanted[source] = max(to, self._wanted.get(source, 0))
        self._let(source)

    def _let(self, source: Source) -> None:
        wanted = self._wanted.get(source, 0)
        while self._open < len(self._case.lessons):
            at = self._barrier(source, self._open)
            if wanted <= at:
                break
            opened = self._open
            if self._reached == self._open:
                self._reach()
            if self._open == opened:
                wanted = at
                break
        self._broker.grow(source, wanted)

    def _barrier(self, source: Source, number: int) -> int:
        phase = self._case.lessons[number].registration.phase
        return self._case.barriers[source][phase - 1] if source in self._case.barriers else 0

    def _reach(self) -> None:
        number = self._reached
        self._reached += 1
        mode = self._case.lessons[number].registration.mode
        if not self._story.in_time:
            self._loop.later(self._chance.uniform(0.0, LATEST_S), self._write, number)
            self._open += 1
        elif mode == "moment":
            self._write(number)
            self._open += 1
        else:
            if mode == "heard":
                self._write(number)
            self._loop.later(LOOK_S, self._look, number)

    def _look(self, number: int) -> None:
        """Go on where everything is as it must be before the rows behind the registration."""
        if self.known <= number and self._all_wait(number) and self._is_settled():
            self._write(number)
        if self.known > number and self._all_heard(number):
            self._open += 1
            for source in list(self._wanted):
                self._let(source)
        else:
            self._loop.later(LOOK_S, self._look, number)

    def _all_wait(self, number: int) -> bool:
        ends = self._broker.ends
        return all(ends[s] == self._barrier(s, number) for s in self._case.barriers)

    def _all_heard(self, number: int) -> bool:
        terms = self._case.lessons[number].terms
        return all(worker.has_heard(terms) for worker in self._workers())

    def _write(self, number: int) -> None:
        """Append the records of a registration, once."""
        if self.known != number:
            return
        self.known += 1
        self.log += self._case.lessons[number].records
        self.seen["registrations"] += 1

    @property
    def is_done(self) -> bool:
        """Whether everything was registered, and nothing waits for it; a late one has acted."""
        if not self._open == self.known == len(self._case.lessons):
            return False
        if self._story.in_time:
            return True
        if self._heard_at_s is None and self._all_heard(self.known - 1):
            self._heard_at_s = self._loop.time()
        return self._heard_at_s is not None and self._loop.time() > self._heard_at_s + ACTS_S

    # -- what workers read --------------------------------------------------------------------

    def feed(self, worker: str) -> ModelsFeed:
        """What a worker reads the topic with."""
        compacted = Random(f"compaction {self._seed} {worker}").random() < COMPACTED
        return ModelsFeed(self.log, Random(f"models {self._seed} {worker}"), compacted=compacted)


class ModelsFeed:
    """What :class:`streams.models_log.ModelsReader` is to a worker."""

    def __init__(self, log: list[ControlRecord], chance: Random, *, compacted: bool) -> None:
        """``compacted``: of what stood there when it began, only the newest of each key is left."""
        self._log = log
        self._chance = chance
        self._at = 0
        self._compacted = compacted
        self._gone: set[int] = set()

    async def _ask(self) -> None:
        await asyncio.sleep(self._chance.random() ** 2 * ASK_S)

    async def begin(self, _positions: Mapping[Source, int]) -> None:
        """From the beginning."""
        await self._ask()
        self._at = 0
        newest = {record.key: record.offset for record in self._log}
        if self._compacted:
            self._gone = {r.offset for r in self._log if newest[r.key] != r.offset}

    async def to_end(self) -> AsyncIterator[list[ControlRecord]]:
        """Everything until now."""
        async for records in self.up_to_now():
            yield records

    async def up_to_now(self) -> AsyncIterator[list[ControlRecord]]:
        """Everything that was there when it was asked."""
        end = len(self._log)
        await self._ask()
        while self._at < end:
            yield self._take(end)
            await self._ask()

    async def fetch(self) -> list[ControlRecord]:
        """Some of what is there."""
        await self._ask()
        return self._take(len(self._log))

    def _take(self, end: int) -> list[ControlRecord]:
        first = self._at
        self._at = min(end, first + self._chance.randint(1, AT_ONCE))
        return [r for r in self._log[first : self._at] if r.offset not in self._gone]


async def in_turn(what: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401
    """What :func:`asyncio.to_thread` is to a worker: others go on meanwhile."""
    await asyncio.sleep(ASK_S)
    return what(*arguments)
