"""One round of a peer: the same events at the same pace, the same kind of fault.

Rule.  A process that ends by itself is started again after a second, as a supervisor would.  A
round is over when nothing was counted for QUIET_S after the stream, longer while events are
missing.  Lost and double-counted are summed apart over the cells, so they cannot cancel.
"""

from __future__ import annotations

import os
import signal
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from time import monotonic, sleep
from typing import Final

import orjson
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from load_tests.chaos.accounting import differences
from load_tests.chaos.contract import Recipe
from load_tests.chaos.peers.cell import cell_of
from load_tests.chaos.peers.counts import Counts
from load_tests.chaos.peers.systems import System
from load_tests.chaos.publishing import Publishing
from load_tests.chaos.rounds import ERROR_CHARACTERS, Figures, Ground
from load_tests.event import PARTITIONS
from load_tests.processes import Child

QUIET_S: Final = 20.0
MISSING_QUIET_S: Final = 90.0
"""While events are missing: a killed transaction hides all behind it until it times out (60 s)."""
STREAM_LIMIT_S: Final = 300.0
CATCH_UP_LIMIT_S: Final = 240.0
START_LIMIT_S: Final = 120.0
STOP_LIMIT_S: Final = 30.0
ADMIN_LIMIT_S: Final = 20.0
LOOK_S: Final = 0.1
AGAIN_AFTER_S: Final = 1.0


@dataclass
class PeerArena:
    """The running processes of a peer and the stream that they count."""

    system: System
    bootstrap: str
    group: str
    directory: Path
    stream: Publishing
    random: Random
    stack: ExitStack
    running: dict[int, Child] = field(default_factory=dict)
    """By slot; a slot has its own state directory."""
    restarts: int = 0
    """Processes that ended by themselves."""
    marks: list[tuple[float, int]] = field(default_factory=list)
    """(time, records handed over by then)."""

    def start(self, slot: int) -> None:
        """Start the process of this slot (again)."""
        state = self.directory / f"state-{slot}"
        state.mkdir(exist_ok=True)
        command = [str(self.system.python()), "-m", f"load_tests.chaos.peers.{self.system.module}"]
        environment = {
            "PEER_BROKER": self.bootstrap,
            "PEER_GROUP": self.group,
            "PEER_TOPIC": f"{self.group}-events",
            "PEER_COUNTS": f"{self.group}-out",
            "PEER_STATE": str(state),
            "PEER_GUARANTEE": self.system.guarantee,
        }
        log = self.directory / f"peer-{slot}-{monotonic():.0f}.log"
        child = Child([*command, *self.system.arguments], self.directory, log, environment)
        self.running[slot] = self.stack.enter_context(child)

    def any_slot(self) -> int:
        """A running process, by chance."""
        return self.random.choice(sorted(self.running))

    def end(self, slot: int, number: signal.Signals) -> None:
        """Signal it and wait for its end."""
        process = self.running.pop(slot).process
        os.kill(process.pid, number)
        process.wait(STOP_LIMIT_S)

    def mark(self) -> None:
        """It hurts from now on."""
        self.marks.append((monotonic(), self.stream.sent))

    def wait_until(self, share: float) -> None:
        """Until so much was published; brings back what ended by itself meanwhile."""
        while self.stream.is_alive() and self.stream.fraction < share:
            self.supervise()
            sleep(LOOK_S)

    def supervise(self) -> None:
        """Start again what ended by itself."""
        for slot, child in list(self.running.items()):
            if child.process.poll() is not None:
                sleep(AGAIN_AFTER_S)
                self.restarts += 1
                self.start(slot)

    def moments(self, count: int, latest: float) -> Iterator[float]:
        """As :meth:`load_tests.chaos.arena.Arena.moments`."""
        piece = (latest - 0.15) / count
        for number in range(count):
            at = 0.15 + piece * (number + self.random.random())
            self.wait_until(at)
            yield at


def kill(place: PeerArena) -> None:
    """SIGKILL to one of two at two seeded moments; back at once."""
    for _ in place.moments(2, latest=0.7):
        slot = place.any_slot()
        place.mark()
        place.end(slot, signal.SIGKILL)
        place.start(slot)


def join_and_leave(place: PeerArena) -> None:
    """Two join and two leave (SIGTERM)."""
    for number, _ in enumerate(place.moments(4, latest=0.8)):
        place.mark()
        if number < 2:
            place.start(number + 1)
        else:
            place.end(place.any_slot(), signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class PeerFault:
    """A fault that peers are given too."""

    name: str
    inject: Callable[[PeerArena], None]
    workers: int
    rate: float


PEER_FAULTS: Final = (
    PeerFault("kill", kill, 2, 10_000.0),
    PeerFault("join_and_leave", join_and_leave, 1, 5_000.0),
)


def run_peer_round(
    ground: Ground, system: System, fault: PeerFault, number: int, seed: int, events: int
) -> Figures:
    """Round ``number``; an ``error`` in the figures when it could not be run."""
    began = monotonic()
    figures: Figures = {
        "fault": f"{system.name}/{fault.name}",
        "round": number,
        "seed": seed,
        "asked": events,
        "events": events,
        "peer": system.name,
    }
    group = f"{system.name}-{fault.name}-{number}-{int(began * 1_000):x}".replace("_", "-")
    try:
        with ExitStack() as stack:
            figures |= _play(ground, system, fault, group, (seed, number, events), stack)
    except Exception as error:  # noqa: BLE001 - one round must not cost the others
        where = traceback.extract_tb(error.__traceback__)[-1]
        words = " ".join(str(error).split())[:ERROR_CHARACTERS]
        figures["error"] = f"{type(error).__name__} in {where.name}: {words}"
    figures["seconds"] = round(monotonic() - began, 1)
    return figures


def _play(
    ground: Ground,
    system: System,
    fault: PeerFault,
    group: str,
    which: tuple[int, int, int],
    stack: ExitStack,
) -> Figures:
    seed, number, events = which
    bootstrap, directory = ground.broker.bootstrap, ground.directory / group
    directory.mkdir(parents=True)
    recording = ground.studio.recording(Recipe(), seed + number, events)
    recording = replace(recording, records=recording.records[: recording.events])
    _make_topics(bootstrap, [f"{group}-events", f"{group}-out"])
    stream = Publishing(bootstrap, f"{group}-events", recording, fault.rate)
    stack.callback(_forget, bootstrap, group)
    counts = Counts(bootstrap, group, system)
    counts.start()
    stack.callback(counts.stop)
    random = Random(f"{fault.name}/{number}/{seed}")
    place = PeerArena(system, bootstrap, group, directory, stream, random, stack)
    for slot in range(fault.workers):
        place.start(slot)
    _await_members(place)
    stream.start()
    stack.callback(stream.stop)
    fault.inject(place)
    place.wait_until(1.0)
    stream.finish(STREAM_LIMIT_S)
    _await_quiet(place, counts, events)
    expected = Counter(cell_of(orjson.loads(record.value)) for record in recording.records)
    found = counts.per_cell()
    cells = sorted(expected.keys() | found.keys())
    lost, doubled = differences((expected[c] for c in cells), (found.get(c, 0) for c in cells))
    recoveries = [_recovery_s(counts, mark) for mark in place.marks]
    return {
        "lost": lost,
        "doubled": doubled,
        "restarts": place.restarts,
        "recovery_s": [s if s is None else round(s, 2) for s in recoveries],
    }


def _make_topics(bootstrap: str, names: list[str]) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    for answer in admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names]).values():
        answer.result(ADMIN_LIMIT_S)


def _forget(bootstrap: str, group: str) -> None:
    """Delete every topic that carries the group's name."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    names = [name for name in admin.list_topics(timeout=ADMIN_LIMIT_S).topics if group in name]
    for answer in admin.delete_topics(names).values() if names else ():
        answer.result(ADMIN_LIMIT_S)


def _await_members(place: PeerArena) -> None:
    """Until the group has every partition of the events."""
    admin = AdminClient({"bootstrap.servers": place.bootstrap, "log_level": 0})
    end = monotonic() + START_LIMIT_S
    while True:
        try:
            group = admin.describe_consumer_groups([place.group])[place.group].result(ADMIN_LIMIT_S)
            held = [tp for m in group.members for tp in m.assignment.topic_partitions]
        except (KafkaException, TimeoutError):
            held = []
        if sum(tp.topic == f"{place.group}-events" for tp in held) == PARTITIONS:
            return
        if monotonic() > end:
            logs = [child.log_tail() for child in place.running.values()]
            raise TimeoutError(f"{place.system.name} did not start: {logs}")
        place.supervise()
        sleep(LOOK_S)


def _await_quiet(place: PeerArena, counts: Counts, events: int) -> None:
    end = monotonic() + CATCH_UP_LIMIT_S
    while monotonic() < end:
        place.supervise()
        changed_at, total = counts.totals[-1] if counts.totals else (0.0, 0)
        quiet_s = QUIET_S if total >= events else MISSING_QUIET_S
        if monotonic() - max(changed_at, place.marks[-1][0]) > quiet_s:
            return
        sleep(LOOK_S)


def _recovery_s(counts: Counts, mark: tuple[float, int]) -> float | None:
    """Seconds until as many events were counted as had been published at the mark."""
    at_s, published = mark
    reached = (at for at, total in counts.totals if at >= at_s and total >= published)
    first = min(reached, default=None)
    return None if first is None else first - at_s
