"""Topics, a log with its oracle, and workers that can be made to fail, each with its own log file.

Rule.  What a worker says is read from its log; what it counted is compared with the log of records
(:mod:`tests.kafka.worker_cluster`).
"""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import orjson
from confluent_kafka.admin import AdminClient, NewPartitions

from streams.settings import Settings
from streams.topics import CO_PARTITIONED_ROLES, create_topics
from tests.kafka.forked_process import TROUBLED, ForkedProcess
from tests.kafka.worker_cluster import QUICK, Log, Verdicts

LISTENING: Final = "listening http://"
READY_S: Final = 60.0
TRACE: Final = "Traceback (most recent call last)"


class TroubledWorker:
    """One worker process and its log file."""

    def __init__(self, settings: dict[str, object], limits: dict[str, object], log: Path) -> None:
        self.log_file = log
        self.began_s = time.monotonic()
        own = {f"LONGSHORE_{name.upper()}": str(at) for name, at in settings.items()}
        with log.open("wb") as output:
            self.process = ForkedProcess(
                TROUBLED,
                [json.dumps(limits)],
                os.environ | own,
                stdout=output.fileno(),
                stderr=output.fileno(),
            )

    def said(self) -> str:
        """Its whole log."""
        return self.log_file.read_text(errors="replace")

    def wait_until(self, what: Callable[[], object], limit_s: float = READY_S) -> float:
        """Seconds until this was true; AssertionError with the log after ``limit_s``."""
        began = time.monotonic()
        while not what():
            assert time.monotonic() - began < limit_s, self.said()[-3_000:]
            time.sleep(0.1)
        return time.monotonic() - began

    def wait_for_line(self, text: str, limit_s: float = READY_S) -> float:
        """Seconds until its log has this text."""
        return self.wait_until(lambda: text in self.said(), limit_s)

    def health(self) -> dict[str, Any]:
        """What it answers at /health; an empty answer while it does not listen."""
        if LISTENING not in self.said():
            return {}
        url = self.said().split(LISTENING)[1].split()[0]
        try:
            with urllib.request.urlopen(f"http://{url}/health", timeout=10) as answer:
                body = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                body = error.read()
        except OSError:
            return {}
        found: dict[str, Any] = orjson.loads(body)
        return found

    def ready(self) -> bool:
        """Whether it says so."""
        return self.health().get("state") == "ready"

    def generations(self) -> int:
        """How many assignments it has taken up."""
        return self.said().count(" longshore.worker generation ")

    def send(self, number: signal.Signals) -> None:
        """A signal."""
        self.process.send_signal(number)

    def ended(self, limit_s: float = READY_S) -> int:
        """Wait for its end; the exit code."""
        self.wait_until(lambda: self.process.poll() is not None, limit_s)
        return self.process.wait()

    def stop(self) -> None:
        """SIGTERM; exit code 0."""
        self.send(signal.SIGTERM)
        assert self.ended(30.0) == 0, self.said()[-3_000:]

    def kill(self) -> None:
        """SIGKILL, if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def fails_with(self, *texts: str, limit_s: float = READY_S) -> str:
        """Wait for exit code 1; its last ERROR line of ours, which must hold each of ``texts``."""
        assert self.ended(limit_s) == 1, self.said()[-3_000:]
        lines = [line for line in self.said().splitlines() if " ERROR longshore" in line]
        assert lines, self.said()[-3_000:]
        for text in texts:
            assert text in lines[-1], lines[-1]
        assert TRACE not in self.said(), self.said()[-3_000:]
        return lines[-1]


class TroubleStage:
    """Topics under a prefix of their own; ends its workers with the block."""

    def __init__(self, bootstrap: str, prefix: str, directory: Path) -> None:
        self.bootstrap = bootstrap
        self.directory = directory
        self.settings = Settings(brokers=(bootstrap,), prefix=prefix, group=f"{prefix}group")
        create_topics(self.settings)
        self.log = Log(bootstrap, prefix)
        self.verdicts = Verdicts(bootstrap, self.log)
        self.admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
        self.workers: list[TroubledWorker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        for worker in self.workers:
            worker.kill()
        self.verdicts.close()

    def name(self, role: str) -> str:
        """The topic's name on the broker."""
        return self.settings.prefix + role

    def start(self, limits: dict[str, object] | None = None, **settings: object) -> TroubledWorker:
        """One more worker; ``limits`` as in :mod:`tests.kafka.troubled_process`."""
        given = {
            **QUICK,
            "brokers": self.bootstrap,
            "prefix": self.settings.prefix,
            "group": self.settings.group,
            **settings,
        }
        path = self.directory / f"{self.settings.prefix}{len(self.workers)}.log"
        worker = TroubledWorker(given, limits or {}, path)
        self.workers.append(worker)
        return worker

    def ready(self, limits: dict[str, object] | None = None, **settings: object) -> TroubledWorker:
        """One more worker, waited for."""
        worker = self.start(limits, **settings)
        worker.wait_until(worker.ready)
        return worker

    def recreate(self, role: str) -> None:
        """Delete a topic and make it anew."""
        self.delete(role)
        worker_sees_it_within_s = 30.0
        end = time.monotonic() + worker_sees_it_within_s
        while role not in [made.removeprefix(self.settings.prefix) for made in self._made()]:
            assert time.monotonic() < end, f"{role} does not come back"
            time.sleep(0.2)

    def _made(self) -> list[str]:
        return create_topics(self.settings)

    def delete(self, role: str) -> None:
        """Delete a topic."""
        self.admin.delete_topics([self.name(role)])[self.name(role)].result(30)

    def add_partitions(self, count: int) -> None:
        """Give every topic that belongs together this many partitions."""
        asked = [NewPartitions(self.name(role), count) for role in CO_PARTITIONED_ROLES]
        for future in self.admin.create_partitions(asked).values():
            future.result(30)
