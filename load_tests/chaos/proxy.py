"""A TCP proxy in user space: cuts, delays and half-opens the connections that go through it.

Rule.  It stands between the workers and the broker and knows nothing of Kafka.  A cut resets every
connection and refuses new ones; a delay holds each chunk back in order, both ways; a half-open
connection is one that the client still holds and nobody serves: nothing is read, written or
closed any more, which is what a dead firewall or a pulled cable leaves behind.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

CHUNK_BYTES: Final = 65_536
START_LIMIT_S: Final = 10.0
RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER of 0 s: closing sends a reset."""


class Proxy:
    """Listens on ``port`` of 127.0.0.1 and forwards to ``target``; use it as a context manager."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self.port: int = listening.getsockname()[1]
        self.target = 0
        self.delay_s = 0.0
        """Held back each way."""
        self.accepted = 0
        self._refusing = False
        self._pairs: dict[_Pair, None] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    @classmethod
    def bound(cls) -> Self:
        """On a free port, so that a broker can be told of it before it starts."""
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        return cls(listening)

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._serve())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._refusing = True
        self._call(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_LIMIT_S)
        self._loop.close()
        self._listening.close()

    def cut(self) -> None:
        """Reset every connection and refuse new ones until :meth:`mend`."""
        self._refusing = True
        self._call(self._reset_all())

    def mend(self) -> None:
        """Let connections through again, without delay."""
        self._refusing = False
        self.delay_s = 0.0

    def half_open(self) -> int:
        """Leave every connection of now open and unserved for good; how many.  New ones work."""
        frozen = [pair for pair in list(self._pairs) if not pair.frozen.is_set()]
        for pair in frozen:
            self._loop.call_soon_threadsafe(pair.frozen.set)
        return len(frozen)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _call(self, step: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(step, self._loop).result(START_LIMIT_S)

    async def _serve(self) -> None:
        self._server = await asyncio.start_server(self._forward, sock=self._listening)

    async def _shut(self) -> None:
        self._server.close()
        await self._reset_all()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    async def _reset_all(self) -> None:
        for pair in list(self._pairs):
            pair.reset()
        self._pairs.clear()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            _reset(writer)
            return
        try:
            there = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            _reset(writer)
            return
        pair = _Pair(writer, there[1])
        if self._refusing:  # cut while the broker was being connected to
            pair.reset()
            return
        self.accepted += 1
        self._pairs[pair] = None
        ways = [
            asyncio.create_task(self._one_way(pair, reader, there[1])),
            asyncio.create_task(self._one_way(pair, there[0], writer)),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        if pair.frozen.is_set():
            return  # stays in the pairs, open and unserved
        for way in ways:
            way.cancel()
        self._pairs.pop(pair, None)
        writer.close()
        there[1].close()

    async def _one_way(
        self, pair: _Pair, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Forward until the end or until frozen; a frozen way never ends by itself."""
        held: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        writing = asyncio.create_task(self._write(pair, held, writer))
        frozen = asyncio.create_task(pair.frozen.wait())
        try:
            while True:
                reading = asyncio.create_task(reader.read(CHUNK_BYTES))
                await asyncio.wait({reading, frozen}, return_when=asyncio.FIRST_COMPLETED)
                if pair.frozen.is_set():
                    reading.cancel()
                    return
                chunk = b"" if reading.exception() is not None else reading.result()
                if not chunk:
                    return
                held.put_nowait((self._loop.time() + self.delay_s, chunk))
        finally:
            writing.cancel()
            frozen.cancel()

    async def _write(
        self,
        pair: _Pair,
        held: asyncio.Queue[tuple[float, bytes]],
        writer: asyncio.StreamWriter,
    ) -> None:
        with suppress(ConnectionError):
            while True:
                due, chunk = await held.get()
                wait_s = due - self._loop.time()
                if wait_s > 0:
                    await asyncio.sleep(wait_s)
                if pair.frozen.is_set():
                    return
                writer.write(chunk)
                await writer.drain()


class _Pair:
    """The two ends of one connection."""

    def __init__(self, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        self._ends = (near, far)
        self.frozen = asyncio.Event()

    def reset(self) -> None:
        """Close both ends hard."""
        for end in self._ends:
            _reset(end)


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
