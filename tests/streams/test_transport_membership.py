"""What the transport makes of troubles that pass, and of commits that the group does not take."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from faust.transport.consumer import Consumer as FaustConsumer
from faust.types import TP

from streams.agents import Agents
from streams.live import LiveState
from streams.membership import GROUP_RETRIES, TROUBLE_FREE_S, MembershipError, Patience
from streams.settings import Settings
from streams.starting_offsets import Source
from streams.transport import BatchingConsumer

SOURCE: Source = ("predictions", 0)
TOPIC = "drift.predictions"


class Troubled:
    """As much of a consumer as keeping its membership needs; a trouble at each of the times."""

    def __init__(self, at_s: list[float], *, lasting: bool = False) -> None:
        self.should_stop = False
        self.now_s = 0.0
        self.failed: list[BaseException] = []
        self._patience = Patience()
        self._touch = None
        self._thread = self._keeper = cast("Any", self)
        self._troubles_at_s = iter(at_s)
        self._lasting = lasting

    async def call_thread(self, _: object) -> MembershipError | None:
        """The next trouble, at its time."""
        at_s = next(self._troubles_at_s, None)
        if at_s is None:
            self.should_stop = True
            return None
        self.now_s = at_s
        return MembershipError("the group cannot be kept", lasting=self._lasting)

    def fail(self, error: BaseException) -> None:
        """As the keeper."""
        self.failed.append(error)

    def kept(self, monkeypatch: pytest.MonkeyPatch) -> bool:
        """Whether membership is kept through all of them."""
        monkeypatch.setattr("streams.transport.KEEP_MEMBER_S", 0.0)
        monkeypatch.setattr("streams.transport.monotonic", lambda: self.now_s)
        keep = cast("Any", BatchingConsumer._keep_member).fun
        asyncio.run(keep(self))
        return not self.failed


def test_troubles_that_pass_do_not_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """One an hour for a year ends nobody, a row of them without peace does; a lasting one at once,
    and a new generation is a new beginning."""
    assert Troubled([hour * 3_600.0 for hour in range(24 * 365)]).kept(monkeypatch)
    apart_s = TROUBLE_FREE_S / 2
    row = [at * apart_s for at in range(GROUP_RETRIES + 1)]
    assert Troubled(row[:-1]).kept(monkeypatch)
    assert not Troubled(row).kept(monkeypatch)
    assert not Troubled([1.0], lasting=True).kept(monkeypatch)
    patience = Patience()
    for at_s in range(100):
        if at_s % GROUP_RETRIES == 0:
            patience.begin_anew()
        assert not patience.is_over(float(at_s))


class Committing(BatchingConsumer):
    """Commits that the group takes or not, without a group."""

    def __init__(self) -> None:
        self.takes = True
        self.asked: list[dict[TP, int]] = []
        self._committed_offset = dict.fromkeys([TP(TOPIC, 0)])
        self._names = {"predictions": TOPIC}
        self._roles = {TOPIC: "predictions"}

    async def commit(self, *_: object, **__: object) -> bool:
        """Faust's way to a commit, shortened."""
        tp, offset = TP(TOPIC, 0), 7
        if not self._should_commit(tp, offset):
            return False
        return await self._commit_offsets({tp: offset})

    def __repr__(self) -> str:
        return "Committing"


def test_what_the_group_did_not_take_is_not_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is neither told as committed nor taken for so: the next checkpoint commits it again.  A
    checkpoint with nothing new to commit leaves what is told as it is."""

    async def faust_commits(consumer: Any, offsets: dict[TP, int], _: object = None) -> bool:  # noqa: ANN401
        consumer.asked.append(offsets)
        consumer._committed_offset.update(offsets)  # as Faust does, taken or not
        return bool(consumer.takes)

    async def nothing(*_: object) -> None:
        pass

    class Part:
        checkpoint = confirm = staticmethod(nothing)

        def needed(self) -> dict[Source, int]:
            return {SOURCE: 7}

        def covered(self, *_: object) -> int:
            return 7

    async def main() -> None:
        live, part = LiveState(), cast("Any", Part())
        agents = Agents(Settings(), part, part, cast("Any", None), cast("Any", None), live)
        consumer = agents.consumer = Committing()
        consumer.takes = False
        await agents._checkpoint()
        assert live.committed == {}
        consumer.takes = True
        for _ in range(2):
            await agents._checkpoint()
            assert live.committed == {SOURCE: 7}
        assert consumer.asked == [{TP(TOPIC, 0): 7}] * 2

    monkeypatch.setattr(FaustConsumer, "_commit_offsets", faust_commits)
    asyncio.run(main())
