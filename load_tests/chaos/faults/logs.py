"""The log itself changes: records gone, another topic of the same name, more partitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from load_tests.chaos.contract import Fault
from load_tests.chaos.reading import log_sizes
from load_tests.chaos.snapshot_damage import delete_before
from load_tests.chaos.topic_changes import add_partitions, delete
from load_tests.event import PARTITIONS
from streams.settings import Settings
from streams.topics import create_topics

if TYPE_CHECKING:
    from load_tests.chaos.arena import Arena

REMEDY: Final = {"RECOVERY": "rebuild"}
REBUILT: Final = "log: rebuilding from the topics"
WINDOW_MS: Final = 60_000
MORE: Final = PARTITIONS + 2


def retention_passed(arena: Arena) -> None:
    """Records that no worker has read are deleted while none runs."""
    arena.wait_until(0.3)
    arena.wait_record("snapshots")
    arena.kill_all()
    arena.wait_until(0.5)
    arena.stream.hold()
    sizes = log_sizes(arena.bootstrap, arena.topic("predictions"))
    delete_before(arena.bootstrap, arena.topic("predictions"), [end for _, end in sizes])
    arena.cut_ms = arena.stream.newest_ms + WINDOW_MS
    _remedied(arena)


def recreated(arena: Arena) -> None:
    """The topic is deleted and made anew while no worker runs; offsets begin at 0 again."""
    arena.wait_until(0.4)
    arena.stream.hold()
    arena.wait_record("snapshots")
    arena.kill_all()
    delete(arena.bootstrap, arena.topic("predictions"))
    here = Settings(brokers=(arena.bootstrap,), prefix=arena.prefix, partitions=PARTITIONS)
    create_topics(here)
    arena.cut_ms = arena.stream.newest_ms + WINDOW_MS
    _remedied(arena)


def _remedied(arena: Arena) -> None:
    arena.refused()
    arena.mark()
    arena.start_all(REMEDY)
    arena.stream.go_on()


def partitions_added(arena: Arena) -> None:
    """Two more partitions of the predictions while two workers run: both must stop, and a new one
    must refuse."""
    arena.wait_until(0.4)
    running = arena.fleet.running
    add_partitions(arena.bootstrap, arena.topic("predictions"), MORE)
    arena.refusals += [arena.fleet.await_refusal(worker) for worker in running]
    arena.refused()


FAULTS: Final = (
    Fault(
        name="retention_passed",
        kind="log",
        title="source retention passed the snapshot",
        injected="both workers killed; all records so far deleted, a fifth of the stream unread; "
        "a worker must refuse, then two start with LONGSHORE_RECOVERY=rebuild; judged are the "
        "windows that begin after the cut, without estimators and decisions",
        inject=retention_passed,
        signs=(REBUILT,),
        refuses=True,
    ),
    Fault(
        name="topic_recreated",
        kind="log",
        title="source topic re-created",
        injected="both workers killed; the predictions topic deleted and made anew; a worker must "
        "refuse, then two start with LONGSHORE_RECOVERY=rebuild; judged are the windows that begin "
        "after the cut, without estimators and decisions",
        inject=recreated,
        signs=(REBUILT,),
        refuses=True,
    ),
    Fault(
        name="partitions_added",
        kind="log",
        title="partitions added to a source",
        injected="the predictions get two partitions more while two workers run; both must stop, a "
        "third must refuse. There is no way back but new topics: what came until then is judged",
        inject=partitions_added,
        signs=(),
        refuses=True,
        ends=True,
    ),
)
