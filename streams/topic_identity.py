"""Which topics these are: a topic of the same name may be another one.

Rule.  State belongs to a log, and a log is told apart by its topic's id and its number of
partitions, not by its name.  A deleted and re-created topic begins at offset 0 again, and once it
has grown past the old offset nothing but the id shows it; another number of partitions gives keys
other homes (outputs are others' to read, and of control topics every partition is read, but only
those of the start).  In either case reading on would count other records as those of before, so the
worker stops and says what happened.  Brokers before 2.8 have no ids; there only the count is
compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from streams.broker_answers import BrokerAnswers
from streams.settings import Settings
from streams.topics import CO_PARTITIONED_ROLES, CONTROL_ROLES, OUTPUT_ROLES, ROLES, topic_name

GONE_WORDS: Final = (
    "deleted while this worker ran: topic",
    "longshore topics create makes it anew; what nobody had read of it is lost",
)
OTHER_WORDS: Final = (
    "deleted and made anew while this worker ran: topic",
    "its offsets mean other records now; a restart says what can be done",
)
CONTROL_WORDS: Final = (
    "partitions added while this worker ran: topic",
    "start the worker again, it reads the new ones then",
)
COUNT_WORDS: Final = (
    "partitions added while this worker ran: topic",
    (
        "keys have other homes now.  Use new topics (another prefix and group), or end all workers "
        "and start with LONGSHORE_RECOVERY=rebuild"
    ),
)

Identities = Mapping[str, "Identity"]
"""By name of the topic on the broker."""


class Identity(NamedTuple):
    """What a topic is, beside its name; ``partitions`` is 0 for one that is not there."""

    topic_id: str
    partitions: int
    role: str = ""
    """What the worker uses it for."""


def describe_topics(settings: Settings) -> dict[str, Identity]:
    """The worker's topics as the brokers see them now; without those they refuse to describe.

    Raises streams.broker_answers.BrokersError when no broker answers.
    """
    if settings.embedded:
        return {}  # it lives and dies with its owner, and describes no topics
    roles = {topic_name(settings, role): role for role in ROLES}
    answers = BrokerAnswers(settings).topics(list(roles))
    return {
        name: Identity(answer.topic_id, answer.partitions, roles[name])
        for name, answer in answers.items()
        if answer.operations != frozenset()
    }


def changes(before: Identities, now: Identities) -> list[str]:
    """What changed while a worker ran, one line per kind of change; a name that is not in both
    says nothing.

    What changed between two runs is found when a snapshot is restored (its head holds the ids).
    """
    gone: list[str] = []
    other: list[str] = []
    counts: list[str] = []
    control: list[str] = []
    for name, was in sorted(before.items()):
        current = now.get(name)
        if current is None or not was.partitions:
            continue
        if not current.partitions:
            gone.append(name)
        elif was.topic_id and current.topic_id and was.topic_id != current.topic_id:
            other.append(name)
        elif was.partitions != current.partitions and was.role not in OUTPUT_ROLES:
            kind = control if was.role in CONTROL_ROLES else counts
            kind.append(f"{name} ({was.partitions}, now {current.partitions})")
    found = (
        (gone, GONE_WORDS),
        (other, OTHER_WORDS),
        (counts, COUNT_WORDS),
        (control, CONTROL_WORDS),
    )
    return [f"{what} {', '.join(names)}: {advice}" for names, (what, advice) in found if names]


def ids_by_role(settings: Settings, identities: Identities) -> dict[str, str]:
    """Role -> id of the topics that state depends on, without those whose id is not told."""
    names = {role: topic_name(settings, role) for role in (*CO_PARTITIONED_ROLES, *CONTROL_ROLES)}
    return {
        role: identities[name].topic_id
        for role, name in names.items()
        if name in identities and identities[name].topic_id
    }
