"""The feed: what librdkafka fetched reaches the agent whole, in order, a batch per partition."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from confluent_kafka import Producer

from engine.records import RecordBatch
from streams.clients import librdkafka_reader_options
from streams.feed import Batch, Feed, PanesBatch
from streams.settings import Settings
from streams.starting_offsets import Source

ROLES = {"drift.predictions": "predictions", "drift.labels": "labels", "drift.panes": "panes"}
RECORDS = 1_000

Result = TypeVar("Result")


@pytest.fixture(scope="module")
def broker() -> tuple[str, Producer]:
    """An embedded broker with RECORDS records per topic on partition 1, and its owner."""
    owner = Producer({"test.mock.num.brokers": 1, "log_level": 0})
    address = next(iter(owner.list_topics(timeout=10).brokers.values()))
    for number in range(RECORDS):
        for topic in ROLES:
            headers = [("h", b"v")] if topic == "drift.labels" and number == 3 else None
            value = None if number == 5 else f"{topic} {number}".encode()
            owner.produce(
                topic,
                value,
                key=b"k%d" % number,
                partition=1,
                headers=headers,
                timestamp=number + 1,
            )
    assert owner.flush(30) == 0
    return f"{address.host}:{address.port}", owner


async def read(feed: Feed, sources: dict[Source, int], until: int = RECORDS) -> list[Batch]:
    """Batches until every source was read to its end."""
    await feed.assign(sources, 7)
    batches = []
    async with asyncio.timeout(30):
        while any(feed.positions[source] < until for source in sources):
            batches += [batch for _, _, batch in await feed.fetch()]
    return batches


def run(broker: tuple[str, Producer], body: Any, batch_size: int = 300) -> Any:  # noqa: ANN401
    """Run ``body(feed)`` with a feed on the broker."""

    async def main() -> Any:  # noqa: ANN401
        options = librdkafka_reader_options(Settings(brokers=(broker[0],)))
        feed = Feed(options, ROLES, batch_size)
        try:
            coroutine: Coroutine[Any, Any, Any] = body(feed)
            return await coroutine
        finally:
            await feed.close()

    return asyncio.run(main())


def test_batches_hold_every_record_in_order(broker: tuple[str, Producer]) -> None:
    """Two topics of one partition come apart again; lists are parallel, nulls and times kept."""
    sources = {("predictions", 1): 0, ("labels", 1): 400}
    batches = run(broker, lambda feed: read(feed, sources))
    for role, start in (("predictions", 0), ("labels", 400)):
        mine = [b for b in batches if isinstance(b, RecordBatch) and b.topic == role]
        offsets = [offset for batch in mine for offset in batch.offsets]
        assert offsets == list(range(start, RECORDS))
        keys = [key for batch in mine for key in batch.keys]
        assert keys == [b"k%d" % number for number in offsets]
        times = [at for batch in mine for at in batch.timestamps_ms]
        assert times == [number + 1 for number in offsets]
        assert {batch.partition for batch in mine} == {1}
        assert max(len(batch) for batch in mine) <= 300
    values = [
        value
        for batch in batches
        if isinstance(batch, RecordBatch) and batch.topic == "predictions"
        for value in batch.values
    ]
    assert values[5] is None
    assert values[6] == b"drift.predictions 6"


def test_headers_only_where_there_are_any(broker: tuple[str, Producer]) -> None:
    """A batch without headers has no list of them; one with any has a place per record."""
    batches = run(broker, lambda feed: read(feed, {("labels", 1): 0}), batch_size=RECORDS)
    with_headers = [b for b in batches if b.headers is not None]
    assert len(with_headers) == 1
    headers = with_headers[0].headers
    assert len(headers) == len(with_headers[0])
    assert headers[3] == [("h", b"v")]
    assert headers[4] is None


def test_panes_come_plain(broker: tuple[str, Producer]) -> None:
    """The internal topic has no use for keys, times and headers."""
    batches = run(broker, lambda feed: read(feed, {("panes", 1): 0}))
    assert all(isinstance(batch, PanesBatch) for batch in batches)
    assert [o for batch in batches for o in batch.offsets] == list(range(RECORDS))


def test_a_new_assignment_starts_where_it_says(broker: tuple[str, Producer]) -> None:
    """Nothing fetched for an earlier assignment is handed out after a later one."""

    async def body(feed: Feed) -> list[Batch]:
        await feed.assign({("predictions", 1): 0}, 1)
        await feed.fetch()
        return await read(feed, {("predictions", 1): 900})

    batches = run(broker, body)
    assert [o for batch in batches for o in batch.offsets] == list(range(900, RECORDS))


def test_a_held_source_stands_still_and_goes_on_where_it_stood(
    broker: tuple[str, Producer],
) -> None:
    """Held in the middle and let go when the other was read: each record once, in order, and
    nobody calls it stalled."""

    async def body(feed: Feed) -> tuple[list[Batch], list[tuple[Source, int]]]:
        labels, predictions = ("labels", 1), ("predictions", 1)
        await feed.assign({labels: 0, predictions: 0}, 7)
        batches, places = [], []
        for step in range(4_000):
            batches += [batch for _, _, batch in await feed.fetch()]
            if step == 0:
                feed.hold([labels])
            places.append((labels, feed.positions[labels]))
            if feed.positions[predictions] == RECORDS:
                break
        assert len({position for _, position in places}) == 1, "it stood still"
        assert feed.stalled() == []
        feed.hold([])
        async with asyncio.timeout(30):
            while feed.positions[labels] < RECORDS:
                batches += [batch for _, _, batch in await feed.fetch()]
        return batches, places

    batches, places = run(broker, body, batch_size=50)
    assert places[0][1] < RECORDS
    for role in ("labels", "predictions"):
        mine = [b for b in batches if isinstance(b, RecordBatch) and b.topic == role]
        assert [o for batch in mine for o in batch.offsets] == list(range(RECORDS))


def test_a_hold_ends_with_its_assignment(broker: tuple[str, Producer]) -> None:
    """Whoever takes partitions up begins without any."""

    async def body(feed: Feed) -> list[Batch]:
        await feed.assign({("labels", 1): 0}, 1)
        feed.hold([("labels", 1)])
        assert await feed.fetch() == []
        return await read(feed, {("labels", 1): 0})

    batches = run(broker, body)
    assert [o for batch in batches for o in batch.offsets] == list(range(RECORDS))


def test_unassigned_reads_nothing(broker: tuple[str, Producer]) -> None:
    """After a revocation there is no generation and no batch."""

    async def body(feed: Feed) -> list[Any]:
        await feed.assign({("predictions", 1): 0}, 1)
        await feed.unassign()
        assert feed.generation is None
        return await feed.fetch()

    assert run(broker, body) == []


def test_bounds_ends_and_lags(broker: tuple[str, Producer]) -> None:
    """The reach of a log is asked of the broker; the lag is what the last fetch saw."""

    async def body(feed: Feed) -> tuple[Any, Any, Any]:
        source = ("predictions", 1)
        bounds = await feed.bounds([source])
        ends = await feed.ends([source])
        await read(feed, {source: 0}, until=1)
        return bounds[source], ends[source], feed.lags()[source]

    bounds, end, lag = run(broker, body)
    assert bounds == (0, RECORDS)
    assert end == RECORDS
    assert lag == RECORDS - 300
