"""/metrics and /health of a worker, in its own event loop.

Rule.  Nothing else is served, and nothing is served from a snapshot: the registry's collectors read
live state at each scrape.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web
from prometheus_client import CollectorRegistry, exposition

OK = 200
UNAVAILABLE = 503


class HttpServer:
    """Serves /metrics of ``registry`` and /health of ``health`` (state ``ready`` answers 200)."""

    def __init__(self, registry: CollectorRegistry, health: Callable[[], dict[str, Any]]) -> None:
        self._registry = registry
        self._health = health
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen; port 0 takes a free one.  Gives the address; OSError when it is taken."""
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/health", self._answer_health)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        address = self._runner.addresses[0]
        return str(address[0]), int(address[1])

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _metrics(self, request: web.Request) -> web.Response:
        encode, content_type = exposition.choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._registry), headers={"Content-Type": content_type})

    async def _answer_health(self, _: web.Request) -> web.Response:
        health = self._health()
        status = OK if health.get("state") == "ready" else UNAVAILABLE
        return web.Response(
            body=orjson.dumps(health), status=status, content_type="application/json"
        )
