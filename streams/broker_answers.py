"""What the brokers say about topics and the consumer group: partitions, and what we may do there.

Rule.  A broker that is away may come back, so it is asked again until a limit.  One that refuses
the login or a certificate will not change its mind: that is told at once, in one line that names
the setting to look at and shows no secret.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, TypeVar

from streams.clients import librdkafka_options
from streams.security_settings import SecuritySettings
from streams.settings import Settings

if TYPE_CHECKING:
    from confluent_kafka import KafkaError

ANSWER_LIMIT_S: Final = 10.0
LOOK_S: Final = 1.0
"""How long one try waits before the errors met meanwhile are looked at."""
NO_ID: Final = frozenset("A=")
"""What an id of zeros is written with: the brokers have none."""
UNKNOWN: Final = frozenset({"UNKNOWN_TOPIC_OR_PART", "UNKNOWN_TOPIC_OR_PARTITION"})
FORBIDDEN: Final = frozenset({"TOPIC_AUTHORIZATION_FAILED", "GROUP_AUTHORIZATION_FAILED"})

_Answer = TypeVar("_Answer")


class BrokersError(RuntimeError):
    """No answer is to be had from the brokers, and why, in one line."""


class RefusedError(BrokersError):
    """The brokers refuse this client, whatever it asks, and will go on refusing."""


@dataclass(frozen=True, slots=True)
class TopicAnswer:
    """One topic as the brokers show it to this user."""

    partitions: int
    """0 when there is no such topic."""
    operations: frozenset[str] | None
    """Names of what this user may do (``WRITE``); empty when it may not even know of the topic,
    None when the brokers do not say."""
    topic_id: str = ""
    """The brokers' id of it, which a topic made anew under the same name does not have; empty
    when they have none (before 2.8)."""


class BrokerAnswers:
    """One connection for a few questions; every question raises RefusedError, or BrokersError
    when no broker answers within ANSWER_LIMIT_S."""

    def __init__(self, settings: Settings) -> None:
        from confluent_kafka.admin import AdminClient  # noqa: PLC0415 - slow to import

        self._where = ",".join(settings.brokers)
        self._security = settings.security
        self._met: list[KafkaError] = []
        self._client = AdminClient(
            librdkafka_options(settings) | {"error_cb": self._met.append, "log_level": 0}
        )

    def topics(self, names: Collection[str]) -> dict[str, TopicAnswer]:
        """What there is to say of each of these topics.  Creates none."""
        from confluent_kafka import TopicCollection  # noqa: PLC0415

        def ask(wait_s: float) -> dict[str, TopicAnswer]:
            answers = self._client.describe_topics(
                TopicCollection(list(names)),
                include_authorized_operations=True,
                request_timeout=wait_s,
            )
            return {name: _topic(future) for name, future in answers.items()}

        return self._asked(ask)

    def group_operations(self, group: str) -> frozenset[str] | None:
        """Names of what this user may do with the consumer group; None when nobody says."""

        def ask(wait_s: float) -> frozenset[str] | None:
            answers = self._client.describe_consumer_groups(
                [group], include_authorized_operations=True, request_timeout=wait_s
            )
            allowed, error = _settled(answers[group])
            return frozenset() if error is not None else _names(allowed)

        return self._asked(ask)

    def _asked(self, ask: Callable[[float], _Answer]) -> _Answer:
        from confluent_kafka import KafkaException  # noqa: PLC0415

        end = monotonic() + ANSWER_LIMIT_S
        while True:
            try:
                return ask(LOOK_S)
            except KafkaException as error:
                self._client.poll(0)
                met = [(one.name(), " ".join(one.str().split())) for one in self._met]
                self._met.clear()
                for name, text in met:
                    if (line := refusal(name, text, self._security)) is not None:
                        raise RefusedError(f"brokers {self._where}: {line}") from None
                if monotonic() >= end:
                    # The first is what happened to a connection, the last that none is left.
                    told = met[0][1] if met else error.args[0].str()
                    raise BrokersError(
                        f"brokers {self._where}: no answer within {ANSWER_LIMIT_S:g} s: {told}"
                    ) from None


def refusal(name: str, text: str, security: SecuritySettings) -> str | None:
    """What a client's error says about login and certificates, in one line; None: nothing.

    ``name`` and ``text`` are librdkafka's, whose texts quote the broker and no secret.
    """
    words = " ".join(text.split(" (after ", maxsplit=1)[0].split())
    said = words.rsplit("error: ", maxsplit=1)[-1]
    if name == "_AUTHENTICATION":
        login = f"user {security.sasl_user!r} with {security.sasl_mechanism}"
        return f"the login is refused ({login}): {said}; look at security.sasl_*"
    if "certificate verify failed" in words:
        trusted = security.ssl_ca or "the system's authorities"
        return (
            f"the broker's certificate is not trusted: {trusted} (security.ssl_ca) did not sign "
            "it, or it is for another host than the one dialled"
        )
    if "ssl/tls alert" in words:
        alert = words.split("ssl/tls alert ", maxsplit=1)[1].split(":", maxsplit=1)[0]
        own = security.ssl_cert or "none given"
        return f"the brokers refuse this client's certificate ({alert}): {own} (security.ssl_cert)"
    return None


def _topic(future: Any) -> TopicAnswer:  # noqa: ANN401 - the client has no types
    described, error = _settled(future)
    if error is not None:
        return TopicAnswer(0, frozenset() if error in FORBIDDEN else None)
    text = "" if described.topic_id is None else str(described.topic_id)
    known = "" if set(text) <= NO_ID else text
    return TopicAnswer(len(described.partitions), _names(described), known)


def _settled(future: Any) -> tuple[Any, str | None]:  # noqa: ANN401
    """The result, or the name of the error that is an answer too; raises any other."""
    from confluent_kafka import KafkaException  # noqa: PLC0415

    try:
        return future.result(), None
    except KafkaException as error:
        name = error.args[0].name()
        if name in UNKNOWN or name in FORBIDDEN:
            return None, name
        raise


def _names(described: Any) -> frozenset[str] | None:  # noqa: ANN401
    operations = described.authorized_operations
    return None if operations is None else frozenset(one.name for one in operations)
