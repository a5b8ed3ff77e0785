"""The same settings in the words of each Kafka client.

Rule.  aiokafka (under Faust), librdkafka and kafka-python get the brokers, the security and the
limits from one place, so that no client is left on another footing.
"""

from __future__ import annotations

from typing import Any, Final

from streams.settings import Settings
from streams.tls import CIPHERS, tls_context

FETCH_HEADROOM_BYTES: Final = 1_000_000
"""A fetch response carries more than its largest record."""
QUEUED_KBYTES: Final = 16_384
"""Bound of what librdkafka prefetches, over all partitions."""
QUEUED_MESSAGES: Final = 20_000
"""What librdkafka tries to hold ready: five batches."""
LOG_CRITICAL: Final = 2
PARTITION_FETCH_BYTES: Final = 2_000_000
FETCH_BACKOFF_MS: Final = 10
"""librdkafka's default of 1,000 stalls a reader of a backlog each time its queue is full."""


def librdkafka_options(settings: Settings) -> dict[str, Any]:
    """Connection and security options of a librdkafka client."""
    security = settings.security
    options: dict[str, Any] = {
        "bootstrap.servers": ",".join(settings.brokers),
        "security.protocol": security.protocol,
        "client.id": settings.group,
    }
    if security.encrypted:
        options |= {
            "ssl.endpoint.identification.algorithm": "https",  # the certificate names the host
            "enable.ssl.certificate.verification": True,
            "ssl.cipher.suites": CIPHERS,
        }
    named = {
        "ssl.ca.location": security.ssl_ca or ("probe" if security.encrypted else None),
        "ssl.certificate.location": security.ssl_cert,
        "ssl.key.location": security.ssl_key,
        "ssl.key.password": security.ssl_key_password and security.ssl_key_password.reveal(),
    }
    if security.authenticated:
        named |= {
            "sasl.mechanism": security.sasl_mechanism,
            "sasl.username": security.sasl_user,
            "sasl.password": security.sasl_password and security.sasl_password.reveal(),
        }
    return options | {name: value for name, value in named.items() if value is not None}


def librdkafka_reader_options(settings: Settings) -> dict[str, Any]:
    """Options of the consumer that carries the bytes of the input topics and joins no group."""
    largest = settings.max_record_bytes + FETCH_HEADROOM_BYTES
    return librdkafka_options(settings) | {
        "group.id": settings.group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "fetch.queue.backoff.ms": FETCH_BACKOFF_MS,
        "fetch.wait.max.ms": 100,
        "queued.max.messages.kbytes": max(QUEUED_KBYTES, largest // 1_000),
        "queued.min.messages": QUEUED_MESSAGES,
        # Per partition and fetch; a larger record still comes, alone (KIP-74).
        "max.partition.fetch.bytes": PARTITION_FETCH_BYTES,
        "fetch.max.bytes": max(largest, 16_777_216),
        "receive.message.max.bytes": max(largest, 16_777_216) + FETCH_HEADROOM_BYTES,
        "socket.keepalive.enable": True,
        # Its own lines on every failed connection would be dozens a second while a broker is away.
        "log_level": LOG_CRITICAL,
    }


def kafka_python_options(settings: Settings) -> dict[str, Any]:
    """Connection and security options of a kafka-python client."""
    security = settings.security
    options: dict[str, Any] = {
        "bootstrap_servers": list(settings.brokers),
        "security_protocol": security.protocol,
    }
    context = tls_context(security)
    if context is not None:
        options["ssl_context"] = context
    if security.authenticated and security.sasl_password is not None:
        options["sasl_mechanism"] = security.sasl_mechanism
        options["sasl_plain_username"] = security.sasl_user
        options["sasl_plain_password"] = security.sasl_password.reveal()
    if settings.embedded:
        options["api_version"] = (2, 3)
    return options
