"""News for open pages: as they happen, together, and bounded whatever the page does."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from streams.security_settings import Secret
from streams.web import updates
from tests.web.asking import BEARER, DOCUMENT, Client, page_of, run, status
from tests.web.records import judgement
from tests.web.schema import faults
from tests.web.stage import TOKEN, entry


async def events(response: aiohttp.ClientResponse, count: int) -> list[tuple[str, Any]]:
    """The next events of a stream: name and data."""
    found = []
    while len(found) < count:
        block: dict[str, str] = {}
        while line := (await response.content.readline()).decode().strip():
            name, _, value = line.partition(": ")
            block[name] = value
        found.append((block["event"], json.loads(block["data"])))
    return found


def test_news_come_as_they_happen_and_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """One event for all that changed meanwhile, with how each stands; then a beat."""
    monkeypatch.setattr(updates, "EVERY_S", 0.05)
    monkeypatch.setattr(updates, "BEAT_S", 0.2)
    page = page_of()

    async def work(client: Client, base: str) -> list[tuple[str, Any]]:
        async with client.get(base + "/api/updates", headers=BEARER) as response:
            found = await events(response, 1)
            for number in range(20, 25):
                page.take([entry("judgements", judgement(number, level="DRIFT"))])
            page.take([entry("judgements", judgement(1, model="other"))])
            return found + await events(response, 2)

    hello, news, beat = run(work, page)
    assert (hello[0], news[0], beat[0]) == ("hello", "models", "beat")
    assert sorted(one["model"] for one in news[1]) == ["credit", "other"]
    schema = {"type": "array", "items": DOCUMENT["components"]["schemas"]["Standing"]}
    assert faults(news[1], schema, DOCUMENT) == []


def test_open_pages_are_bounded_and_their_places_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One too many is 503; when one goes there is room again."""
    monkeypatch.setattr(updates, "MAX_STREAMS", 2)
    monkeypatch.setattr(updates, "BEAT_S", 0.05)
    page = page_of()

    async def work(client: Client, base: str) -> None:
        url = base + "/api/updates"
        first = await client.get(url, headers=BEARER)
        async with client.get(url, headers=BEARER):
            assert await status(client, url, headers=BEARER) == 503
        first.close()
        for _ in range(100):
            if page.updates.open == 0:
                break
            await asyncio.sleep(0.02)
        async with client.get(url, headers=BEARER) as response:
            assert response.status == 200

    run(work, page)


def test_a_page_that_reads_nothing_is_cut_and_owes_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its stream ends within the connection's limit, and what it is owed is each model once."""
    monkeypatch.setattr(updates, "EVERY_S", 0.0)
    monkeypatch.setattr("streams.http_connection.ANSWER_LIMIT_S", 0.3)
    page = page_of()

    async def work(_: Client, base: str) -> bool:
        host, port = base.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
        head = f"GET /api/updates HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        writer.write(head.encode())
        await reader.readline()
        wide = tuple(f"feature-{n}-{'x' * 400}" for n in range(5))
        for number in range(4_000):
            name = f"m{number % 200}-{'y' * 400}"
            drifted = judgement(number, model=name, features=wide, level="DRIFT")
            page.take([entry("judgements", drifted)])
            if number % 20 == 0:
                await asyncio.sleep(0.005)
            if page.updates.open == 0:
                break
        writer.close()
        return page.updates.open == 0

    assert run(work, page)


def test_other_connections_push_no_open_page_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of too many connections the oldest is cut, but a stream is older than all and stays."""
    monkeypatch.setattr("streams.http_connection.MAX_CONNECTIONS", 3)
    monkeypatch.setattr(updates, "EVERY_S", 0.0)
    page = page_of()

    async def work(client: Client, base: str) -> str:
        host, port = base.removeprefix("http://").split(":")
        async with client.get(base + "/api/updates", headers=BEARER) as response:
            await events(response, 1)
            silent = [await asyncio.open_connection(host, int(port)) for _ in range(8)]
            await asyncio.sleep(0.05)
            page.take([entry("judgements", judgement(30))])
            ((name, _),) = await events(response, 1)
            for _, writer in silent:
                writer.close()
            return name

    assert run(work, page) == "models"


def test_no_news_after_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that was begun with a session ends with it."""
    monkeypatch.setattr(updates, "EVERY_S", 0.0)
    monkeypatch.setattr(updates, "BEAT_S", 0.05)
    page = page_of()

    async def work(client: Client, base: str) -> bytes:
        async with client.get(base + "/api/updates", headers=BEARER) as response:
            await events(response, 2)
            page._token = Secret("another")
            page.take([entry("judgements", judgement(30))])
            return await asyncio.wait_for(response.content.read(), 5)

    assert b"models" not in run(work, page)
