"""Workers that come and go: the group rebalances in the middle of the stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from load_tests.chaos.contract import Fault

if TYPE_CHECKING:
    from load_tests.chaos.arena import Arena

REBALANCED: Final = r"log: generation ([3-9]|\d\d+): partitions"
RATE: Final = 5_000.0
"""Slow enough that the group settles between two changes."""


def join_and_leave(arena: Arena) -> None:
    """Two join, two leave, each in its own quarter of the stream."""
    for number, _ in enumerate(arena.moments(4)):
        arena.mark()
        if number < 2:
            arena.fleet.start()
        else:
            arena.fleet.stop(arena.any_worker())


def kill_one_of_many(arena: Arena) -> None:
    """SIGKILL to a worker that holds partitions; nobody new starts, a spare one takes over."""
    for _ in arena.moments(1, latest=0.4):
        victim = arena.any_worker()
        arena.mark()
        arena.fleet.kill(victim)


def restart_static(arena: Arena) -> None:
    """SIGKILL to a static member; it comes back under its name within the session time-out."""
    for _ in arena.moments(2, latest=0.7):
        victim = arena.any_worker()
        arena.mark()
        arena.fleet.kill(victim)
        arena.fleet.start(victim.settings)


FAULTS: Final = (
    Fault(
        name="join_and_leave",
        kind="worker",
        title="workers join and leave",
        injected="one worker; two join and two leave (SIGTERM) at seeded moments",
        inject=join_and_leave,
        signs=(REBALANCED,),
        workers=1,
        rate=RATE,
    ),
    Fault(
        name="more_workers",
        kind="worker",
        title="more workers than partitions",
        injected="six workers on four partitions; SIGKILL to one that holds some, no new one",
        inject=kill_one_of_many,
        signs=(REBALANCED,),
        workers=6,
    ),
    Fault(
        name="static_restart",
        kind="worker",
        title="kill -9 of a static member",
        injected="SIGKILL to one of two workers with a `group_instance_id`; back at once under its "
        "name, twice",
        inject=restart_static,
        signs=(REBALANCED,),
        each={"GROUP_INSTANCE_ID": "{name}"},
        rate=RATE,
    ),
)
