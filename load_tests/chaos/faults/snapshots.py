"""Snapshots that cannot be used, and a topic that will not take them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from load_tests.chaos.contract import Fault
from load_tests.chaos.reading import log_sizes
from load_tests.chaos.snapshot_damage import (
    Damage,
    all_records,
    damage_heads,
    foreign,
    of_the_future,
    torn,
)
from load_tests.chaos.topic_changes import configure, delete
from load_tests.event import PARTITIONS
from streams.settings import Settings
from streams.topics import create_topics

if TYPE_CHECKING:
    from load_tests.chaos.arena import Arena

REMEDY: Final = {"RECOVERY": "rebuild"}
REBUILT: Final = "log: rebuilding from the topics"
DAMAGED: Final = (
    "both workers killed, {what}; a worker must refuse, then two start with "
    "LONGSHORE_RECOVERY=rebuild, from which recovery is measured"
)
TOO_SMALL_BYTES: Final = "64"
ENOUGH_BYTES: Final = "1048588"
"""Kafka's default."""


def _stopped_with_snapshots(arena: Arena) -> None:
    """Half of the stream is counted and saved, and no worker runs."""
    arena.wait_until(0.5)
    arena.stream.hold()
    arena.wait_record("snapshots")
    arena.kill_all()


def _remedied(arena: Arena) -> None:
    """A worker refuses; those told to rebuild go on."""
    arena.refused()
    arena.mark()
    arena.start_all(REMEDY)
    arena.stream.go_on()


def damaged(arena: Arena, *, damage: Damage) -> None:
    """The newest head of every tally is replaced."""
    _stopped_with_snapshots(arena)
    assert damage_heads(arena.bootstrap, arena.topic("snapshots"), damage) > 0
    _remedied(arena)


def missing(arena: Arena) -> None:
    """The topic is deleted and made anew."""
    _stopped_with_snapshots(arena)
    delete(arena.bootstrap, arena.topic("snapshots"))
    create_topics(Settings(brokers=(arena.bootstrap,), prefix=arena.prefix, partitions=PARTITIONS))
    _remedied(arena)


def compacted(arena: Arena) -> None:
    """The broker compacts as hard as it can, all along; at the end all workers die and restore."""
    topic = arena.topic("snapshots")
    configure(
        arena.bootstrap,
        topic,
        segment_ms="200",
        min_cleanable_dirty_ratio="0.001",
        max_compaction_lag_ms="200",
        delete_retention_ms="0",
    )
    for _ in arena.moments(2, latest=0.7):
        arena.mark()
        arena.kill_all()
        arena.start_all()
    arena.wait_until(1.0)
    arena.wait_for(lambda: _was_compacted(arena), "compaction of the snapshots topic")


def _was_compacted(arena: Arena) -> bool:
    """Whether the log has fewer records than it was given, some having been cleaned away."""
    topic = arena.topic("snapshots")
    given = sum(end for _, end in log_sizes(arena.bootstrap, topic))
    return sum(1 for _ in all_records(arena.bootstrap, topic)) < given


def refused_writes(arena: Arena) -> None:
    """The topic takes no record any more; the workers must stop, and go on when it does again."""
    arena.wait_until(0.4)
    running = arena.fleet.running
    configure(arena.bootstrap, arena.topic("snapshots"), max_message_bytes=TOO_SMALL_BYTES)
    arena.refusals += [arena.fleet.await_refusal(worker) for worker in running]
    configure(arena.bootstrap, arena.topic("snapshots"), max_message_bytes=ENOUGH_BYTES)
    arena.mark()
    arena.start_all()


FAULTS: Final = (
    *(
        Fault(
            name=f"snapshot_{name}",
            kind="snapshot",
            title=title,
            injected=DAMAGED.format(what=what),
            inject=inject,
            signs=(REBUILT,),
            refuses=True,
        )
        for name, title, what, inject in (
            (
                "torn",
                "torn snapshot",
                "the newest head of every tally cut in half",
                partial(damaged, damage=torn),
            ),
            (
                "future",
                "snapshot of a future version",
                "the newest head of every tally given an unknown schema",
                partial(damaged, damage=of_the_future),
            ),
            (
                "foreign",
                "foreign snapshot",
                "the newest head of every tally replaced by a judge's",
                partial(damaged, damage=foreign),
            ),
            ("missing", "missing snapshots", "the snapshots topic deleted and made anew", missing),
        )
    ),
    Fault(
        name="snapshot_compacted",
        kind="snapshot",
        title="snapshots topic compacted hard",
        injected="segments of 200 ms, compacted at once, tombstones kept for 0 ms; both workers "
        "killed twice",
        inject=compacted,
        signs=(r"log: generation ([3-9]|\d\d+): partitions",),
        rate=4_000.0,
    ),
    Fault(
        name="snapshot_refused",
        kind="snapshot",
        title="snapshots topic refuses writes",
        injected="`max.message.bytes` of the topic set to 64 (stands in for a full disk); set back "
        "when the workers have ended, from which recovery is measured",
        inject=refused_writes,
        signs=(),
        refuses=True,
    ),
)
