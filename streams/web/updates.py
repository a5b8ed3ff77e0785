"""News for open pages, as server-sent events.

Rule.  What a page is told is which versions changed and how they stand now, at most twice a second.
What it has not been told yet is a set of versions, so a slow page is owed no more than all of them
once; one that does not take an event within the connection's limit is cut, one whose session is
over gets no more.  At most MAX_STREAMS pages are open at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from aiohttp import web

from streams.http_connection import Connection
from streams.web.history import ModelKey

MAX_STREAMS: Final = 16
"""Open pages; a further one is answered 503."""
EVERY_S: Final = 0.5
BEAT_S: Final = 4.0
"""A line is sent at least so often: a page knows by its absence that the worker is gone."""


class Updates:
    """The open streams of one worker; ``rows`` says how versions stand, as a JSON array."""

    def __init__(self, rows: Callable[[Iterable[ModelKey]], bytes]) -> None:
        self._rows = rows
        self._streams: list[_Stream] = []
        self._closed = False

    @property
    def open(self) -> int:
        """Streams that are open."""
        return len(self._streams)

    @property
    def full(self) -> bool:
        """Whether no further page is taken."""
        return len(self._streams) >= MAX_STREAMS

    def tell(self, keys: Iterable[ModelKey]) -> None:
        """These versions have something new."""
        known = set(keys)
        if known:
            for stream in self._streams:
                stream.owed |= known
                stream.woken.set()

    def close(self) -> None:
        """End all streams."""
        self._closed = True
        for stream in self._streams:
            stream.woken.set()

    async def serve(
        self, request: web.Request, holds: Callable[[], bool] = lambda: True
    ) -> web.StreamResponse:
        """One page's stream, until it goes, its session no longer ``holds``, or the worker ends."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        stream = _Stream()
        self._streams.append(stream)
        connection = request.protocol
        try:
            if isinstance(connection, Connection):
                connection.keep()
            await response.prepare(request)
            await response.write(b"retry: 2000\nevent: hello\ndata: {}\n\n")
            while not self._closed:
                payload = await self._next(stream)
                if not holds():
                    break
                if isinstance(connection, Connection):
                    connection.answering()  # the time for taking this event begins
                await response.write(payload)
        finally:
            self._streams.remove(stream)
        return response

    async def _next(self, stream: _Stream) -> bytes:
        try:
            await asyncio.wait_for(stream.woken.wait(), BEAT_S)
        except TimeoutError:
            return b"event: beat\ndata: {}\n\n"
        await asyncio.sleep(EVERY_S)
        stream.woken.clear()
        owed, stream.owed = stream.owed, set()
        return b"event: models\ndata: " + self._rows(owed) + b"\n\n"


class _Stream:
    """What one page is owed."""

    def __init__(self) -> None:
        self.owed: set[ModelKey] = set()
        self.woken = asyncio.Event()
