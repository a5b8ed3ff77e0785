"""Reading the changelog: no record is lost to a seek that comes while it is fetched."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest
from faust.tables.recovery import RebalanceAgain
from faust.transport.consumer import Consumer as FaustConsumer
from faust.transport.drivers.aiokafka import Consumer as AioConsumer
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP

from streams.changelog_reading import ChangelogConsumer
from streams.feed import UnassignedError
from streams.transport import BatchingConsumer

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


class TakingUp(BatchingConsumer):
    """As much of a consumer as taking partitions up needs, and what comes in between."""

    def __init__(self, meanwhile: str) -> None:
        self._meanwhile = meanwhile
        self._assigned = self._sought_in = 5
        self._seeks = 1
        self._feed = cast("Any", self)
        self.assigned: list[int] = []
        self._sources: dict[Any, TP] = {}
        self.failures: list[BaseException] = []
        self.app = cast("Any", SimpleNamespace(consumer_generation_id=5))
        self._keeper = cast("Any", self)
        self._roles = {}

    def assignment(self) -> set[TP]:
        """No batched topic: what is told of them is another test's."""
        return set()

    def _pause_in_aiokafka(self, tps: object) -> None:
        pass

    async def stop_fetching(self, seeks: int) -> None:
        """As if the consumer's thread had done it."""
        assert seeks == 1
        self.revoked("while the changelog is let go")

    async def take_up(self, *_: object) -> None:
        """As the keeper, whose take-up may come to nothing."""
        self.revoked("while it is restored")

    async def _starts(self, *_: object) -> dict[Any, int]:
        self.revoked("while brokers are asked")
        if self._meanwhile == "so that the question ends":
            raise UnassignedError
        return {}

    async def assign(self, _: object, generation: int) -> None:
        """As the feed."""
        self.assigned.append(generation)
        self.revoked("while the feed is assigned")

    def revoked(self, when: str) -> None:
        """They are, if it is the time for it."""
        if when == self._meanwhile:
            self._assigned = None

    def needed(self) -> dict[Any, int]:
        """As the keeper: nothing."""
        return {}

    def holds(self, _: int) -> bool:
        """As the keeper: while it still saves, it holds what is being revoked."""
        return True

    def positioned(self, _: object) -> None:
        """As the keeper."""

    def fail(self, error: BaseException) -> None:
        """As the keeper."""
        self.failures.append(error)

    def __repr__(self) -> str:
        return "TakingUp"


MEANWHILE = (
    "before it begins",
    "while offsets are fetched",
    "while it is restored",
    "while brokers are asked",
    "so that the question ends",
    "while the feed is assigned",
    "while the changelog is let go",
)


@pytest.mark.parametrize("meanwhile", MEANWHILE)
def test_partitions_revoked_while_taken_up_do_not_start_the_flow(
    monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    """Faust's recovery lets records flow when ``perform_seek`` returns; it hears instead that the
    next assignment is on its way, and the worker does not end of it.  What was revoked before the
    feed was assigned is not read any more."""

    async def fetch_offsets(consumer: TakingUp) -> None:
        consumer.revoked("while offsets are fetched")

    monkeypatch.setattr(FaustConsumer, "perform_seek", fetch_offsets)
    consumer = TakingUp(meanwhile)
    consumer.revoked("before it begins")
    with pytest.raises(RebalanceAgain):
        asyncio.run(consumer.perform_seek())
    assert consumer.failures == []
    assert consumer.assigned == ([5] if meanwhile in MEANWHILE[-2:] else [])


def test_partitions_taken_up_in_peace_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in between: no error, and the feed reads in the name of the generation."""
    monkeypatch.setattr(FaustConsumer, "perform_seek", lambda _: asyncio.sleep(0))
    consumer = TakingUp("never")
    asyncio.run(consumer.perform_seek())
    assert consumer.assigned == [5]


class Fetching(TakingUp):
    """As much of a consumer as ``getmany`` needs: a fetch of batches over which a rebalance comes,
    and a changelog whose position every fetch moves."""

    def __init__(self) -> None:
        super().__init__("never")
        self.generation = 5
        self.flow_active = True
        self.can_resume_flow = self.suspend_flow = cast("Any", None)
        self.changelog_fetches = 0

    @property
    def should_stop(self) -> bool:
        """It runs."""
        return False

    async def _fetch_batches(self, _: int) -> list[Any]:
        self.app.consumer_generation_id = 6
        return []

    def _get_active_partitions(self) -> set[TP]:
        return {SNAPSHOTS}

    async def _read_changelog(self, *_: object) -> Iterator[Any]:
        self.changelog_fetches += 1
        return iter(())


def test_a_fetch_in_the_name_of_an_old_generation_does_not_read_the_changelog() -> None:
    """Its records would be thrown away, and the recovery of the new generation wait for them."""

    async def main() -> list[Any]:
        consumer = Fetching()
        found = [one async for one in consumer.getmany(0.1)]
        assert consumer.changelog_fetches == 0
        consumer.generation = 7
        found += [one async for one in consumer.getmany(0.1)]
        assert consumer.changelog_fetches == 1
        return found

    assert asyncio.run(main()) == []


def test_a_generation_that_the_thread_knows_first_ends_the_take_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The consumer's thread is told of a new generation before its partitions are known here: what
    was read of the old one is not taken up in the name of the new one."""

    async def fetch_offsets(consumer: TakingUp) -> None:
        consumer.app.consumer_generation_id = 6

    monkeypatch.setattr(FaustConsumer, "perform_seek", fetch_offsets)
    consumer = TakingUp("never")
    with pytest.raises(RebalanceAgain):
        asyncio.run(consumer.perform_seek())
    assert consumer.assigned == []


def test_what_an_earlier_recovery_restored_is_not_taken_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The partitions of the next generation are here, and its changelog was not read yet."""
    monkeypatch.setattr(FaustConsumer, "perform_seek", lambda _: asyncio.sleep(0))
    consumer = TakingUp("never")
    consumer._sought_in = 4
    with pytest.raises(RebalanceAgain):
        asyncio.run(consumer.perform_seek())
    assert consumer.assigned == []
