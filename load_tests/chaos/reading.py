"""Reads what the workers say: one reader during the faults, one after them.

Rule.  A consumer downstream sees the output topics while things break, so what it saw must be what
a reader afterwards finds: a record that one of them has and the other has not is a fault of its
own.  Readers are of no group, so no rebalance of theirs can hide anything.
"""

from __future__ import annotations

import threading
from datetime import datetime
from time import monotonic
from typing import Any, Final

import orjson
from confluent_kafka import Consumer, KafkaException, TopicPartition

from load_tests.event import PARTITIONS
from tests.kafka.longshore_run import DECIDED, Records

TAKE: Final = 500
WAIT_S: Final = 0.1
OFFSETS_LIMIT_S: Final = 20.0
AFTER_LIMIT_S: Final = 60.0


def consumer(bootstrap: str, group: str, **more: Any) -> Consumer:  # noqa: ANN401 - options
    """A consumer that is only ever assigned."""
    options = {
        "bootstrap.servers": bootstrap,
        "group.id": group,
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "fetch.queue.backoff.ms": 20,
        "log_level": 0,
    }
    return Consumer(options | more)


def log_sizes(bootstrap: str, topic: str, partitions: int = PARTITIONS) -> list[tuple[int, int]]:
    """[first, end) of each partition."""
    reader = consumer(bootstrap, f"{topic}-sizes")
    try:
        return [
            reader.get_watermark_offsets(TopicPartition(topic, p), timeout=OFFSETS_LIMIT_S)
            for p in range(partitions)
        ]
    finally:
        reader.close()


def instant_ms(text: str) -> int:
    """RFC 3339 -> epoch ms."""
    return int(datetime.fromisoformat(text).timestamp() * 1_000)


class Reading(threading.Thread):
    """Reads the decided topics from their start until it is stopped."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        super().__init__(name="reading", daemon=True)
        self.found: Records = {name: [] for name in DECIDED}
        self.judged: list[tuple[float, int]] = []
        """(arrival by ``monotonic``, end of the window in epoch ms) of every judgement."""
        self._prefix = prefix
        self._stopping = threading.Event()
        self._reader = consumer(bootstrap, f"{prefix}during")
        self._reader.assign(
            [TopicPartition(prefix + name, p, 0) for name in DECIDED for p in range(PARTITIONS)]
        )

    def run(self) -> None:
        """Read; a broker that is away is waited for."""
        while not self._stopping.is_set():
            for message in self._reader.consume(TAKE, WAIT_S):
                if message.error() is None:
                    self._take(message)
        self._reader.close()

    def _take(self, message: Any) -> None:  # noqa: ANN401 - untyped client
        name = (message.topic() or "").removeprefix(self._prefix)
        value = message.value() or b""
        if name == "judgements":
            self.judged.append((monotonic(), instant_ms(orjson.loads(value)["end"])))
        self.found[name].append(value)

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        self.join(OFFSETS_LIMIT_S)


def read_after(bootstrap: str, prefix: str) -> Records:
    """Everything in the decided topics now; TimeoutError when it cannot be read in time."""
    found: Records = {name: [] for name in DECIDED}
    bounds = {name: log_sizes(bootstrap, prefix + name) for name in DECIDED}
    left = sum(end - first for sizes in bounds.values() for first, end in sizes)
    reader = consumer(bootstrap, f"{prefix}after")
    try:
        reader.assign(
            [
                TopicPartition(prefix + name, p, sizes[p][0])
                for name, sizes in bounds.items()
                for p in range(PARTITIONS)
            ]
        )
        end = monotonic() + AFTER_LIMIT_S
        while left > 0:
            if monotonic() > end:
                raise TimeoutError(f"{left} output records not read in {AFTER_LIMIT_S:g} s")
            for message in reader.consume(TAKE, WAIT_S):
                if message.error() is None:
                    topic = message.topic() or ""
                    found[topic.removeprefix(prefix)].append(message.value() or b"")
                    left -= 1
    except KafkaException as error:
        raise TimeoutError(f"output topics: {error.args[0].str()}") from error
    finally:
        reader.close()
    return found
