"""The live page's routes: the static files, the login, the interface and the stream of news.

Rule.  The page itself is open and says nothing of any model; its data need the token
(:mod:`streams.web.access`) and are closed to everybody where none is set.  A browser is told to
load nothing but this worker's own files, to run no script and no style that stands in a page, and
to let no other page frame it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from importlib import resources
from time import monotonic, time
from typing import Any, Final, Protocol

import orjson
from aiohttp import hdrs, web

from streams.http_connection import SESSION_PATH
from streams.security_settings import Secret
from streams.web import access
from streams.web.answers import Answers, BadQuestionError, NotKeptError, Query
from streams.web.entries import Entry
from streams.web.history import History
from streams.web.updates import Updates

PAGE_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
TYPES: Final = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}
CLOSED: Final = "closed: set http.token_file to open it"
NEEDED: Final = "the token is needed"
TOLD_EVERY_S: Final = 60.0

log = logging.getLogger("longshore.page")

Handler = Callable[[web.Request], Any]


class Reader(Protocol):
    """What fills the history while the worker runs."""

    def start(self) -> None:
        """Begin."""

    async def stop(self) -> None:
        """End."""


def static_files() -> dict[str, tuple[bytes, str]]:
    """Path -> bytes and media type of every file of the page; no other path leads to a file."""
    root = resources.files("streams.web") / "static"
    found: dict[str, tuple[bytes, str]] = {}

    def look(folder: Any, prefix: str) -> None:  # noqa: ANN401 - a Traversable
        for one in folder.iterdir():
            suffix = "." + one.name.rpartition(".")[2]
            if one.is_dir():
                look(one, f"{prefix}{one.name}/")
            elif suffix in TYPES:
                found[prefix + one.name] = (one.read_bytes(), TYPES[suffix])

    look(root, "/")
    return found


class Page:
    """Serves the page and what is behind it; the history is filled by :meth:`take`."""

    def __init__(
        self, token: Secret | None, names: Collection[str] = (), history: History | None = None
    ) -> None:
        self._token = token
        self._names = names
        self.history = history or History()
        self.answers = Answers(self.history)
        self.updates = Updates(self.answers.rows)
        self._files = static_files()
        self._told_at_s = -TOLD_EVERY_S
        self._refused = 0
        self.reader: Reader | None = None
        """What fills the history; None for one that is filled otherwise."""

    def start(self) -> None:
        """Begin to read; call it inside the loop."""
        if self.reader is not None:
            self.reader.start()

    async def stop(self) -> None:
        """End the streams and the reading."""
        self.updates.close()
        if self.reader is not None:
            await self.reader.stop()

    def take(self, entries: Sequence[Entry]) -> None:
        """Keep records, and tell open pages."""
        changed = self.history.add(entries)
        self.answers.changed(changed)
        self.updates.tell(changed)

    def add_to(self, app: web.Application) -> None:
        """Put the routes into an application."""
        router = app.router
        for path in self._files:
            router.add_get(path, self._static)
        router.add_get("/", self._static)
        router.add_get(SESSION_PATH, self._session)
        router.add_post(SESSION_PATH, self._log_in)
        router.add_delete(SESSION_PATH, self._log_out)
        answers = self.answers
        for name, answer in (
            ("models", lambda _: answers.models()),
            ("model", answers.model),
            ("windows", answers.windows),
            ("feature", answers.feature),
            ("judgement", answers.judgement),
            ("decisions", answers.decisions),
            ("comparisons", answers.comparisons),
        ):
            router.add_get(f"/api/{name}", self._answering(answer))
        router.add_get("/api/updates", self._updates, allow_head=False)

    def _refusal(self, request: web.Request) -> web.Response | None:
        """Why nothing is told to this request; None where it may be."""
        if not access.host_is_ours(request.host, self._names):
            return failure(421, "this name is not served here: list it under http.names")
        return None

    def _may_read(self, request: web.Request) -> bool:
        return self._token is not None and access.may_read(
            self._token.reveal(),
            request.headers.get(hdrs.AUTHORIZATION, ""),
            request.cookies.get(access.COOKIE, ""),
            time(),
        )

    def _closed_to(self, request: web.Request) -> web.Response | None:
        refusal = self._refusal(request)
        if refusal is not None or self._may_read(request):
            return refusal
        if self._token is None:
            return failure(403, CLOSED)
        if request.headers.get(hdrs.AUTHORIZATION, "").startswith(access.BEARER):
            self._tell_refused(request)
        refused = failure(401, NEEDED)
        refused.headers[hdrs.WWW_AUTHENTICATE] = access.BEARER.strip()
        return refused

    def _tell_refused(self, request: web.Request) -> None:
        """Log that somebody showed a wrong token, at most once in TOLD_EVERY_S."""
        self._refused += 1
        if monotonic() - self._told_at_s >= TOLD_EVERY_S:
            log.warning("wrong tokens: %d, the last from %s", self._refused, request.remote)
            self._told_at_s, self._refused = monotonic(), 0

    async def _static(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        path = "/index.html" if request.path == "/" else request.path
        body, kind = self._files[path]
        return web.Response(body=body, content_type=kind, charset="utf-8", headers=PAGE_HEADERS)

    async def _session(self, request: web.Request) -> web.Response:
        """Whether there is anything to log in to, and whether that was done."""
        refusal = self._refusal(request)
        told = {"token_set": self._token is not None, "logged_in": self._may_read(request)}
        return refusal or answer_of(orjson.dumps(told))

    async def _log_in(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request) or _foreign(request)
        if refusal is not None:
            return refusal
        if self._token is None:
            return failure(403, CLOSED)
        body = b""
        while len(body) < access.MAX_TOKEN_BYTES and not request.content.at_eof():
            body += await request.content.read(access.MAX_TOKEN_BYTES - len(body))
        try:
            given = orjson.loads(body)["token"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            given = None
        wanted = self._token.reveal()
        if not isinstance(given, str) or not access.same(given, wanted):
            self._tell_refused(request)
            return failure(401, "this is not the token")
        response = answer_of(orjson.dumps({"token_set": True, "logged_in": True}))
        response.set_cookie(
            access.COOKIE,
            access.session(wanted, time()),
            max_age=access.SESSION_S,
            path="/api",
            httponly=True,
            samesite="Strict",
            secure=access.came_by_tls(request.headers.get(hdrs.ORIGIN, "")),
        )
        return response

    async def _log_out(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request) or _foreign(request)
        if refusal is not None:
            return refusal
        response = answer_of(orjson.dumps({"token_set": True, "logged_in": False}))
        response.del_cookie(access.COOKIE, path="/api", httponly=True, samesite="Strict")
        return response

    def _answering(self, answer: Callable[[Query], bytes]) -> Handler:
        async def handler(request: web.Request) -> web.Response:
            closed = self._closed_to(request)
            if closed is not None:
                return closed
            try:
                return answer_of(answer(request.query))
            except NotKeptError as error:
                return failure(404, str(error))
            except BadQuestionError as error:
                return failure(400, str(error))

        return handler

    async def _updates(self, request: web.Request) -> web.StreamResponse:
        closed = self._closed_to(request)
        if closed is not None:
            return closed
        if self.updates.full:
            return failure(503, "as many pages are open as may be; close one")
        return await self.updates.serve(request, lambda: self._may_read(request))


def _foreign(request: web.Request) -> web.Response | None:
    """Why a request that changes something is not taken: another page may have made it."""
    headers = request.headers
    site = headers.get("Sec-Fetch-Site", "")
    if not access.origin_is_ours(headers.get(hdrs.ORIGIN, ""), request.host, site):
        return failure(403, "not from this page")
    if request.method == hdrs.METH_POST and request.content_type != "application/json":
        return failure(415, "JSON is needed")
    return None


def answer_of(body: bytes, status: int = 200) -> web.Response:
    """JSON that is not to be shown as a page, whoever asks."""
    headers = {"Cross-Origin-Resource-Policy": "same-origin"}
    return web.Response(body=body, status=status, content_type="application/json", headers=headers)


def failure(status: int, what: str) -> web.Response:
    """What went wrong, as JSON."""
    return answer_of(orjson.dumps({"error": what}), status)
