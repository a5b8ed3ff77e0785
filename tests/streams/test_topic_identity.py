"""A topic is its id and its partitions, not its name."""

from __future__ import annotations

from streams.settings import Settings
from streams.topic_identity import Identity, changes, ids_by_role

BEFORE = {"drift.predictions": Identity("a", 4), "drift.labels": Identity("b", 4)}


def test_what_stays_says_nothing() -> None:
    """Neither does a topic that is not shown any more, nor one without an id."""
    assert changes(BEFORE, BEFORE) == []
    assert changes(BEFORE, {}) == []
    assert changes(BEFORE, {"drift.labels": Identity("", 4)}) == []


def test_each_change_is_one_line_with_every_topic() -> None:
    """Deleted, made anew, given partitions."""
    gone = changes(BEFORE, dict.fromkeys(BEFORE, Identity("", 0)))
    assert len(gone) == 1
    assert gone[0].startswith("deleted while this worker ran: topic drift.labels, drift.predic")
    (anew,) = changes(BEFORE, BEFORE | {"drift.labels": Identity("c", 4)})
    assert "made anew" in anew
    (more,) = changes(BEFORE, BEFORE | {"drift.labels": Identity("b", 8)})
    assert "drift.labels (4, now 8)" in more


def test_ids_go_by_role_and_only_where_told() -> None:
    """Snapshots keep those of the topics that state depends on."""
    found = BEFORE | {"drift.panes": Identity("", 4), "drift.alerts": Identity("z", 4)}
    assert ids_by_role(Settings(), found) == {"predictions": "a", "labels": "b"}


def test_only_topics_whose_keys_have_homes_are_lost_with_their_count() -> None:
    """Outputs may grow at any time; of a control topic the new partitions are read after a start,
    and nothing is counted anew for it."""
    before = {
        "drift.alerts": Identity("a", 2, "alerts"),
        "drift.retraining-results": Identity("b", 2, "retraining-results"),
    }
    after = {name: was._replace(partitions=6) for name, was in before.items()}
    (line,) = changes(before, after)
    assert "drift.retraining-results (2, now 6)" in line
    assert "start the worker again" in line
    assert "rebuild" not in line
