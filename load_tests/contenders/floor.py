"""The floor: confluent-kafka ``consume`` and a typed msgspec decode, and nothing else.

Rule.  No reader that looks at the fields of an event in Python can be faster than this, so it is
the yardstick for what the rest of a worker costs.
"""

from __future__ import annotations

import msgspec
from confluent_kafka import Consumer, TopicPartition

from load_tests.contenders.protocol import Stopwatch, read_assignment
from load_tests.event import CATEGORICAL, NUMERIC, PARTITIONS

BATCH = 4_000


def main() -> None:
    """Run once."""
    assignment = read_assignment()
    typed = [(name, float) for name in NUMERIC] + [(name, str) for name in CATEGORICAL]
    features = msgspec.defstruct("Features", typed)
    event = msgspec.defstruct(
        "Event",
        [
            ("event_id", str),
            ("model", str),
            ("version", str),
            ("ts", int),
            ("features", features),
            ("score", float),
            ("decision", int),
        ],
    )
    decode = msgspec.json.Decoder(event).decode
    consumer = Consumer(
        {
            "bootstrap.servers": assignment.bootstrap,
            "group.id": assignment.group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "fetch.queue.backoff.ms": 10,
        }
    )
    consumer.assign([TopicPartition(assignment.topic, p, 0) for p in range(PARTITIONS)])
    stopwatch = Stopwatch()
    seen = 0
    while seen < assignment.events:
        messages = consumer.consume(BATCH, 0.1)
        if messages and not seen:
            stopwatch.start()
        for message in messages:
            decode(message.value())
        seen += len(messages)
    stopwatch.report(seen)
    consumer.close()


if __name__ == "__main__":
    main()
