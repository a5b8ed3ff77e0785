"""Sends one record of a control topic and waits until the brokers have it."""

from __future__ import annotations

from typing import Final

from confluent_kafka import KafkaException, Producer

from streams.clients import librdkafka_options
from streams.settings import Settings
from streams.topics import topic_name

DELIVERED_WITHIN_MS: Final = 30_000


class AnswerError(RuntimeError):
    """The brokers did not take the record; the text says why."""


def send_control(settings: Settings, role: str, key: str, value: bytes) -> str:
    """Write one record; where it is (``topic/partition offset N``).  AnswerError when it is not."""
    told: list[str] = []
    failed: list[str] = []
    producer = Producer(
        librdkafka_options(settings)
        | {
            "partitioner": "murmur2_random",
            "enable.idempotence": not settings.embedded,
            "message.timeout.ms": DELIVERED_WITHIN_MS,
            "log_level": 2,
        }
    )
    name = topic_name(settings, role)

    def delivered(error: object, message: object) -> None:
        if error is not None:
            failed.append(str(error))
        else:
            place = message.partition(), message.offset()  # type: ignore[attr-defined]
            told.append(f"{name}/{place[0]} offset {place[1]}")

    try:
        producer.produce(name, value, key.encode(), on_delivery=delivered)
        left = producer.flush(DELIVERED_WITHIN_MS / 1000 + 5)
    except (KafkaException, BufferError) as error:
        raise AnswerError(f"{name}: {error}") from error
    if failed or left or not told:
        raise AnswerError(f"{name}: {failed[0] if failed else 'no broker answers'}")
    return told[0]
