"""A source that was read to its end is declared idle, whatever its log ends with."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, Message, TopicPartition

from streams.feed import Feed
from tests.kafka.fake_core import FakeCore
from tests.streams.sinks import Shell, Sink

TOPIC = "drift.predictions"
IDLE_MS = 2_000
RECORDS = 3
END = RECORDS + 1
"""Behind the marker of the transaction that wrote the records."""


def record(offset: int) -> Message:
    """One record."""
    return Message(topic=TOPIC, partition=0, offset=offset, value=b"v", timestamp=(1, 1))


def emptied(offset: int) -> Message:
    """What librdkafka says at a log's end."""
    error = KafkaError(KafkaError._PARTITION_EOF)
    return Message(topic=TOPIC, partition=0, offset=offset, error=error)


class Scripted:
    """A consumer that gives what it is told to."""

    fetches: Iterator[list[Message]] = iter(())

    def __init__(self, _: object) -> None:
        pass

    def assign(self, _: object) -> None:
        """Nothing to do."""

    def consume(self, *_: object) -> list[Message]:
        """The next of the script."""
        return next(self.fetches, [])

    def offsets_for_times(self, asked: list[TopicPartition], **_: object) -> list[TopicPartition]:
        """All logs end where the one does."""
        return [TopicPartition(one.topic, one.partition, END) for one in asked]


@pytest.mark.parametrize("together", [True, False])
def test_the_marker_of_a_transaction_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch, *, together: bool
) -> None:
    """A log that ends with one has no record at its end to be read; its source becomes idle all the
    same, but not while records before the marker are still on their way to the tally."""
    monkeypatch.setattr("streams.feed.Consumer", Scripted)
    records = [record(offset) for offset in range(RECORDS)]
    script = [[*records, emptied(END)]] if together else [records, [emptied(END)]]
    monkeypatch.setattr(Scripted, "fetches", iter(script))

    async def main() -> None:
        feed = Feed({}, {TOPIC: "predictions"}, 100)
        shell = Shell(cast("Any", FakeCore(IDLE_MS)), Sink(), feed=feed)
        await shell.take_up()
        await feed.assign({("predictions", 0): 0}, 1)
        shell.tallying.positioned("predictions", 0, 0)
        ((_, _, batch),) = await feed.fetch()
        await feed.fetch()
        idle = cast("Any", shell.live.tallies[0]).state.idle

        async def declared(begin_ms: int) -> bool:
            for now_ms in range(begin_ms, begin_ms + 3 * IDLE_MS, 500):
                await shell.tallying.declare_idle(now_ms)
            return "predictions" in idle

        assert not await declared(0)
        await shell.tallying.take_in(cast("Any", batch), 1)
        assert await declared(10 * IDLE_MS)

    asyncio.run(main())
