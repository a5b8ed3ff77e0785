"""The broker goes away and comes back with its data."""

from __future__ import annotations

from time import sleep
from typing import TYPE_CHECKING, Final

from load_tests.chaos.contract import Fault

if TYPE_CHECKING:
    from load_tests.chaos.arena import Arena

AWAY_S: Final = 60.0
UNREACHABLE: Final = "log: no broker can be reached"


def bounce_hard(arena: Arena) -> None:
    """SIGKILL to the broker, started again at once."""
    for _ in arena.moments(1):
        arena.mark()
        arena.broker.stop(hard=True)
        arena.broker.start()


def bounce_clean(arena: Arena) -> None:
    """SIGTERM to the broker, started again when it has ended."""
    for _ in arena.moments(1):
        arena.mark()
        arena.broker.stop()
        arena.broker.start()


def stay_away(arena: Arena) -> None:
    """No broker for a minute."""
    for _ in arena.moments(1):
        arena.mark()
        arena.broker.stop()
        sleep(AWAY_S)
        arena.broker.start()
        arena.over()


FAULTS: Final = (
    Fault(
        name="broker_hard",
        kind="broker",
        title="hard bounce of the broker",
        injected="SIGKILL to the only broker at a seeded moment, started again at once",
        inject=bounce_hard,
        signs=(UNREACHABLE,),
    ),
    Fault(
        name="broker_clean",
        kind="broker",
        title="clean bounce of the broker",
        injected="SIGTERM to the only broker at a seeded moment, started again when it has ended",
        inject=bounce_clean,
        signs=(UNREACHABLE,),
    ),
    Fault(
        name="broker_away",
        kind="broker",
        title="all brokers away for 60 s",
        injected="the only broker stopped for 60 s; recovery is measured from its return",
        inject=stay_away,
        signs=(UNREACHABLE,),
    ),
)
