"""The worker's HTTP server: /metrics and /health, nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Gauge

from streams.http import HttpServer

Answer = tuple[int, str, str]


@pytest.fixture
def ask() -> Callable[..., Answer]:
    """A function that starts a server, asks it once and stops it: status, content type, body."""

    def asked(path: str, health: dict[str, Any] | None = None, accept: str = "*/*") -> Answer:
        async def main() -> Answer:
            registry = CollectorRegistry()
            Gauge("drift_psi", "PSI", registry=registry).set(0.25)
            server = HttpServer(registry, lambda: health or {"state": "recovering"})
            host, port = await server.start("127.0.0.1", 0)
            try:
                async with (
                    aiohttp.ClientSession(headers={"Accept": accept}) as client,
                    client.get(f"http://{host}:{port}{path}") as response,
                ):
                    return response.status, response.content_type, await response.text()
            finally:
                await server.stop()

        return asyncio.run(main())

    return asked


def test_metrics_are_those_of_the_registry(ask: Callable[..., Answer]) -> None:
    """The injected registry is what a scrape gets."""
    status, content_type, body = ask("/metrics")
    assert (status, content_type) == (200, "text/plain")
    assert "drift_psi 0.25" in body


def test_openmetrics_when_asked_for(ask: Callable[..., Answer]) -> None:
    """A scraper that prefers OpenMetrics gets it, with its end mark."""
    _, content_type, body = ask("/metrics", accept="application/openmetrics-text; version=1.0.0")
    assert content_type == "application/openmetrics-text"
    assert body.endswith("# EOF\n")


def test_health_says_the_state_and_fails_until_ready(ask: Callable[..., Answer]) -> None:
    """Only a worker that is ready answers 200, so that a probe needs no JSON."""
    status, _, body = ask("/health")
    assert (status, json.loads(body)["state"]) == (503, "recovering")
    assert ask("/health", {"state": "ready", "partitions": [0]})[0] == 200


@pytest.mark.parametrize("path", ["/", "/table/snapshots", "/router"])
def test_nothing_else_is_served(ask: Callable[..., Answer], path: str) -> None:
    """No page of Faust's own web server is there."""
    assert ask(path)[0] == 404
