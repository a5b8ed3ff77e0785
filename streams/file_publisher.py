"""Files of events into Kafka, at a pace.

Rule.  Each file is one topic and keeps its order; files are merged by event time; Java's murmur2
over the event id chooses the partition.  The end of a file is a heartbeat to every partition of its
topic (:func:`streams.replay.end_of_stream`), so that the windows close as they do in a replay.  The
records' Kafka time is the time of sending: brokers remove records by it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final

from engine.spec import Topic
from streams.broker_answers import BrokerAnswers, BrokersError
from streams.clients import librdkafka_options
from streams.replay import Source, end_of_stream, merged_events
from streams.settings import Settings
from streams.topics import topic_name

MAX_QUEUED: Final = 100_000
"""Records that librdkafka holds; sending waits beyond it."""
POLL_EVERY: Final = 500
LONGEST_NAP_S: Final = 0.1
"""Waiting is done in naps, so that a stop is heard."""
FLUSH_LIMIT_S: Final = 60.0
METADATA_LIMIT_S: Final = 10.0

Pace = Callable[[int, int], float]
"""(records sent, event time in ms of the next one) -> seconds to wait before it; 0 sends it."""
Progress = Callable[[int, int], None]
"""(records sent since the last call, event time in ms)."""


class PublishError(RuntimeError):
    """The broker did not take the records; the message says why."""


@dataclass(slots=True)
class Published:
    """What was sent."""

    records: dict[Topic, int] = field(default_factory=dict)
    heartbeats: int = 0
    first_ms: int = 0
    last_ms: int = 0
    stopped: bool = False
    """Told to stop before the files ended."""

    @property
    def total(self) -> int:
        """Records of all topics, heartbeats left out."""
        return sum(self.records.values())


def at_rate(events_per_second: float, clock: Callable[[], float] = monotonic) -> Pace:
    """So many records a second, whatever their event time."""
    began = clock()
    return lambda sent, _: max(0.0, began + sent / events_per_second - clock())


def at_speed(factor: float, clock: Callable[[], float] = monotonic) -> Pace:
    """Event time runs ``factor`` times as fast as the clock, from the first record on."""
    start: list[tuple[float, int]] = []

    def pace(_: int, ts_ms: int) -> float:
        if not start:
            start.append((clock(), ts_ms))
        began, first_ms = start[0]
        return max(0.0, began + (ts_ms - first_ms) / 1_000 / factor - clock())

    return pace


def as_fast_as_it_goes(_: int, __: int) -> float:
    """No waiting."""
    return 0.0


def publish_files(
    settings: Settings,
    sources: Sequence[Source],
    pace: Pace = as_fast_as_it_goes,
    *,
    heartbeats: bool = True,
    progress: Progress = lambda _, __: None,
    stopping: Callable[[], bool] = lambda: False,
) -> Published:
    """Send the files and wait until the broker has them.

    Raises PublishError when a topic is missing or a record was refused, TableError when a file
    cannot be read.
    """
    return _Sending(settings, pace, progress, stopping).run(sources, heartbeats=heartbeats)


class _Sending:
    def __init__(
        self, settings: Settings, pace: Pace, progress: Progress, stopping: Callable[[], bool]
    ) -> None:
        from confluent_kafka import Producer  # noqa: PLC0415 - slow to import

        self.done = Published()
        self._settings = settings
        self._pace = pace
        self._progress = progress
        self._stopping = stopping
        self._refused: Any = None
        self._untold = 0
        self._producer = Producer(
            librdkafka_options(settings)
            | {
                "partitioner": "murmur2_random",
                "compression.type": "lz4",
                "linger.ms": 20,
                "acks": "all",
                "enable.idempotence": True,  # keeps the order over a retry
                "message.max.bytes": settings.max_record_bytes,
                "queue.buffering.max.messages": MAX_QUEUED,
                "delivery.report.only.error": True,
                "allow.auto.create.topics": settings.embedded,
                "log_level": 0,
            }
        )

    def run(self, sources: Sequence[Source], *, heartbeats: bool) -> Published:
        """All of it."""
        partitions = {source.topic: self._partitions(source.topic) for source in sources}
        newest: dict[int, int] = {}
        for ts_ms, topic, key, value in merged_events(sources, newest):
            if not self._wait(ts_ms):
                self.done.stopped = True
                break
            self._send(topic, key, value)
            self._count(topic, ts_ms)
        else:
            for number, source in enumerate(sources if heartbeats else ()):
                if number in newest:
                    beat = end_of_stream(source.spec, source.topic, newest[number])
                    for partition in range(partitions[source.topic]):
                        self._send(source.topic, None, beat, partition)
                        self.done.heartbeats += 1
        self._finish()
        return self.done

    def _partitions(self, role: Topic) -> int:
        name = topic_name(self._settings, role)
        if self._settings.embedded:
            return len(
                self._producer.list_topics(name, timeout=METADATA_LIMIT_S).topics[name].partitions
            )
        try:
            found = BrokerAnswers(self._settings).topics([name])[name]
        except BrokersError as error:
            raise PublishError(str(error)) from error
        if found.operations is not None and "WRITE" not in found.operations:
            raise PublishError(f"topic {name}: no right to Write, grant it (longshore acls)")
        if not found.partitions:
            raise PublishError(f"topic {name} is missing (longshore topics create)")
        return found.partitions

    def _wait(self, ts_ms: int) -> bool:
        """Keep the pace; False when told to stop."""
        sent = self.done.total
        while (seconds := self._pace(sent, ts_ms)) > 0.0:
            self._tell(ts_ms)
            self._producer.poll(min(seconds, LONGEST_NAP_S))
            if self._stopping():
                return False
        return sent % POLL_EVERY != 0 or not self._stopping()

    def _send(
        self, topic: Topic, key: bytes | None, value: bytes, partition: int | None = None
    ) -> None:
        where = {} if partition is None else {"partition": partition}
        name = topic_name(self._settings, topic)
        while True:
            try:
                self._producer.produce(name, value, key, on_delivery=self._note, **where)
            except BufferError:
                self._producer.poll(LONGEST_NAP_S)
                self._raise_refusal()
            else:
                return

    def _count(self, topic: Topic, ts_ms: int) -> None:
        done = self.done
        done.records[topic] = done.records.get(topic, 0) + 1
        done.first_ms = done.first_ms or ts_ms
        done.last_ms = ts_ms
        self._untold += 1
        if self._untold >= POLL_EVERY:
            self._producer.poll(0)
            self._tell(ts_ms)
            self._raise_refusal()

    def _tell(self, ts_ms: int) -> None:
        if self._untold:
            self._progress(self._untold, ts_ms)
            self._untold = 0

    def _note(self, error: Any, _: Any) -> None:  # noqa: ANN401 - the client has no types
        if error is not None:
            self._refused = error

    def _raise_refusal(self) -> None:
        if self._refused is not None:
            raise PublishError(f"a record was refused: {self._refused.str()}")

    def _finish(self) -> None:
        self._tell(self.done.last_ms)
        left = self._producer.flush(FLUSH_LIMIT_S)
        self._raise_refusal()
        if left:
            raise PublishError(f"{left} records were not taken within {FLUSH_LIMIT_S:g} s")
