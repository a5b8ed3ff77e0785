"""Ending a worker and starting it again, by the clock.

Rule.  A worker is ready when /health says so.  Before every restart a few records are written that
the new worker must read, and what it then counts is compared with what was sent: a restart that is
quick and wrong does not count.
"""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from load_tests.contender_runs import ContenderFailedError
from load_tests.contenders.protocol import cpu_seconds
from load_tests.running_worker import ModelUnderTest, RunningWorker

READY_TIMEOUT_S: Final = 300.0
COUNTED_TIMEOUT_S: Final = 60.0
POLL_S: Final = 0.02
PARTITIONS: Final = 4
"""A worker that is ready with less waits for one that the group still believes in."""
DYNAMIC: Final = {"LONGSHORE_BATCH_SIZE": "250"}
"""A batch of thousands of wide events would hold a slow machine's event loop for too long."""
STATIC: Final = {
    **DYNAMIC,
    "LONGSHORE_GROUP_INSTANCE_ID": "one",
    "LONGSHORE_SESSION_TIMEOUT_S": "30",
}
MILESTONES: Final = (
    ("imports, spec and profile", re.compile(r"longshore\.worker models: ")),
    ("kernels, Faust, HTTP", re.compile(r"longshore\.worker serving http")),
    ("group, table, restore", re.compile(r"longshore\.worker generation \d+")),
)
RESTORED: Final = re.compile(r"restored in ([0-9.]+) s")


@dataclass(frozen=True, slots=True)
class Fault:
    """A way to end a worker and the membership that it had."""

    name: str
    number: signal.Signals
    settings: Mapping[str, str]
    target: bool
    """Whether READY_TARGET_S is promised for it."""


FAULTS: Final = (
    Fault("SIGTERM, dynamic membership", signal.SIGTERM, DYNAMIC, target=True),
    Fault("kill -9, dynamic membership", signal.SIGKILL, DYNAMIC, target=False),
    Fault("SIGTERM, static membership", signal.SIGTERM, STATIC, target=True),
    Fault("kill -9, static membership", signal.SIGKILL, STATIC, target=True),
)


@dataclass(frozen=True, slots=True)
class Restart:
    """One restart, seconds."""

    ending: float
    """From the signal to the end of the process."""
    starting: float
    """From the start of the new process to ready."""
    cpu: float
    """Used by the new process until then, which other work on the machine does not stretch."""
    restoring: float | None
    """Of it, building tallies and judges from their snapshots; None when the log does not say."""
    steps: dict[str, float] = field(default_factory=dict)
    """Of it, by what the log shows."""


@dataclass(frozen=True, slots=True)
class Place:
    """What is restarted and where."""

    bootstrap: str
    prefix: str
    model: ModelUnderTest
    directory: Path


class Incumbent:
    """The worker that runs now; each restart puts another in its place."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._settings: Mapping[str, str] = DYNAMIC
        self.worker = self._start(DYNAMIC, fresh=True)

    def _start(self, settings: Mapping[str, str], *, fresh: bool) -> RunningWorker:
        at = self._place
        models = (at.model,)
        return RunningWorker(at.bootstrap, at.prefix, models, at.directory, settings, fresh=fresh)

    def become(self, settings: Mapping[str, str]) -> None:
        """Have a ready worker with this membership in place; not measured."""
        if settings != self._settings:
            self.worker.end(signal.SIGTERM)
            self.close()
            self._settings = settings
            self.worker = self._start(settings, fresh=False)
            self.await_ready()

    def restart(self, fault: Fault) -> Restart:
        """End it, start it, wait until it is ready."""
        began = time.time()
        code = self.worker.end(fault.number)
        ended = time.time()
        if fault.number is signal.SIGTERM and code != 0:
            raise ContenderFailedError(f"SIGTERM ended the worker with {code}")
        self.close()
        self.worker = self._start(fault.settings, fresh=False)
        ready = self.await_ready()
        cpu_s = cpu_seconds(self.worker.pid)
        steps, restoring = _from_log(self.worker.log, self.worker.started_at, ready)
        return Restart(ended - began, ready - self.worker.started_at, cpu_s, restoring, steps)

    def await_ready(self) -> float:
        """Unix time at which /health said so of all partitions.

        ContenderFailedError after READY_TIMEOUT_S.
        """
        deadline = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < deadline:
            if self.worker.ready(PARTITIONS):
                return time.time()
            time.sleep(POLL_S)
        raise ContenderFailedError(f"not ready after {READY_TIMEOUT_S:g} s")

    def await_counted(
        self, events: int, progress: Callable[[int], None], limit_s: float = COUNTED_TIMEOUT_S
    ) -> None:
        """Wait until it has counted so many in all; ContenderFailedError for more or fewer."""
        deadline = time.monotonic() + limit_s
        while True:
            count = self.worker.await_metrics().total("longshore_records_total", 'predictions"')
            progress(count)
            if count == events:
                return
            if count > events or time.monotonic() > deadline:
                raise ContenderFailedError(f"{events:,} events were sent, {count:,} are counted")
            time.sleep(0.2)

    def close(self) -> None:
        """End the process."""
        self.worker.__exit__(None, None, None)


def _from_log(
    log: Path, started_at: float, ready_at: float
) -> tuple[dict[str, float], float | None]:
    """Seconds between the milestones in a worker's log, and those that it says it restored."""
    steps, before, restored = {}, started_at, None
    text = log.read_text(encoding="utf-8", errors="replace")
    for name, pattern in MILESTONES:
        line = next((line for line in text.splitlines() if pattern.search(line)), None)
        if line is None:
            continue
        at = datetime.strptime(line[:23], "%Y-%m-%d %H:%M:%S,%f").astimezone().timestamp()
        steps[name], before = at - before, at
        said = RESTORED.search(line)
        restored = float(said[1]) if said else restored
    steps["until /health says ready"] = ready_at - before
    return steps, restored
