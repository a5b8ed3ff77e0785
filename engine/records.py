"""One fetched batch of Kafka records of one partition, as parallel lists."""

from __future__ import annotations

from dataclasses import dataclass

from engine.spec import Topic

Headers = list[tuple[str, bytes | None]]
"""A header's value may be null on the broker."""


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Records of one partition of one input topic in offset order; all lists have one length.

    ``topic`` is the role (``predictions``), not the prefixed name on the broker.
    """

    topic: Topic
    partition: int
    offsets: list[int]
    timestamps_ms: list[int]
    """The record's Kafka time (CreateTime or LogAppendTime); -1 in a file, which has none."""
    keys: list[bytes | None]
    values: list[bytes | None]
    headers: list[Headers | None] | None = None
    """None when no record of the batch has any."""

    def __len__(self) -> int:
        return len(self.offsets)

    def part(self, rows: slice) -> RecordBatch:
        """Some of the records, in their order."""
        return RecordBatch(
            self.topic,
            self.partition,
            self.offsets[rows],
            self.timestamps_ms[rows],
            self.keys[rows],
            self.values[rows],
            None if self.headers is None else self.headers[rows],
        )
