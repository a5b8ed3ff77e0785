"""The order of a soak: broker, worker, publisher, readings, and the counts at the end.

Rule.  The worker is the real command on a real broker, seen from outside only.  Its windows are
full after minutes, so that memory has no reason of ours to grow in the second half.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, Self

import orjson

from load_tests.contender_runs import ContenderFailedError
from load_tests.event import MODEL
from load_tests.processes import Child
from load_tests.running_worker import RunningWorker, Scrape
from load_tests.soak.publisher import Assignment
from load_tests.soak.samples import Sample, delay_bounds, read_sample
from load_tests.topics import create_topics
from load_tests.worker_runs import make_model

PREFIX: Final = "soak."
KEPT_BYTES: Final = 64 * 1024 * 1024
"""Of each partition of the input; the disk of the machine is no part of the test."""
SPEC_OVERRIDES: Final[dict[str, object]] = {
    "time": {"pane": "5s", "lateness": "2s", "amend": "10s", "idle": "30s"},
    "windows": ["30s", "1m", "5m"],
}
WARM_UP_S: Final = 30.0
"""Delays before it are the start's."""
END_TIMEOUT_S: Final = 90.0
PUBLISHER_SILENT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run."""

    seconds: float
    rate: float
    every_s: float
    seed: int


@dataclass(slots=True)
class Found:
    """What a soak showed."""

    plan: Plan
    samples: list[Sample] = field(default_factory=list)
    sent: int = 0
    heartbeats: int = 0
    records: int = 0
    tallied: int = 0
    in_windows: int = 0
    """Events that the judge has in windows, all closed by the heartbeats at the end."""
    delays: list[tuple[float, int]] = field(default_factory=list)
    """Delays after the warm-up, as cumulative counts."""

    @property
    def exact(self) -> bool:
        """Whether each event was counted once, in the tally and in the judge."""
        read = self.records == self.sent + self.heartbeats
        return read and self.tallied == self.sent and self.in_windows == self.sent


class Publisher:
    """The publishing process and what it last said; use it as a context manager."""

    def __init__(self, assignment: Assignment, python: str, directory: Path) -> None:
        command = [python, "-m", "load_tests.soak.publisher"]
        self._child = Child(command, directory, directory / "publisher.log")
        self.sent, self.heartbeats, self.done = 0, 0, False
        assert self._child.process.stdin is not None
        self._child.process.stdin.write(orjson.dumps(asdict(assignment)).decode() + "\n")
        self._child.process.stdin.flush()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self._child.process.stdout is not None
        for line in self._child.process.stdout:
            told = orjson.loads(line)
            self.sent, self.heartbeats, self.done = told["sent"], told["heartbeats"], told["done"]

    def check(self) -> None:
        """ContenderFailedError when it ended before its work was done."""
        ended = self._child.process.poll() is not None and not self._listener.is_alive()
        if ended and not self.done:
            raise ContenderFailedError(f"publisher ended early: {self._child.log_tail()}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._child.__exit__(None, None, None)


def soak(
    bootstrap: str, plan: Plan, directory: Path, python: str, progress: Callable[[Sample], None]
) -> Found:
    """Run it; ContenderFailedError when the worker or the publisher ends before its time."""
    found = Found(plan)
    model = make_model(directory / "model", plan.seed, overrides=SPEC_OVERRIDES)
    topic = f"{PREFIX}predictions"
    create_topics(bootstrap, [topic], append_time=True, kept_bytes=KEPT_BYTES)
    assignment = Assignment(bootstrap, topic, plan.rate, int(plan.rate * plan.seconds), plan.seed)
    with RunningWorker(bootstrap, PREFIX, (model,), directory) as worker:
        worker.await_metrics()
        with Publisher(assignment, python, directory) as publisher:
            early = _watch(worker, publisher, found, progress)
        scrape = _at_the_end(worker, found)
    found.delays = _since(early, delay_bounds(scrape))
    return found


def _watch(
    worker: RunningWorker, publisher: Publisher, found: Found, progress: Callable[[Sample], None]
) -> list[tuple[float, int]]:
    """Take readings until all is sent; the delays of the warm-up."""
    plan, began = found.plan, time.monotonic()
    early: list[tuple[float, int]] = []
    while not publisher.done:
        publisher.check()
        scrape = worker.scrape()
        at_s = time.monotonic() - began
        if scrape is not None:
            found.samples.append(read_sample(worker.pid, scrape, at_s, publisher.sent))
            progress(found.samples[-1])
            if at_s < WARM_UP_S:
                early = delay_bounds(scrape)
        if at_s > plan.seconds * 2 + PUBLISHER_SILENT_S:
            raise ContenderFailedError(f"publisher sent {publisher.sent} in {at_s:.0f} s")
        time.sleep(max(0.0, plan.every_s - (time.monotonic() - began - at_s)))
    found.sent, found.heartbeats = publisher.sent, publisher.heartbeats
    return early


def _at_the_end(worker: RunningWorker, found: Found) -> Scrape:
    """Wait until every event is in a closed window, or END_TIMEOUT_S; the last metrics."""
    deadline = time.monotonic() + END_TIMEOUT_S
    while True:
        scrape = worker.await_metrics()
        found.records = scrape.total("longshore_records_total", 'predictions"')
        found.tallied = scrape.total("longshore_records_outcomes_total", 'outcome="tallied"')
        found.in_windows = scrape.total("serving_events_total", f'model="{MODEL}"')
        if found.exact or time.monotonic() > deadline:
            return scrape
        time.sleep(0.5)


def _since(
    before: list[tuple[float, int]], after: list[tuple[float, int]]
) -> list[tuple[float, int]]:
    earlier = dict(before)
    return [(bound, count - earlier.get(bound, 0)) for bound, count in after]
