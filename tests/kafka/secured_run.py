"""Commands, workers and steps of a run on a broker that grants only what is listed.

Rule.  What is granted is what the product's own list says, so the tests prove the list and not a
copy of it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import orjson
import polars as pl
from click.testing import CliRunner, Result
from confluent_kafka import Consumer, TopicPartition

from streams.acls import Part, Right, rights
from streams.cli import main
from streams.cli.inputs import spec_from
from streams.publisher import Publisher
from streams.replay import end_of_stream
from streams.settings import HttpSettings, Secret, Settings, read_settings
from tests.kafka.longshore_run import DECIDED, PARTITIONS, ROOT, LongshoreRun
from tests.kafka.secured_broker import SecuredBroker
from tests.streams.cli_example import HOUR_MS, START_MS, example_files

PREFIX: Final = "secured."
GROUP: Final = "secured-workers"
TRAINERS: Final = "trainers"
PRINCIPALS: Final[dict[Part, tuple[str, ...]]] = {
    "worker": ("User:worker", "User:CN=worker"),
    "producer": ("User:producer",),
    "retraining": ("User:trainer",),
    "operator": ("User:operator",),
}
COMMON: Final = {
    "LONGSHORE_PREFIX": PREFIX,
    "LONGSHORE_GROUP": GROUP,
    "LONGSHORE_HTTP_PORT": "0",
    "LONGSHORE_HTTP_TOKEN": "of-the-page",
}
SECONDS: Final = 120.0


def listed(part: Part) -> list[Right]:
    """What the product says that this part needs, for everybody who plays it."""
    http = HttpSettings(token=Secret(COMMON["LONGSHORE_HTTP_TOKEN"]))
    settings = Settings(prefix=PREFIX, group=GROUP, http=http)
    return [
        right
        for principal in PRINCIPALS[part]
        for right in rights(settings, part, principal, TRAINERS)
    ]


def longshore(*arguments: object, login: dict[str, str]) -> Result:
    """Run a command in this process, logged in so."""
    return CliRunner().invoke(main, list(map(str, arguments)), env=COMMON | login)


def settings_of(login: dict[str, str]) -> Settings:
    """The settings that a command logged in so has."""
    return read_settings(None, COMMON | login)


class SecuredRun(LongshoreRun):
    """Real workers logged in as said, and a reader that may see everything."""

    def __init__(self, broker: SecuredBroker, directory: Path) -> None:
        super().__init__(broker.bootstrap, PREFIX, directory)
        self._broker = broker

    def __enter__(self) -> Self:
        return self

    def logged_in(self, login: dict[str, str]) -> Self:
        """Who the next commands are."""
        self._environment = {**os.environ, **COMMON, **login}
        return self

    def _reader(self) -> Consumer:
        reader = Consumer(self._broker.client() | {"group.id": "reader"})
        every = [(PREFIX + name, at) for name in DECIDED for at in range(PARTITIONS)]
        reader.assign([TopicPartition(name, at, 0) for name, at in every])
        return reader


@dataclass(frozen=True, slots=True)
class Files:
    """A model and its stream in two halves."""

    model: str
    spec: Path
    halves: tuple[Path, Path]
    newest_ms: int
    replayed: Path


def halved_files(directory: Path) -> Files:
    """The example's drifting stream, and what a replay makes of it."""
    made = example_files(directory, drifted_by=1.0)
    made.spec.write_text(made.spec.read_text().replace("[predictions, labels]", "[predictions]"))
    rows = pl.read_parquet(made.predictions)
    middle = START_MS + 51 * HOUR_MS
    early = pl.col("ts").cast(pl.Int64) < middle
    halves = (directory / "first.parquet", directory / "second.parquet")
    rows.filter(early).write_parquet(halves[0])
    rows.filter(~early).write_parquet(halves[1])
    out = directory / "replayed"
    stream = ("--predictions", made.predictions, "--partitions", PARTITIONS)
    for arguments in (
        ("profile", made.spec, "--data", made.training, "--out", made.profile),
        ("replay", made.spec, "--profile", made.profile, *stream, "--out", out),
    ):
        done = longshore(*arguments, login={})
        assert done.exit_code == 0, done.output
    newest_ms = int(rows["ts"].cast(pl.Int64).max())  # type: ignore[arg-type]  # never empty
    return Files(f"{made.spec}:{made.profile}", made.spec, halves, newest_ms, out)


def publish(secured: SecuredBroker, files: Files, half: int) -> None:
    """Publish a half of the stream with librdkafka, as the producer."""
    arguments = ("publish", files.spec, "--predictions", files.halves[half], "--no-heartbeats")
    sent = longshore(*arguments, login=secured.login("producer"))
    assert sent.exit_code == 0, sent.output


def end(secured: SecuredBroker, files: Files, newest_ms: int) -> None:
    """Say with kafka-python, as the producer, that the stream came to here."""
    event = orjson.loads(end_of_stream(spec_from(files.spec), "predictions", newest_ms))
    with Publisher.from_settings(settings_of(secured.login("producer"))) as publisher:
        assert publisher.publish(event)
        assert publisher.flush(SECONDS), publisher.last_error
        assert publisher.published == PARTITIONS, publisher.last_error


def await_records(run: LongshoreRun, topic: str, count: int) -> None:
    """Wait until an output topic has so many."""
    limit = time.monotonic() + SECONDS
    while run.count(topic) < count:
        assert time.monotonic() < limit, run.log()
        time.sleep(0.2)


def trainer_says(secured: SecuredBroker, directory: Path) -> str:
    """What the example's retraining job prints about the first trigger."""
    command = [sys.executable, "examples/retraining_consumer.py", "--once", "--group", TRAINERS]
    done = subprocess.run(
        [*command, "--seen", str(directory / "seen.txt")],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | COMMON | secured.login("trainer"),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def of_worker(operation: str, name: str) -> list[Right]:
    """One right of everybody who runs a worker."""
    found = [
        right
        for right in listed("worker")
        if (right.operation, right.name) in ((operation, PREFIX + name), (operation, name))
    ]
    assert len(found) == len(PRINCIPALS["worker"])
    return found


def errors(log: str) -> list[str]:
    """The lines of a worker's log that tell an error."""
    return [line for line in log.splitlines() if " ERROR " in line]
