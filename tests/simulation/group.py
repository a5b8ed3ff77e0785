"""The consumer group's coordinator: members, generations, eager rebalances, committed offsets.

Rule.  As a broker's: a rebalance begins when a member joins, leaves or is silent past its session;
every member is told at its next heartbeat, gives up what it has and joins again; who does not come
within the rebalance time-out is out.  A commit counts only from a member of the generation that it
names.  A static member that comes back within its session keeps its place, and the generation does
not move (KIP-345).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

from streams.starting_offsets import Source
from tests.simulation.virtual_time import Process, VirtualLoop

SESSION_S: Final = 6.0
HEARTBEAT_S: Final = 1.0
REBALANCE_S: Final = 10.0
REQUEST_S: Final = 0.02

Place = tuple[int, frozenset[int]]
"""Generation and partitions."""


@dataclass(eq=False)
class Member:
    """One worker as the coordinator knows it."""

    process: Process
    instance: str | None
    called: Callable[[], None]
    """Tells the worker that a rebalance goes on."""
    joined: asyncio.Future[Place] | None = None
    partitions: frozenset[int] = frozenset()


class Group:
    """The coordinator."""

    def __init__(self, loop: VirtualLoop, partitions: int, chance: Random) -> None:
        self._loop = loop
        self._partitions = partitions
        self._chance = chance
        self._members: list[Member] = []
        self._stable = True
        self.generation = 0
        self.committed: dict[Source, int] = {}
        self.on_commit: Callable[[Mapping[Source, int]], None] = lambda _: None
        self.refused_commits = 0
        self.kept_places = 0

    def join(self, member: Member) -> asyncio.Future[Place]:
        """Ask for a place; known members come again, new ones start a rebalance."""
        answer: asyncio.Future[Place] = self._loop.create_future()
        if member not in self._members:
            before = self._static_predecessor(member)
            if before is not None:
                self._members[self._members.index(before)] = member
                if self._stable:
                    self.kept_places += 1
                    member.partitions = before.partitions
                    self._answer(answer, (self.generation, member.partitions))
                    return answer
            else:
                self._members.append(member)
        member.joined = answer
        if self._stable:
            self._rebalance()
        self._settle_when_complete()
        return answer

    def _static_predecessor(self, member: Member) -> Member | None:
        if member.instance is None:
            return None
        return next((m for m in self._members if m.instance == member.instance), None)

    @property
    def is_stable(self) -> bool:
        """Whether no rebalance goes on."""
        return self._stable

    def knows(self, member: Member) -> bool:
        """Whether it is still a member."""
        return member in self._members

    def leave(self, member: Member) -> None:
        """It goes of its own will."""
        if member in self._members:
            self._members.remove(member)
            self._rebalance()

    def fell_silent(self, member: Member) -> None:
        """Its process died or froze; unless it comes back, its session ends."""
        wait_s = SESSION_S - self._chance.random() * HEARTBEAT_S
        self._loop.later(wait_s, self._expire, member)

    def _expire(self, member: Member) -> None:
        if member in self._members and member.process.state != "running":
            if member.joined is not None:  # a broker keeps who waits for its answer, dead or not
                self._loop.later(SESSION_S, self._expire, member)
                return
            self._members.remove(member)
            self._rebalance()

    def _rebalance(self) -> None:
        if not self._stable:
            self._settle_when_complete()
            return
        self._stable = False
        self._loop.later(REBALANCE_S, self._close_the_door, self.generation)
        for member in self._members:
            if member.joined is None:
                self._call(member)
        self._settle_when_complete()

    def _call(self, member: Member) -> None:
        delay_s = self._chance.random() * HEARTBEAT_S
        self._loop.later(delay_s, member.called, of=member.process)

    def _close_the_door(self, generation: int) -> None:
        if not self._stable and self.generation == generation:
            self._members = [m for m in self._members if m.joined is not None]
            self._settle_when_complete()

    def _settle_when_complete(self) -> None:
        if self._stable or any(m.joined is None for m in self._members):
            return
        if not self._members:
            self._stable = True
            return
        self.generation += 1
        self._stable = True
        shares: list[list[int]] = [[] for _ in self._members]
        for partition in range(self._partitions):
            self._chance.choice(shares).append(partition)
        for member, share in zip(self._members, shares, strict=True):
            member.partitions = frozenset(share)
            answer, member.joined = member.joined, None
            assert answer is not None, "everybody has joined"
            self._answer(answer, (self.generation, member.partitions))

    def _answer(self, to: asyncio.Future[Place], place: Place) -> None:
        def tell() -> None:
            if not to.done():
                to.set_result(place)

        self._loop.later(self._chance.random() * REQUEST_S, tell)

    async def fetch_committed(self, sources: list[Source]) -> dict[Source, int | None]:
        """What is committed for these sources."""
        await asyncio.sleep(self._chance.random() * REQUEST_S)
        return {source: self.committed.get(source) for source in sources}

    async def commit(self, member: Member, generation: int, offsets: Mapping[Source, int]) -> bool:
        """Commit in the name of a generation; False when the group has gone on without it."""
        answer: asyncio.Future[bool] = self._loop.create_future()
        arrives_s = self._chance.random() * REQUEST_S
        self._loop.later(arrives_s, self._take_commit, member, generation, dict(offsets), answer)
        return await answer

    def _take_commit(
        self,
        member: Member,
        generation: int,
        offsets: Mapping[Source, int],
        answer: asyncio.Future[bool],
    ) -> None:
        good = member in self._members and generation == self.generation
        if good:
            self.on_commit(offsets)
            self.committed.update(offsets)
        else:
            self.refused_commits += 1
        if not answer.done():
            answer.set_result(good)
