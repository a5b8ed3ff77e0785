"""What the feed hands out: fetched records of one partition, in the shape that its agent wants.

Rule.  Nothing is done per record in Python that can be done per batch; order within a partition is
kept, and lists are parallel.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress, islice, pairwise
from operator import ne
from typing import cast

from confluent_kafka import Message

from engine.records import Headers, RecordBatch
from engine.spec import Topic
from streams.starting_offsets import Source


@dataclass(frozen=True, slots=True)
class PanesBatch:
    """Fetched records of one partition of the panes topic, in offset order."""

    partition: int
    offsets: list[int]
    values: list[bytes | None]

    def __len__(self) -> int:
        return len(self.offsets)


Batch = RecordBatch | PanesBatch


def by_partition(messages: list[Message]) -> list[tuple[str, int, list[Message]]]:
    """Group by (topic, partition), order within each kept.

    librdkafka hands out runs of one partition: the list is cut where one ends.  Comparing
    neighbours in C costs a tenth of a loop over the messages.
    """
    partitions = list(map(Message.partition, messages))
    names = list(map(Message.topic, messages))
    count = len(messages)
    cuts = {0, count}
    cuts.update(compress(range(1, count), map(ne, partitions, islice(partitions, 1, None))))
    cuts.update(compress(range(1, count), map(ne, names, islice(names, 1, None))))
    edges = sorted(cuts)
    groups: dict[tuple[str, int], list[Message]] = {}
    for start, end in pairwise(edges):
        source = (cast("str", names[start]), cast("int", partitions[start]))
        groups.setdefault(source, []).extend(messages[start:end])
    return [(name, partition, run) for (name, partition), run in groups.items()]


def batch_of(source: Source, run: list[Message]) -> Batch:
    """Messages of one source as a batch."""
    role, partition = source
    offsets = cast("list[int]", list(map(Message.offset, run)))
    values = cast("list[bytes | None]", list(map(Message.value, run)))
    if role == "panes":
        return PanesBatch(partition, offsets, values)
    headers = list(map(Message.headers, run))
    return RecordBatch(
        topic=cast("Topic", role),
        partition=partition,
        offsets=offsets,
        timestamps_ms=[stamp[1] for stamp in map(Message.timestamp, run)],
        keys=cast("list[bytes | None]", list(map(Message.key, run))),
        values=values,
        headers=cast("list[Headers | None]", headers) if any(headers) else None,
    )
