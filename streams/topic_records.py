"""The output topics, copied into files: what a report reads where no replay wrote them.

Rule.  A plain consumer reads every partition from its oldest record to the end that it had when it
was asked for, joins no group and commits nothing, so it takes nothing from anybody.  Of records of
one model only those of that model are copied; dead letters and late ones have no model and are
copied whole.  What is copied is bounded (MAX_COPIED_BYTES), and so is the time that a broker may be
silent.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any, BinaryIO, Final

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from engine.effects import OutputTopic, Publish
from streams.clients import librdkafka_reader_options
from streams.replay import FILES, line_of
from streams.settings import Settings
from streams.topics import CARRIES_RAW_RECORDS, topic_name

MAX_COPIED_BYTES: Final = 8_589_934_592
"""Of all topics together; of more a report has to be asked of what a replay wrote."""
ASK_WAIT_S: Final = 10.0
SILENT_S: Final = 30.0
"""How long a broker may give nothing before its end was reached."""
BATCH: Final = 1_000
POLL_S: Final = 0.5


class TopicRecordsError(RuntimeError):
    """The topics cannot be copied; the message says why."""


def copy_topics(
    settings: Settings,
    directory: Path,
    model: str | None,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Copy the output topics into files as ``longshore replay`` writes them; give the number of
    records.  ``progress`` is told how many further ones were read.

    Raises TopicRecordsError when the brokers do not give them, or there are too many, and OSError
    when they cannot be written.
    """
    options: dict[str, Any] = librdkafka_reader_options(settings)
    consumer = Consumer(options | {"auto.offset.reset": "earliest", "error_cb": lambda _: None})
    try:
        copied_bytes = records = 0
        for role in FILES:
            copy = _Copy(consumer, settings, role, model, copied_bytes)
            records += copy.into(directory, progress)
            copied_bytes = copy.copied_bytes
    except KafkaException as error:
        raise TopicRecordsError(error.args[0].str()) from error
    else:
        return records
    finally:
        consumer.close()


class _Copy:
    """One topic on its way into a file; ``copied_bytes`` are those of the topics before, and then
    its own too."""

    def __init__(
        self,
        consumer: Consumer,
        settings: Settings,
        role: OutputTopic,
        model: str | None,
        copied_bytes: int,
    ) -> None:
        self.copied_bytes = copied_bytes
        self._consumer = consumer
        self._role = role
        self._name = topic_name(settings, role)
        self._key = None if model is None or role in CARRIES_RAW_RECORDS else model.encode()

    def into(self, directory: Path, progress: Callable[[int], None]) -> int:
        """The number of records that were written; a topic that is not there has none."""
        ends = self._ends()
        records = 0
        with (directory / f"{self._role}.ndjson").open("wb") as file:
            if ends:
                self._consumer.assign(
                    [TopicPartition(self._name, number, low) for number, (low, _) in ends.items()]
                )
                records = self._read({n: high for n, (_, high) in ends.items()}, file, progress)
                self._consumer.unassign()
        return records

    def _ends(self) -> dict[int, tuple[int, int]]:
        """Partition -> oldest offset and end, of those that hold anything."""
        told = self._consumer.list_topics(self._name, timeout=ASK_WAIT_S).topics[self._name]
        found = {}
        for number in sorted(told.partitions):
            low, high = self._consumer.get_watermark_offsets(
                TopicPartition(self._name, number), timeout=ASK_WAIT_S
            )
            if high > low:
                found[number] = (low, high)
        return found

    def _read(self, ends: dict[int, int], file: BinaryIO, progress: Callable[[int], None]) -> int:
        written, heard_s = 0, monotonic()
        while ends:
            messages = self._consumer.consume(BATCH, POLL_S)
            if messages:
                heard_s = monotonic()
                progress(len(messages))
            elif monotonic() - heard_s > SILENT_S:
                raise TopicRecordsError(
                    f"topic {self._name}: no broker gave the rest within {SILENT_S:g} s"
                )
            for message in messages:
                if message.error() is not None:
                    raise TopicRecordsError(f"topic {self._name}: {message.error().str()}")
                written += self._write(message, file)
            for place in self._consumer.position(
                [TopicPartition(self._name, number) for number in ends]
            ):
                if place.offset >= ends[place.partition]:
                    del ends[place.partition]
        return written

    def _write(self, message: Message, file: BinaryIO) -> bool:
        if message.value() is None and self._role not in CARRIES_RAW_RECORDS:
            return False
        if self._key is not None and message.key() != self._key:
            return False
        headers = tuple((name, value) for name, value in message.headers() or ())
        line = line_of(Publish(self._role, message.key(), message.value(), headers)) + b"\n"
        self.copied_bytes += len(line)
        if self.copied_bytes > MAX_COPIED_BYTES:
            hint = "name the model" if self._key is None else "read what longshore replay writes"
            raise TopicRecordsError(
                f"the output topics hold more than {MAX_COPIED_BYTES:,} bytes; {hint}"
            )
        file.write(line)
        return True
