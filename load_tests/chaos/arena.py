"""One round: a stream, its workers and its readers, and what a fault may do to them.

Rule.  A mark is the moment from which recovery is measured, with the event time that had been
handed to the producer by then.  It is over when a judgement of a window that ends after that event
time has reached a reader: something downstream learned what happened after the fault.  A round
without a fault has the same delay; its row is what the others are to be compared with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from time import monotonic, sleep
from typing import Final

from confluent_kafka import TopicPartition

from load_tests.chaos.contract import Fault
from load_tests.chaos.fleet import QUICK, Fleet, Worker
from load_tests.chaos.proxied_broker import ProxiedBroker
from load_tests.chaos.proxy import Proxy
from load_tests.chaos.publishing import Publishing
from load_tests.chaos.reading import Reading, consumer, log_sizes
from load_tests.chaos.recording import Recording
from load_tests.event import PARTITIONS
from streams.settings import Settings
from streams.topics import create_topics

STREAM_LIMIT_S: Final = 300.0
EVENT_LIMIT_S: Final = 90.0
EARLIEST: Final = 0.15
LATEST: Final = 0.8
"""Faults strike between these shares of the stream."""
LOOK_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Mark:
    """When it hurt, and the event time published by then."""

    at_s: float
    published_ms: int


@dataclass
class Arena:
    """What a fault's ``inject`` is given."""

    fault: Fault
    recording: Recording
    broker: ProxiedBroker
    proxy: Proxy
    random: Random
    prefix: str
    fleet: Fleet
    stream: Publishing
    reading: Reading
    marks: list[Mark] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    """What workers said when they refused to go on."""
    said_before: dict[str, int] = field(default_factory=dict)
    """Worker -> length of its log at the first mark."""
    cut_ms: int | None = None
    """Event time up to which records are gone from the log, where a fault removed them."""

    @property
    def bootstrap(self) -> str:
        """The broker's plain listener."""
        return self.broker.bootstrap

    def topic(self, role: str) -> str:
        """The name of the topic with this role."""
        return self.prefix + role

    def mark(self) -> None:
        """It hurts from now on."""
        if not self.marks:
            self.said_before = self.fleet.log_lengths()
        self.marks.append(Mark(monotonic(), self.stream.newest_ms))

    def over(self) -> None:
        """The fault ended: recovery of the last mark is measured from now."""
        self.marks[-1] = replace(self.marks[-1], at_s=monotonic())

    # -- moments ------------------------------------------------------------------------------

    def moments(self, count: int, latest: float = LATEST) -> Iterator[float]:
        """``count`` seeded moments of the stream, one in each of as many equal pieces of it; gives
        the share published when each has come."""
        piece = (latest - EARLIEST) / count
        for number in range(count):
            at = EARLIEST + piece * (number + self.random.random())
            self.wait_until(at)
            yield at

    def wait_until(self, share: float) -> None:
        """Until so much of the stream was published."""
        end = monotonic() + STREAM_LIMIT_S
        while self.stream.is_alive() and self.stream.fraction < share:
            assert monotonic() < end, f"{self.stream.fraction:.0%} published, {share:.0%} awaited"
            sleep(LOOK_S)

    def wait_judged(self, past: int = 0) -> None:
        """Until more than ``past`` judgements were read."""
        self.wait_for(lambda: len(self.reading.judged) > past, "a judgement")

    def wait_for(self, seen: Callable[[], bool], what: str, limit_s: float = EVENT_LIMIT_S) -> None:
        """Until ``seen`` says so; AssertionError naming ``what`` otherwise."""
        end = monotonic() + limit_s
        while not seen():
            assert monotonic() < end, f"{what} was awaited for {limit_s:g} s"
            sleep(LOOK_S)

    def wait_record(self, role: str) -> None:
        """Until the next record arrives in a topic; returns within milliseconds of it."""
        sizes = log_sizes(self.bootstrap, self.topic(role))
        reader = consumer(self.bootstrap, f"{self.prefix}tail", **{"fetch.wait.max.ms": 5})
        reader.assign([TopicPartition(self.topic(role), p, n) for p, (_, n) in enumerate(sizes)])
        end = monotonic() + EVENT_LIMIT_S
        try:
            while monotonic() < end:
                message = reader.poll(0.1)
                if message is not None and message.error() is None:
                    return
        finally:
            reader.close()
        raise AssertionError(f"no record came into {role} for {EVENT_LIMIT_S:g} s")

    # -- workers ------------------------------------------------------------------------------

    def any_worker(self) -> Worker:
        """A worker that holds partitions, by chance; waits until there is one."""
        found: list[Worker] = []

        def look() -> bool:
            found[:] = [worker for worker in self.fleet.running if worker.partitions()]
            return bool(found)

        self.wait_for(look, "a worker with partitions")
        return self.random.choice(found)

    def kill_all(self) -> None:
        """SIGKILL to every worker."""
        for worker in self.fleet.running:
            self.fleet.kill(worker)

    def start_all(self, settings: Mapping[str, str] | None = None) -> None:
        """As many workers as the fault has."""
        for _ in range(self.fault.workers):
            self.fleet.start(settings)

    def refused(self, settings: Mapping[str, str] | None = None) -> None:
        """Start a worker that must refuse, and keep what it says."""
        self.refusals.append(self.fleet.await_refusal(self.fleet.start(settings)))


@contextmanager
def arena(
    fault: Fault,
    recording: Recording,
    broker: ProxiedBroker,
    proxy: Proxy,
    directory: Path,
    prefix: str,
    random: Random,
) -> Iterator[Arena]:
    """Topics, readers and ready workers; the stream is not started yet.  Ends everything."""
    bootstrap = broker.bootstrap
    create_topics(Settings(brokers=(bootstrap,), prefix=prefix, partitions=PARTITIONS))
    reached = f"127.0.0.1:{proxy.port}" if fault.proxied else bootstrap
    here = {"BROKERS": reached, "PREFIX": prefix, "GROUP": prefix.strip(".")}
    environment = QUICK | here | fault.settings
    directory.mkdir(parents=True)
    fleet = Fleet(directory, environment, recording.model)
    reading = Reading(bootstrap, prefix)
    stream = Publishing(bootstrap, f"{prefix}predictions", recording, fault.rate)
    reading.start()
    try:
        for _ in range(fault.workers):
            fleet.start(fault.each)
        fleet.await_ready(PARTITIONS)
        yield Arena(fault, recording, broker, proxy, random, prefix, fleet, stream, reading)
    finally:
        if stream.ident is not None:
            stream.stop()
        reading.stop()
        fleet.close()
        proxy.mend()
