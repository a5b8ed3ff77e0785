"""What settings that are each well-formed can still get wrong together.

Rule.  Everything is checked before anything is reported, and a line names the setting at fault.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Final

import msgspec

from streams.tls import tls_faults

if TYPE_CHECKING:
    from streams.settings import SecuritySettings, Settings

MAX_PORT: Final = 65_535
MAX_TOPIC_PREFIX: Final = 100
MIN_SNAPSHOT_RECORD_BYTES: Final = 1_024
MIN_STUCK_AFTER_S: Final = 15.0
"""In less it could not be told apart whether the worker is stuck or its brokers are away: they are
asked after five seconds of standstill, and every five seconds at most."""
SNAPSHOTS_TO_BE_STUCK: Final = 3
"""Snapshot intervals that the least ``stuck_after_s`` holds: what was read is saved by the next
one, and that may take its time."""


def contradictions(settings: Settings) -> list[str]:
    """Every way in which these settings cannot work, one line each."""
    faults = _range_faults(settings) + _security_faults(settings.security)
    if not settings.brokers:
        faults.append("brokers: at least one host:port is needed")
    for broker in settings.brokers:
        host, colon, port = broker.rpartition(":")
        if not (host and colon and port.isdigit() and 0 < int(port) <= MAX_PORT):
            faults.append(f"brokers: {broker!r} is not host:port")
    if len(settings.prefix) > MAX_TOPIC_PREFIX or not _topic_text(settings.prefix):
        faults.append(f"prefix: {settings.prefix!r} is not legal in a topic name")
    if not settings.group:
        faults.append("group: may not be empty")
    if settings.heartbeat_interval_s * 3 > settings.session_timeout_s:
        faults.append("heartbeat_interval_s: at most a third of session_timeout_s")
    if settings.snapshot_interval_s < settings.flush_interval_s:
        faults.append("snapshot_interval_s: at least flush_interval_s")
    faults += _watchdog_faults(settings)
    if not settings.snapshot_record_bytes >= MIN_SNAPSHOT_RECORD_BYTES:
        faults.append(f"snapshot_record_bytes: at least {MIN_SNAPSHOT_RECORD_BYTES}")
    return faults


def _topic_text(text: str) -> bool:
    return all(letter.isascii() and (letter.isalnum() or letter in "._-") for letter in text)


def _watchdog_faults(settings: Settings) -> list[str]:
    faults = [
        f"{name}: {value:g} is too short to tell a stuck worker from absent brokers, take "
        f"{MIN_STUCK_AFTER_S:g} or more"
        for name, value in (
            ("stuck_after_s", settings.stuck_after_s),
            ("recovery_limit_s", settings.recovery_limit_s),
        )
        if value < MIN_STUCK_AFTER_S
    ]
    if settings.stuck_after_s < SNAPSHOTS_TO_BE_STUCK * settings.snapshot_interval_s:
        faults.append(
            f"stuck_after_s: at least {SNAPSHOTS_TO_BE_STUCK} times snapshot_interval_s, what was "
            "read is saved no sooner"
        )
    return faults


def _range_faults(settings: Settings) -> list[str]:
    positive = (
        ("partitions", settings.partitions),
        ("replication", settings.replication),
        ("flush_interval_s", settings.flush_interval_s),
        ("batch_size", settings.batch_size),
        ("max_record_bytes", settings.max_record_bytes),
        ("session_timeout_s", settings.session_timeout_s),
        ("heartbeat_interval_s", settings.heartbeat_interval_s),
        ("rebalance_timeout_s", settings.rebalance_timeout_s),
        ("stuck_after_s", settings.stuck_after_s),
        ("recovery_limit_s", settings.recovery_limit_s),
        ("panes_retention_h", settings.panes_retention_h),
    )
    faults = [f"{name}: {value} is not above 0" for name, value in positive if value <= 0]
    if settings.refusal_shown_s < 0:
        faults.append(f"refusal_shown_s: {settings.refusal_shown_s} is below 0")
    faults += [
        f"{field.name}: {value} is not a finite number"
        for field in msgspec.structs.fields(settings)
        if isinstance(value := getattr(settings, field.name), float) and not isfinite(value)
    ]
    if settings.dead_letters_per_minute < 0:
        faults.append("dead_letters_per_minute: 0 (carry none) or more")
    if not 0 < settings.dead_letter_ratio_limit <= 1:
        faults.append("dead_letter_ratio_limit: above 0 and at most 1")
    if not 0 <= settings.http.port <= MAX_PORT:
        faults.append(f"http.port: {settings.http.port} is not a port")
    return faults


def _security_faults(security: SecuritySettings) -> list[str]:
    faults = []
    if security.authenticated:
        needed = ("sasl_mechanism", "sasl_user", "sasl_password")
        faults += [
            f"security.{name}: needed with {security.protocol}"
            for name in needed
            if getattr(security, name) is None
        ]
        if not (security.encrypted or security.allow_sasl_without_tls):
            faults.append(
                "security.protocol: SASL_PLAINTEXT shows the login and all records to the network; "
                "take SASL_SSL, or say security.allow_sasl_without_tls: true"
            )
    elif security.sasl_mechanism or security.sasl_user or security.sasl_password:
        faults.append(f"security: a SASL login is given, but the protocol is {security.protocol}")
    return faults + tls_faults(security)
