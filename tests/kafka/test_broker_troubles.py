"""What brokers and topics do to a worker: it goes on, or ends with one line that says what to do.

A real broker each time; what is counted is compared with the log.  docs/troubles.md is this file in
words.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource

from streams.topics import TopicsError, create_topics
from tests.kafka.broker import RealBroker
from tests.kafka.trouble_stage import TroubledWorker, TroubleStage
from tests.kafka.worker_cluster import chained

pytestmark = pytest.mark.timeout(400)

DEADLINE_S = 90.0
OUTAGE_S = 10.0
START_S = 180.0
"""Longest start of a broker here; on a busy machine a restart takes its time."""
LONG_OUTAGE_S = 60.0
LINES_PER_ABSENCE = 25
"""What a worker and its clients may say about one absence of up to a minute."""
LOOKS: dict[str, object] = {
    "streams.lifeline.TOPICS_LOOK_S": 1.0,
    "streams.lifeline.TOPICS_SURE_S": 0.5,
}
SHORT: dict[str, object] = {"streams.settings_faults.MIN_STUCK_AFTER_S": 3.0}
MEGABYTE = 1_000_000
BATCH_HEADER_BYTES = 61
"""Of a batch on the disk; the rest is compressed."""
Stages = Callable[..., dict[str, TroubleStage]]


@pytest.fixture
def stages(kafka: str, topic_prefix: Callable[[], str], tmp_path: Path) -> Iterator[Stages]:
    """Makes stages by name on the shared broker."""
    with ExitStack() as stack:

        def make(*names: str) -> dict[str, TroubleStage]:
            return {
                name: stack.enter_context(TroubleStage(kafka, topic_prefix(), tmp_path))
                for name in names
            }

        yield make


def counted(stages: dict[str, TroubleStage], **settings: object) -> dict[str, TroubledWorker]:
    """A worker per stage that has counted 400 records."""
    workers = {name: stage.start(LOOKS, **settings) for name, stage in stages.items()}
    for stage in stages.values():
        stage.log.write("predictions", 400)
    for stage in stages.values():
        stage.verdicts.wait_for_all(DEADLINE_S)
    return workers


def set_limit(stage: TroubleStage, role: str, size: int) -> None:
    """Let a topic take no larger records than this."""
    entry = ConfigEntry("max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(
        ConfigResource.Type.TOPIC, stage.name(role), incremental_configs=[entry]
    )
    for future in stage.admin.incremental_alter_configs([resource]).values():
        future.result(30)


def resident_mb(worker: TroubledWorker) -> float:
    """Its resident memory."""
    pages = int(Path(f"/proc/{worker.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MEGABYTE


def absence(
    broker: RealBroker, stage: TroubleStage, worker: TroubledWorker, away_s: float, *, hard: bool
) -> float:
    """Stop the broker under load and start it again; seconds from its start to all counted."""
    stage.log.write("predictions", 4_000)
    lines = len(worker.said().splitlines())
    broker.stop(hard=hard)
    time.sleep(away_s)
    if away_s >= OUTAGE_S:  # with others on the machine it may notice a little later
        worker.wait_until(lambda: worker.health()["state"] == "unreachable")
    broker.start()
    began = time.monotonic()
    stage.verdicts.wait_for_all(DEADLINE_S)
    took_s = time.monotonic() - began
    assert worker.process.poll() is None, worker.said()
    assert len(worker.said().splitlines()) - lines <= LINES_PER_ABSENCE
    return took_s


def test_a_worker_lives_through_an_outage(private_broker: RealBroker, tmp_path: Path) -> None:
    """A killed broker and OUTAGE_S without any, under load: the same worker counts on, loses
    nothing, and says little about it.  A record whose bytes rotted on the disk
    cannot be read: the worker ends after ``stuck_after_s`` and says where.  Brokers that stay away
    for longer than OUTAGE_LIMIT_S end it too."""
    private_broker.start_seconds = START_S
    with TroubleStage(private_broker.bootstrap, "lived.", tmp_path) as stage:
        worker = stage.ready()
        absence(private_broker, stage, worker, OUTAGE_S, hard=True)
        stage.log.write("predictions", 400)
        stage.verdicts.wait_for_all(DEADLINE_S)
        worker.wait_until(worker.ready)
        worker.stop()
        spoil(private_broker, stage.name("labels"))
        stuck = stage.start(SHORT, stuck_after_s=5.0)
        stuck.fails_with("labels/0 cannot be read at offset 0", "kafka-delete-records")
        patient = stage.ready({"streams.watchdog.OUTAGE_LIMIT_S": 3.0})
        private_broker.stop(hard=True)
        patient.fails_with("no broker answered for 3 s", "a restart reads on at the last snapshot")


@pytest.mark.long
@pytest.mark.timeout(1_200)
def test_a_minute_without_brokers_costs_nothing(private_broker: RealBroker, tmp_path: Path) -> None:
    """Default settings, a backlog of 100,000 records, a clean and a hard stop, LONG_OUTAGE_S away
    each time: the same worker counts on, exactly, in bounded memory."""
    private_broker.start_seconds = START_S
    with TroubleStage(private_broker.bootstrap, "minute.", tmp_path) as stage:
        worker = stage.ready(
            session_timeout_s=6.0, heartbeat_interval_s=1.0, snapshot_interval_s=2.0
        )
        stage.log.write("predictions", 4_000)
        stage.verdicts.wait_for_all(DEADLINE_S)
        memory_mb = resident_mb(worker)
        for hard in (False, True):
            stage.log.write("predictions", 100_000)
            absence(private_broker, stage, worker, LONG_OUTAGE_S, hard=hard)
        assert resident_mb(worker) < memory_mb + 200


def test_more_copies_than_brokers_are_refused_in_words(stages: Stages) -> None:
    """`topics create` names the topic and the option."""
    stage = stages("copies")["copies"]
    more = msgspec.structs.replace(
        stage.settings, prefix=f"3{stage.settings.prefix}", replication=3
    )
    with pytest.raises(TopicsError, match="3 copies are asked for, there are fewer brokers"):
        create_topics(more)


def test_topics_that_change_under_a_running_worker_end_it(stages: Stages) -> None:
    """An input or an output that is deleted, an input that is made anew, partitions added to all
    topics alike: each ends the worker with a line that names the topic."""
    staged = stages("input", "output", "anew", "added")
    workers = counted(staged)
    staged["input"].delete("predictions")
    staged["output"].delete("alerts")
    staged["anew"].recreate("predictions")
    staged["added"].add_partitions(8)
    names = {name: stage.settings.prefix for name, stage in staged.items()}
    workers["input"].fails_with(f"{names['input']}predictions", "longshore topics create")
    workers["output"].fails_with(f"{names['output']}alerts", "longshore topics create")
    workers["anew"].fails_with(f"{names['anew']}predictions", "anew")
    workers["added"].fails_with(f"{names['added']}predictions", "partition")
    again = staged["added"].start()
    again.fails_with("had 4 partitions when it was written, now they have 8")
    missing = staged["input"].start()
    missing.fails_with(f"topic {names['input']}predictions is missing (longshore topics create)")


def test_topics_that_change_between_two_runs_are_noticed(stages: Stages) -> None:
    """Records deleted that were not read yet; a topic made anew, also one that has grown past the
    old offset since: the next start refuses, and says how to go on."""
    staged = stages("deleted", "grown")
    for worker in counted(staged).values():
        worker.stop()
    deleted, grown = staged["deleted"], staged["grown"]
    deleted.log.write("predictions", 400)
    name = deleted.name("predictions")
    asked = [TopicPartition(name, partition, 150) for partition in range(4)]
    for future in deleted.admin.delete_records(asked).values():
        future.result(30)
    grown.recreate("predictions")
    grown.log.write("predictions", 800)
    starts = {name: stage.start() for name, stage in staged.items()}
    starts["deleted"].fails_with("50 records were deleted unread", "RECOVERY=rebuild")
    starts["grown"].fails_with("predictions was deleted and made anew", "RECOVERY=rebuild")


def test_what_a_topic_does_not_take(stages: Stages) -> None:
    """A snapshot or a judgement larger than its topic takes ends the worker and names the topic and
    its setting; a dead letter is cut to its headers, and nothing stops."""
    staged = stages("snapshots", "judgements", "dead-letters")
    limits = {"snapshots": 200, "judgements": 50, "dead-letters": 20_000}
    for role, size in limits.items():
        set_limit(staged[role], role, size)
        staged[role].log.write("predictions", 400)
    workers = {
        role: stage.start({"padding": 50_000 if role == "snapshots" else 0})
        for role, stage in staged.items()
    }
    for role in ("snapshots", "judgements"):
        topic = staged[role].name(role)
        workers[role].fails_with(f"topic {topic}:", "raise its max.message.bytes")
    letters = staged["dead-letters"]
    letters.log.put("predictions", 0, b"bad" + os.urandom(100_000))
    letters.log.put("predictions", 1, b"bad and small")
    letters.log.write("predictions", 400)
    letters.verdicts.wait_for_all(DEADLINE_S)
    workers["dead-letters"].stop()
    found = read(letters, "dead-letters", 2)
    assert {value: dict(headers) for value, headers in found} == {
        b"": {"longshore.reason": b"bad", "longshore.value-left-out": b"100003"},
        b"bad and small": {"longshore.reason": b"bad"},
    }


def read(stage: TroubleStage, role: str, count: int) -> list[tuple[bytes, list[tuple[str, bytes]]]]:
    """Values and headers of so many records of a topic."""
    reader = Consumer({"bootstrap.servers": stage.bootstrap, "group.id": "reader"})
    reader.assign([TopicPartition(stage.name(role), partition, 0) for partition in range(4)])
    try:
        messages = reader.consume(count, 30)
        assert [message.error() for message in messages] == [None] * count
        return [(message.value(), message.headers()) for message in messages]
    finally:
        reader.close()


def test_markers_of_transactions_are_not_waited_for(stages: Stages) -> None:
    """A log that ends with the marker of a transaction has no more records: its worker, which would
    be stuck after 3 s, lives on, and its silent sources are declared idle."""
    stage = stages("marked")["marked"]
    topic = stage.name("predictions")
    producer = Producer({"bootstrap.servers": stage.bootstrap, "transactional.id": topic})
    producer.init_transactions(30)
    producer.begin_transaction()
    for partition in range(4):
        value = b"in a transaction"
        producer.produce(topic, value, partition=partition)
        chains = stage.log.chains["predictions", partition]
        chains.append(chained(chains[-1], value))
    producer.commit_transaction(30)
    worker = stage.start(SHORT, stuck_after_s=3.0)
    stage.verdicts.wait_for_all(DEADLINE_S)
    stage.verdicts.read(8.0)
    assert worker.ready(), worker.said()
    idle = stage.verdicts.idle
    assert {p: "predictions" in idle[p] for p in range(4)} == dict.fromkeys(range(4), True), idle


def spoil(broker: RealBroker, topic: str) -> None:
    """Write a compressed record to partition 0, and break its bytes on the broker's disk."""
    producer = Producer({"bootstrap.servers": broker.bootstrap, "compression.type": "zstd"})
    producer.produce(topic, b"much the same " * 1_000, partition=0)
    assert producer.flush(30) == 0
    broker.stop()
    segment = broker.directory / "data" / f"{topic}-0" / f"{0:020}.log"
    content = bytearray(segment.read_bytes())
    content[BATCH_HEADER_BYTES:] = bytes(len(content) - BATCH_HEADER_BYTES)
    segment.write_bytes(content)
    broker.start()
