"""Whether a worker may do what it will have to, asked before it starts.

Rule.  A right that is missing would show only when it is first needed: at the first snapshot, the
first judgement, or the first dead letter a month later.  So the brokers are asked for all of them
at once, and each topic or group with one missing is a line that names it and the right.  Brokers
that do not say (older than 2.3, or librdkafka's own in-process one) are taken at their silence.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from streams.acls import topic_operations
from streams.broker_answers import BrokerAnswers, TopicAnswer
from streams.settings import Settings
from streams.topics import ROLES, TopicsError, check_topics, judge_topics, topic_name

GRANT = "grant it (longshore acls)"


def check_worker(settings: Settings) -> int:
    """Make sure that topics and rights are there; give the partition count of the inputs.

    Raises TopicsError with everything that is missing, streams.broker_answers.BrokersError when no
    broker answers.
    """
    if settings.embedded:
        return check_topics(settings)
    asked = BrokerAnswers(settings)
    answers = asked.topics([topic_name(settings, role) for role in ROLES])
    needed = {
        topic_name(settings, role): operations
        for role, operations in topic_operations("worker", page=settings.http.shows_data).items()
    }
    faults = missing_rights(needed, answers)
    allowed = asked.group_operations(settings.group)
    if allowed is not None and "READ" not in allowed:
        faults.append(f"group {settings.group}: no right to Read, {GRANT}")
    try:
        # What may not be looked at may well be there.
        counts = {name: one.partitions for name, one in answers.items() if one.partitions}
        hidden = {name for name, one in answers.items() if one.operations == frozenset()}
        partitions = judge_topics(settings, counts, hidden)
    except TopicsError as error:
        raise TopicsError(faults + error.faults) from None
    if faults:
        raise TopicsError(faults)
    return partitions


def missing_rights(
    needed: Mapping[str, Collection[str]], answers: Mapping[str, TopicAnswer]
) -> list[str]:
    """One line per topic on which something needed (name -> operations) is not allowed."""
    lines = []
    for name, operations in needed.items():
        allowed = answers[name].operations if name in answers else None
        if allowed is None:
            continue
        if lacking := [one for one in operations if one.upper() not in allowed]:
            lines.append(f"topic {name}: no right to {' and '.join(lacking)}, {GRANT}")
    return lines
