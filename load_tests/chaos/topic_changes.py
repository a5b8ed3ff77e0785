"""Changes of topics as an administrator makes them: configuration, size, deletion."""

from __future__ import annotations

from time import monotonic, sleep
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    ResourceType,
)

LIMIT_S: Final = 30.0
LOOK_S: Final = 0.2


def _admin(bootstrap: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})


def configure(bootstrap: str, topic: str, **values: str) -> None:
    """Set these of the topic's settings (``max_message_bytes`` for ``max.message.bytes``)."""
    entries = [
        ConfigEntry(name.replace("_", "."), value, incremental_operation=AlterConfigOpType.SET)
        for name, value in values.items()
    ]
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
    admin = _admin(bootstrap)  # must live until it has answered
    for answer in admin.incremental_alter_configs([resource]).values():
        answer.result(LIMIT_S)


def add_partitions(bootstrap: str, topic: str, count: int) -> None:
    """Let the topic have ``count`` partitions."""
    admin = _admin(bootstrap)
    for answer in admin.create_partitions([NewPartitions(topic, count)]).values():
        answer.result(LIMIT_S)


def delete(bootstrap: str, topic: str) -> None:
    """Delete it, and wait until the broker does not know it any more."""
    admin = _admin(bootstrap)
    for answer in admin.delete_topics([topic]).values():
        answer.result(LIMIT_S)
    end = monotonic() + LIMIT_S
    while True:
        try:
            if topic not in admin.list_topics(timeout=LIMIT_S).topics:
                return
        except KafkaException as error:
            raise TimeoutError(f"{topic} is not deleted: {error}") from error
        assert monotonic() < end, f"{topic} is still there"
        sleep(LOOK_S)
