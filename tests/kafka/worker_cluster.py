"""Starts worker processes over the fake core, feeds them and checks what they say.

Rule.  The log itself is the oracle: the chain over the first n records of a partition is computed
here, and every judgement must state exactly it.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import defaultdict
from types import TracebackType
from typing import Final, Self, TextIO

import msgspec
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from tests.kafka.fake_core import Told, chained
from tests.kafka.forked_process import WORKER, ForkedProcess

PARTITIONS: Final = 4
QUICK: Final = {
    "http_port": 0,
    "snapshot_interval_s": 1.0,
    "session_timeout_s": 3.0,
    "refusal_shown_s": 0.0,
    "heartbeat_interval_s": 0.5,
}
"""Settings of every worker here; the session time-out decides how long a killed one is missed."""


HARMLESS: Final = (
    KafkaError._PARTITION_EOF,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TRANSPORT,
)
"""What a reader is told while a broker is away or a log has no more."""


class EmbeddedBroker:
    """librdkafka's in-process broker."""

    def __init__(self) -> None:
        self._owner = Producer({"test.mock.num.brokers": 1, "log_level": 0})
        broker = next(iter(self._owner.list_topics(timeout=10).brokers.values()))
        self.bootstrap = f"{broker.host}:{broker.port}"


class Log:
    """Writes records and remembers the chain after each, per (topic, partition)."""

    def __init__(self, bootstrap: str, prefix: str = "drift.", compression: str = "lz4") -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "linger.ms": 5,
                "compression.type": compression,
                "message.max.bytes": 20_000_000,
                "log_level": 0,
            }
        )
        self.prefix = prefix
        self.chains: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0])
        self._written = 0

    def write(self, topic: str, count: int, partitions: int = PARTITIONS) -> None:
        """Append ``count`` distinct records, one partition after the other."""
        for _ in range(count):
            self.put(topic, self._written % partitions, f"{topic} {self._written}".encode())
        assert self._producer.flush(30) == 0, "the broker did not take the records"

    def put(self, topic: str, partition: int, value: bytes) -> None:
        """Append one record; it is there after the next :meth:`write`."""
        while True:
            try:
                self._producer.produce(f"{self.prefix}{topic}", value, partition=partition)
            except BufferError:
                self._producer.poll(0.1)
            else:
                break
        chains = self.chains[topic, partition]
        chains.append(chained(chains[-1], value))
        self._written += 1

    def totals(self) -> dict[tuple[str, int], int]:
        """Records written per (topic, partition)."""
        return {source: len(chains) - 1 for source, chains in self.chains.items()}


class ClusterWorker(ForkedProcess):
    """A worker and what it says."""

    stdout: TextIO


class Workers:
    """Worker processes of one group; all are ended with the block."""

    def __init__(self, bootstrap: str, **settings: object) -> None:
        given = {"brokers": bootstrap, **QUICK, **settings}
        self._environment = {f"LONGSHORE_{name.upper()}": str(at) for name, at in given.items()}
        self.running: list[ClusterWorker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        for worker in list(self.running):
            self.kill(worker)

    def start(self, *, padding: int = 0, breaks_at: str = "") -> ClusterWorker:
        """One more worker."""
        said, saying = os.pipe()
        arguments = [str(padding), breaks_at]
        worker = ClusterWorker(WORKER, arguments, os.environ | self._environment, stdout=saying)
        os.close(saying)
        worker.stdout = os.fdopen(said)
        self.running.append(worker)
        return worker

    def settings(self, **settings: object) -> None:
        """Other settings for the workers that are started from now on."""
        self._environment |= {f"LONGSHORE_{n.upper()}": str(at) for n, at in settings.items()}

    def url(self, worker: ClusterWorker) -> str:
        """Where it serves; waits for it to say so.  Once per worker."""
        return worker.stdout.readline().strip()

    def kill(self, worker: ClusterWorker) -> None:
        """End it by SIGKILL."""
        worker.kill()
        self.ended(worker)

    def stop(self, worker: ClusterWorker, limit_s: float = 15.0) -> int:
        """SIGTERM; the exit code."""
        worker.send_signal(signal.SIGTERM)
        return self.ended(worker, limit_s)

    def ended(self, worker: ClusterWorker, limit_s: float = 60.0) -> int:
        """Wait for its end; the exit code."""
        code = worker.wait(limit_s)
        worker.stdout.close()
        self.running.remove(worker)
        return code


class Verdicts:
    """Reads the judgements topic and holds each against the log."""

    def __init__(self, bootstrap: str, log: Log) -> None:
        self._log = log
        self._reader = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"verdicts-{random.getrandbits(64)}",
                "allow.auto.create.topics": True,
                # A commit at the end would wait for a broker that is gone.
                "enable.auto.commit": False,
                "log_level": 0,
            }
        )
        name = f"{log.prefix}judgements"
        self._reader.assign([TopicPartition(name, p, 0) for p in range(PARTITIONS)])
        self.counts: dict[tuple[str, int], int] = defaultdict(int)
        self.idle: dict[int, list[str]] = {}
        self.epochs: set[int] = set()
        self.records = 0

    def read(self, seconds: float) -> None:
        """Read for this long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._take(0.2)

    def wait_for_records(self, count: int, limit_s: float) -> None:
        """Read until there were ``count`` judgements; AssertionError after ``limit_s``."""
        end = time.monotonic() + limit_s
        while self.records < count:
            assert time.monotonic() < end, f"{self.records} of {count} judgements"
            self._take(0.2)

    def wait_for_all(self, limit_s: float) -> None:
        """Read until every record of the log was counted; AssertionError after ``limit_s``."""
        end = time.monotonic() + limit_s
        while dict(self.counts) != self._log.totals():
            assert time.monotonic() < end, f"{dict(self.counts)} of {self._log.totals()}"
            self._take(0.2)

    def _take(self, wait_s: float) -> None:
        for message in self._reader.consume(500, wait_s):
            error = message.error()
            if error is not None:
                assert error.retriable() or error.code() in HARMLESS, error
                continue
            told = msgspec.json.decode(message.value() or b"", type=Told)
            self.records += 1
            self.epochs.add(told.stamp[0])
            self.idle[told.partition] = told.idle
            for topic, count in told.counts.items():
                expected = self._log.chains[topic, told.partition]
                assert told.chains[topic] == expected[count], (topic, told.partition, count)
                source = (topic, told.partition)
                self.counts[source] = max(self.counts[source], count)

    def close(self) -> None:
        """Let go of the broker."""
        self._reader.close()
