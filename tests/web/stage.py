"""A worker's HTTP server with the live page, without a worker: records are handed to it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Self

import orjson
from prometheus_client import CollectorRegistry

from streams.http import HttpServer
from streams.security_settings import Secret
from streams.web.entries import KIND_OF_ROLE, Entry, entry_of
from streams.web.page import Page
from tests.web.browser import LoopThread

TOKEN: Final = "open-sesame-7f3a"


def entries_of(directory: Path) -> list[Entry]:
    """The records that a replay wrote into a directory."""
    found = []
    for role in KIND_OF_ROLE:
        path = directory / f"{role}.ndjson"
        lines = path.read_bytes().splitlines() if path.is_file() else []
        found += [entry for line in lines if (entry := entry_of(role, line)) is not None]
    return found


def entry(role: str, tree: dict[str, Any]) -> Entry:
    """The record of a topic."""
    made = entry_of(role, orjson.dumps(tree))
    assert made is not None
    return made


class Stage:
    """Serves the page; ``url`` is where, with the token in its fragment."""

    def __init__(self, thread: LoopThread, token: str | None = TOKEN) -> None:
        self._thread = thread
        self.page = Page(None if token is None else Secret(token))
        self._server = HttpServer(CollectorRegistry(), lambda: {"state": "ready"}, page=self.page)
        self.address = ""

    def __enter__(self) -> Self:
        host, port = self._thread.run(self._server.start("127.0.0.1", 0))
        self.address = f"http://{host}:{port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.run(self._server.stop())

    @property
    def url(self) -> str:
        """The page's address, with the token."""
        return f"{self.address}/#token={TOKEN}"

    def take(self, entries: Iterable[Entry]) -> None:
        """Records come in."""
        known = list(entries)

        async def taken() -> None:
            self.page.take(known)

        self._thread.run(taken(), 60)
