"""Too much at once, and a scraper that never reads."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from time import sleep
from typing import TYPE_CHECKING, Final

from load_tests.chaos.contract import Fault

if TYPE_CHECKING:
    from load_tests.chaos.arena import Arena

BURST: Final = 10.0
SLOW_RATE: Final = 5_000.0
SCRAPERS: Final = 50
LOOK_S: Final = 0.5


def burst(arena: Arena) -> None:
    """Ten times the rate for most of the stream."""
    arena.wait_until(0.15)
    arena.stream.rate = SLOW_RATE * BURST
    arena.wait_until(0.9)
    arena.mark()
    arena.stream.rate = SLOW_RATE


def stalled_scrapes(arena: Arena) -> None:
    """Connections that ask for /metrics over and over and never read an answer."""
    with ExitStack() as stack:
        for worker in arena.fleet.running:
            host, port = worker.address.rsplit(":", 1)
            for _ in range(SCRAPERS):
                scraper = stack.enter_context(socket.create_connection((host, int(port)), 10.0))
                scraper.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
                scraper.sendall(b"GET /metrics HTTP/1.1\r\nHost: worker\r\n\r\n" * 20)
        for _ in arena.moments(2):
            arena.mark()
        while arena.stream.is_alive():
            sleep(LOOK_S)


FAULTS: Final = (
    Fault(
        name="burst",
        kind="load",
        title="burst of ten times the rate",
        injected="5,000 a second, then 50,000 for three quarters of the stream; recovery is "
        "measured from the end of the burst",
        inject=burst,
        signs=(),
        rate=SLOW_RATE,
    ),
    Fault(
        name="stalled_scrapes",
        kind="load",
        title="scrapes of /metrics that stall",
        injected="50 connections a worker that ask 20 times each and never read",
        inject=stalled_scrapes,
        signs=(),
    ),
)
