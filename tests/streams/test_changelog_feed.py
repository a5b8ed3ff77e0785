"""Reading the changelog ahead: up to its end, the newest of each key, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest
from confluent_kafka import Producer
from faust.transport.drivers.aiokafka import Consumer as AioConsumer
from faust.types import TP

from streams.changelog_feed import ChangelogFeed, ReadAhead
from streams.changelog_reading import ChangelogConsumer
from streams.clients import librdkafka_reader_options
from streams.settings import Settings

TOPIC = "drift.snapshots"
KEYS = 40
RECORDS = 1_500
DELETED = b"key 7"


@pytest.fixture(scope="module")
def broker() -> tuple[str, Producer]:
    """An embedded broker with RECORDS records over KEYS keys on partition 1, one of them deleted,
    and nothing on the others; and its owner."""
    owner = Producer({"test.mock.num.brokers": 1, "log_level": 0})
    address = next(iter(owner.list_topics(timeout=10).brokers.values()))
    for number in range(RECORDS):
        owner.produce(TOPIC, b"%d" % number, key=b"key %d" % (number % KEYS), partition=1)
    owner.produce(TOPIC, None, key=DELETED, partition=1)
    owner.produce(TOPIC, b"of nobody", partition=1)
    assert owner.flush(30) == 0
    return f"{address.host}:{address.port}", owner


def read(address: str, starts: dict[int, int], topic: str = TOPIC) -> dict[int, ReadAhead]:
    """What is read of these partitions, and that every record was told of."""
    told: list[int] = []
    options = librdkafka_reader_options(Settings(brokers=(address,)))
    found = asyncio.run(ChangelogFeed(options, topic).read(starts, told.append))
    told_of = sum(told)
    assert told_of >= sum(ahead.next_offset - starts[p] for p, ahead in found.items())
    return found


def test_a_partition_is_read_to_its_end(broker: tuple[str, Producer]) -> None:
    """The newest value of each key, None of a deleted one, and where to go on; also of an empty
    partition, and of one of which only the end is new."""
    found = read(broker[0], {1: 0, 2: 0})
    newest = found[1].newest
    assert found[1].next_offset == RECORDS + 2
    assert newest.pop(DELETED) is None
    assert newest == {
        b"key %d" % key: b"%d" % (RECORDS - KEYS + (key - RECORDS) % KEYS)
        for key in range(KEYS)
        if b"key %d" % key != DELETED
    }
    assert (found[2].next_offset, found[2].newest) == (0, {})
    assert read(broker[0], {1: RECORDS})[1].newest == {DELETED: None}


def test_what_cannot_be_read_is_left_to_faust(broker: tuple[str, Producer]) -> None:
    """A start that the log does not have is no word on the others."""
    assert set(read(broker[0], {1: RECORDS + 90, 0: 0})) == {0}
    assert read(broker[0], {}) == {}


def test_a_reading_that_is_given_up_ends() -> None:
    """Also while no broker answers, and the thread with it."""

    async def main() -> None:
        options = librdkafka_reader_options(Settings(brokers=("127.0.0.1:1",)))
        looked, loop = asyncio.Event(), asyncio.get_running_loop()

        def look(_: int) -> None:
            loop.call_soon_threadsafe(looked.set)

        reading = asyncio.create_task(ChangelogFeed(options, TOPIC).read({0: 0}, look))
        await looked.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    asyncio.run(main())  # which waits for its threads


def test_silence_leaves_the_rest_to_faust(monkeypatch: pytest.MonkeyPatch) -> None:
    """No broker answers: nothing is read, and nobody waits for ever."""
    monkeypatch.setattr("streams.changelog_feed.SILENCE_LIMIT_S", 0.3)
    assert read("127.0.0.1:1", {0: 0}) == {}


class Restoring(ChangelogConsumer):
    """As much of a consumer as reading ahead needs; ``meanwhile`` comes while it reads."""

    def __init__(self, feed: Any, meanwhile: str = "") -> None:  # noqa: ANN401
        self._changelog_feed = feed
        self._meanwhile = meanwhile
        self._seeks = 0
        self._sought: dict[TP, int] = {}
        self._assigned = 5
        self.changelog_records_read = 0
        self.store = SimpleNamespace(data={b"gone": b"x", b"old": b"1"}, _key_partition={})
        tp = TP(TOPIC, 3)
        recovery = SimpleNamespace(
            active_highwaters={tp: 9},
            active_offsets={tp: 4},
            tp_to_table={tp: SimpleNamespace(data=self.store)},
        )
        self.recovery = recovery
        self.app = cast("Any", SimpleNamespace(tables=SimpleNamespace(recovery=recovery)))
        self._thread = cast("Any", self)
        self.sought: list[Mapping[TP, int]] = []
        self.asked: list[Mapping[int, int]] = []

    topic = TOPIC

    async def call_thread(self, *_: object) -> None:
        """Nothing is fetched here."""

    async def read(self, starts: Mapping[int, int], progress: Any) -> dict[int, ReadAhead]:  # noqa: ANN401
        """As the feed."""
        self.asked.append(starts)
        progress(6)
        if self._meanwhile == "a seek":
            self._seeks += 1
        if self._meanwhile == "an assignment":
            self._assigned = 6
        return {p: ReadAhead(11, {b"gone": None, b"old": b"2", b"new": b"3"}) for p in starts}

    def __repr__(self) -> str:
        return "Restoring"


def restored(meanwhile: str, monkeypatch: pytest.MonkeyPatch, known: int = 4) -> Restoring:
    """After one seek to the last record that Faust knows."""

    async def sought(consumer: AioConsumer, partitions: Mapping[TP, int]) -> None:
        cast("Restoring", consumer).sought.append(dict(partitions))

    monkeypatch.setattr(AioConsumer, "seek_wait", sought)
    consumer = Restoring(None, meanwhile)
    consumer._changelog_feed = cast("Any", consumer)
    consumer.recovery.active_offsets[TP(TOPIC, 3)] = known
    asyncio.run(consumer.seek_wait({TP(TOPIC, 3): max(0, known)}))
    return consumer


def test_what_was_read_ahead_is_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """And Faust goes on behind it."""
    consumer = restored("", monkeypatch)
    assert consumer.asked == [{3: 5}]
    assert consumer.store.data == {b"old": b"2", b"new": b"3"}
    assert consumer.store._key_partition == {b"old": 3, b"new": 3}
    assert consumer.recovery.active_offsets == {TP(TOPIC, 3): 10}
    assert consumer.sought == [{TP(TOPIC, 3): 11}]
    assert consumer.changelog_records_read == 6


@pytest.mark.parametrize("meanwhile", ["a seek", "an assignment"])
def test_what_was_overtaken_is_not_used(meanwhile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next recovery reads it again."""
    consumer = restored(meanwhile, monkeypatch)
    assert consumer.store.data == {b"gone": b"x", b"old": b"1"}
    assert consumer.recovery.active_offsets == {TP(TOPIC, 3): 4}
    assert consumer.sought == [{TP(TOPIC, 3): 4}]


def test_what_is_known_to_its_end_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A partition that stayed with the worker, say; one that nothing is known of is read whole."""
    assert restored("", monkeypatch, known=9).asked == [{}]
    assert restored("", monkeypatch, known=-1).asked == [{3: 0}]
