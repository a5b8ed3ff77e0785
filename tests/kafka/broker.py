"""A real Apache Kafka broker of one node (KRaft, no Docker) for the tests and for the terminal.

Rule.  A broker never outlives its owner: it is ended when the ``with`` block ends, when the
interpreter exits, and by a watchdog when the owner is killed (:mod:`tests.owned_process`).  Only
``python -m tests.kafka up`` leaves a broker behind, and ``down`` ends it.

Ports are free ones on 127.0.0.1 and stay the same over :meth:`RealBroker.stop` and
:meth:`RealBroker.start`, as do the data, so that a restart is one that clients live through.
"""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from base64 import urlsafe_b64encode
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.kafka.libraries import HERE, java, kafka_libraries
from tests.owned_process import OwnedProcess, end_of_log, free_ports

if TYPE_CHECKING:
    from types import TracebackType

START_SECONDS: Final = 60.0
START_TRIES: Final = 3
"""A port that was free may be taken by the time that the broker binds it."""
LOG: Final = "broker.log"
LARGEST_RECORD_BYTES: Final = 10 * 1024 * 1024
HEAP: Final = ("-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-Djava.awt.headless=true")
SHORT_LIVED: Final = ("-XX:TieredStopAtLevel=1",)
"""Java options of a broker that does not live long enough for better code."""
PROPERTIES: Final = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
log.dirs={directory}/data
num.partitions=4
auto.create.topics.enable=false
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# A killed broker is let in again when its last session has run out (9 s by default).
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
message.max.bytes={largest}
replica.fetch.max.bytes={largest}
# Records carry event times of years ago: only a test's end removes them.
log.retention.ms=-1
# With one node there is nobody to hand leadership to.
controlled.shutdown.enable=false
log.cleaner.dedupe.buffer.size=16777216
num.network.threads=2
num.io.threads=4
background.threads=2
"""


class BrokerFailedError(RuntimeError):
    """The broker did not come up; the message ends with its log."""


class RealBroker:
    """One broker; use it as a context manager, or :meth:`start` and :meth:`close` it.

    ``detached`` leaves the process running when this one ends; somebody else must end it then.
    :meth:`start` raises SystemPackageError when Java or Maven is missing, BrokerFailedError when
    it does not come up.
    """

    start_seconds = START_SECONDS
    java_options: tuple[str, ...] = ()

    def __init__(self, directory: Path | None = None, *, detached: bool = False) -> None:
        self._given_directory = directory
        self._detached = detached
        self._directory: Path | None = None
        self._command: list[str] = []
        self._process: OwnedProcess | None = None
        self.port = 0

    @property
    def bootstrap(self) -> str:
        """The address that clients are given."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """The broker's process and process group; None while it is stopped."""
        return None if self._process is None else self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.alive()

    @property
    def directory(self) -> Path:
        """Where configuration, data and log are; there from the first start to :meth:`close`."""
        assert self._directory is not None, "the broker has not been started"
        return self._directory

    def start(self) -> str:
        """Start it (again), wait until it answers, and return the bootstrap address."""
        assert self._process is None, "the broker is running already"
        if self._directory is not None:
            self._launch()
            return self.bootstrap
        for tries_left in reversed(range(START_TRIES)):
            try:
                self._prepare()
                self._launch()
                break
            except BaseException as error:
                port_taken = "already in use" in self.log()
                self.close()
                if not (isinstance(error, BrokerFailedError) and port_taken and tries_left):
                    raise
        return self.bootstrap

    def stop(self, *, hard: bool = False) -> None:
        """End the process and keep ports and data; ``hard`` gives it no time to say goodbye."""
        if self._process is not None:
            self._process.stop(hard=hard)
            self._process = None

    def close(self) -> None:
        """End it for good and remove its data.  Does nothing the second time."""
        self.stop(hard=True)
        atexit.unregister(self.close)
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None

    def log(self) -> str:
        """The last of what the broker complained about, for a message."""
        return "" if self._directory is None else end_of_log(self._directory / LOG)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _prepare(self) -> None:
        command = [java(), "-cp", f"{kafka_libraries()}/*"]
        if self._given_directory is None:
            self._directory = Path(tempfile.mkdtemp(prefix="longshore-kafka-"))
        else:
            self._directory = self._given_directory
            self._directory.mkdir(parents=True)
        if not self._detached:
            atexit.register(self.close)
        properties = self.directory / "server.properties"
        properties.write_text(self._properties())
        shutil.copytree(self._formatted(command, properties), self.directory / "data")
        logging = f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}"
        options = [*HEAP, *self.java_options, logging]
        self._command = [*command, *options, "kafka.Kafka", str(properties)]

    def _formatted(self, command: list[str], properties: Path) -> Path:
        """A directory as Kafka's storage tool leaves it, made once for the options that it takes:
        no broker here meets another, so all of them may have the same identity."""
        options = self._format_options()
        name = sha256("\0".join([PROPERTIES, *options]).encode()).hexdigest()[:16]
        formatted = kafka_libraries() / f"formatted-{name}"
        if formatted.is_dir():
            return formatted
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        storage_tool = ["-XX:TieredStopAtLevel=1", "kafka.tools.StorageTool", "format"]
        done = subprocess.run(
            [
                *(*command, *storage_tool, f"--cluster-id={cluster}", "--config", str(properties)),
                *options,
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=self.start_seconds,
        )
        if done.returncode != 0:
            raise BrokerFailedError(f"Kafka's storage tool failed:\n{done.stderr[-2000:]}")
        beside = formatted.with_name(f"{formatted.name}-{os.getpid()}")
        shutil.copytree(self.directory / "data", beside)
        shutil.rmtree(self.directory / "data")
        try:
            beside.rename(formatted)
        except OSError:  # another process was quicker
            shutil.rmtree(beside)
        return formatted

    def _properties(self) -> str:
        """What the broker is configured with; takes the ports."""
        self.port, controller_port = free_ports(2)
        return PROPERTIES.format(
            port=self.port,
            controller_port=controller_port,
            directory=self.directory,
            largest=LARGEST_RECORD_BYTES,
        )

    def _format_options(self) -> list[str]:
        """What more the storage is formatted with."""
        return []

    def _answers(self) -> bool:
        """Whether a broker that is a member of its cluster answers."""
        return answers(self.port, {})

    def _launch(self) -> None:
        log = self.directory / LOG
        self._process = OwnedProcess(self._command, self.directory, log, detached=self._detached)
        deadline = time.monotonic() + self.start_seconds
        while not self._answers():
            if not self._process.alive():
                raise BrokerFailedError(f"the broker ended while starting:\n{self.log()}")
            if time.monotonic() > deadline:
                raise BrokerFailedError(f"no broker after {self.start_seconds:g} s:\n{self.log()}")
            time.sleep(0.05)


def answers(port: int, login: dict[str, str]) -> bool:
    """Whether a broker that is a member of its cluster answers there; ``login`` is librdkafka's."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        if probe.connect_ex(("127.0.0.1", port)) != 0:
            return False
    client = AdminClient({"bootstrap.servers": f"127.0.0.1:{port}", "log_level": 0, **login})
    try:
        return bool(client.list_topics(timeout=1.0).brokers)
    except KafkaException:
        return False
