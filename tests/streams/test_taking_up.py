"""Taking partitions up: what comes in between ends it, and nothing is read in an old name."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from faust.tables.recovery import RebalanceAgain
from faust.transport.consumer import Consumer as FaustConsumer
from faust.types import TP

from streams.feed import UnassignedError
from streams.transport import BatchingConsumer

SNAPSHOTS = TP("drift.snapshots", 0)


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
