"""Topics of the benchmark: made, filled with lz4 batches keyed as a service would key, removed.

Rule.  One record per event, key = UTF-8 event_id, Java's murmur2, so per-partition order is the
generator's order whatever the timing of the producer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from load_tests.event import PARTITIONS
from load_tests.generator import event_id

ADMIN_TIMEOUT_S = 20.0
FLUSH_TIMEOUT_S = 60.0
QUEUE_RECORDS = 200_000
SEGMENT_BYTES = 128 * 1024 * 1024
BY_KEY = -1


class LoadError(RuntimeError):
    """The broker did not take what the benchmark sent."""


def create_topics(
    bootstrap: str,
    names: Iterable[str],
    *,
    append_time: bool = False,
    kept_bytes: int | None = None,
) -> None:
    """Create topics of PARTITIONS partitions; ``append_time`` makes the broker stamp the records,
    ``kept_bytes`` bounds what it keeps of a partition.

    Raises LoadError when the broker refuses.
    """
    config = {"segment.bytes": str(SEGMENT_BYTES)}
    if kept_bytes is not None:
        config["segment.bytes"] = str(min(SEGMENT_BYTES, kept_bytes // 2))
        config["retention.bytes"] = str(kept_bytes)
    if append_time:
        config["message.timestamp.type"] = "LogAppendTime"
    topics = [NewTopic(name, PARTITIONS, 1, config=config) for name in names]
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 3})
    for name, future in admin.create_topics(topics).items():
        try:
            future.result(timeout=ADMIN_TIMEOUT_S)
        except KafkaException as error:
            raise LoadError(f"topic {name} could not be created: {error}") from error


def delete_topics(bootstrap: str, prefix: str) -> None:
    """Remove every topic whose name starts with ``prefix``."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 3})
    names = [n for n in admin.list_topics(timeout=ADMIN_TIMEOUT_S).topics if n.startswith(prefix)]
    if names:
        for future in admin.delete_topics(names).values():
            future.result(timeout=ADMIN_TIMEOUT_S)


class Sender:
    """A lz4 producer that waits when its queue is full and counts what the broker refused."""

    def __init__(self, bootstrap: str, linger_ms: int = 20) -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "compression.type": "lz4",
                "partitioner": "murmur2_random",
                "linger.ms": linger_ms,
                # A broker that has just started makes the idempotent producer wait and say so.
                "log_level": 3,
                "acks": "all",
                "enable.idempotence": True,
                "queue.buffering.max.messages": QUEUE_RECORDS,
            }
        )
        self._refused: list[str] = []
        self._acknowledged: Callable[[Message], None] | None = None
        self._producer.poll(0)

    def on_append(self, acknowledged: Callable[[Message], None]) -> None:
        """Call back for every record that the broker took."""
        self._acknowledged = acknowledged

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._refused.append(str(error))
        elif self._acknowledged is not None:
            self._acknowledged(message)

    def send(self, topic: str, key: bytes, value: bytes, partition: int = BY_KEY) -> None:
        """Queue one record, in the partition of its key unless told otherwise."""
        while True:
            try:
                self._producer.produce(topic, value, key, partition, on_delivery=self._delivered)
            except BufferError:
                self._producer.poll(0.05)
            else:
                return

    def poll(self, seconds: float = 0.0) -> None:
        """Serve delivery reports."""
        self._producer.poll(seconds)

    def flush(self) -> None:
        """Wait until everything is with the broker; LoadError when something is not."""
        left = self._producer.flush(FLUSH_TIMEOUT_S)
        if left or self._refused:
            reasons = sorted(set(self._refused))
            raise LoadError(f"{left} records unsent, {len(self._refused)} refused: {reasons}")


def load(
    bootstrap: str,
    topics: Iterable[str],
    seed: int,
    blocks: Iterable[tuple[int, list[bytes]]],
    progress: Callable[[int], None],
) -> int:
    """Write every block to every topic; returns the bytes of one topic's values.

    Raises LoadError when a record was refused.
    """
    keyed = (
        [(event_id(seed, first + i).encode(), event) for i, event in enumerate(events)]
        for first, events in blocks
    )
    return load_keyed(bootstrap, topics, keyed, progress)


def load_keyed(
    bootstrap: str,
    topics: Iterable[str],
    blocks: Iterable[list[tuple[bytes, bytes]]],
    progress: Callable[[int], None],
) -> int:
    """The same of (key, value)."""
    sender = Sender(bootstrap)
    names = list(topics)
    value_bytes = 0
    for block in blocks:
        for topic in names:
            for key, value in block:
                sender.send(topic, key, value)
            sender.poll()
        value_bytes += sum(len(value) for _, value in block)
        progress(len(block))
    sender.flush()
    return value_bytes
