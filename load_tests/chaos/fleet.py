"""Worker processes of one round: started, killed, paused and asked from outside.

Rule.  They are the real command in processes of their own, never outliving the run
(:mod:`load_tests.processes`).  Everything said of them is read from their logs and /metrics.
"""

from __future__ import annotations

import os
import re
import selectors
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Final

import orjson

from load_tests.processes import Child
from load_tests.running_worker import ModelUnderTest
from tests.kafka.longshore_run import Scraped, scrape

QUICK: Final = {
    "HTTP_PORT": "0",
    "SESSION_TIMEOUT_S": "6",
    "HEARTBEAT_INTERVAL_S": "1",
    "REFUSAL_SHOWN_S": "0",
}
LISTENING: Final = re.compile(r"listening http://(\S+)/metrics")
LISTENING_LIMIT_S: Final = 90.0
READY_LIMIT_S: Final = 120.0
STOP_LIMIT_S: Final = 40.0
REFUSAL_LIMIT_S: Final = 90.0
ASK_LIMIT_S: Final = 2.0
LOOK_S: Final = 0.1


class FleetError(RuntimeError):
    """A worker did not do what it must; the message has the end of its log."""


@dataclass(eq=False)
class Worker:
    """One worker process."""

    name: str
    child: Child
    log: Path
    settings: Mapping[str, str]
    """What it was started with, beside those of its round."""
    _address: str = ""

    @property
    def pid(self) -> int:
        """Its process."""
        return self.child.process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.child.process.poll() is None

    @property
    def address(self) -> str:
        """HOST:PORT as it says itself; waits for that."""
        if not self._address:
            self._address = self._said(LISTENING_LIMIT_S)
        return self._address

    def _said(self, limit_s: float) -> str:
        output = self.child.process.stdout
        assert output is not None
        with selectors.DefaultSelector() as ready:
            ready.register(output, selectors.EVENT_READ)
            if ready.select(limit_s):
                found = LISTENING.match(output.readline())
                if found:
                    return found[1]
        raise FleetError(f"{self.name} does not serve: {self.child.log_tail()}")

    def health(self) -> dict[str, object]:
        """/health, whatever its status; empty while it does not answer."""
        try:
            address = f"http://{self.address}/health"
            with urllib.request.urlopen(address, timeout=ASK_LIMIT_S) as answer:
                body = answer.read()
        except urllib.error.HTTPError as error:
            body = error.read()
        except OSError:
            return {}
        told: dict[str, object] = orjson.loads(body)
        return told

    def partitions(self) -> list[object]:
        """The source partitions that it holds."""
        owned = self.health().get("partitions")
        return owned if isinstance(owned, list) else []

    def metrics(self) -> Scraped:
        """/metrics; nothing when it does not answer."""
        try:
            return scrape(self.address)
        except (OSError, FleetError):
            return []

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)


@dataclass
class Fleet:
    """All workers of a round, those that ended included; ends what runs with the block."""

    directory: Path
    environment: Mapping[str, str]
    model: ModelUnderTest
    workers: list[Worker] = field(default_factory=list)

    @property
    def running(self) -> list[Worker]:
        """Those that have not ended."""
        return [worker for worker in self.workers if worker.running]

    def start(self, settings: Mapping[str, str] | None = None) -> Worker:
        """One more worker; ``settings`` over those of the round, without their prefix.

        ``{name}`` in a value is the worker's name.
        """
        name = f"worker-{len(self.workers) + 1}"
        log = self.directory / f"{name}.log"
        mine = {key: value.format(name=name) for key, value in (settings or {}).items()}
        own = {**self.environment, **mine}
        command = [sys.executable, "-m", "streams.cli", "worker"]
        command += ["--model", f"{self.model.spec}:{self.model.profile}"]
        environment = {f"LONGSHORE_{key}": value for key, value in own.items()}
        child = Child(command, self.directory, log, environment)
        worker = Worker(name, child, log, mine)
        self.workers.append(worker)
        return worker

    def kill(self, worker: Worker) -> None:
        """SIGKILL."""
        worker.signal(signal.SIGKILL)
        worker.child.process.wait()

    def stop(self, worker: Worker) -> None:
        """SIGTERM; FleetError unless it ends with 0 in time."""
        worker.signal(signal.SIGTERM)
        code = worker.child.process.wait(STOP_LIMIT_S)
        if code != 0:
            raise FleetError(f"{worker.name} ended with {code}: {worker.child.log_tail()}")

    def await_ready(self, partitions: int, limit_s: float = READY_LIMIT_S) -> None:
        """Wait until every worker is ready and together they have all partitions.

        A worker without partitions is never asked for more than being there.
        """
        end = monotonic() + limit_s
        while True:
            told = [worker.health() for worker in self.running]
            ready = [one.get("partitions") for one in told if one.get("state") == "ready"]
            if sum(len(owned) for owned in ready if isinstance(owned, list)) == partitions:
                return
            if monotonic() > end or not self.running:
                raise FleetError(f"not ready in {limit_s:g} s: {told}; {self.said()[-800:]}")
            sleep(LOOK_S)

    def await_refusal(self, worker: Worker) -> str:
        """Wait until it ends with 1; the line that says why.  FleetError when it goes on."""
        end = monotonic() + REFUSAL_LIMIT_S
        while worker.running:
            if monotonic() > end:
                raise FleetError(f"{worker.name} did not refuse in {REFUSAL_LIMIT_S:g} s")
            sleep(LOOK_S)
        code, lines = worker.child.process.returncode, worker.log.read_text(errors="replace")
        errors = [line for line in lines.splitlines() if " ERROR longshore" in line]
        if code != 1 or not errors:
            raise FleetError(f"{worker.name} ended with {code} and says no reason: {lines[-800:]}")
        return errors[-1].split(" ERROR ", 1)[1].split(" ", 1)[1]

    def said(self, behind: Mapping[str, int] | None = None) -> str:
        """The logs of all workers, each ``behind`` the length that it had."""
        known = behind or {}
        texts = (w.log.read_bytes()[known.get(w.name, 0) :] for w in self.workers)
        return b"".join(texts).decode(errors="replace")

    def log_lengths(self) -> dict[str, int]:
        """Worker -> bytes of its log by now."""
        return {worker.name: worker.log.stat().st_size for worker in self.workers}

    def close(self) -> None:
        """End everything."""
        for worker in self.workers:
            if worker.running:
                worker.signal(signal.SIGCONT)
                worker.child.process.kill()
            worker.child.__exit__(None, None, None)

    def __iter__(self) -> Iterator[Worker]:
        return iter(self.workers)
