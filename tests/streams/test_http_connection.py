"""A connection to the HTTP server: how long a peer may take, and what is said to one that errs."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import suppress

import aiohttp
import pytest
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from streams import http_connection
from streams.http_connection import SAFE_HEADERS
from tests.streams.served import head, serving
from tests.time_budgets import others_share


def test_a_slow_peer_holds_a_connection_for_a_bounded_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A request that never ends, sent drop by drop, is cut; others are answered meanwhile."""
    monkeypatch.setattr(http_connection, "REQUEST_LIMIT_S", 1.0)

    async def main() -> None:
        async with serving() as (host, port):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(b"GET /live HTTP/1.1\r\n")
            end = asyncio.create_task(reader.read())
            for number in range(100):
                assert (await head(host, port)).startswith(b"HTTP/1.1 200")
                if end.done():
                    break
                await asyncio.sleep(0.1)
                writer.write(b"X-%d: 1\r\n" % number)
            assert await asyncio.wait_for(end, 20) == b""
            writer.close()

    asyncio.run(main())


def test_for_one_connection_too_many_the_oldest_makes_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever holds all connections keeps nobody out: the next one is answered."""
    monkeypatch.setattr(http_connection, "MAX_CONNECTIONS", 3)

    async def main() -> None:
        async with serving() as (host, port):
            held = [await asyncio.open_connection(host, port) for _ in range(3)]
            for _, writer in held:
                writer.write(b"GET ")
            await asyncio.sleep(0.1)
            assert (await head(host, port)).startswith(b"HTTP/1.1 200")
            assert await ended(held[0][0])
            held[1][1].write(b"/live HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await held[1][0].read()).startswith(b"HTTP/1.1 200")
            for _, writer in held:
                writer.close()

    asyncio.run(main())


def test_many_that_knock_at_once_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections are counted when they are accepted, not when their turn comes."""
    monkeypatch.setattr(http_connection, "MAX_CONNECTIONS", 3)

    async def main() -> None:
        async with serving() as (host, port):
            held = await asyncio.gather(*(asyncio.open_connection(host, port) for _ in range(30)))
            await asyncio.sleep(0.2)
            open_still = [reader for reader, _ in held if not await ended(reader, within_s=0.01)]
            assert len(open_still) == 3
            for _, writer in held:
                writer.close()

    asyncio.run(main())


async def ended(reader: asyncio.StreamReader, within_s: float = 20) -> bool:
    """Whether the server ends this connection unanswered within so long."""
    try:
        return await asyncio.wait_for(reader.read(1), within_s) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def never_reading(host: str, port: int, request: bytes) -> socket.socket:
    """A client that asks many times and takes no answer."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
    client.connect((host, port))
    client.settimeout(0)
    client.send(request)
    return client


def test_who_never_reads_keeps_nobody_from_the_health_answer() -> None:
    """All connections and many requests on each, none of whose answers is taken: a probe beside
    them is answered within a second, and each of them was served once."""
    scrapes = 0
    request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"

    class Large(Collector):
        def collect(self) -> list[Metric]:
            nonlocal scrapes
            scrapes += 1
            family = GaugeMetricFamily("large", "More than sockets buffer", labels=["name"])
            for number in range(2_000):
                family.add_metric([f"{number:02000d}"], 1.0)
            return [family]

    async def main() -> None:
        async with serving(collector=Large()) as (host, port):
            readers = [never_reading(host, port, request * 400) for _ in range(64)]
            try:
                await asyncio.sleep(0.5)
                for _ in range(3):
                    async with asyncio.timeout(1.0 * others_share()):
                        assert (await head(host, port)).startswith(b"HTTP/1.1 200")
            finally:
                for reader in readers:
                    reader.close()

    asyncio.run(main())
    assert 0 < scrapes <= 64


def test_an_answer_that_is_not_taken_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection of a peer that does not read is aborted, and what it was sent is dropped."""
    monkeypatch.setattr(http_connection, "ANSWER_LIMIT_S", 0.3)
    gone = asyncio.Event()
    lost = http_connection.Connection.connection_lost

    def is_lost(connection: http_connection.Connection, exc: BaseException | None) -> None:
        lost(connection, exc)
        gone.set()

    monkeypatch.setattr(http_connection.Connection, "connection_lost", is_lost)

    class Huge(Collector):
        def collect(self) -> list[Metric]:
            return [GaugeMetricFamily("huge", "x" * 30_000_000, value=1.0)]

    async def main() -> None:
        async with serving(collector=Huge()) as (host, port):
            client = never_reading(host, port, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            try:
                await asyncio.wait_for(gone.wait(), 20)
            finally:
                client.close()

    asyncio.run(main())


def test_scrapes_leave_half_of_the_loop_to_others() -> None:
    """Many slow scrapes at once do not follow each other without a pause."""

    class Slow(Collector):
        def collect(self) -> list[Metric]:
            time.sleep(0.05)
            return []

    async def main() -> None:
        async with serving(collector=Slow()) as (host, port):
            async with aiohttp.ClientSession() as client:
                url = f"http://{host}:{port}/metrics"
                scrapes = [asyncio.create_task(client.get(url)) for _ in range(20)]
                await asyncio.sleep(0.2)
                assert (await head(host, port)).startswith(b"HTTP/1.1 200")
                waiting = sum(not scrape.done() for scrape in scrapes)
                for answer in await asyncio.gather(*scrapes):
                    assert answer.status == 200
                    answer.close()
            assert waiting > 8

    asyncio.run(main())


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (b"POST /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (b"FOO /canary HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /canary HTTP/9.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /canary\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"POST /live HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\ncanary\r\n", 400),
        (b"POST /live HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", 405),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    ],
)
def test_every_refusal_has_the_safe_headers_and_repeats_nothing(
    request_bytes: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the software behind it nor what was sent stands in the answer, or in the log."""

    async def main() -> bytes:
        async with serving() as (host, port):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(request_bytes)
            answer = b""
            with suppress(ConnectionError):
                async with asyncio.timeout(20):
                    answer = await reader.readuntil(b"\r\n\r\n")
                    writer.write(b"canary\r\n")  # behind an answered request too
                    answer += await reader.read()
            writer.close()
            return answer

    answer = asyncio.run(main())
    assert int(answer.split()[1]) == status
    for name, value in SAFE_HEADERS.items():
        assert f"\r\n{name}: {value}\r\n".encode() in answer
    for text in (b"canary", b"aiohttp", b"Python"):
        assert text not in answer
    assert not caplog.records
