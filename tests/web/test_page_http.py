"""The live page over HTTP: who is let in, what is answered, and that it is what is documented."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from time import time
from typing import Any, Final

import aiohttp
import pytest

from streams.http_connection import SAFE_HEADERS
from streams.security_settings import Secret
from streams.web import access, updates
from streams.web.page import PAGE_HEADERS, Page, static_files
from tests.streams.served import serving
from tests.web.records import HOSTILE, judgement, story
from tests.web.schema import faults
from tests.web.stage import TOKEN, entry

ROOT: Final = Path(__file__).resolve().parents[2]
STATIC: Final = ROOT / "streams" / "web" / "static"
DOCUMENT: Final = json.loads((STATIC / "api" / "openapi.json").read_text())
BEARER: Final = {"Authorization": f"Bearer {TOKEN}"}
QUERY: Final = "model=credit&version=7"
ASKED: Final = {
    "/api/models": ["", "?"],
    "/api/model": [f"?{QUERY}", f"?{QUERY}&at=2026-03-01T05:00:00Z", f"?{QUERY}&at=x", "?model=no"],
    "/api/windows": [
        f"?{QUERY}",
        f"?{QUERY}&windows=3&from=2026-03-01T00:00:00Z&to=2026-03-01T09:00:00Z",
        f"?{QUERY}&section=performance&window=1h",
        f"?{QUERY}&section=cohorts",
        f"?{QUERY}&windows=-1",
    ],
    "/api/feature": [f"?{QUERY}&feature=amount", f"?{QUERY}&feature=age", f"?{QUERY}&feature=no"],
    "/api/judgement": [
        f"?{QUERY}",
        f"?{QUERY}&section=performance",
        f"?{QUERY}&at=1970-01-01T00:00:00Z",
    ],
    "/api/decisions": [f"?{QUERY}", "?model=no&version=7"],
    "/api/comparisons": ["", "?model=credit", "?model=no"],
    "/api/openapi.json": [""],
    "/api/session": [""],
}

Client = aiohttp.ClientSession


def page_of(token: str | None = TOKEN, names: tuple[str, ...] = ()) -> Page:
    """A page that knows a story, and a model with a name that means harm."""
    page = Page(None if token is None else Secret(token), names)
    page.take([entry(role, tree) for role, tree in story()])
    page.take([entry("judgements", judgement(0, model=HOSTILE, features=(HOSTILE,)))])
    return page


@asynccontextmanager
async def asking(page: Page | None) -> AsyncIterator[tuple[Client, str]]:
    """A client, and where it asks."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with serving(page=page) as (host, port), Client(cookie_jar=jar) as client:
        yield client, f"http://{host}:{port}"


def run(work: Callable[[Client, str], Awaitable[Any]], page: Page | None = None) -> Any:  # noqa: ANN401 - whatever it gives
    """What a piece of work with a client gives."""

    async def main() -> Any:  # noqa: ANN401 - as above
        async with asking(page or page_of()) as (client, base):
            return await work(client, base)

    return asyncio.run(main())


async def status(client: Client, url: str, method: str = "GET", **more: Any) -> int:  # noqa: ANN401 - aiohttp's
    """The status of one answer."""
    async with client.request(method, url, **more) as response:
        await response.read()
        return response.status


def test_every_answer_is_as_documented() -> None:
    """Each path of the document, asked well and badly, answers with a status and a body that the
    document describes, and no path is served that it does not."""

    async def work(client: Client, base: str) -> None:
        for path, queries in ASKED.items():
            described = DOCUMENT["paths"][path]["get"]["responses"]
            seen = set()
            for query in queries:
                async with client.get(base + path + query, headers=BEARER) as response:
                    told = described[str(response.status)]["content"]["application/json"]
                    body = await response.json()
                    assert faults(body, told["schema"], DOCUMENT) == [], path + query
                    assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin" or (
                        path.endswith(".json")
                    )
                    seen.add(response.status)
            assert 200 in seen
            unknown = {"401"} if path not in ("/api/openapi.json", "/api/session") else set()
            assert unknown <= set(described)

    run(work)
    assert set(ASKED) | {"/api/updates"} == set(DOCUMENT["paths"])


def test_data_need_the_token_and_the_page_does_not() -> None:
    """A wrong token, no token and a forged cookie are 401; the static files say nothing."""

    async def work(client: Client, base: str) -> None:
        for path in DOCUMENT["paths"]:
            if path in ("/api/openapi.json", "/api/session"):
                continue
            assert await status(client, f"{base}{path}?{QUERY}") == 401
            wrong = {"Authorization": "Bearer open-sesame-7f3b"}
            assert await status(client, f"{base}{path}?{QUERY}", headers=wrong) == 401
            forged = {"Cookie": f"{access.COOKIE}={access.session('other', time())}"}
            assert await status(client, f"{base}{path}?{QUERY}", headers=forged) == 401
            in_address = f"{base}{path}?{QUERY}&token={TOKEN}"
            assert await status(client, in_address) == 401
        assert await status(client, base + "/") == 200

    run(work)


def test_without_a_token_everything_is_closed() -> None:
    """To whoever asks, also with an empty one, and nobody can log in."""

    async def work(client: Client, base: str) -> None:
        for headers in ({}, {"Authorization": "Bearer "}):
            assert await status(client, base + "/api/models", headers=headers) == 403
        json_token = {"token": ""}
        assert await status(client, base + "/api/session", "POST", json=json_token) == 403
        async with client.get(base + "/api/session") as response:
            assert await response.json() == {"token_set": False, "logged_in": False}

    run(work, page_of(None))


def test_the_cookie_is_for_this_page_only() -> None:
    """It opens the data, scripts cannot read it, no other site's request carries it, and it is
    taken back."""

    async def work(client: Client, base: str) -> None:
        session = base + "/api/session"
        assert await status(client, session, "POST", json={"token": "wrong"}) == 401
        assert await status(client, session, "POST", json=["x"]) == 401
        assert await status(client, session, "POST", data="x" * 9_000) == 415
        async with client.post(session, json={"token": TOKEN}) as response:
            cookie = response.headers["Set-Cookie"]
        assert {"HttpOnly", "SameSite=Strict", "Path=/api"} <= set(cookie.split("; "))
        assert TOKEN not in cookie
        assert await status(client, base + "/api/models") == 200
        assert await status(client, session, "DELETE") == 200
        assert await status(client, base + "/api/models") == 401

    run(work)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_another_page_changes_nothing(method: str, headers: dict[str, str]) -> None:
    """Whatever it sends, a session is neither begun nor ended for it."""

    async def work(client: Client, base: str) -> int:
        body = {"json": {"token": TOKEN}} if method == "POST" else {}
        return await status(client, base + "/api/session", method, headers=headers, **body)

    assert run(work) == 403


def test_a_foreign_name_for_this_address_is_not_served() -> None:
    """DNS rebinding: the page and its data answer to addresses, localhost and listed names only;
    metrics and health to any, because scrapers ask by the service's name."""

    async def work(client: Client, base: str) -> None:
        for path in ("/", "/app.js", "/api/session", f"/api/model?{QUERY}"):
            for host, wanted in (
                ("evil.example", 421),
                ("localhost.evil.example:80", 421),
                ("[", 421),
                ("localhost:1", 200),
                ("[::1]:80", 200),
                ("monitor.example", 200),
            ):
                headers = {"Host": host, **BEARER}
                assert await status(client, base + path, headers=headers) == wanted, (path, host)
        assert await status(client, base + "/metrics", headers={"Host": "worker"}) == 200

    run(work, page_of(names=("monitor.example",)))


def test_nothing_but_a_session_can_be_written() -> None:
    """Every other method is refused everywhere."""

    async def work(client: Client, base: str) -> None:
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            for path in ("/", "/api/models", "/metrics", "/app.js"):
                assert await status(client, base + path, method, headers=BEARER) == 405
        assert await status(client, base + "/api/session", "PUT") == 405

    run(work)


def test_files_are_served_with_a_strict_policy_and_nothing_beside_them() -> None:
    """Own files only, no inline code, no frame; the rest of the server keeps its own headers."""

    async def work(client: Client, base: str) -> None:
        for path, (body, kind) in static_files().items():
            async with client.get(base + path) as response:
                assert (response.content_type, await response.read()) == (kind, body)
                if path.startswith("/api/"):
                    continue
                for name, value in PAGE_HEADERS.items():
                    assert response.headers[name] == value
                assert response.headers["X-Content-Type-Options"] == "nosniff"
        for path in (
            "/../page.py",
            "/%2e%2e/page.py",
            "/vendor/",
            "/static/app.js",
            "/__init__.py",
        ):
            assert await status(client, base + path) == 404
        async with client.get(base + "/metrics") as response:
            policy = "Content-Security-Policy"
            assert response.headers[policy] == SAFE_HEADERS[policy]

    run(work)
    policy = PAGE_HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "http" not in policy


def test_no_file_of_the_page_has_inline_code_or_another_address() -> None:
    """What the policy forbids is not there in the first place."""
    html = (STATIC / "index.html").read_text()
    assert not re.search(r"\son\w+=|\sstyle=|<style|<script(?![^>]*\ssrc=)|https?://", html)
    for path in STATIC.glob("*.js"):
        text = path.read_text()
        assert len(text.splitlines()) <= 300, path.name
        forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function"
        assert not re.search(forbidden, text), path.name
        found = set(re.findall(r"https?://[^\s\"']+", text))
        assert found <= {"http://www.w3.org/2000/svg"}, path.name


@pytest.mark.parametrize(
    ("path", "sha256"),
    [
        (
            "streams/web/static/vendor/uPlot.iife.min.js",
            "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
        ),
        (
            "streams/web/static/vendor/uPlot.min.css",
            "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
        ),
        (
            "tests/web/vendor/axe.min.js",
            "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c",
        ),
    ],
)
def test_what_others_wrote_is_as_they_released_it(path: str, sha256: str) -> None:
    """Of uPlot 1.6.32 (MIT) and axe-core 4.14.1 (MPL-2.0), byte for byte, each with its licence."""
    file = ROOT / path
    assert hashlib.sha256(file.read_bytes()).hexdigest() == sha256
    licence = file.with_name(file.name.partition(".")[0] + ".LICENSE").read_text()
    assert "Leon Sorokin" in licence or "Mozilla Public License" in licence


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


def test_hostile_names_come_back_as_they_are_and_as_json_only() -> None:
    """The interface escapes nothing, because nobody may take it for a page."""

    async def work(client: Client, base: str) -> tuple[str, str, Any]:
        async with client.get(base + "/api/models", headers=BEARER) as response:
            nosniff = response.headers["X-Content-Type-Options"]
            return response.content_type, nosniff, await response.json()

    kind, nosniff, told = run(work)
    assert (kind, nosniff) == ("application/json", "nosniff")
    assert HOSTILE in {one["model"] for one in told["models"]}


def test_a_session_ends_with_its_time_and_with_the_token() -> None:
    """And cannot be made longer."""
    made = access.session("t", 1_000.0)
    assert access.session_holds("t", made, 1_000.0 + access.SESSION_S - 1)
    assert not access.session_holds("t", made, 1_000.0 + access.SESSION_S + 1)
    assert not access.session_holds("u", made, 1_000.0)
    until, _, seal = made.partition(".")
    for forged in (f"{int(until) + 1}.{seal}", until, "", ".", f"{until}.", f"٣.{seal}", "9" * 99):
        assert not access.session_holds("t", forged, 1_000.0)


def test_a_worker_without_the_page_serves_none() -> None:
    """Switched off, there is no path of it."""

    async def main() -> list[int]:
        async with serving() as (host, port), Client() as client:
            base = f"http://{host}:{port}"
            return [await status(client, base + path) for path in ("/", "/api/session", "/app.js")]

    assert asyncio.run(main()) == [404, 404, 404]
