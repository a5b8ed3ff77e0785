"""The Longshore worker as a contender: the real program over the backlog that the peers read.

Rule.  It has read a backlog when ``longshore_records_total`` of the topic says so.  The clock
starts at the first scrape that shows records, and only the records after it count, as for every
other contender.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl
import yaml

from load_tests.contender_runs import ContenderFailedError
from load_tests.contenders.protocol import Measurement, cpu_seconds, peak_rss_bytes
from load_tests.event import CATEGORICAL, MODEL, NUMERIC
from load_tests.generator import START_MS, reference_columns
from load_tests.outcomes import Round
from load_tests.processes import ROOT
from load_tests.running_worker import (
    FINE_POLL_S,
    ModelUnderTest,
    RunningWorker,
    Scrape,
    run_command,
)

SPEC: Final = ROOT / "load_tests" / "bench_spec.yaml"
REFERENCE_ROWS: Final = 50_000
RUN_TIMEOUT_S: Final = 120.0
COARSE_POLL_S: Final = 0.5
JUDGED_TIMEOUT_S: Final = 20.0
EVENT_RATE: Final = 5_000.0
"""Events per second of event time in the backlog."""
LATENESS_MS: Final = 5_000
JUDGE_EVERY_MS: Final = 5_000
"""Both as in SPEC, whose windows are judged at every pane."""
PARTITION_SPREAD_MS: Final = 1_000
"""More than the last events of the partitions are apart."""
LABEL: Final = "Longshore worker"
PREDICTIONS: Final = ("predictions",)
JUDGED: Final = ("drift_window_end_timestamp_seconds",)
"""End of the newest judged window, one metric for each clock that windows have."""


def make_model(
    directory: Path,
    seed: int,
    name: str = MODEL,
    overrides: Mapping[str, object] | None = None,
    further: Mapping[str, list[object]] | None = None,
) -> ModelUnderTest:
    """Write the reference table and build the profile with ``longshore profile``.

    ``further`` are columns of the table beside features and score, REFERENCE_ROWS each.
    Raises ContenderFailedError with the command's own words when it refuses.
    """
    directory.mkdir(parents=True, exist_ok=True)
    tree = (
        yaml.safe_load(SPEC.read_text(encoding="utf-8")) | {"model": name} | dict(overrides or {})
    )
    spec = directory / "spec.yaml"
    spec.write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
    columns = reference_columns(seed, REFERENCE_ROWS)
    table = {name: columns.numeric[name] for name in NUMERIC} | {
        name: columns.categorical[name] for name in CATEGORICAL
    }
    reference = directory / "reference.parquet"
    frame = pl.DataFrame({**table, "score": columns.score, **(further or {})})
    frame.write_parquet(reference)
    profile = directory / "profile.json"
    run_command("profile", str(spec), "--data", str(reference), "--out", str(profile))
    return ModelUnderTest(spec, profile)


def run_worker(
    bootstrap: str,
    prefix: str,
    events: int,
    model: ModelUnderTest,
    directory: Path,
    number: int,
    settings: Mapping[str, str] | None = None,
) -> Round:
    """Measure one worker over the backlog of ``events`` in ``<prefix>predictions``.

    Speed is measured to the last record; CPU until the last window that these records close is on
    /metrics, so that no judging is left out.  Raises ContenderFailedError when the worker fails,
    stalls, or does not count each record once and well.
    """
    with RunningWorker(bootstrap, prefix, (model,), directory, settings) as worker:
        reading = read_backlog(worker, events)
        await_judged(worker, last_window_end_s(events))
        return reading.round(number, cpu_seconds(worker.pid))


@dataclass(frozen=True, slots=True)
class Reading:
    """A backlog read by a worker that still runs."""

    worker: RunningWorker
    events: int
    """Read between the two clock readings, of each topic."""
    seconds: float
    first_at: float
    first_cpu_s: float

    def round(self, number: int, cpu_s: float) -> Round:
        """The outcome, given the CPU that the worker has used by now."""
        measurement = Measurement(
            events=self.events,
            seconds=self.seconds,
            cpu_seconds=cpu_s - self.first_cpu_s,
            peak_rss_bytes=peak_rss_bytes(self.worker.pid),
            first_record_at=self.first_at,
        )
        return Round(number, measurement, self.first_at - self.worker.started_at)


def read_backlog(
    worker: RunningWorker, events: int, topics: Sequence[str] = PREDICTIONS
) -> Reading:
    """Wait until it has read ``events`` records of each topic, which may come in any order.

    Raises ContenderFailedError when it stalls or miscounts.
    """
    records = events * len(topics)
    deadline = time.monotonic() + RUN_TIMEOUT_S
    first_count, first_at, first_cpu, first_wall = 0, 0.0, 0.0, 0.0
    while True:
        scrape = worker.await_metrics()
        now, cpu = time.perf_counter(), cpu_seconds(worker.pid)
        count = sum(scrape.total("longshore_records_total", f'"{topic}"') for topic in topics)
        if count and not first_count:
            first_count, first_at, first_wall, first_cpu = count, time.time(), now, cpu
        if count >= records:
            break
        if time.monotonic() > deadline:
            raise ContenderFailedError(f"{count} of {records} records in {RUN_TIMEOUT_S:g} s")
        left_s = _left_seconds(records - count, count - first_count, now - first_wall)
        time.sleep(min(COARSE_POLL_S, max(FINE_POLL_S, left_s - COARSE_POLL_S)))
    if count == first_count:
        raise ContenderFailedError("all records were read between two scrapes: take more")
    _check_counts(scrape, count, records)
    read = (count - first_count) // len(topics)
    return Reading(worker, read, now - first_wall, first_at, first_cpu)


def _left_seconds(left: int, done: int, seconds: float) -> float:
    """Expected time to the end; 0 while nothing is known."""
    return left * seconds / done if done > 0 else 0.0


def _check_counts(scrape: Scrape, count: int, records: int) -> None:
    bad = {
        name: scrape.total(name)
        for name in ("longshore_records_rejected_total", "longshore_records_late_total")
    }
    if count != records or any(bad.values()):
        raise ContenderFailedError(f"{records} sound records, {count} read, of them {bad}")


def last_window_end_s(events: int) -> float:
    """End of the last window that ``events`` records close whatever their partitions, Unix s."""
    last_ms = START_MS + events * 1000 / EVENT_RATE - LATENESS_MS - PARTITION_SPREAD_MS
    return last_ms // JUDGE_EVERY_MS * JUDGE_EVERY_MS / 1000


def await_judged(worker: RunningWorker, end_s: float, metrics: Sequence[str] = JUDGED) -> None:
    """Wait until /metrics shows a window that ends at ``end_s`` or later in each of the metrics.

    Raises ContenderFailedError when one does not come within JUDGED_TIMEOUT_S.
    """
    if end_s <= START_MS / 1000:
        return
    deadline = time.monotonic() + JUDGED_TIMEOUT_S
    while time.monotonic() < deadline:
        scrape = worker.await_metrics()
        if all(max(scrape.values(m, f'"{MODEL}"'), default=0.0) >= end_s for m in metrics):
            return
        time.sleep(FINE_POLL_S)
    raise ContenderFailedError(f"the window ending at {end_s:g} was not judged")
