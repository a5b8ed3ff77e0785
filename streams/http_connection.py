"""One connection to the HTTP server: one request, one answer, and a bounded life.

Rule.  A connection that has not sent a whole request within REQUEST_LIMIT_S, or not taken its
answer within ANSWER_LIMIT_S, is aborted: its peer may be silent, slow, or never read.  It is closed
after its first answer, so nothing can be asked for in stock.  Beyond MAX_CONNECTIONS the oldest
makes room: an honest peer is served within moments, so the oldest is one that waits on purpose; a
stream that is meant to stay has a bound of its own and is not among them.
What cannot be read is answered in our own words; the client's are repeated neither to it nor in the
log.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

log = logging.getLogger("longshore.http")

MAX_CONNECTIONS: Final = 64
"""Open at once; for a further one the oldest is cut."""
REQUEST_LIMIT_S: Final = 10.0
"""From the connection to the answer's first byte."""
ANSWER_LIMIT_S: Final = 10.0
"""From the answer's first byte until the peer has taken it; the common limit of a scrape too."""
MAX_LINE_BYTES: Final = 4_096
MAX_HEADER_BYTES: Final = 4_096
"""Of one header; more is answered 400."""
SESSION_PATH: Final = "/api/session"
"""Where a page shows the token once."""
LINGER_S: Final = 1.0
"""How long a body that nobody asked for is read after its answer."""
POLICY: Final = "Content-Security-Policy"
"""The page has one of its own."""
SAFE_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    POLICY: "default-src 'none'",
    "Server": "longshore",
    hdrs.CONNECTION: "close",
}


class Connections:
    """Makes the protocols of ``server``'s connections, and keeps their number bounded."""

    def __init__(self, server: web.Server) -> None:
        self._server = server
        self._open: dict[Connection, None] = {}

    def accept(self) -> Connection:
        """The protocol of one more connection."""
        # Counted from here on: many are accepted before the first of them is told that it is made.
        while len(self._open) >= MAX_CONNECTIONS:
            oldest = next(iter(self._open))
            del self._open[oldest]
            oldest.cut()

        def gone() -> None:
            self._open.pop(connection, None)

        connection = Connection(self._server, gone)
        self._open[connection] = None
        return connection


class Connection(web.RequestHandler):
    """One connection by the rule above; ``ended`` is called when it is gone, or kept by others."""

    __slots__ = ("_deadline", "_ended", "_is_cut")

    def __init__(self, server: web.Server, ended: Callable[[], object]) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            logger=log,
            access_log=None,  # type: ignore[arg-type]  # documented so: none is kept
            keepalive_timeout=0,
            lingering_time=LINGER_S,
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_HEADER_BYTES,
        )
        self._ended = ended
        self._deadline: asyncio.TimerHandle | None = None
        self._is_cut = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The time for a request begins."""
        super().connection_made(transport)
        if self._is_cut:
            self.cut()
        else:
            self._end_within(REQUEST_LIMIT_S)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Nothing is waited for any more."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._ended()
        super().connection_lost(exc)

    def answering(self) -> None:
        """The time for taking the answer begins."""
        self._end_within(ANSWER_LIMIT_S)

    def keep(self) -> None:
        """Whoever answers bounds how many stay open: it makes room for nobody any more."""
        self._ended()

    def cut(self) -> None:
        """End it now, whatever is under way."""
        self._is_cut = True
        if self.transport is not None:
            self.transport.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to a request that cannot be read; what breaks here is logged as well."""
        if isinstance(exc, HttpProcessingError):
            response: web.StreamResponse = web.Response(status=status, text=f"{status}: unreadable")
            response.force_close()
        else:
            response = super().handle_error(request, status, exc, message)
        response.headers.update(SAFE_HEADERS)
        self.answering()
        return response

    def _end_within(self, limit_s: float) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self._loop.call_later(limit_s, self.cut)


async def make_safe(request: web.Request, response: web.StreamResponse) -> None:
    """Give an answer its headers, and its peer the time to take it."""
    policy = response.headers.get(POLICY, SAFE_HEADERS[POLICY])
    response.headers.update({**SAFE_HEADERS, POLICY: policy})
    response.force_close()
    log.debug("%s %s: %d for %s", request.method, request.path, response.status, request.remote)
    if isinstance(request.protocol, Connection):
        request.protocol.answering()


@web.middleware
async def only_reading(request: web.Request, handler: Any) -> web.StreamResponse:  # noqa: ANN401 - any of aiohttp's
    """Refuse every method that is not for reading, whatever it is about; a session alone is begun
    and ended."""
    reading = request.method in (hdrs.METH_GET, hdrs.METH_HEAD)
    if not reading and request.path != SESSION_PATH:
        raise web.HTTPMethodNotAllowed(request.method, [hdrs.METH_GET, hdrs.METH_HEAD])
    answer: web.StreamResponse = await handler(request)
    return answer
