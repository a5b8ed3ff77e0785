"""The live page over HTTP: who is let in, what is answered, and that it is what is documented."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from time import time
from typing import Any, Final

import pytest

from streams.web import access
from tests.streams.served import serving
from tests.web.asking import BEARER, DOCUMENT, QUERY, Client, page_of, run, status
from tests.web.records import HOSTILE
from tests.web.schema import faults
from tests.web.stage import TOKEN

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
    "/api/decisions": [f"?{QUERY}", f"?{QUERY}&at=x", "?model=no&version=7"],
    "/api/comparisons": ["", "?model=credit", "?model=no"],
    "/api/openapi.json": [""],
    "/api/session": [""],
}


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


def test_a_proxy_before_the_page_may_have_a_password_and_end_tls() -> None:
    """Its own header hides no cookie, and a cookie that came by TLS goes no other way."""

    async def work(client: Client, base: str) -> None:
        host = base.removeprefix("http://")
        headers = {"Origin": f"https://{host}", "Authorization": "Basic cHJveHk6c2VjcmV0"}
        async with client.post(
            base + "/api/session", json={"token": TOKEN}, headers=headers
        ) as response:
            assert response.status == 200
            made = response.headers["Set-Cookie"].split("; ")
        assert "Secure" in made
        cookie = {"Cookie": made[0]}
        assert await status(client, base + "/api/models", headers={**headers, **cookie}) == 200
        assert await status(client, base + "/api/models", headers=headers) == 401
        wrong = {"Authorization": "Bearer no", **cookie}
        assert await status(client, base + "/api/models", headers=wrong) == 401

    run(work)


def test_a_token_may_come_in_pieces(caplog: pytest.LogCaptureFixture) -> None:
    """As a network cuts it; wrong ones are told in the log, without what was shown."""

    async def pieces(token: str) -> AsyncIterator[bytes]:
        for letter in f'{{"token": "{token}"}}':
            yield letter.encode()
            await asyncio.sleep(0)

    async def work(client: Client, base: str) -> list[int]:
        headers = {"Content-Type": "application/json"}
        return [
            await status(client, base + "/api/session", "POST", data=pieces(token), headers=headers)
            for token in ("guess-1", "guess-2", TOKEN)
        ]

    assert run(work) == [401, 401, 200]
    assert [r.message for r in caplog.records if "wrong tokens" in r.message] == [
        "wrong tokens: 1, the last from 127.0.0.1"
    ]


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
                ("MONITOR.example:80", 200),
            ):
                headers = {"Host": host, **BEARER}
                assert await status(client, base + path, headers=headers) == wanted, (path, host)
        assert await status(client, base + "/metrics", headers={"Host": "worker"}) == 200

    run(work, page_of(names=("Monitor.Example",)))


def test_nothing_but_a_session_can_be_written() -> None:
    """Every other method is refused everywhere."""

    async def work(client: Client, base: str) -> None:
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            for path in ("/", "/api/models", "/metrics", "/app.js"):
                assert await status(client, base + path, method, headers=BEARER) == 405
        assert await status(client, base + "/api/session", "PUT") == 405

    run(work)


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
