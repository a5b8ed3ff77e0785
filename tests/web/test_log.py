"""The output topics as the live page reads them, from librdkafka's own in-process broker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import orjson
import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

from streams.acls import topic_operations
from streams.live import LiveState
from streams.security_settings import HttpSettings, Secret
from streams.settings import Settings
from streams.web import log
from streams.web.entries import ROLES, Entry
from streams.web.log import LogReader
from streams.web.shown import page_of
from tests.web.records import judgement, story

LIMIT_S = 20.0
LOOK_S = 0.02


@pytest.fixture(scope="module")
def broker() -> tuple[Settings, Producer]:
    """A broker with the topics of the page and the first half of a story, and its owner."""
    owner = Producer({"test.mock.num.brokers": 1, "log_level": 0})
    address = next(iter(owner.list_topics(timeout=10).brokers.values()))
    settings = Settings(brokers=(f"{address.host}:{address.port}",), prefix="shown.", embedded=True)
    for role in ROLES:
        owner.produce("shown." + role, b"not one of ours")
    for role, tree in story():
        owner.produce("shown." + role, orjson.dumps(tree), key=b"credit")
    assert owner.flush(30) == 0
    return settings, owner


async def until(true: Callable[[], bool]) -> None:
    """Let the loop go on until it is so."""
    for _ in range(int(LIMIT_S / LOOK_S)):
        if true():
            return
        await asyncio.sleep(LOOK_S)
    raise AssertionError("it did not come about")


def read(
    settings: Settings, enough: Callable[[list[Entry]], bool], meanwhile: Callable[[], object] = str
) -> tuple[list[Entry], LogReader]:
    """What comes until it is enough; the reader afterwards."""
    found: list[Entry] = []

    def take(entries: Sequence[Entry]) -> None:
        found.extend(entries)

    async def main() -> LogReader:
        reader = LogReader(settings, take)
        reader.start()
        try:
            await until(lambda: bool(found))
            meanwhile()
            await until(lambda: enough(found))
        finally:
            await reader.stop()
        return reader

    reader = asyncio.run(main())
    return found, reader


def test_all_of_the_topics_is_read_and_then_what_is_new(
    broker: tuple[Settings, Producer], caplog: pytest.LogCaptureFixture
) -> None:
    """From before the start, every topic; what is no record is counted and told; then it tails."""
    settings, owner = broker
    count = len(story())

    def more() -> None:
        tree = judgement(40, model="later")
        owner.produce("shown.judgements", orjson.dumps(tree), key=b"later")
        owner.flush(10)

    found, reader = read(settings, lambda entries: len(entries) > count, more)
    assert {one.kind for one in found} == {
        *("judgement", "alert", "trigger", "promotion", "audit", "result")
    }
    assert [one.model for one in found if one.model == "later"] == ["later"]
    assert reader.unreadable == len(ROLES)
    (told,) = [r.message for r in caplog.records if "cannot be shown" in r.message]
    assert "shown." in told


def test_no_more_than_the_bound_is_read_back(
    broker: tuple[Settings, Producer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From each partition's end, and the newest are among it."""
    monkeypatch.setattr(log, "MAX_RECORDS_BACK", 3)
    settings, owner = broker
    for number in range(50, 60):
        tree = judgement(number, model="many")
        owner.produce("shown.judgements", orjson.dumps(tree), key=b"many")
    owner.flush(10)

    def newest(entries: list[Entry]) -> bool:
        return any(one.model == "many" for one in entries)

    found, _ = read(settings, newest)
    (ends,) = [{one.at_ms for one in found if one.model == "many"}]
    assert len(ends) == 3


def test_a_broker_that_is_away_costs_a_line_and_no_more(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked again, and the reader ends when it is told to."""
    monkeypatch.setattr(log, "ASK_WAIT_S", 0.2)
    monkeypatch.setattr(log, "AGAIN_AFTER_S", 0.05)
    tries = []
    real = log._starts

    def counted(*given: Any) -> Any:  # noqa: ANN401 - the client's
        tries.append(1)
        return real(*given)

    monkeypatch.setattr(log, "_starts", counted)

    async def main() -> None:
        reader = LogReader(Settings(brokers=("127.0.0.1:1",)), lambda _: None)
        reader.start()
        await until(lambda: len(tries) >= 3)
        await reader.stop()

    asyncio.run(main())
    lines = [
        r.message for r in caplog.records if "lacks what stands on the output topics" in r.message
    ]
    assert len(lines) == 1


def test_a_topic_that_is_not_there_hides_no_other(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told by its name, and read when it comes; so are partitions that are added."""
    monkeypatch.setattr(log, "AGAIN_AFTER_S", 0.1)
    real, hidden = log._starts, {"part.promotions"}

    def without(consumer: Any, name: str, read: set[tuple[str, int]]) -> Any:  # noqa: ANN401 - the client's
        if name in hidden:
            raise KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))
        return real(consumer, name, read)

    monkeypatch.setattr(log, "_starts", without)
    owner = Producer({"test.mock.num.brokers": 1, "log_level": 0})
    address = next(iter(owner.list_topics(timeout=10).brokers.values()))
    settings = Settings(brokers=(f"{address.host}:{address.port}",), prefix="part.", embedded=True)
    for role, tree in story():
        owner.produce("part." + role, orjson.dumps(tree), key=b"credit")
    assert owner.flush(30) == 0
    found, _ = read(
        settings,
        lambda entries: any(one.kind == "promotion" for one in entries),
        hidden.clear,
    )
    kinds = [one.kind for one in found]
    assert kinds.index("judgement") < kinds.index("promotion")
    assert "part.promotions" in caplog.text


def test_a_fault_in_keeping_ends_neither_the_reading_nor_the_loop(
    broker: tuple[Settings, Producer],
) -> None:
    """What could not be kept is left out and counted; what comes later is taken."""
    settings, owner = broker
    found: list[Entry] = []

    def take(entries: Sequence[Entry]) -> None:
        if any(one.model == "after" for one in entries):
            found.extend(entries)
        else:
            raise ZeroDivisionError

    async def main() -> int:
        reader = LogReader(settings, take)
        reader.start()
        try:
            await until(lambda: reader.faults > 0)
            owner.produce("shown.judgements", orjson.dumps(judgement(1, model="after")), key=b"a")
            owner.flush(10)
            await until(lambda: bool(found))
        finally:
            await reader.stop()
        return reader.faults

    assert asyncio.run(main()) >= 1


@pytest.mark.parametrize(
    ("http", "served", "reads"),
    [
        (HttpSettings(), True, False),
        (HttpSettings(token=Secret("t")), True, True),
        (HttpSettings(token=Secret("t"), page=False), False, False),
    ],
)
def test_topics_are_read_and_rights_needed_only_where_data_are_shown(
    http: HttpSettings, *, served: bool, reads: bool
) -> None:
    """Without a token the page is open and empty; switched off there is none."""
    live = LiveState()
    found = page_of(msgspec.structs.replace(Settings(), http=http), live)
    assert (found is not None) is served
    assert (found is not None and found.reader is not None) is reads
    assert ("page_bytes" in live.usage) is served
    needed = topic_operations("worker", page=http.shows_data)
    assert needed["alerts"] == (("Read", "Write") if reads else ("Write",))
    assert needed["late"] == ("Write",)
