"""Event-to-metric latency, measured from outside at a steady rate.

Rule.  The delay of a window runs from the append of the record that moved the last partition's
watermark past the window's end (the broker's own stamp, LogAppendTime) to the first scrape of
/metrics that shows that end.  A scrape comes every POLL_S, so a delay reads up to that much longer
than it was, never shorter.  Windows closed while the worker warms up are left out.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from confluent_kafka import Message

from load_tests.contender_runs import ContenderFailedError
from load_tests.contenders.protocol import peak_rss_bytes
from load_tests.event import MODEL, MODELS, PARTITIONS
from load_tests.generator import event_id, stream
from load_tests.outcomes import Latency
from load_tests.running_worker import ModelUnderTest, RunningWorker
from load_tests.topics import Sender, create_topics

PANE_MS: Final = 1_000
LATENESS_MS: Final = 1_000
WINDOW_MS: Final = 10_000
POLL_S: Final = 0.1
WARM_UP_S: Final = 12.0
"""The first whole window and a little: kernels load and the first judgement is made."""
GRACE_S: Final = 6.0
"""How long after the last record a window may still appear before it counts as missed."""
TICK_S: Final = 0.005
WATCHED: Final = f'model="{MODEL}"'
"""Windows of one of the models are timed; the others keep the worker as busy as it would be."""
SPEC_OVERRIDES: Final[dict[str, object]] = {
    "time": {"pane": "1s", "lateness": "1s", "amend": "10s", "idle": "30s"},
    "windows": [{"length": "10s", "judge_every": "1s"}],
    "retraining": {
        "cooldown": "1h",
        "rules": {"psi_features": {"above": 0.2, "features": 3, "window": "10s"}},
    },
}


@dataclass(frozen=True, slots=True)
class SteadyRate:
    """The stream to send: events a second, for how long after the warm-up, of which seed."""

    rate: float
    seconds: float
    seed: int


class ClosingTimes:
    """When each window could first be closed, from the append times of the records."""

    def __init__(self, lateness_ms: int, pane_ms: int, partitions: int) -> None:
        self._lateness_ms = lateness_ms
        self._pane_ms = pane_ms
        self._watermarks: list[int | None] = [None] * partitions
        self.closed_at_ms: dict[int, int] = {}
        """Window end (ms) -> append time (ms) of the record that let it close."""

    def appended(self, partition: int, ts_ms: int, at_ms: int) -> None:
        """A record is in the log; calls of one partition come in offset order."""
        before = self._lowest_end()
        watermark = (ts_ms - self._lateness_ms) // self._pane_ms * self._pane_ms
        self._watermarks[partition] = max(self._watermarks[partition] or watermark, watermark)
        after = self._lowest_end()
        if before is not None and after is not None:
            for end in range(before + self._pane_ms, after + 1, self._pane_ms):
                self.closed_at_ms[end] = at_ms

    def _lowest_end(self) -> int | None:
        known = [watermark for watermark in self._watermarks if watermark is not None]
        return min(known) if len(known) == len(self._watermarks) else None


class GaugeWatch(threading.Thread):
    """Scrapes until told to stop and notes when each window end first showed."""

    def __init__(self, worker: RunningWorker) -> None:
        super().__init__(name="gauge-watch", daemon=True)
        self._worker = worker
        self._stopping = threading.Event()
        self.shown_at_s: dict[int, float] = {}
        """Window end (ms) -> time of the scrape that showed it or a later one."""
        self.failure: Exception | None = None

    def run(self) -> None:
        """Scrape every POLL_S."""
        newest: int | None = None
        while not self._stopping.wait(POLL_S):
            try:
                scrape = self._worker.scrape()
            except ContenderFailedError as error:
                self.failure = error
                return
            now = time.time()
            ends = scrape.values("drift_window_end_timestamp_seconds", WATCHED) if scrape else []
            if not ends:
                continue
            end = int(max(ends) * 1000)
            for each in range(end if newest is None else newest + PANE_MS, end + 1, PANE_MS):
                self.shown_at_s[each] = now
            newest = max(end, newest or end)

    def stop(self) -> None:
        """End the thread and raise what ended it early."""
        self._stopping.set()
        self.join()
        if self.failure is not None:
            raise self.failure


def measure_latency(
    bootstrap: str,
    prefix: str,
    models: Sequence[ModelUnderTest],
    directory: Path,
    steady: SteadyRate,
    progress: Callable[[float], None],
) -> Latency:
    """Drive one worker for a warm-up and the seconds asked for.

    Raises ContenderFailedError when the worker fails or shows no window at all.
    """
    topic = f"{prefix}predictions"
    create_topics(bootstrap, [topic], append_time=True)
    with RunningWorker(bootstrap, prefix, models, directory) as worker:
        worker.await_metrics()
        watch = GaugeWatch(worker)
        watch.start()
        try:
            start_ms, closing = _drive(bootstrap, topic, steady, progress, watch)
            _await_last(watch, closing)
            peak = peak_rss_bytes(worker.pid)
        finally:
            watch.stop()
    counted = {end: at for end, at in closing.closed_at_ms.items() if end >= start_ms}
    delays = tuple(
        watch.shown_at_s[end] - at / 1000
        for end, at in sorted(counted.items())
        if end in watch.shown_at_s
    )
    if not delays:
        raise ContenderFailedError("no window showed on /metrics while the stream ran")
    missed = len(counted) - len(delays)
    return Latency(
        steady.rate, steady.seconds, WINDOW_MS / 1000, POLL_S, delays, missed, len(models), peak
    )


def _await_last(watch: GaugeWatch, closing: ClosingTimes) -> None:
    last = max(closing.closed_at_ms, default=0)
    deadline = time.monotonic() + GRACE_S
    while last not in watch.shown_at_s and time.monotonic() < deadline and watch.is_alive():
        time.sleep(POLL_S)


def _drive(
    bootstrap: str,
    topic: str,
    steady: SteadyRate,
    progress: Callable[[float], None],
    watch: GaugeWatch,
) -> tuple[int, ClosingTimes]:
    """Send each event when its own ts has come; returns the end of the warm-up and the closings."""
    rate = steady.rate
    total = math.ceil(rate * (WARM_UP_S + steady.seconds))
    offsets_ms = [int(i * 1000 / rate) for i in range(total)]
    closing = ClosingTimes(LATENESS_MS, PANE_MS, PARTITIONS)
    # Events carry their own time, so all are made before the first is due.
    making_s = 2.0 + total * 25e-6
    start_ms = int((time.time() + making_s) * 1000)
    blocks = stream(steady.seed, total, rate, start_ms=start_ms, models=MODELS)
    events = [event for _, block in blocks for event in block]
    keys = [event_id(steady.seed, i).encode() for i in range(total)]

    def appended(message: Message) -> None:
        position = int(message.key()[4:], 16)
        if position % len(MODELS) != MODELS.index(MODEL):
            return
        ts_ms = start_ms + offsets_ms[position]
        closing.appended(message.partition(), ts_ms, message.timestamp()[1])

    sender = Sender(bootstrap, linger_ms=5)
    sender.on_append(appended)
    sent = 0
    while sent < total and watch.is_alive():
        due = min(total, max(0, int((time.time() * 1000 - start_ms) * rate / 1000) + 1))
        for i in range(sent, due):
            sender.send(topic, keys[i], events[i])
        if due > sent:
            sent = due
            progress(sent / rate)
        sender.poll(TICK_S)
    sender.flush()
    return start_ms + int(WARM_UP_S * 1000), closing
