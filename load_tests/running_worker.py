"""The Longshore worker as a process: the real program, seen only from outside.

Rule.  What it did is read from its own /metrics and /health, what it cost from /proc.  It ends with
its ``with`` block.
"""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from load_tests.contender_runs import ContenderFailedError
from load_tests.event import PARTITIONS
from load_tests.processes import LOG_TAIL, Child, child_environment

COMMAND_TIMEOUT_S: Final = 600.0
START_TIMEOUT_S: Final = 120.0
SCRAPE_TIMEOUT_S: Final = 5.0
STOP_TIMEOUT_S: Final = 90.0
FINE_POLL_S: Final = 0.05

_SAMPLE: Final = re.compile(r"^(\w+)(?:\{([^}]*)\})? (\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ModelUnderTest:
    """The files that the worker monitors by."""

    spec: Path
    profile: Path


def longshore() -> str:
    """The command beside this interpreter."""
    return str(Path(sys.executable).with_name("longshore"))


def run_command(*arguments: str, environment: Mapping[str, str] | None = None) -> None:
    """Run ``longshore`` to its end; ContenderFailedError with its own words when it refuses."""
    command = [longshore(), *arguments]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_TIMEOUT_S,
            env=child_environment(environment or {}),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ContenderFailedError(f"longshore {arguments[0]}: {error}") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout)[-LOG_TAIL:].strip()
        raise ContenderFailedError(f"longshore {arguments[0]} ended {done.returncode}: {said}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Scrape:
    """One reading of /metrics."""

    def __init__(self, text: str) -> None:
        self._samples = [
            (name, labels, float(value)) for name, labels, value in _SAMPLE.findall(text)
        ]

    def values(self, name: str, *labels: str) -> list[float]:
        """Values of the metric's samples that carry all these ``label="value"`` texts."""
        return [
            value
            for sample, text, value in self._samples
            if sample == name and all(label in text for label in labels)
        ]

    def labelled(self, name: str, label: str) -> list[tuple[str, float]]:
        """(text of this label, value) of the metric's samples."""
        found = []
        for sample, text, value in self._samples:
            match = re.search(rf'\b{label}="([^"]*)"', text) if sample == name else None
            if match is not None:
                found.append((match[1], value))
        return found

    def total(self, name: str, *labels: str) -> int:
        """Their sum, 0 when there are none."""
        return int(sum(self.values(name, *labels)))


def _get(port: int, path: str) -> tuple[int, str]:
    """Status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SCRAPE_TIMEOUT_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


class RunningWorker:
    """``longshore worker`` on topics of one prefix; use it as a context manager.

    ``settings`` are further names of its environment; topics are created unless it is not ``fresh``
    but a restart.  Raises ContenderFailedError when the topics
    cannot be made.
    """

    def __init__(
        self,
        bootstrap: str,
        prefix: str,
        models: Sequence[ModelUnderTest],
        directory: Path,
        settings: Mapping[str, str] | None = None,
        *,
        fresh: bool = True,
    ) -> None:
        port = _free_port()
        environment = {
            "LONGSHORE_BROKERS": bootstrap,
            "LONGSHORE_PREFIX": prefix,
            "LONGSHORE_GROUP": f"{prefix}worker",
            "LONGSHORE_PARTITIONS": str(PARTITIONS),
            "LONGSHORE_HTTP_PORT": str(port),
            "LONGSHORE_MODELS": ",".join(f"{each.spec}:{each.profile}" for each in models),
            **(settings or {}),
        }
        if fresh:
            run_command("topics", "create", environment=environment)
        self._port = port
        self.started_at = time.time()
        self.log = directory / f"{prefix}worker.log"
        self._child = Child([longshore(), "worker"], directory, self.log, environment)
        self.pid = self._child.process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._child.__exit__(kind, error, trace)

    def ready(self, partitions: int = 0) -> bool:
        """Whether /health says so, and that it has so many source partitions at least;
        ContenderFailedError when the worker has ended."""
        self._check()
        try:
            status, body = _get(self._port, "/health")
        except (http.client.HTTPException, OSError):
            return False
        return status == http.client.OK and len(json.loads(body)["partitions"]) >= partitions

    def end(self, number: signal.Signals) -> int:
        """Send the signal and wait for the exit code; ContenderFailedError when none comes."""
        self._child.process.send_signal(number)
        try:
            return self._child.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            said = self._child.log_tail()
            raise ContenderFailedError(
                f"no end within {STOP_TIMEOUT_S:g} s of {number.name}: {said}"
            ) from error

    def _check(self) -> None:
        code = self._child.process.poll()
        if code is not None:
            raise ContenderFailedError(f"worker ended with {code}: {self._child.log_tail()}")

    def scrape(self) -> Scrape | None:
        """/metrics now; None while it does not answer yet.

        Raises ContenderFailedError when the worker has ended.
        """
        self._check()
        try:
            status, body = _get(self._port, "/metrics")
        except (http.client.HTTPException, OSError):
            return None
        return Scrape(body) if status == http.client.OK else None

    def await_metrics(self) -> Scrape:
        """The first /metrics; ContenderFailedError when it does not come in START_TIMEOUT_S."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            scrape = self.scrape()
            if scrape is not None:
                return scrape
            time.sleep(FINE_POLL_S)
        raise ContenderFailedError(f"no /metrics within {START_TIMEOUT_S:g} s")
