"""A server to ask, for tests of HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.registry import Collector

from streams.http import HttpServer

STATE = {"generation": 3}


@asynccontextmanager
async def serving(
    health: dict[str, Any] | None = None,
    *,
    collector: Collector | None = None,
    **more: Any,  # noqa: ANN401 - the server's own
) -> AsyncIterator[tuple[str, int]]:
    """A server with one gauge; its address."""
    registry = CollectorRegistry()
    if collector is not None:
        registry.register(collector)
    Gauge("drift_psi", "PSI", registry=registry).set(0.25)
    server = HttpServer(
        registry, lambda: health or {"state": "recovering"}, state=lambda: STATE, **more
    )
    try:
        yield await server.start("127.0.0.1", 0)
    finally:
        await server.stop()


async def head(host: str, port: int) -> bytes:
    """What is answered to one request; empty when the connection is closed unanswered."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(b"GET /live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return await asyncio.wait_for(reader.read(), 20)
    except ConnectionError:
        return b""
    finally:
        writer.close()
