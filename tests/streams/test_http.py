"""The worker's HTTP server: who is answered what."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from streams import http_connection
from streams.http_connection import SAFE_HEADERS
from streams.live import LiveState
from streams.security_settings import Secret
from streams.state_view import state_view
from tests.streams.served import serving

Answer = tuple[int, str, str]


def ask(
    path: str,
    health: dict[str, Any] | None = None,
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    **more: Any,  # noqa: ANN401 - the server's own
) -> Answer:
    """Start a server, ask it once and stop it: status, content type, body."""

    async def main() -> Answer:
        async with (
            serving(health, **more) as (host, port),
            aiohttp.ClientSession(headers=headers) as client,
            client.request(method, f"http://{host}:{port}{path}") as response,
        ):
            for name, value in SAFE_HEADERS.items():
                assert response.headers[name] == value, name
            return response.status, response.content_type, await response.text()

    return asyncio.run(main())


def test_metrics_are_those_of_the_registry() -> None:
    """The injected registry is what a scrape gets."""
    status, content_type, body = ask("/metrics")
    assert (status, content_type) == (200, "text/plain")
    assert "drift_psi 0.25" in body


def test_openmetrics_when_asked_for() -> None:
    """A scraper that prefers OpenMetrics gets it, with its end mark."""
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    _, content_type, body = ask("/metrics", headers=accept)
    assert content_type == "application/openmetrics-text"
    assert body.endswith("# EOF\n")


@pytest.mark.parametrize("path", ["/health", "/ready"])
def test_readiness_says_the_state_and_fails_until_ready(path: str) -> None:
    """Only a worker that is ready answers 200, so that a probe needs no JSON."""
    status, _, body = ask(path)
    assert (status, json.loads(body)["state"]) == (503, "recovering")
    assert ask(path, {"state": "ready", "partitions": [0]})[0] == 200


def test_liveness_fails_only_when_stuck() -> None:
    """A worker that recovers is alive; one whose watchdog says stuck is to be restarted."""
    assert ask("/live")[0] == 200
    stuck = ask("/live", {"state": "ready"}, live=lambda: {"alive": False, "stuck_seconds": 90})
    assert (stuck[0], json.loads(stuck[2])["stuck_seconds"]) == (503, 90)
    assert ask("/live", live=lambda: {"alive": True})[0] == 200


@pytest.mark.parametrize("path", ["/", "/table/snapshots", "/router", "/metrics/", "/state/x"])
def test_nothing_else_is_served(path: str) -> None:
    """No page of Faust's own web server is there."""
    assert ask(path)[0] == 404


def test_head_works_and_nothing_can_be_sent() -> None:
    """A probe may ask for the head only; no method changes anything."""
    status, _, body = ask("/live", method="HEAD")
    assert (status, body) == (200, "")
    for method in ("POST", "PUT", "DELETE"):
        assert ask("/live", method=method)[0] == 405


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": "Bearer starfish"}, 200),
        ({}, 401),
        ({"Authorization": "starfish"}, 401),
        ({"Authorization": "Bearer starfis"}, 401),
        ({"Authorization": "Bearer starfish "}, 200),  # white space at the end is no header's
        ({"Authorization": "Bearer \u00fcbel"}, 401),
        ({"Authorization": "Basic c3RhcmZpc2g="}, 401),
    ],
)
def test_state_needs_the_token(headers: dict[str, str], status: int) -> None:
    """Whoever has it sees the state, nobody else anything of it; a token in the address is none."""
    token = Secret("starfish")
    found, _, body = ask("/state", headers=headers, token=token)
    assert found == status
    assert ("generation" in body) == (status == 200)
    assert "starfish" not in body
    assert ask("/state?token=starfish", token=token)[0] == 401


def test_without_a_token_the_state_is_closed_and_the_rest_is_open() -> None:
    """No token set means nobody, not everybody."""
    for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer None"}):
        status, _, body = ask("/state", headers=headers)
        assert status == 403
        assert "http.token_file" in body
        assert "generation" not in body
    for path in ("/metrics", "/live"):
        assert ask(path, token=Secret("starfish"))[0] == 200


def test_what_is_too_long_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    """An address line or a header beyond its bound is answered 400, and no stranger's text comes
    into the log."""
    assert ask("/live?" + "x" * http_connection.MAX_LINE_BYTES)[0] == 400
    assert ask("/live", headers={"X-Long": "x" * (http_connection.MAX_HEADER_BYTES + 1)})[0] == 400
    assert not caplog.records


def test_the_state_is_there_before_anything_was_read() -> None:
    """A worker that just started has a state with every field."""
    view = json.loads(json.dumps(state_view(LiveState())))
    assert (view["state"], view["sources"], view["watermarks"]) == ("starting", [], [])
    assert view["version"]
    assert {bound["bound"] for bound in view["bounds"]} >= {"record_bytes", "shadow_names"}
    told: Callable[[str], bool] = {name for bound in view["bounds"] for name in bound}.__contains__
    assert all(map(told, ("bound", "limit", "used", "reached")))
