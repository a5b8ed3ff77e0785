"""What an engineer writes by hand: a confluent-kafka loop with orjson and River."""

from __future__ import annotations

import orjson
from confluent_kafka import Consumer

from load_tests.contenders.full_work import FullWork
from load_tests.contenders.protocol import Stopwatch, read_assignment
from load_tests.event import PARTITIONS

BATCH = 1_000


def main() -> None:
    """Run once."""
    assignment = read_assignment()
    work = FullWork(assignment.edges, PARTITIONS)
    updates = [partition.update for partition in work.partitions]
    consumer = Consumer(
        {
            "bootstrap.servers": assignment.bootstrap,
            "group.id": assignment.group,
            "auto.offset.reset": "earliest",
            "fetch.queue.backoff.ms": 10,
        }
    )
    consumer.subscribe([assignment.topic])
    stopwatch = Stopwatch()
    loads = orjson.loads
    seen = 0
    while seen < assignment.events:
        messages = consumer.consume(BATCH, 0.1)
        if messages and not seen:
            stopwatch.start()
        for message in messages:
            updates[message.partition()](loads(message.value())["features"])
        seen += len(messages)
    stopwatch.report(seen, work.counted(), work.alarms())
    consumer.close()


if __name__ == "__main__":
    main()
