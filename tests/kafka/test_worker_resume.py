"""A worker process on a real broker: whatever happens to it, every record counts exactly once.

The fake core's chains make that visible: each judgement states the checksum over the first n
records of a partition, and it is compared with the log.
"""

from __future__ import annotations

import json
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from streams.settings import Settings
from streams.topics import TopicsError, check_topics, create_topics
from tests.kafka.worker_cluster import PARTITIONS, Log, Verdicts, Workers

pytestmark = pytest.mark.timeout(180)

DEADLINE_S = 60.0


@dataclass
class Stage:
    """Topics under a prefix of their own, with workers, a log and its verdicts."""

    settings: Settings
    log: Log
    verdicts: Verdicts
    workers: Workers

    def committed(self) -> dict[tuple[str, int], int]:
        """Committed offsets of the group, per (role, partition)."""
        reader = Consumer(
            {"bootstrap.servers": self.settings.brokers[0], "group.id": self.settings.group}
        )
        asked = [
            TopicPartition(f"{self.settings.prefix}{role}", partition)
            for role in ("predictions", "panes")
            for partition in range(PARTITIONS)
        ]
        found = reader.committed(asked, timeout=10)
        reader.close()
        prefix = self.settings.prefix
        return {(tp.topic.removeprefix(prefix), tp.partition): tp.offset for tp in found}


@pytest.fixture
def stage(kafka: str, topic_prefix: Callable[[], str]) -> Iterator[Stage]:
    """A stage on the shared broker."""
    prefix = topic_prefix()
    settings = Settings(brokers=(kafka,), prefix=prefix, group=f"{prefix}group")
    create_topics(settings)
    log = Log(kafka, prefix)
    verdicts = Verdicts(kafka, log)
    with Workers(kafka, prefix=prefix, group=settings.group) as workers:
        yield Stage(settings, log, verdicts, workers)
    verdicts.close()


def test_kills_lose_nothing(stage: Stage) -> None:
    """Three kill -9 at odd moments, each followed by more records: every prefix stated is exact."""
    for seconds in (1.8, 3.1, 2.2):
        worker = stage.workers.start()
        stage.log.write("predictions", 12_000)
        stage.log.write("labels", 3_000)
        counted = stage.verdicts.records
        stage.verdicts.wait_for_records(counted + 1, DEADLINE_S)
        stage.log.write("predictions", 4_000)
        stage.verdicts.read(seconds)
        stage.workers.kill(worker)
    stage.workers.start()
    stage.log.write("predictions", 1_000)
    stage.verdicts.wait_for_all(DEADLINE_S)
    assert len(stage.verdicts.epochs) >= 3


def test_a_second_worker_takes_half_and_gives_it_back(stage: Stage) -> None:
    """Partitions move to a joining worker and back from a killed one, under load, exactly."""
    first = stage.workers.start()
    stage.log.write("predictions", 8_000)
    stage.verdicts.wait_for_all(DEADLINE_S)
    second = stage.workers.start()
    for _ in range(8):
        stage.log.write("predictions", 2_000)
        stage.verdicts.read(1.0)
    stage.verdicts.wait_for_all(DEADLINE_S)
    stage.workers.kill(first)
    stage.log.write("predictions", 2_000)
    stage.log.write("features", 500)
    stage.verdicts.wait_for_all(DEADLINE_S)
    assert stage.workers.stop(second) == 0


def test_sigterm_saves_commits_and_leaves(stage: Stage) -> None:
    """After SIGTERM everything read is committed, and the group has no member."""
    worker = stage.workers.start()
    stage.log.write("predictions", 4_000)
    stage.verdicts.wait_for_all(DEADLINE_S)
    began = time.monotonic()
    assert stage.workers.stop(worker) == 0
    assert time.monotonic() - began < 5.0
    committed = stage.committed()
    assert [committed["predictions", p] for p in range(PARTITIONS)] == [1_000] * PARTITIONS
    admin = AdminClient({"bootstrap.servers": stage.settings.brokers[0]})
    group = stage.settings.group
    assert admin.describe_consumer_groups([group])[group].result(10).members == []


def test_a_snapshot_larger_than_a_record_comes_back(stage: Stage) -> None:
    """State of 2.5 MB is written in parts, read back after a kill, and overwritten again."""
    worker = stage.workers.start(padding=2_500_000)
    stage.log.write("predictions", 2_000)
    stage.verdicts.wait_for_all(DEADLINE_S)
    while stage.committed()["predictions", 0] != 500:
        time.sleep(0.2)
    for _ in range(2):
        stage.workers.kill(worker)
        worker = stage.workers.start(padding=2_500_000)
        stage.log.write("predictions", 2_000)
        stage.verdicts.wait_for_all(DEADLINE_S)
    assert stage.workers.stop(worker) == 0
    assert max(stage.verdicts.epochs) >= 2


def test_a_zombie_changes_nothing(stage: Stage) -> None:
    """A worker frozen past its session wakes up with old state: nothing it writes counts."""
    zombie = stage.workers.start()
    stage.log.write("predictions", 4_000)
    stage.verdicts.wait_for_all(DEADLINE_S)
    stage.log.write("predictions", 4_000)
    zombie.send_signal(signal.SIGSTOP)
    heir = stage.workers.start()
    stage.log.write("predictions", 4_000)
    stage.verdicts.wait_for_all(DEADLINE_S)
    zombie.send_signal(signal.SIGCONT)
    for _ in range(5):
        stage.log.write("predictions", 2_000)
        stage.verdicts.read(1.0)
    stage.verdicts.wait_for_all(DEADLINE_S)
    for worker in (heir, zombie):
        stage.workers.kill(worker)
    stage.workers.start()
    stage.log.write("predictions", 4)
    stage.verdicts.wait_for_all(DEADLINE_S)


def test_lost_snapshots_refuse_to_run(stage: Stage) -> None:
    """Committed offsets that no snapshot covers mean lost state: one clear line and exit 1, after
    scrapers and probes could see it."""
    worker = stage.workers.start()
    stage.log.write("predictions", 4_000)
    stage.verdicts.wait_for_all(DEADLINE_S)
    assert stage.workers.stop(worker) == 0
    name = f"{stage.settings.prefix}snapshots"
    admin = AdminClient({"bootstrap.servers": stage.settings.brokers[0]})
    admin.delete_topics([name])[name].result(10)
    with pytest.raises(TopicsError, match="snapshots is missing"):
        _until_missing(stage.settings)
    create_topics(stage.settings)
    assert stage.workers.ended(stage.workers.start()) == 1
    stage.workers.settings(refusal_shown_s=120)
    shown = stage.workers.start()
    url = stage.workers.url(shown)
    end = time.monotonic() + DEADLINE_S
    while (state := _state(url)) != "refused":
        assert time.monotonic() < end, state
        time.sleep(0.1)
    assert stage.workers.stop(shown) == 1


def _state(url: str) -> str:
    """What /health says, whatever its status."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
            body = answer.read()
    except urllib.error.HTTPError as error:
        body = error.read()
    return str(json.loads(body)["state"])


def _until_missing(settings: Settings) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        check_topics(settings)
        time.sleep(0.1)


def test_a_broken_invariant_ends_the_worker(stage: Stage) -> None:
    """What a tally raises ends the process with exit 1; a sound worker then counts the record."""
    stage.log.write("predictions", 400)
    broken = stage.workers.start(breaks_at="predictions 402")
    stage.verdicts.wait_for_all(DEADLINE_S)
    stage.log.write("predictions", 400)
    assert stage.workers.ended(broken) == 1
    stage.workers.start()
    stage.verdicts.wait_for_all(DEADLINE_S)


def test_silent_sources_are_declared_idle(stage: Stage) -> None:
    """A source read to its end and silent past the time-out is declared; a record ends it."""
    stage.workers.start()
    stage.log.write("predictions", 400)
    end = time.monotonic() + DEADLINE_S
    while stage.verdicts.idle.get(1) != ["features", "labels", "predictions"]:
        assert time.monotonic() < end, stage.verdicts.idle
        stage.verdicts.read(0.5)
        stage.verdicts.idle = {p: sorted(topics) for p, topics in stage.verdicts.idle.items()}
    stage.log.write("predictions", 400)
    stage.verdicts.wait_for_all(DEADLINE_S)
    assert "predictions" not in stage.verdicts.idle[1]


def test_create_topics_is_idempotent(stage: Stage) -> None:
    """A second run creates nothing; the check counts the partitions."""
    assert create_topics(stage.settings) == []
    assert check_topics(stage.settings) == PARTITIONS


def test_a_record_of_nine_megabytes_passes(stage: Stage) -> None:
    """The largest record allowed gets through beside small ones."""
    stage.workers.start()
    stage.log.put("predictions", 0, b"x" * 9_000_000)
    stage.log.write("predictions", 401)
    stage.verdicts.wait_for_all(DEADLINE_S)
