"""What a worker serves: /metrics, its health, with a token its state, and the live page; in its own
event loop.

Rule.  Nothing else is served, and nothing is served from a snapshot: the answers read live state.
/metrics and the health answers are open, because scrapers and probes have no secrets; /state asks
for the token and is closed to everybody where none is set.  A peer that is slow, silent or one of
too many holds a connection for a bounded time and costs nobody else's answer
(:mod:`streams.http_connection`); scrapes take turns with everything else that the loop does.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from time import monotonic
from typing import Any, Final

import orjson
from aiohttp import hdrs, web
from prometheus_client import CollectorRegistry, exposition

from streams.http_connection import Connections, make_safe, only_reading
from streams.security_settings import Secret
from streams.web.page import Page

OK: Final = 200
UNAUTHORIZED: Final = 401
FORBIDDEN: Final = 403
UNAVAILABLE: Final = 503

STOP_LIMIT_S: Final = 1.0
BEARER: Final = "Bearer "

Answer = Callable[[], dict[str, Any]]


def always_alive() -> dict[str, Any]:
    """What /live answers when nobody watches over the worker's progress."""
    return {"alive": True}


class HttpServer:
    """Serves /metrics of ``registry``, and what these say, as JSON:

    * ``health`` at /health and /ready: 200 where its ``state`` is ``ready``, 503 otherwise;
    * ``live`` at /live: 503 where ``alive`` is false, so that an orchestrator restarts the worker;
    * ``state`` at /state, to whoever has the ``token``;
    * the live ``page`` at /, with what it asks for under /api.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        health: Answer,
        *,
        live: Answer = always_alive,
        state: Answer = dict,
        token: Secret | None = None,
        page: Page | None = None,
    ) -> None:
        self._registry = registry
        self._health = health
        self._live = live
        self._state = state
        self._token = token
        self._page = page
        self._turn = asyncio.Lock()
        self._runner: web.AppRunner | None = None
        self._listener: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen; port 0 takes a free one.  Gives the address; OSError when it is taken."""
        app = web.Application(middlewares=[only_reading])
        for path, answer in (
            ("/metrics", self._metrics),
            ("/health", self._answer_ready),
            ("/ready", self._answer_ready),
            ("/live", self._answer_live),
            ("/state", self._answer_state),
        ):
            app.router.add_get(path, answer)  # HEAD too
        if self._page is not None:
            self._page.add_to(app)
        app.on_response_prepare.append(make_safe)
        self._runner = web.AppRunner(app, shutdown_timeout=STOP_LIMIT_S, handler_cancellation=True)
        await self._runner.setup()
        server = self._runner.server
        if server is None:
            raise RuntimeError("the runner has no server after its setup")
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(Connections(server).accept, host, port)
        if self._page is not None:
            self._page.start()
        address = self._listener.sockets[0].getsockname()
        return str(address[0]), int(address[1])

    async def stop(self) -> None:
        """Stop listening."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        if self._page is not None:
            await self._page.stop()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _metrics(self, request: web.Request) -> web.Response:
        encode, content_type = exposition.choose_encoder(request.headers.get("Accept", ""))
        await self._turn.acquire()
        began = monotonic()
        try:
            body = encode(self._registry)
        finally:
            # As long as it took, the loop is for others: however many scrape, half of it is left.
            asyncio.get_running_loop().call_later(monotonic() - began, self._turn.release)
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _answer_ready(self, _: web.Request) -> web.Response:
        health = self._health()
        return _json(health, OK if health.get("state") == "ready" else UNAVAILABLE)

    async def _answer_live(self, _: web.Request) -> web.Response:
        live = self._live()
        return _json(live, UNAVAILABLE if live.get("alive") is False else OK)

    async def _answer_state(self, request: web.Request) -> web.Response:
        if self._token is None:
            return _json({"error": "closed: set http.token_file to open it"}, FORBIDDEN)
        given = request.headers.get(hdrs.AUTHORIZATION, "")
        wanted = BEARER + self._token.reveal()
        # Compared in constant time, so that the answer's delay tells nothing of the token.
        if not hmac.compare_digest(given.encode(errors="replace"), wanted.encode()):
            refused = _json({"error": "the token is needed: Authorization: Bearer"}, UNAUTHORIZED)
            refused.headers[hdrs.WWW_AUTHENTICATE] = BEARER.strip()
            return refused
        return _json(self._state(), OK)


def _json(body: dict[str, Any], status: int) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")
