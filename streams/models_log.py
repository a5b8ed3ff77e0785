"""Reading and writing the topic ``models`` on the brokers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from time import monotonic
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from engine.model import MonitoredModel
from streams.clients import librdkafka_options
from streams.control import ASK_WAIT_S, END_WAIT_S, ControlError, ControlReader, ControlRecord
from streams.live import LiveState
from streams.model_records import home_of
from streams.model_register import ModelRegister
from streams.registrar import LearningCore, Registrar
from streams.settings import Settings
from streams.snapshots import Record
from streams.starting_offsets import Source
from streams.topics import topic_name

ROLE: Final = "models"
WRITTEN_WITHIN_S: Final = 60.0


class ModelsReader(ControlReader):
    """Reads the topic whole, and on request whatever was appended until now."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is asked of the brokers yet."""
        super().__init__(settings, ROLE)
        self._name = topic_name(settings, ROLE)

    async def up_to_now(self) -> AsyncIterator[list[ControlRecord]]:
        """Everything that was appended before this was asked, a batch at a time.

        Raises ControlError when the brokers do not say, or do not give it, within ASK_WAIT_S.
        """
        ends = await self._in_thread(self._ends)
        limit = monotonic() + ASK_WAIT_S
        while any(self.positions[source] < end for source, end in ends.items()):
            records = await self._in_thread(lambda: self._fetch(END_WAIT_S))
            if records:
                yield records
            elif monotonic() > limit:
                raise ControlError(f"no broker gave the rest of {self._name}")

    def _ends(self) -> dict[Source, int]:
        ends = {}
        for source in self.positions:
            partition = TopicPartition(self._name, source[1])
            try:
                ends[source] = self._consumer.get_watermark_offsets(partition, ASK_WAIT_S)[1]
            except KafkaException as error:
                raise ControlError(f"topic {self._name}: {error.args[0].str()}") from error
        return ends


def registrar_of(
    settings: Settings,
    files: Sequence[MonitoredModel],
    core: LearningCore,
    live: LiveState,
    prepare: Callable[[Sequence[MonitoredModel]], None],
) -> Registrar:
    """Who follows the topic for a worker that has these versions in files."""
    feed = ModelsReader(settings)
    register = ModelRegister(files, partitions=lambda: len(feed.positions))
    return Registrar(feed, register, core, live, prepare)


class ModelsWriteError(RuntimeError):
    """A version could not be written; the message says why."""


def write_version(settings: Settings, model: str, records: Sequence[Record]) -> None:
    """Append the records of a version, in order, the head only behind all others.

    Raises ModelsWriteError when the brokers do not take them: then no head was written.
    """
    name = topic_name(settings, ROLE)
    options = librdkafka_options(settings) | {
        "acks": "all",
        "enable.idempotence": not settings.embedded,
        "message.timeout.ms": int(WRITTEN_WITHIN_S * 1_000),
    }
    producer = Producer(options)
    try:
        told = producer.list_topics(name, timeout=ASK_WAIT_S).topics[name]
    except KafkaException as error:
        raise ModelsWriteError(f"topic {name}: {error.args[0].str()}") from error
    if told.error is not None:
        raise ModelsWriteError(f"topic {name}: {told.error.str()}")
    partition = home_of(model, len(told.partitions))
    failures: list[str] = []

    def arrived(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failures.append(error.str())

    for wave in (records[:-1], records[-1:]):
        for key, value in wave:
            producer.produce(name, value, key, partition=partition, on_delivery=arrived)
        left = producer.flush(WRITTEN_WITHIN_S)
        if failures or left:
            why = failures[0] if failures else f"not within {WRITTEN_WITHIN_S:g} s"
            raise ModelsWriteError(f"topic {name}: {why}")
