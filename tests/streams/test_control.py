"""Control topics are read whole, beside the group, from offsets of one's own."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from confluent_kafka import Producer

from streams.control import ControlError, ControlReader, ControlRecord
from streams.settings import Settings

RESULTS = "drift.retraining-results"
MODELS = "drift.models"


@pytest.fixture(scope="module")
def broker() -> tuple[str, Producer]:
    """An embedded broker with five results on each of two partitions, and its owner."""
    owner = Producer({"test.mock.num.brokers": 1, "log_level": 0})
    address = next(iter(owner.list_topics(timeout=10).brokers.values()))
    for number in range(5):
        for partition in (0, 3):
            value = None if number == 4 else b"%d" % number
            owner.produce(
                RESULTS, value, b"m", partition, timestamp=number + 1, headers=[("h", b"v")]
            )
    assert owner.flush(30) == 0
    return f"{address.host}:{address.port}", owner


def run(address: str, body: Any, *roles: str) -> Any:  # noqa: ANN401
    """Run ``body(reader)``."""

    async def main() -> Any:  # noqa: ANN401
        reader = ControlReader(Settings(brokers=(address,)), *roles)
        try:
            coroutine: Coroutine[Any, Any, Any] = body(reader)
            async with asyncio.timeout(30):
                return await coroutine
        finally:
            await reader.close()

    return asyncio.run(main())


async def _all(reader: ControlReader) -> list[ControlRecord]:
    return [record async for records in reader.to_end() for record in records]


def test_every_partition_is_read_to_its_end_in_order(broker: tuple[str, Producer]) -> None:
    """From the beginning where no offset is given; key, time, headers and tombstones are kept."""

    async def body(reader: ControlReader) -> list[ControlRecord]:
        await reader.begin({("retraining-results", 3): 2})
        return await _all(reader)

    found = run(broker[0], body, "retraining-results")
    places = [(one.partition, one.offset) for one in found]
    assert sorted(places) == [(0, n) for n in range(5)] + [(3, n) for n in range(2, 5)]
    assert [at for p, at in places if p == 0] == list(range(5))
    last = next(one for one in found if one.source == ("retraining-results", 0) and one.offset == 4)
    assert (last.key, last.value, last.timestamp_ms) == (b"m", None, 5)
    assert last.headers == [("h", b"v")]


def test_what_comes_after_the_end_is_fetched(broker: tuple[str, Producer]) -> None:
    """And a topic without a record has an end as well."""
    broker[1].list_topics(MODELS, timeout=10)  # makes it

    async def body(reader: ControlReader) -> list[ControlRecord]:
        await reader.begin({})
        assert await _all(reader) == []
        broker[1].produce(MODELS, b"new", b"m", 1)
        assert broker[1].flush(10) == 0
        found: list[ControlRecord] = []
        while not found:
            found += await reader.fetch()
            await asyncio.sleep(0.05)
        assert reader.positions["models", 1] == 1
        return found

    (found,) = run(broker[0], body, "models")
    assert (found.source, found.offset, found.value) == (("models", 1), 0, b"new")


def test_it_begins_again_where_it_is_told(broker: tuple[str, Producer]) -> None:
    """What was read once is read again from an earlier offset: a restored state may want that."""

    async def body(reader: ControlReader) -> list[ControlRecord]:
        await reader.begin({})
        await _all(reader)
        await reader.begin({("retraining-results", 0): 3, ("retraining-results", 3): 5})
        return await _all(reader)

    found = run(broker[0], body, "retraining-results")
    assert [(one.partition, one.offset) for one in found] == [(0, 3), (0, 4)]


def test_brokers_that_do_not_answer_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a reader that reads nothing for ever."""
    monkeypatch.setattr("streams.control.ASK_WAIT_S", 0.5)
    with pytest.raises(ControlError, match="retraining-results"):
        run("127.0.0.1:1", lambda reader: reader.begin({}), "retraining-results")


def test_a_closed_reader_gives_nothing(broker: tuple[str, Producer]) -> None:
    """Whoever still asks while a worker ends gets no records and no error."""

    async def body(reader: ControlReader) -> list[ControlRecord]:
        await reader.begin({})
        await reader.close()
        await reader.begin({})
        return await reader.fetch()

    assert run(broker[0], body, "retraining-results") == []
