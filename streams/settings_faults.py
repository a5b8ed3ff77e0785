"""What settings that are each well-formed can still get wrong together.

Rule.  Everything is checked before anything is reported, and a line names the setting at fault.
"""

from __future__ import annotations

from math import inf, isfinite
from sys import float_info
from typing import TYPE_CHECKING, Final

import msgspec

from streams.snapshots import MAX_PART_BYTES
from streams.tls import tls_faults

if TYPE_CHECKING:
    from streams.settings import SecuritySettings, Settings

MAX_PORT: Final = 65_535
MAX_TOPIC_PREFIX: Final = 100
MAX_GROUP_CHARS: Final = 255
MAX_PARTITIONS: Final = 10_000
MAX_REPLICATION: Final = 100
MAX_BATCH_RECORDS: Final = 100_000
"""Largest ``batch_size``; a batch is held and worked on as a whole."""
MAX_SET_RECORD_BYTES: Final = 100_000_000
"""Largest ``max_record_bytes``; twice as much must fit into the clients' limits of 2 GiB."""
MAX_SET_PER_MINUTE: Final = 1_000_000_000
"""Largest ``dead_letters_per_minute``: more than any worker reads."""
MIN_INTERVAL_S: Final = 0.01
"""Least time between two of anything: in less the worker would do nothing else."""
MAX_GROUP_TIMEOUT_S: Final = 3_600.0
"""Twice what brokers let a session last by default; a lost member is missed for as long."""
MAX_WATCH_S: Final = 86_400.0
"""A watchdog that waits for more than a day watches nothing."""
MIN_RETENTION_H: Final = 0.1
MAX_RETENTION_H: Final = 87_600.0
"""Ten years."""
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
    elif len(settings.group) > MAX_GROUP_CHARS or not settings.group.isprintable():
        faults.append(f"group: at most {MAX_GROUP_CHARS} characters, all of them printable")
    if not settings.http.host:
        faults.append("http.host: may not be empty; 0.0.0.0 is every address of IPv4, :: of IPv6")
    if settings.heartbeat_interval_s * 3 > settings.session_timeout_s:
        faults.append("heartbeat_interval_s: at most a third of session_timeout_s")
    if settings.snapshot_interval_s < settings.flush_interval_s:
        faults.append("snapshot_interval_s: at least flush_interval_s")
    faults += _watchdog_faults(settings) + _data_dir_faults(settings)
    return faults + _snapshot_faults(settings)


def _topic_text(text: str) -> bool:
    return all(letter.isascii() and (letter.isalnum() or letter in "._-") for letter in text)


def _data_dir_faults(settings: Settings) -> list[str]:
    faults = []
    if settings.pending == "disk" and not settings.data_dir:
        faults.append("data_dir: needed with pending: disk")
    if settings.pending != "disk" and settings.data_dir:
        faults.append("data_dir: is used with pending: disk only")
    if "\0" in settings.data_dir:
        faults.append("data_dir: no path of a file system has such a character")
    return faults


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


def _snapshot_faults(settings: Settings) -> list[str]:
    if settings.snapshot_record_bytes < MIN_SNAPSHOT_RECORD_BYTES:
        return [f"snapshot_record_bytes: at least {MIN_SNAPSHOT_RECORD_BYTES}"]
    # What the producer takes grows with max_record_bytes, and is never below the default's need.
    most = max(settings.max_record_bytes, MAX_PART_BYTES)
    if settings.snapshot_record_bytes > most:
        return ["snapshot_record_bytes: at most max_record_bytes"]
    return []


def _range_faults(settings: Settings) -> list[str]:
    ranges: tuple[tuple[str, float, float], ...] = (
        ("partitions", 1, MAX_PARTITIONS),
        ("replication", 1, MAX_REPLICATION),
        ("flush_interval_s", MIN_INTERVAL_S, MAX_WATCH_S),
        ("snapshot_interval_s", MIN_INTERVAL_S, MAX_WATCH_S),
        ("batch_size", 1, MAX_BATCH_RECORDS),
        ("max_record_bytes", 1, MAX_SET_RECORD_BYTES),
        ("session_timeout_s", MIN_INTERVAL_S, MAX_GROUP_TIMEOUT_S),
        ("heartbeat_interval_s", MIN_INTERVAL_S, MAX_GROUP_TIMEOUT_S),
        ("rebalance_timeout_s", MIN_INTERVAL_S, MAX_GROUP_TIMEOUT_S),
        ("stuck_after_s", 0, MAX_WATCH_S),
        ("recovery_limit_s", 0, MAX_WATCH_S),
        ("refusal_shown_s", 0, MAX_WATCH_S),
        ("panes_retention_h", MIN_RETENTION_H, MAX_RETENTION_H),
        ("dead_letters_per_minute", 0, MAX_SET_PER_MINUTE),
    )
    faults = [
        f"{name}: {_shown(value)} is not in {least:,} to {most:,}"
        for name, least, most in ranges
        if (value := getattr(settings, name)) < least or most < value < inf
    ]
    faults += [
        f"{field.name}: {value} is not a finite number"
        for field in msgspec.structs.fields(settings)
        if isinstance(value := getattr(settings, field.name), float) and not isfinite(value)
    ]
    if not 0 < settings.dead_letter_ratio_limit <= 1:
        faults.append("dead_letter_ratio_limit: above 0 and at most 1")
    if not 0 <= settings.http.port <= MAX_PORT:
        faults.append(f"http.port: {_shown(settings.http.port)} is not a port")
    return faults


def _shown(value: float) -> str:
    """A number as it was read; a whole one may be beyond what Python is willing to write."""
    if abs(value) > float_info.max:
        return "a number of so many digits"
    return f"{value:.15g}"


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
