"""The topics: their names, their creation and the check before a worker starts.

Rule.  A topic is named by its role everywhere in the code; the prefix exists only here.  Inputs,
panes and snapshots have equal partition counts, because partition p of each belongs together; a
worker refuses to start otherwise, naming every fault at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from time import monotonic, sleep
from typing import Final

from streams.broker_answers import BrokerAnswers
from streams.clients import kafka_python_options, librdkafka_options
from streams.settings import Settings

INPUT_ROLES: Final = ("features", "predictions", "labels")
BATCHED_ROLES: Final = (*INPUT_ROLES, "panes")
CO_PARTITIONED_ROLES: Final = (*BATCHED_ROLES, "snapshots", "pending")
CONTROL_ROLES: Final = ("models", "retraining-results")
OUTPUT_ROLES: Final = (
    "judgements",
    "alerts",
    "retraining-triggers",
    "promotions",
    "audit",
    "dead-letters",
    "late",
)
ROLES: Final = (*CO_PARTITIONED_ROLES, *CONTROL_ROLES, *OUTPUT_ROLES)
COMPACTED_ROLES: Final = frozenset({"snapshots", "pending", "models"})
CARRIES_RAW_RECORDS: Final = frozenset({*INPUT_ROLES, "dead-letters", "late"})
"""Topics that must hold the largest record, with room for the headers added to it."""
HEADERS_ROOM_BYTES: Final = 65_536
SNAPSHOT_SEGMENT_MS: Final = 3_600_000
"""Compaction never touches the active segment, so a slow topic needs it rolled."""
SNAPSHOT_SEGMENT_BYTES: Final = 4 * 1024 * 1024
"""A fast one as well: whoever takes a partition up reads what was not compacted yet, and a wide
model writes megabytes a snapshot."""
SNAPSHOT_DIRTY_RATIO: Final = 0.2
"""Of a log that must not be compacted yet; brokers' own half doubles what a restart reads."""
METADATA_TIMEOUT_S: Final = 10.0
VISIBLE_WITHIN_S: Final = 15.0
VISIBLE_LOOK_S: Final = 0.1


class TopicsError(RuntimeError):
    """The topics on the broker cannot be used; ``faults`` has one line each."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def topic_name(settings: Settings, role: str) -> str:
    """The name on the broker of the topic with this role."""
    return settings.prefix + role


def role_of(settings: Settings, name: str) -> str:
    """The role of a topic named with the settings' prefix."""
    return name.removeprefix(settings.prefix)


def topic_config(settings: Settings, role: str) -> dict[str, str]:
    """What the topic with this role is created with, beside the broker's defaults."""
    config: dict[str, str] = {}
    if role in COMPACTED_ROLES:
        config["cleanup.policy"] = "compact"
        config["segment.ms"] = str(SNAPSHOT_SEGMENT_MS)
        config["segment.bytes"] = str(SNAPSHOT_SEGMENT_BYTES)
        config["min.cleanable.dirty.ratio"] = str(SNAPSHOT_DIRTY_RATIO)
    if role == "models":
        # Registrations are stamped with it: brokers' clocks are one, registrars' are not.
        config["message.timestamp.type"] = "LogAppendTime"
    if role == "panes":
        config["retention.ms"] = str(int(settings.panes_retention_h * 3_600_000))
    if role in CARRIES_RAW_RECORDS:
        config["max.message.bytes"] = str(settings.max_record_bytes + HEADERS_ROOM_BYTES)
    return config


def create_topics(settings: Settings) -> list[str]:
    """Create the topics that are missing; give their names.  Existing ones are left as they are.

    Raises kafka.errors.KafkaError when the broker cannot be asked,
    streams.broker_answers.BrokersError when none answers, TopicsError when they refuse a topic, or
    one that was made does not show within VISIBLE_WITHIN_S.
    """
    from kafka.admin import KafkaAdminClient, NewTopic  # noqa: PLC0415 - slow to import
    from kafka.errors import TopicAlreadyExistsError  # noqa: PLC0415

    existing = partition_counts(settings)
    admin = KafkaAdminClient(**kafka_python_options(settings))
    created = []
    try:
        for role in ROLES:
            name = topic_name(settings, role)
            if name in existing:
                continue
            topic = NewTopic(
                name,
                settings.partitions,
                settings.replication,
                topic_configs=topic_config(settings, role),
            )
            # Raised errors hold the whole request, not what the broker says of it.
            answer = admin.create_topics([topic], raise_errors=False)["topics"][0]
            code = answer["error_code"]
            if code == TopicAlreadyExistsError.errno:
                continue
            if code:
                raise TopicsError([_refusal(settings, name, code, answer.get("error_message"))])
            created.append(name)
    finally:
        admin.close()
    _wait_until_visible(settings, created)
    return created


def _refusal(settings: Settings, name: str, code: int, message: str | None) -> str:
    """Why the brokers do not make a topic, and what to do, in one line."""
    from kafka import errors  # noqa: PLC0415 - slow to import

    words = " ".join((message or "").split()) or "they do not say why"
    lines = {
        errors.TopicAuthorizationFailedError: (
            "no right to Create, grant it (longshore acls --operator)"
        ),
        errors.InvalidReplicationFactorError: (
            f"{settings.replication} copies are asked for, there are fewer brokers (--replication)"
        ),
        errors.PolicyViolationError: (
            f"a policy of the brokers forbids it: {words}; change what it names (--partitions, "
            "--replication, the settings), or let an operator create the topics"
        ),
        errors.InvalidTopicError: (
            f"the brokers refuse the name: {words}; take another prefix (--prefix), in which "
            "'.' and '_' count as the same"
        ),
    }
    kind = errors.for_code(code)
    return f"topic {name}: {lines.get(kind, f'the brokers refuse it: {kind.__name__}: {words}')}"


def _wait_until_visible(settings: Settings, names: list[str]) -> None:
    """A broker acknowledges a topic before its own metadata shows it."""
    end = monotonic() + VISIBLE_WITHIN_S
    while missing := set(names) - set(partition_counts(settings)):
        if monotonic() > end:
            raise TopicsError(
                [f"topic {name} was created but does not show" for name in sorted(missing)]
            )
        sleep(VISIBLE_LOOK_S)


def partition_counts(settings: Settings) -> dict[str, int]:
    """Partition count of each topic on the broker, by name.

    Raises streams.broker_answers.BrokersError when no broker answers.
    """
    if settings.embedded:
        return _counts_made_by_asking(settings)
    names = [topic_name(settings, role) for role in ROLES]
    answers = BrokerAnswers(settings).topics(names)
    return {name: answer.partitions for name, answer in answers.items() if answer.partitions}


def _counts_made_by_asking(settings: Settings) -> dict[str, int]:
    """The mock broker creates a topic when it is asked about it by name."""
    from confluent_kafka import Consumer  # noqa: PLC0415

    options = librdkafka_options(settings) | {"group.id": settings.group}
    reader = Consumer(options | {"allow.auto.create.topics": True})
    try:
        names = [topic_name(settings, role) for role in ROLES]
        found = {name: reader.list_topics(name, timeout=METADATA_TIMEOUT_S) for name in names}
        return {name: len(cluster.topics[name].partitions) for name, cluster in found.items()}
    finally:
        reader.close()


def check_topics(settings: Settings) -> int:
    """Make sure that the topics can be used; give the partition count of the inputs.

    Raises TopicsError listing every missing topic and unequal partition count, and
    streams.broker_answers.BrokersError when no broker answers.
    """
    return judge_topics(settings, partition_counts(settings))


def judge_topics(
    settings: Settings, counts: Mapping[str, int], hidden: Collection[str] = ()
) -> int:
    """As :func:`check_topics`, of counts already read; nothing is said of the ``hidden``."""
    faults = []
    needed = [topic_name(settings, role) for role in ROLES]
    missing = [name for name in needed if name not in counts and name not in hidden]
    faults += [f"topic {name} is missing (longshore topics create)" for name in missing]
    together = {
        name: counts[name]
        for role in CO_PARTITIONED_ROLES
        if (name := topic_name(settings, role)) in counts
    }
    if len(set(together.values())) > 1:
        listed = ", ".join(f"{name} has {count}" for name, count in together.items())
        faults.append(f"partition counts must be equal: {listed}")
    if faults:
        raise TopicsError(faults)
    return next(iter(together.values()), 0)
