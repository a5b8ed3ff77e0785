"""What is said while partitions are given up is said by the snapshot's state, and not once more."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from streams.agents import Agents
from streams.core import EngineCore
from streams.feed import PanesBatch
from streams.settings import Settings
from tests.engine.models import START, batch, model_of, raw
from tests.streams.sinks import SNAPSHOTS, Shell, Sink, TalkativeJudge, stands_still

SAYS = 3


class Talkative(EngineCore):
    """A worker's core but for its judge, which says SAYS things to every ``m``."""

    def judge(self, *_: Any) -> Any:  # noqa: ANN401 - as the doubles are
        """The judge."""
        return TalkativeJudge(SAYS)

    def read(self, value: bytes) -> tuple[str, bool]:
        """Whose a record is, and whether it is a mark."""
        return ("m@v1", False) if value == b"m" else super().read(value)


def agents_over(shell: Shell) -> Agents:
    """The agents of a worker whose commits are taken."""
    parts = (shell.tallying, shell.judging, shell.snapshots, shell.outbox)
    agents = Agents(Settings(), *parts, shell.live)
    agents._generation = 1

    async def commit() -> None:
        await asyncio.sleep(0)

    agents.consumer = cast("Any", SimpleNamespace(commit=commit, committed=lambda _: None))
    return agents


def test_nothing_is_judged_behind_the_last_snapshot() -> None:
    """The brokers take their time over the snapshot, and the judge's queue is not empty: whatever
    it said now, the next owner would say again."""

    async def main() -> None:
        sink = Sink(answers=False)
        shell = Shell(Talkative([model_of()], 1), sink)
        await shell.take_up()
        agents = agents_over(shell)
        await shell.judging.take_in(PanesBatch(0, [0], [b"m"]), 1)
        giving_up = asyncio.create_task(agents.give_up())
        while not any((key or b"").startswith(b"judge/") for _, key, _ in sink.sent):
            sink.confirm(1)
            await asyncio.sleep(0)
        await shell.judging.take_in(PanesBatch(0, [1], [b"m"]), 1)
        assert sink.topics().count("drift.judgements") == SAYS
        sink.come_back()
        await giving_up

    asyncio.run(main())


def test_nothing_is_counted_behind_the_last_snapshot() -> None:
    """A bad record goes to the dead letters at once; its next owner will say so."""

    async def main() -> None:
        sink = Sink(answers=False)
        shell = Shell(EngineCore([model_of()], 1), sink)
        await shell.take_up()
        agents = agents_over(shell)
        await shell.tallying.take_in(batch([raw(0, START)]), 1)
        giving_up = asyncio.create_task(agents.give_up())
        while SNAPSHOTS not in sink.topics():
            sink.confirm(1)
            await asyncio.sleep(0)
        await shell.tallying.take_in(batch([b"not json"], first=1), 1)
        assert "drift.dead-letters" not in sink.topics()
        sink.come_back()
        await giving_up

    asyncio.run(main())


def test_a_cancelled_giving_up_gives_up() -> None:
    """Nothing is taken any more, so nothing may seem to be held."""

    async def main() -> None:
        sink = Sink(answers=False)
        shell = Shell(EngineCore([model_of()], 1), sink)
        await shell.take_up()
        agents = agents_over(shell)
        await shell.tallying.take_in(batch([raw(0, START)]), 1)
        giving_up = asyncio.create_task(agents.give_up())
        assert await stands_still(giving_up)
        giving_up.cancel()
        await asyncio.wait([giving_up])
        assert giving_up.cancelled()
        assert not agents.holds(1)
        assert not shell.live.tallies

    asyncio.run(main())
