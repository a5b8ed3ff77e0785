"""The network between the workers and the broker, by a TCP proxy in user space."""

from __future__ import annotations

from collections.abc import Callable
from time import sleep
from typing import TYPE_CHECKING, Final

from load_tests.chaos.contract import Fault

if TYPE_CHECKING:
    from load_tests.chaos.arena import Arena

CUT_S: Final = 5.0
LOST_S: Final = 9.0
"""Beyond the session time-out of 6 s: the members are thrown out and have to join again."""
DELAY_EACH_WAY_S: Final = 0.1
UNREACHABLE: Final = "log: no broker can be reached"
REBALANCED: Final = r"log: generation ([3-9]|\d\d+): partitions"


def cut(arena: Arena) -> None:
    """Reset every connection, refuse new ones for a while."""
    for _ in arena.moments(2):
        arena.mark()
        arena.proxy.cut()
        sleep(CUT_S)
        arena.proxy.mend()


def lose(arena: Arena) -> None:
    """Reset every connection and refuse new ones until the group has given the members up; and
    once more as soon as they are back and restore."""
    for _ in arena.moments(1):
        arena.mark()
        arena.proxy.cut()
        sleep(LOST_S)
        arena.proxy.mend()
        arena.wait_for(_somebody_restores(arena), "a worker that restores")
        arena.proxy.cut()
        sleep(CUT_S)
        arena.proxy.mend()


def _somebody_restores(arena: Arena) -> Callable[[], bool]:
    return lambda: any(one.health().get("state") == "recovering" for one in arena.fleet.running)


def delay(arena: Arena) -> None:
    """Everything takes 200 ms more, there and back together."""
    arena.wait_until(0.2)
    arena.mark()
    arena.proxy.delay_s = DELAY_EACH_WAY_S
    arena.wait_until(0.7)
    arena.mark()
    arena.wait_until(0.9)
    arena.proxy.mend()


def half_open(arena: Arena) -> None:
    """All connections stay open and are served no more; new ones work."""
    for _ in arena.moments(1):
        arena.mark()
        assert arena.proxy.half_open() > 0, "no connection goes through the proxy"


FAULTS: Final = (
    Fault(
        name="network_cut",
        kind="network",
        title="network drop",
        injected="all connections of the workers reset, new ones refused for 5 s, twice",
        inject=cut,
        signs=(UNREACHABLE,),
        proxied=True,
    ),
    Fault(
        name="network_lost",
        kind="network",
        title="network lost beyond the session",
        injected="all connections reset, new ones refused for 9 s (session 6 s), and again for 5 s "
        "while a worker restores",
        inject=lose,
        signs=(REBALANCED,),
        proxied=True,
    ),
    Fault(
        name="network_delay",
        kind="network",
        title="200 ms delay",
        injected="100 ms each way for most of the stream; from two moments within it",
        inject=delay,
        signs=(),
        proxied=True,
    ),
    Fault(
        name="half_open",
        kind="network",
        title="half-open connections",
        injected="every connection of the workers left open and unserved; new ones work",
        inject=half_open,
        signs=(UNREACHABLE, REBALANCED),
        proxied=True,
    ),
)
