"""Reading the changelog: no record is lost to a seek that comes while it is fetched."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest
from faust.transport.drivers.aiokafka import Consumer as AioConsumer
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP

from streams.changelog_reading import ChangelogConsumer

SNAPSHOTS = TP("drift.snapshots", 0)
GIVEN_AWAY = TP("drift.snapshots", 1)
LOG = range(9)


class Reading(ChangelogConsumer):
    """As much of a consumer as a fetch needs: one position per partition, as aiokafka keeps it."""

    def __init__(self) -> None:
        self.positions = {SNAPSHOTS: 0}
        self.changelog_records_read = 0
        self.scheduler = DefaultSchedulingStrategy()
        self.meanwhile: Callable[[], Awaitable[None]] | None = None
        """What happens while the next fetch waits."""
        self._seeks = 0
        self._sought: dict[TP, int] = {}
        self._assigned = 5
        self._thread = cast("Any", self)
        self.paused: set[TP] = set()

    def _ensure_consumer(self) -> Any:  # noqa: ANN401 - stands for aiokafka's
        return SimpleNamespace(
            assignment=lambda: frozenset(self.positions),
            seek=self.positions.__setitem__,
            pause=lambda *tps: self.paused.update(self._known(tps)),
            resume=lambda *tps: self.paused.difference_update(self._known(tps)),
        )

    def _known(self, tps: tuple[Any, ...]) -> set[TP]:
        """As aiokafka, which knows no partition that is not assigned."""
        assert set(tps) <= set(self.positions)
        return {TP(tp.topic, tp.partition) for tp in tps}

    async def call_thread(self, work: Callable[..., Awaitable[None]], *arguments: object) -> None:
        """There is one thread here."""
        await work(*arguments)

    async def _getmany(
        self,
        active_partitions: set[TP] | None,
        timeout: float,  # noqa: ARG002,ASYNC109 - Faust's signature
    ) -> Any:  # noqa: ANN401
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        found = {}
        for tp in active_partitions or ():
            found[tp] = [offset for offset in LOG if offset >= self.positions[tp]]
            self.positions[tp] = LOG.stop
        return {tp: records for tp, records in found.items() if records}

    async def read(self) -> list[Any]:
        """The offsets that one fetch gives."""
        return [offset for _, offset in await self._read_changelog({SNAPSHOTS}, 0.1)]

    def __repr__(self) -> str:
        return "Reading"


async def _sought(consumer: AioConsumer, partitions: Mapping[TP, int]) -> None:
    """Faust's own seek."""
    cast("Reading", consumer).positions.update(partitions)


def test_a_fetch_that_a_seek_crossed_is_done_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fetch held over a rebalance gives what lies behind the recovery's seek to nobody: the seek
    is done again, but not of partitions that went elsewhere meanwhile."""
    monkeypatch.setattr(AioConsumer, "seek_wait", _sought)

    async def main() -> None:
        reading = Reading()

        async def recovery_seeks() -> None:
            await reading.seek_wait({SNAPSHOTS: 5, GIVEN_AWAY: 2})
            del reading.positions[GIVEN_AWAY]

        reading.meanwhile = recovery_seeks
        assert await reading.read() == []
        assert reading.positions == {SNAPSHOTS: 5}
        assert await reading.read() == [5, 6, 7, 8]

    asyncio.run(main())


def test_without_a_seek_every_record_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each once, whatever was sought before."""
    monkeypatch.setattr(AioConsumer, "seek_wait", _sought)

    async def main() -> None:
        reading = Reading()
        await reading.seek_wait({SNAPSHOTS: 3})
        assert await reading.read() == [3, 4, 5, 6, 7, 8]
        assert await reading.read() == []

    asyncio.run(main())


def test_a_changelog_that_is_read_is_not_fetched_until_it_is_sought(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What went elsewhere is left alone, and a pause that comes after the next seek is none."""
    monkeypatch.setattr(AioConsumer, "seek_wait", _sought)

    async def main() -> None:
        reading = Reading()
        await reading.seek_wait({SNAPSHOTS: 3, GIVEN_AWAY: 2})
        del reading.positions[GIVEN_AWAY]
        await reading.stop_fetching(reading._seeks)
        assert reading.paused == {SNAPSHOTS}
        before = reading._seeks
        await reading.seek_wait({SNAPSHOTS: 4})
        assert reading.paused == set()
        await reading.stop_fetching(before)
        assert reading.paused == set()

    asyncio.run(main())
