"""The demo and the commands beside it on a real broker."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner
from confluent_kafka.admin import AdminClient

from streams.cli import main
from streams.model_files import read_spec_file
from streams.replay import Source
from streams.settings import Settings
from streams.topics import ROLES
from tests.streams.cli_example import example_files
from tests.streams.test_cli_publish import logs_of_a_replay, read_partitions

ROOT = Path(__file__).parents[2]
DEMO_LIMIT_S = 160


def topics_of(broker: str) -> set[str]:
    """The names of the topics on a broker."""
    return set(AdminClient({"bootstrap.servers": broker}).list_topics(timeout=10).topics)


@pytest.mark.long
def test_the_demo_on_a_real_broker(kafka: str) -> None:
    """The same way on Apache Kafka: topics of its own, the trigger on standard output, exit code 0,
    and none of its topics left behind."""
    before = topics_of(kafka)
    demo = subprocess.run(
        [sys.executable, "-m", "streams.cli", "demo", "--broker", kafka, "--seconds", "15"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEMO_LIMIT_S,
    )
    assert demo.returncode == 0, demo.stderr
    trigger = orjson.loads(demo.stdout)
    assert (trigger["model"], trigger["rule"]) == ("flights", "psi_features")
    left = {name for name in topics_of(kafka) - before if name.startswith("demo-")}
    assert left == set()


def test_topics_are_created_once_and_then_left_alone(
    kafka: str, topic_prefix: Callable[[], str]
) -> None:
    """Every role gets its topic with the partitions asked for; a second run creates none."""
    prefix = topic_prefix()
    command = ["topics", "create", "--broker", kafka, "--prefix", prefix, "--partitions", "3"]
    first = CliRunner().invoke(main, command)
    assert first.exit_code == 0, first.output
    assert sorted(first.stdout.split()) == sorted(prefix + role for role in ROLES)
    found = AdminClient({"bootstrap.servers": kafka}).list_topics(timeout=10).topics
    assert {len(found[prefix + role].partitions) for role in ROLES} == {3}
    again = CliRunner().invoke(main, command)
    assert again.exit_code == 0
    assert again.stdout == ""
    assert "0 created" in again.stderr


def test_published_files_become_the_logs_that_replay_reads(
    kafka: str, topic_prefix: Callable[[], str], tmp_path: Path
) -> None:
    """`publish` on a real broker: every partition of every topic, record for record."""
    prefix, files = topic_prefix(), example_files(tmp_path)
    where = ["--broker", kafka, "--prefix", prefix]
    assert CliRunner().invoke(main, ["topics", "create", *where]).exit_code == 0
    given = ["--predictions", str(files.predictions), "--labels", str(files.labels)]
    result = CliRunner().invoke(main, ["publish", str(files.spec), *given, *where])
    assert result.exit_code == 0, result.output
    assert "2,400 predictions" in result.stderr
    assert "8 heartbeats" in result.stderr
    spec = read_spec_file(files.spec)
    settings = Settings(brokers=(kafka,), prefix=prefix)
    for source in (
        Source("predictions", files.predictions, spec),
        Source("labels", files.labels, spec),
    ):
        assert read_partitions(settings, source.topic) == logs_of_a_replay(source)


def test_publishing_without_topics_says_so(
    kafka: str, topic_prefix: Callable[[], str], tmp_path: Path
) -> None:
    """The message names the topic and the command that makes it; exit code 1."""
    files, prefix = example_files(tmp_path), topic_prefix()
    given = ["--predictions", str(files.predictions), "--broker", kafka, "--prefix", prefix]
    result = CliRunner().invoke(main, ["publish", str(files.spec), *given])
    assert result.exit_code == 1
    assert f"topic {prefix}predictions is missing (longshore topics create)" in result.stderr
