"""Starts worker processes over the fake core, feeds them and checks what they say.

Rule.  The log itself is the oracle: the chain over the first n records of a partition is computed
here, and every judgement must state exactly it.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from tests.kafka.fake_core import Told, chained

PARTITIONS: Final = 4
ROOT: Final = Path(__file__).parents[2]


class EmbeddedBroker:
    """librdkafka's in-process broker."""

    def __init__(self) -> None:
        self._owner = Producer({"test.mock.num.brokers": 1, "log_level": 0})
        broker = next(iter(self._owner.list_topics(timeout=10).brokers.values()))
        self.bootstrap = f"{broker.host}:{broker.port}"


class Log:
    """Writes records and remembers the chain after each, per (topic, partition)."""

    def __init__(self, bootstrap: str, compression: str = "lz4") -> None:
        self._producer = Producer(
            {"bootstrap.servers": bootstrap, "linger.ms": 5, "compression.type": compression}
        )
        self.chains: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0])
        self._written = 0

    def write(self, topic: str, count: int, partitions: int = PARTITIONS) -> None:
        """Append ``count`` distinct records, partition by partition in turn."""
        for _ in range(count):
            partition = self._written % partitions
            value = f"{topic} {self._written}".encode()
            self._produce(topic, partition, value)
            self._written += 1
        self._producer.flush(30)

    def _produce(self, topic: str, partition: int, value: bytes) -> None:
        while True:
            try:
                self._producer.produce(f"drift.{topic}", value, partition=partition)
            except BufferError:
                self._producer.poll(0.1)
            else:
                break
        chains = self.chains[topic, partition]
        chains.append(chained(chains[-1], value))

    def totals(self) -> dict[tuple[str, int], int]:
        """Records written per (topic, partition)."""
        return {source: len(chains) - 1 for source, chains in self.chains.items()}


class Workers:
    """Worker processes on one broker; all are ended with the block."""

    def __init__(self, bootstrap: str, *, embedded: bool, padding: int = 0) -> None:
        self._bootstrap = bootstrap
        self._embedded = embedded
        self._padding = padding
        self.running: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        for worker in self.running:
            worker.kill()
            worker.wait()

    def start(self) -> subprocess.Popen[str]:
        """One more worker."""
        command = [sys.executable, "-m", "tests.kafka.worker_process", self._bootstrap]
        command += ["1" if self._embedded else "0", str(self._padding)]
        worker = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        self.running.append(worker)
        return worker

    def kill(self, worker: subprocess.Popen[str]) -> None:
        """kill -9."""
        worker.kill()
        worker.wait()
        self.running.remove(worker)

    def stop(self, worker: subprocess.Popen[str], limit_s: float = 15.0) -> int:
        """SIGTERM; the exit code."""
        worker.send_signal(signal.SIGTERM)
        code = worker.wait(limit_s)
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
            }
        )
        self._reader.assign([TopicPartition("drift.judgements", p, 0) for p in range(PARTITIONS)])
        self.counts: dict[tuple[str, int], int] = defaultdict(int)
        self.idle: dict[int, list[str]] = {}
        self.epochs: set[int] = set()
        self.records = 0

    def read(self, seconds: float) -> None:
        """Read for this long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
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
                assert error.code() == KafkaError._PARTITION_EOF or error.retriable(), error
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
