"""Workers that die, are stopped or are restarted."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Final

from load_tests.chaos.contract import Fault

if TYPE_CHECKING:
    from load_tests.chaos.arena import Arena

TIMES: Final = 2
REBALANCED: Final = r"log since: generation ([2-9]|\d\d+): partitions"
"""Two kills may fall into one rebalance."""
SLOW_RATE: Final = 4_000.0
"""The stream must outlive two recoveries."""
LONG_RATE: Final = 6_000.0
"""The stream must outlive the time-outs that these faults wait for."""


def kill(arena: Arena) -> None:
    """SIGKILL to one of the workers at seeded moments; a new one starts at once."""
    for _ in arena.moments(TIMES, latest=0.7):
        victim = arena.any_worker()
        arena.mark()
        arena.fleet.kill(victim)
        arena.fleet.start()


def kill_at_snapshot(arena: Arena) -> None:
    """SIGKILL to all workers when the first record of a checkpoint appears in the topic."""
    for _ in arena.moments(TIMES, latest=0.7):
        arena.fleet.await_ready(partitions=4)
        arena.wait_record("snapshots")
        arena.mark()
        arena.kill_all()
        arena.start_all()


def kill_after_trigger(arena: Arena) -> None:
    """SIGKILL to all workers when a trigger appears in its topic, before a snapshot knows of it."""
    arena.wait_until(0.15)
    arena.wait_record("retraining-triggers")
    arena.mark()
    arena.kill_all()
    arena.start_all()


def terminate(arena: Arena) -> None:
    """SIGTERM to one of the workers; a new one starts when it has ended."""
    for _ in arena.moments(TIMES):
        victim = arena.any_worker()
        arena.mark()
        arena.fleet.stop(victim)
        arena.fleet.start()


def zombie(arena: Arena) -> None:
    """SIGSTOP beyond the session time-out, then SIGCONT."""
    arena.wait_until(0.2)
    sleeper = arena.any_worker()
    arena.mark()
    sleeper.signal(signal.SIGSTOP)
    try:
        before = len(arena.reading.judged)
        marked = arena.marks[-1].published_ms
        arena.wait_for(
            lambda: any(end > marked for _, end in arena.reading.judged[before:]),
            "a judgement by the others",
        )
    finally:
        sleeper.signal(signal.SIGCONT)


FAULTS: Final = (
    Fault(
        name="kill",
        kind="worker",
        title="kill -9 of a worker",
        injected="SIGKILL to one of two workers at two seeded moments; a new one at once",
        inject=kill,
        signs=(REBALANCED,),
    ),
    Fault(
        name="kill_at_snapshot",
        rate=SLOW_RATE,
        kind="worker",
        title="kill -9 at a snapshot",
        injected="SIGKILL to both workers within milliseconds of the first record of a checkpoint, "
        "twice",
        inject=kill_at_snapshot,
        signs=(REBALANCED,),
    ),
    Fault(
        name="kill_after_trigger",
        kind="worker",
        title="kill -9 between trigger and snapshot",
        injected="SIGKILL to both workers within milliseconds of a trigger",
        inject=kill_after_trigger,
        signs=(REBALANCED,),
    ),
    Fault(
        name="terminate",
        kind="worker",
        title="SIGTERM of a worker",
        injected="SIGTERM to one of two workers at two seeded moments; a new one after each",
        inject=terminate,
        signs=("log: asked to stop",),
    ),
    Fault(
        name="zombie",
        kind="worker",
        title="SIGSTOP beyond the session time-out, then SIGCONT",
        injected="one of two workers stopped until the other judges its partitions, then continued",
        inject=zombie,
        signs=(REBALANCED,),
        rate=LONG_RATE,
    ),
)
