"""`longshore answer`, and `longshore replay --results`: answers given, and given again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from streams.results_file import ResultsFileError, read_results
from tests.streams.cli_example import ExampleFiles
from tests.streams.test_cli_replay import profiled, records, replay, run

READY = ("--status", "ready", "--version", "2")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> ExampleFiles:
    """A model that drifts, and whose triggers must be answered within an hour."""
    found = profiled(tmp_path_factory.mktemp("answers"), drifted_by=2.0)
    text = found.spec.read_text().replace("cooldown: 1h", "cooldown: 9h\n  answer_within: 1h")
    found.spec.write_text(text)
    return found


def about_requests(out: Path) -> list[tuple[object, object, object]]:
    """Cause, state and end of the alerts about requests."""
    alerts = records(out / "alerts.ndjson")
    return [
        (one["cause"], one["state"], one["end"]) for one in alerts if one["rule"] == "retraining"
    ]


def told(out: Path) -> list[dict[str, Any]]:
    """What the audit says."""
    return records(out / "audit.ndjson")


def answers(path: Path, *trees: dict[str, object]) -> Path:
    """A file of results."""
    path.write_bytes(b"".join(orjson.dumps(tree) + b"\n" for tree in trees))
    return path


def test_a_replay_is_given_what_jobs_answered(files: ExampleFiles, tmp_path: Path) -> None:
    """Nobody answers: late.  An answer in the file: in time.  The audit of one replay given to
    another gives the same alerts and the same audit, refused answers too."""
    assert replay(files, tmp_path / "none").exit_code == 0
    (trigger,) = records(tmp_path / "none" / "retraining-triggers.ndjson")
    assert [one[:2] for one in about_requests(tmp_path / "none")] == [("no_answer", "open")]
    identity = trigger["trigger_id"]

    given = answers(
        tmp_path / "given.ndjson",
        {"trigger_id": identity, "status": "failed", "reason": "no memory"},
        {"trigger_id": identity, "status": "ready", "version": "2"},
        {"trigger_id": identity, "status": "ready", "version": "2"},
        {"trigger_id": identity, "status": "accepted", "model": "another"},
        {"trigger_id": "of-another-spec", "status": "accepted"},
    )
    result = replay(files, tmp_path / "first", "--results", given)
    assert result.exit_code == 0
    assert "4 results of loans; 1 never acted" in result.stderr
    said = [(one["status"], one["taken"]) for one in told(tmp_path / "first")]
    assert said == [("failed", True), ("ready", True), ("ready", False)]
    assert about_requests(tmp_path / "first") == []

    late = told(tmp_path / "first")
    for one in late:
        one["at"] = records(tmp_path / "none" / "alerts.ndjson")[-1]["end"]
    path = answers(tmp_path / "late.ndjson", {"kind": "promotion"}, *late)
    assert replay(files, tmp_path / "second", "--results", path).exit_code == 0
    again = tmp_path / "second" / "audit.ndjson"
    assert replay(files, tmp_path / "third", "--results", again).exit_code == 0
    for name in ("alerts", "audit", "judgements", "retraining-triggers"):
        second, third = (tmp_path / way / f"{name}.ndjson" for way in ("second", "third"))
        assert second.read_bytes() == third.read_bytes()
    assert len(told(tmp_path / "third")) == 3


def test_a_policy_over_history_has_nobody_to_answer(files: ExampleFiles, tmp_path: Path) -> None:
    """It asks what a spec would have said; with a file, what came of it."""
    assert replay(files, tmp_path / "policy", "--policy").exit_code == 0
    assert about_requests(tmp_path / "policy") == []
    (trigger,) = records(tmp_path / "policy" / "retraining-triggers.ndjson")
    failed = {"trigger_id": trigger["trigger_id"], "status": "failed", "reason": "no memory"}
    given = answers(tmp_path / "given.ndjson", failed)
    result = replay(files, tmp_path / "answered", "--policy", "--results", given)
    assert result.exit_code == 0, result.output
    assert about_requests(tmp_path / "answered")[0][:2] == ("failed", "open")
    assert "retraining" in result.stdout


def test_a_line_that_is_no_result_is_refused_with_its_place(
    files: ExampleFiles, tmp_path: Path
) -> None:
    """Before anything is read."""
    path = answers(tmp_path / "bad.ndjson", {"trigger_id": "t", "status": "done"})
    result = replay(files, tmp_path / "out", "--results", path)
    assert result.exit_code == 2
    assert "bad.ndjson:1: bad_status" in result.stderr
    for line in (b"{", b"[]", b'"x"'):
        path.write_bytes(b"\n" + line + b"\n")
        with pytest.raises(ResultsFileError, match=":2: malformed"):
            read_results(path, "m")


def test_an_answer_is_written_under_the_models_name() -> None:
    """Where Java's clients would put it, and told where that is."""
    owner = Producer({"test.mock.num.brokers": 1, "log_level": 0})
    broker = next(iter(owner.list_topics(timeout=10).brokers.values()))
    owner.list_topics("drift.retraining-results", timeout=10)  # makes it
    address = f"{broker.host}:{broker.port}"
    more = ("--effective-from", "2026-11-27T00:00:00Z", "--reason", "done")
    result = run("answer", "t", "--model", "m", *READY, *more, "--broker", address)
    assert result.exit_code == 0, result.output
    where, _, offset = result.stdout.strip().partition(" offset ")
    topic, _, partition = where.partition("/")
    reader = Consumer({"bootstrap.servers": address, "group.id": "g"})
    reader.assign([TopicPartition(topic, int(partition), int(offset))])
    (record,) = reader.consume(1, 10)
    reader.close()
    assert record.key() == b"m"
    assert orjson.loads(record.value() or b"") == {
        "trigger_id": "t",
        "status": "ready",
        "version": "2",
        "effective_from": "2026-11-27T00:00:00Z",
        "reason": "done",
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ("t", "--model", "m"),
        ("t", "--model", "m", "--status", "done"),
        ("t", "--status", "accepted"),
        ("t", "--model", "m", "--status", "ready"),
        ("t", "--model", "m", "--status", "accepted", "--version", "2"),
        ("a b", "--model", "m", "--status", "accepted"),
        ("t", "--model", "m", "--status", "rejected", "--effective-from", "tomorrow"),
    ],
)
def test_what_no_worker_would_take_is_wrong_usage(arguments: tuple[str, ...]) -> None:
    """And is not sent."""
    assert run("answer", *arguments, "--broker", "127.0.0.1:1").exit_code == 2


def test_brokers_that_are_away_exit_1(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the name of the topic and what to look at."""
    monkeypatch.setattr("streams.answering.DELIVERED_WITHIN_MS", 300)
    answer = ("answer", "t", "--model", "m", "--status", "accepted")
    result = run(*answer, "--broker", "127.0.0.1:1")
    assert result.exit_code == 1
    assert "drift.retraining-results" in result.stderr
    assert "Next: " in result.stderr
