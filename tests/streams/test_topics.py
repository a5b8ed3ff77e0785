"""Topics: names from prefix and role, configuration, and the check before a start."""

from __future__ import annotations

from typing import ClassVar

import pytest
from kafka.admin import NewTopic

from streams import topics
from streams.settings import Settings
from streams.topics import (
    ROLES,
    TopicsError,
    create_topics,
    judge_topics,
    role_of,
    topic_config,
    topic_name,
)


def counts(settings: Settings, partitions: int = 4) -> dict[str, int]:
    """A broker that has all topics."""
    return {topic_name(settings, role): partitions for role in ROLES}


def test_names_are_prefix_and_role() -> None:
    """The prefix exists only on the broker."""
    settings = Settings(prefix="x-")
    assert topic_name(settings, "panes") == "x-panes"
    assert role_of(settings, "x-panes") == "panes"


def test_the_roles_are_those_of_the_contract() -> None:
    """Five inputs, seven outputs and three internal topics."""
    assert len(ROLES) == len(set(ROLES)) == 15


def test_state_topics_are_compacted_and_never_deleted_from() -> None:
    """Snapshots, pending and models keep their last record per key for ever."""
    for role in ROLES:
        policy = topic_config(Settings(), role).get("cleanup.policy")
        assert (policy == "compact") == (role in {"snapshots", "pending", "models"})


def test_dead_letters_hold_the_largest_record_and_its_headers() -> None:
    """A dead letter is its record plus headers."""
    config = topic_config(Settings(max_record_bytes=5_000_000), "dead-letters")
    assert int(config["max.message.bytes"]) > 5_000_000


def test_panes_are_kept_for_hours() -> None:
    """Retention comes from the settings."""
    assert topic_config(Settings(panes_retention_h=2), "panes")["retention.ms"] == "7200000"


def test_equal_counts_pass() -> None:
    """The count of the inputs is the worker's number of partitions, whatever the settings say."""
    settings = Settings(partitions=4)
    assert judge_topics(settings, counts(settings, 8)) == 8


def test_control_topics_may_have_other_counts() -> None:
    """Only what belongs together by partition must be equal."""
    settings = Settings()
    found = counts(settings) | {"drift.models": 1, "drift.alerts": 9}
    assert judge_topics(settings, found) == 4


def test_every_fault_is_listed() -> None:
    """Missing topics and unequal counts refuse to start, all named at once."""
    settings = Settings()
    found = counts(settings) | {"drift.labels": 3}
    del found["drift.alerts"], found["drift.panes"]
    with pytest.raises(TopicsError) as caught:
        judge_topics(settings, found)
    text = "\n".join(caught.value.faults)
    assert len(caught.value.faults) == 3
    assert "drift.alerts is missing" in text
    assert "drift.panes is missing" in text
    assert "drift.labels has 3" in text


class Refusing:
    """An administrator whose broker refuses every topic, as kafka-python tells it."""

    answer: ClassVar[dict[str, object]] = {}

    def __init__(self, **_: object) -> None:
        pass

    def create_topics(self, topics: list[NewTopic], *, raise_errors: bool) -> dict[str, object]:
        """The broker's answer."""
        assert not raise_errors
        return {"topics": [{"name": topics[0].name} | self.answer]}

    def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize(
    ("code", "message", "told"),
    [
        (
            17,
            "Topic 'drift_features' collides with existing\n topics: drift.features",
            "the brokers refuse the name: Topic 'drift_features' collides with existing topics: d",
        ),
        (
            44,
            "at least 3 copies",
            "a policy of the brokers forbids it: at least 3 copies; change what it names",
        ),
        (
            38,
            None,
            "1 copies are asked for, there are fewer brokers (--replication)",
        ),
        (29, None, "no right to Create, grant it (longshore acls --operator"),
        (7, None, "the brokers refuse it: RequestTimedOutError: they do not"),
    ],
)
def test_a_refused_topic_is_one_line_that_says_what_to_do(
    code: int, message: str | None, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker's words, and never the request."""
    monkeypatch.setattr(Refusing, "answer", {"error_code": code, "error_message": message})
    monkeypatch.setattr("kafka.admin.KafkaAdminClient", Refusing)
    monkeypatch.setattr(topics, "partition_counts", lambda _: {})
    with pytest.raises(TopicsError) as caught:
        create_topics(Settings(prefix="drift_"))
    (line,) = caught.value.faults
    assert line.startswith(f"topic drift_features: {told}")
    assert "Request(" not in line
    assert code != 17 or line.endswith("(--prefix), in which '.' and '_' count as the same")
    assert "\n" not in line
