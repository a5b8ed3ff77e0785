"""Runs the real commands against a real broker and reads what they wrote.

Rule.  What is compared is bytes: every record of an output topic must be one that the replay wrote,
none may be missing, and those of a model come in the replay's order, clock by clock.  Delivery is
at least once: after a crash a record may come twice, but equal; without one, none does.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import orjson
from click.testing import CliRunner
from confluent_kafka import Consumer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from engine.decide.rules import reads_performance, rules
from streams.cli import main

ROOT: Final = Path(__file__).parents[2]
PARTITIONS: Final = 4
DECIDED: Final = ("judgements", "alerts", "retraining-triggers", "promotions")
"""Output topics that must be equal to the last bit."""
Records = dict[str, list[bytes]]
"""Per output topic, those of one partition in their order."""
Scraped = list[tuple[str, dict[str, str], float]]
"""(name, labels, value) of every series."""
LISTENING: Final = "listening http://"
QUICK: Final = {
    "LONGSHORE_HTTP_PORT": "0",
    "LONGSHORE_SESSION_TIMEOUT_S": "6",
    "LONGSHORE_REFUSAL_SHOWN_S": "0",
    "LONGSHORE_HEARTBEAT_INTERVAL_S": "1",
}


class LongshoreRun:
    """One prefix and one group on a broker; ends every process with the block.

    Workers and publishers are processes; what only reads files or makes topics runs here.
    """

    def __init__(self, bootstrap: str, prefix: str, directory: Path) -> None:
        self.bootstrap = bootstrap
        self.prefix = prefix
        self.directory = directory
        self._processes: list[subprocess.Popen[bytes]] = []
        self._environment = {
            **os.environ,
            **QUICK,
            "LONGSHORE_BROKERS": bootstrap,
            "LONGSHORE_PREFIX": prefix,
            "LONGSHORE_GROUP": prefix.strip("."),
        }

    def __enter__(self) -> Self:
        self.command("topics", "create")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait()

    def command(self, *arguments: str) -> str:
        """Run ``longshore`` in this process, which has imported everything already; its output."""
        own = {key: text for key, text in self._environment.items() if key.startswith("LONGSHORE_")}
        return in_process(*arguments, environment=own)

    def publish(self, *arguments: str, limit_s: float = 240.0) -> str:
        """Run ``longshore publish`` to its end in a process of its own, beside the workers."""
        return self._process("publish", *arguments, limit_s=limit_s)

    def _process(self, *arguments: str, limit_s: float) -> str:
        done = subprocess.run(
            self._longshore(*arguments),
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def start(
        self, *arguments: str, log: str, own: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start ``longshore`` in the background; its output goes to ``log`` in the directory, and
        its environment has ``own`` beside that of all."""
        return self.begin(self._longshore(*arguments), log=log, own=own)

    def begin(
        self, command: list[str], *, log: str, own: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start any command in the background, as :meth:`start` does."""
        with (self.directory / log).open("ab") as output:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self._environment | dict(own or {}),
                stdout=output,
                stderr=output,
            )
        self._processes.append(process)
        return process

    def worker(
        self, *models: str, log: str = "worker.log", data_dir: Path | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a worker over ``SPEC:PROFILE`` pairs; with ``data_dir`` predictions wait there."""
        pairs = [part for model in models for part in ("--model", model)]
        own = {"LONGSHORE_PENDING": "disk", "LONGSHORE_DATA_DIR": str(data_dir)}
        return self.start("worker", *pairs, log=log, own=own if data_dir else None)

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """SIGTERM; the worker saves, leaves and exits 0."""
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, self.log()

    def log(self, name: str = "worker.log") -> str:
        """The end of a log."""
        path = self.directory / name
        return path.read_text(errors="replace")[-4000:] if path.exists() else ""

    def address(self, name: str = "worker.log", limit_s: float = 150.0) -> str:
        """Where a worker serves, as it says itself in its log; waits for that."""
        end = time.monotonic() + limit_s
        while LISTENING not in self.log(name):
            assert time.monotonic() < end, self.log(name)
            time.sleep(0.1)
        return self.log(name).split(LISTENING)[1].split("/metrics")[0]

    @staticmethod
    def newest_judgements(records: Iterable[bytes]) -> dict[str, dict[str, Any]]:
        """The newest judgement of the data of each window."""
        newest: dict[str, dict[str, Any]] = {}
        for judged in sorted(map(orjson.loads, records), key=lambda j: (j["end"], j["revision"])):
            if not clock_of(judged):
                newest[judged["window"]] = judged
        return newest

    def wait_for(self, expected: Records, *, limit_s: float) -> Records:
        """Read the output topics until every expected record came; all that is there by then.

        AssertionError names what is missing after ``limit_s``.
        """
        reader = self._reader()
        found: Records = {name: [] for name in expected}
        end = time.monotonic() + limit_s
        try:
            while True:
                missing = {name: set(expected[name]) - set(found[name]) for name in expected}
                if not any(missing.values()) and all(
                    self.count(name) == len(records) for name, records in found.items()
                ):
                    return found
                assert time.monotonic() < end, self._missing(missing, found)
                for message in reader.consume(1000, 0.5):
                    assert message.error() is None, message.error()
                    name = (message.topic() or "").removeprefix(self.prefix)
                    found[name].append(message.value() or b"")
        finally:
            reader.close()

    def count(self, topic: str) -> int:
        """Records in an output topic."""
        reader = self._reader()
        try:
            name = self.prefix + topic
            ends = [
                reader.get_watermark_offsets(TopicPartition(name, p), timeout=10)
                for p in range(PARTITIONS)
            ]
            return sum(high for low, high in ends)
        finally:
            reader.close()

    def _reader(self) -> Consumer:
        reader = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": f"{self.prefix}reader",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
            }
        )
        reader.assign(
            [
                TopicPartition(self.prefix + name, partition, 0)
                for name in DECIDED
                for partition in range(PARTITIONS)
            ]
        )
        return reader

    def _missing(self, missing: dict[str, set[bytes]], found: Records) -> str:
        counts = {
            name: f"{len(set(found[name]))} came, {len(rest)} missing"
            for name, rest in missing.items()
        }
        first = next((min(rest) for rest in missing.values() if rest), b"")[:400]
        return f"{counts}; first missing: {first!r}; {self.log()}"

    @staticmethod
    def _longshore(*arguments: str) -> list[str]:
        return [sys.executable, "-m", "streams.cli", *arguments]


_IN_PROCESS: Final = threading.Lock()
"""What runs a command in this process takes its output and its environment."""


def in_process(*arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """Run ``longshore`` with these arguments in this process; its output."""
    with _IN_PROCESS:
        done = CliRunner().invoke(main, arguments, env=dict(environment or {}))
    assert done.exit_code == 0, f"{arguments}: {done.output}"
    return done.output


def replayed(directory: Path) -> Records:
    """What a replay wrote, per output topic."""
    return {name: (directory / f"{name}.ndjson").read_bytes().splitlines() for name in DECIDED}


def assert_equal(found: Records, expected: Records, *, crashed: bool = False) -> None:
    """The replay's records to the last bit and, clock by clock of each model, in its order; none
    came twice, unless a worker ``crashed``: then repeats are left out of the comparison."""
    for name, records in expected.items():
        strange = set(found[name]) - set(records)
        assert not strange, f"{name}: {len(strange)} unlike the replay's: {min(strange)[:600]!r}"
        came = list(dict.fromkeys(found[name])) if crashed else found[name]
        repeats = len(came) - len(set(came))
        assert repeats == 0, f"{name}: {repeats} came twice though nothing crashed"
        assert by_clock(came) == by_clock(records), f"{name}: in another order than the replay's"


def clock_of(fields: Mapping[str, Any]) -> str:
    """What a judgement is of: empty for the data, or its section, and of a cohort the maturity.
    None of them waits for another, nor do the alerts and triggers of the rules that read them."""
    rule = rules().get(fields.get("rule", ""))
    if rule is not None and reads_performance(rule):
        return "performance"
    return " ".join([fields.get("section", ""), *fields.get("cohorts", {})])


def by_clock(records: Iterable[bytes]) -> dict[tuple[str, str, str], list[bytes]]:
    """The records of each version of a model and clock, in their order."""
    ordered: dict[tuple[str, str, str], list[bytes]] = {}
    for record in records:
        fields = orjson.loads(record)
        place = (fields["model"], fields.get("version", ""), clock_of(fields))
        ordered.setdefault(place, []).append(record)
    return ordered


def scrape(address: str) -> Scraped:
    """A worker's /metrics."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    families = text_string_to_metric_families(text)
    return [(s.name, s.labels, s.value) for family in families for s in family.samples]


def total(metrics: Scraped, name: str, **labels: str) -> float:
    """Sum of the series of this name that have these labels."""
    return sum(
        value
        for found, own, value in metrics
        if found == name and all(own.get(key) == text for key, text in labels.items())
    )
