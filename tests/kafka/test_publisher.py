"""The publisher against a real broker: everything arrives, in the partition that murmur2 says."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from itertools import chain

import numpy as np
import orjson
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from detectors.kernels import murmur2_partitions
from streams.publisher import Publisher
from tests.kafka.broker import RealBroker

PARTITIONS = 4


def make_topics(broker: str, *names: str) -> None:
    """Create topics of PARTITIONS partitions."""
    admin = AdminClient({"bootstrap.servers": broker})
    for future in admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names]).values():
        future.result(20)


def read_all(broker: str, topic: str) -> list[tuple[int, bytes | None, bytes]]:
    """(partition, key, value) of all records of a topic, by partition and offset."""
    reader = Consumer({"bootstrap.servers": broker, "group.id": "reader"})
    places = [TopicPartition(topic, p) for p in range(PARTITIONS)]
    ends = sum(reader.get_watermark_offsets(place, timeout=20)[1] for place in places)
    reader.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in range(PARTITIONS)])
    found: list[tuple[int, int, bytes | None, bytes]] = []
    deadline = time.monotonic() + 20
    while len(found) < ends and time.monotonic() < deadline:
        for message in reader.consume(1_000, 0.2):
            assert message.error() is None
            found.append((message.partition(), message.offset(), message.key(), message.value()))
    reader.close()
    assert len(found) == ends
    return [(partition, key, value) for partition, _, key, value in sorted(found)]


def murmur2_partition(key: bytes) -> int:
    """Where Java's default partitioner puts a key."""
    return int(
        murmur2_partitions(np.frombuffer(key, np.uint8), np.array([len(key)]), PARTITIONS)[0]
    )


def test_every_event_arrives_where_murmur2_says(
    kafka: str, topic_prefix: Callable[[], str]
) -> None:
    """From several threads, with odd ids: all arrive once, whole, in the partition of their id, and
    each thread's events of one partition in order."""
    prefix = topic_prefix()
    make_topics(kafka, f"{prefix}predictions", f"{prefix}labels")
    ids = [
        [f"{thread}-{number}-é€😀"[: 4 + number % 9] + str(number) for number in range(600)]
        for thread in "abc"
    ]
    with Publisher(kafka, prefix=prefix) as publisher:

        def publish(mine: list[str]) -> None:
            for number, event_id in enumerate(mine):
                assert publisher.prediction(event_id, "m", "1", ts=number, score=0.5)
                assert publisher.label(event_id, "m", 1, ts=number)

        threads = [threading.Thread(target=publish, args=(mine,)) for mine in ids]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert publisher.flush(30)
        assert publisher.published == 2 * 3 * 600
        assert (publisher.failed, publisher.dropped, publisher.pending) == (0, {}, 0)
    for role in ("predictions", "labels"):
        records = read_all(kafka, prefix + role)
        assert sorted(key.decode() for _, key, _ in records if key) == sorted(chain(*ids))
        for partition, key, value in records:
            assert key is not None
            assert orjson.loads(value)["event_id"].encode() == key
            assert partition == murmur2_partition(key)
        for mine in ids:
            wanted = [
                i for p in range(PARTITIONS) for i in mine if murmur2_partition(i.encode()) == p
            ]
            assert [
                key.decode() for _, key, _ in records if key and key.decode() in set(mine)
            ] == wanted


def test_a_heartbeat_goes_to_every_partition(kafka: str, topic_prefix: Callable[[], str]) -> None:
    """One heartbeat is one record per partition of each topic named, and is counted so."""
    prefix = topic_prefix()
    make_topics(kafka, f"{prefix}predictions", f"{prefix}labels")
    with Publisher(kafka, prefix=prefix) as publisher:
        assert publisher.heartbeat("m", ts=7, topics=("predictions", "labels"))
        assert publisher.flush(30)
        assert publisher.published == 2 * PARTITIONS
    for role in ("predictions", "labels"):
        records = read_all(kafka, prefix + role)
        assert [partition for partition, _, _ in records] == list(range(PARTITIONS))
        beat = {"heartbeat": True, "model": "m", "ts": 7}
        assert all(orjson.loads(value) == beat for _, _, value in records)


def test_a_missing_topic_fails_its_own_records_only(
    kafka: str, topic_prefix: Callable[[], str]
) -> None:
    """Labels without a topic fail and are counted; the predictions arrive."""
    prefix = topic_prefix()
    make_topics(kafka, f"{prefix}predictions")
    with Publisher(kafka, prefix=prefix) as publisher:
        for number in range(20):
            publisher.label(f"e{number}", "m", 1)
            publisher.prediction(f"e{number}", "m", "1", score=0.1)
        assert publisher.flush(40)
        assert (publisher.published, publisher.failed) == (20, 20)
        assert publisher.last_error is not None
    assert len(read_all(kafka, f"{prefix}predictions")) == 20


def test_what_was_queued_before_the_broker_came_arrives(
    private_broker: RealBroker, topic_prefix: Callable[[], str]
) -> None:
    """A service may start before its broker: nothing of what the queue holds is lost."""
    prefix = topic_prefix()
    make_topics(private_broker.bootstrap, f"{prefix}predictions")
    private_broker.stop()
    with Publisher(private_broker.bootstrap, prefix=prefix) as publisher:
        for number in range(500):
            assert publisher.prediction(f"e{number}", "m", "1", score=0.1)
        assert publisher.flush(0.5) is False
        private_broker.start()
        assert publisher.flush(60)
        assert (publisher.published, publisher.failed, publisher.dropped) == (500, 0, {})
