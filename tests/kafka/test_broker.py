"""The real broker that other tests rely on: it works, it restarts in place, it is torn down."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import kafka as kafka_python
import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from kafka.admin import KafkaAdminClient

from tests.kafka import __main__ as terminal
from tests.kafka import libraries
from tests.kafka.broker import RealBroker

if TYPE_CHECKING:
    from collections.abc import Callable

RECORD_OF_6_MB = b"x" * 6_000_000
DEADLINE_SECONDS = 20.0
AT_ONCE_SECONDS = 5.0
"""A broker whose directory is removed gives up by itself after some 15 s; that is no tear-down."""


def create_topic(bootstrap: str, topic: str) -> None:
    """Create ``topic`` with the broker's own number of partitions and wait for it."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(topic)])[topic].result(DEADLINE_SECONDS)


def confluent_first_value(bootstrap: str, topic: str) -> bytes | None:
    """The value of the first record of ``topic``, read in a consumer group."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"{topic}-reader",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "fetch.message.max.bytes": 8_000_000,
        }
    )
    with closing(consumer):
        consumer.subscribe([topic])
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            message = consumer.poll(0.2)
            if message is not None and message.error() is None:
                value: bytes | None = message.value()
                return value
    return None


def confluent_write(bootstrap: str, topic: str, value: bytes) -> None:
    """Write one record and wait for its delivery."""
    errors: list[object] = []
    producer = Producer({"bootstrap.servers": bootstrap, "message.max.bytes": 8_000_000})
    producer.produce(topic, value, on_delivery=lambda error, _: errors.append(error))
    assert producer.flush(DEADLINE_SECONDS) == 0
    assert errors == [None]


def process_gone(pid: int) -> bool:
    """Whether the process ends (or is only waiting to be reaped) at once."""
    deadline = time.monotonic() + AT_ONCE_SECONDS
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_confluent_round_trip_of_a_large_record(
    kafka: str, topic_prefix: Callable[[], str]
) -> None:
    """A record of 6 MB, above every client's default, goes in and comes out whole."""
    topic = topic_prefix() + "large"
    create_topic(kafka, topic)
    confluent_write(kafka, topic, RECORD_OF_6_MB)
    assert confluent_first_value(kafka, topic) == RECORD_OF_6_MB


def test_kafka_python_round_trip(kafka: str, topic_prefix: Callable[[], str]) -> None:
    """What kafka-python writes, kafka-python reads in a consumer group."""
    topic = topic_prefix() + "plain"
    create_topic(kafka, topic)
    producer = kafka_python.KafkaProducer(bootstrap_servers=kafka)
    with closing(producer):
        producer.send(topic, key=b"k", value=b"v").get(timeout=DEADLINE_SECONDS)
    consumer = kafka_python.KafkaConsumer(
        topic,
        bootstrap_servers=kafka,
        group_id=topic + "-reader",
        auto_offset_reset="earliest",
        consumer_timeout_ms=int(DEADLINE_SECONDS * 1000),
    )
    with closing(consumer):
        record = next(consumer)
    assert (record.key, record.value) == (b"k", b"v")


def test_topics_are_made_on_purpose_with_four_partitions(
    kafka: str, topic_prefix: Callable[[], str]
) -> None:
    """An unknown topic stays unknown when asked for; a created one has four partitions."""
    prefix = topic_prefix()
    create_topic(kafka, prefix + "made")
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    with closing(admin):
        admin.describe_topics([prefix + "never-made"])
        assert prefix + "never-made" not in admin.list_topics()
        assert len(admin.describe_topics([prefix + "made"])[0]["partitions"]) == 4


def test_prefixes_are_unique(topic_prefix: Callable[[], str]) -> None:
    """No two calls give the same prefix, and each is a legal start of a topic's name."""
    first, second = topic_prefix(), topic_prefix()
    assert first != second
    assert all(
        set(prefix) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.") for prefix in (first, second)
    )


def test_restarts_keep_port_and_data(private_broker: RealBroker) -> None:
    """After a gentle stop, and after kill -9, the same address serves the same records."""
    address = private_broker.bootstrap
    create_topic(address, "kept")
    confluent_write(address, "kept", b"still here")
    for hard in (False, True):
        pid = private_broker.pid
        private_broker.stop(hard=hard)
        assert private_broker.pid is None
        assert private_broker.start() == address
        assert private_broker.pid != pid
        assert confluent_first_value(address, "kept") == b"still here"


def test_close_leaves_nothing(private_broker: RealBroker) -> None:
    """Closing ends the process and removes its directory; closing again does nothing."""
    pid, directory = private_broker.pid, private_broker.directory
    assert pid is not None
    assert directory.exists()
    private_broker.close()
    assert not Path(f"/proc/{pid}").exists()
    assert not directory.exists()
    private_broker.close()


@pytest.mark.long
def test_the_broker_ends_with_a_killed_owner(kafka: str) -> None:
    """Kill -9 of the process that started a broker ends the broker and removes its directory."""
    assert kafka, "only to be left out where a broker cannot run"
    program = (
        "import sys, time\n"
        "from tests.kafka.broker import RealBroker\n"
        "broker = RealBroker()\n"
        "broker.start()\n"
        "print(broker.pid, broker.directory, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    ) as owner:
        try:
            assert owner.stdout is not None
            pid, directory = owner.stdout.readline().split()
        finally:
            os.kill(owner.pid, signal.SIGKILL)
    assert process_gone(int(pid))
    deadline = time.monotonic() + AT_ONCE_SECONDS
    while Path(directory).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(directory).exists()


def in_terminal(command: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """``python -m tests.kafka command directory``."""
    arguments = [sys.executable, "-m", "tests.kafka", command, str(directory)]
    return subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.long
def test_a_broker_for_the_terminal(kafka: str, tmp_path: Path) -> None:
    """`up` twice is one broker; `down` ends it; `down` again says that there was none."""
    assert kafka, "only to be left out where a broker cannot run"
    directory = tmp_path / "broker"
    address = in_terminal("up", directory).stdout.strip()
    try:
        found = terminal.running(directory)
        assert found is not None
        assert found[1] == address == in_terminal("up", directory).stdout.strip()
        assert f"running at {address}" in in_terminal("status", directory).stdout
        create_topic(address, "made")
    finally:
        stopped = in_terminal("down", directory)
    assert (stopped.returncode, stopped.stdout) == (0, "stopped\n")
    assert process_gone(found[0])
    assert not directory.exists()
    assert in_terminal("down", directory).stdout == "was not running\n"
    assert in_terminal("status", directory).returncode == 1
    assert in_terminal("upp", directory).returncode == 2


def test_a_foreign_process_is_not_taken_for_the_broker(tmp_path: Path) -> None:
    """A process id that meanwhile belongs to another program is not believed, let alone killed."""
    (tmp_path / "running").write_text(f"{os.getpid()} 127.0.0.1:1")
    assert terminal.running(tmp_path) is None


def test_missing_java_and_maven_say_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the programs, the error names the package and the command that installs it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    says = r"needs Java 17 or newer and Maven .*apt-get install default-jre-headless maven"
    with pytest.raises(libraries.SystemPackageError, match=says):
        RealBroker().start()
    with pytest.raises(libraries.SystemPackageError, match=says):
        libraries.kafka_libraries(tmp_path / "empty-cache")


def test_an_old_java_is_a_missing_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Java 8 calls itself 1.8 and Java 11 is too old as well: both count as missing."""
    for version in ("1.8.0_412", "11.0.22"):
        old = tmp_path / "java"
        old.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
        old.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
        with pytest.raises(libraries.SystemPackageError, match="Java 17"):
            libraries.java()
