"""Reads and rewrites the snapshots topic while no worker runs, as a bad hand or a bad disk would.

Rule.  Damage is done through the protocol, by records of the same keys: what a broken disk, an
older program or an operator's mistake leaves is a topic with other contents.  The one thing known
of a head is that it is a MessagePack array whose first element is its schema.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from load_tests.chaos.reading import consumer, log_sizes

HEAD: Final = re.compile(rb"^tally/(\d+)/(\d+)$")
JUDGES_HEAD: Final = re.compile(rb"^judge/[^/]+/\d+$")
LIMIT_S: Final = 30.0
FUTURE: Final = 98
"""Added to the schema of a head."""

Found = tuple[int, bytes]
"""Partition, value."""
Damage = Callable[[bytes, Mapping[bytes, Found]], bytes | None]
"""(newest head's key, all records) -> its new value; None deletes it."""


def newest_records(bootstrap: str, topic: str) -> dict[bytes, Found]:
    """Key -> partition and value of every record that compaction would keep."""
    found: dict[bytes, Found] = {}
    for partition, key, value in all_records(bootstrap, topic):
        if value is None:
            found.pop(key, None)
        else:
            found[key] = (partition, value)
    return found


def all_records(bootstrap: str, topic: str) -> Iterator[tuple[int, bytes, bytes | None]]:
    """(partition, key, value) of every record that is in the log now."""
    sizes = log_sizes(bootstrap, topic)
    reader = consumer(bootstrap, f"{topic}-damage", **{"enable.partition.eof": True})
    reader.assign([TopicPartition(topic, p, first) for p, (first, _) in enumerate(sizes)])
    ended: set[int] = set()
    try:
        while len(ended) < len(sizes):
            message = reader.poll(LIMIT_S)
            assert message is not None, f"{topic} cannot be read to its end"
            if message.error() is not None:
                ended.add(message.partition())
            else:
                yield message.partition(), message.key(), message.value()
    finally:
        reader.close()


def damage_heads(bootstrap: str, topic: str, damage: Damage) -> int:
    """Do it to the newest head of every tally; how many there were."""
    records = newest_records(bootstrap, topic)
    newest: dict[bytes, tuple[int, bytes]] = {}
    for key in records:
        match = HEAD.match(key)
        if match:
            newest[match[1]] = max(newest.get(match[1], (-1, b"")), (int(match[2]), key))
    producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0})
    for _, key in newest.values():
        producer.produce(topic, damage(key, records), key, partition=records[key][0])
    left = producer.flush(LIMIT_S)
    assert left == 0, "the damage did not reach the broker"
    return len(newest)


def torn(key: bytes, records: Mapping[bytes, Found]) -> bytes:
    """The first half of the head."""
    value = records[key][1]
    return value[: len(value) // 2]


def of_the_future(key: bytes, records: Mapping[bytes, Found]) -> bytes:
    """The head with a schema that this version does not know."""
    fields: Any = msgspec.msgpack.decode(records[key][1])
    assert isinstance(fields, list), "a head is no array any more: change this file"
    return msgspec.msgpack.encode([fields[0] + FUTURE, *fields[1:]])


def foreign(key: bytes, records: Mapping[bytes, Found]) -> bytes:
    """The head of another kind of state: a judge's under a tally's key."""
    assert not JUDGES_HEAD.match(key)
    heads = (value for other, (_, value) in sorted(records.items()) if JUDGES_HEAD.match(other))
    return next(heads)


def delete_before(bootstrap: str, topic: str, offsets: list[int]) -> None:
    """Remove the records of each partition below its offset, as retention does."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    asked = [TopicPartition(topic, p, offset) for p, offset in enumerate(offsets)]
    for answer in admin.delete_records(asked).values():
        answer.result(LIMIT_S)
