"""Who needs which right on the brokers: the one list behind ``longshore acls``, the check at a
worker's start, docs/security.md and the tests.

Rule.  Least privilege, by the topics' roles: nobody may do what its part in the flow of the data
does not need, and nobody but workers may write ``panes`` and ``snapshots``, from which verdicts and
state are made.  Read and Write imply Describe (Kafka's own rule), which is not listed beside them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from streams.settings import Settings
from streams.topics import CONTROL_ROLES, INPUT_ROLES, OUTPUT_ROLES, ROLES, topic_name
from streams.web.entries import ROLES as SHOWN_ROLES

Part = Literal["worker", "producer", "retraining", "operator"]
Operation = Literal["Read", "Write", "Create", "Describe"]
Resource = Literal["topic", "group"]

PARTS: Final[Mapping[Part, str]] = {
    "worker": "`longshore worker`",
    "producer": "services that publish events, and `longshore publish`",
    "retraining": "the retraining job",
    "operator": "`longshore topics create`",
}
STATE_ROLES: Final = ("panes", "snapshots", "pending")
"""Written and read by workers only."""
RETRAINING_GROUP: Final = "retraining"


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One principal may do ``operation`` on the topic or group of exactly this name."""

    principal: str
    operation: Operation
    resource: Resource
    name: str


def topic_operations(part: Part, *, page: bool = False) -> dict[str, tuple[Operation, ...]]:
    """Role of the topic -> what this part does with it; a worker with the live ``page`` reads what
    workers have said."""
    if part == "worker":
        shown = [role for role in OUTPUT_ROLES if page and role in SHOWN_ROLES]
        return {
            **dict.fromkeys((*INPUT_ROLES, *CONTROL_ROLES), ("Read",)),
            **dict.fromkeys(STATE_ROLES, ("Read", "Write")),
            **dict.fromkeys(OUTPUT_ROLES, ("Write",)),
            **dict.fromkeys(shown, ("Read", "Write")),
        }
    if part == "producer":
        return dict.fromkeys(INPUT_ROLES, ("Write",))
    if part == "retraining":
        return {
            "retraining-triggers": ("Read",),
            "retraining-results": ("Write",),
            "models": ("Read", "Write"),
        }
    return dict.fromkeys(ROLES, ("Create",))


def rights(settings: Settings, part: Part, principal: str, group: str | None = None) -> list[Right]:
    """Everything that one principal needs to play this part.

    ``group`` is the consumer group of a retraining job; a worker's is that of its settings.
    """
    found = [
        Right(principal, operation, "topic", topic_name(settings, role))
        for role, operations in topic_operations(part, page=settings.http.shows_data).items()
        for operation in operations
    ]
    if part == "operator":
        # What it made it must see, and whether what was there fits.
        found += [
            Right(principal, "Describe", "topic", topic_name(settings, role)) for role in ROLES
        ]
    groups = {"worker": settings.group, "retraining": group or RETRAINING_GROUP}
    if part in groups:
        found.append(Right(principal, "Read", "group", groups[part]))
    return found


def command_lines(rights: Iterable[Right], brokers: str) -> list[list[str]]:
    """Arguments of Kafka's ``kafka-acls.sh``, one list a call: what a principal may do alike on
    several topics is one call."""
    operations: dict[tuple[str, Resource, str], list[str]] = {}
    for right in rights:
        where = (right.principal, right.resource, right.name)
        operations.setdefault(where, []).append(right.operation)
    names: dict[tuple[str, Resource, tuple[str, ...]], list[str]] = {}
    for (principal, resource, name), allowed in operations.items():
        names.setdefault((principal, resource, tuple(allowed)), []).append(name)
    return [
        [
            *("kafka-acls.sh", "--bootstrap-server", brokers),
            *("--command-config", "admin.properties", "--add", "--allow-principal", principal),
            *(word for operation in allowed for word in ("--operation", operation)),
            *(word for name in named for word in (f"--{resource}", name)),
        ]
        for (principal, resource, allowed), named in names.items()
    ]


def table() -> list[tuple[str, str, str, str]]:
    """The rows of the table in docs/security.md: part, resource, name, operations."""
    rows: list[tuple[str, str, str, str]] = []
    for part in PARTS:
        merged: dict[tuple[Resource, str], list[str]] = {}
        for right in rights(Settings(), part, ""):
            merged.setdefault((right.resource, right.name), []).append(right.operation)
        alike: dict[tuple[Resource, str], list[str]] = {}
        for (resource, name), allowed in merged.items():
            alike.setdefault((resource, ", ".join(allowed)), []).append(name)
        rows += [
            (part, resource, ", ".join(f"`{name}`" for name in named), allowed)
            for (resource, allowed), named in alike.items()
        ]
        if part == "worker":
            shown = [
                f"`{topic_name(Settings(), role)}`" for role in OUTPUT_ROLES if role in SHOWN_ROLES
            ]
            rows.append((part + " with live page", "topic", ", ".join(shown), "Read"))
    return rows
