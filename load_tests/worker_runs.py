"""The Longshore worker as a contender: the real program, seen only from outside.

Rule.  What it did is read from its own /metrics, what it cost from /proc; it has read a backlog
when ``longshore_records_total`` of the topic says so.  The clock starts at the first scrape that
shows records, and only the records after it count, as for every other contender.
"""

from __future__ import annotations

import http.client
import re
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import polars as pl
import yaml

from load_tests.contender_runs import ContenderFailedError
from load_tests.contenders.protocol import Measurement, cpu_seconds, peak_rss_bytes
from load_tests.event import CATEGORICAL, MODEL, NUMERIC, PARTITIONS
from load_tests.generator import START_MS, reference_columns
from load_tests.outcomes import Round
from load_tests.processes import LOG_TAIL, ROOT, Child, child_environment

SPEC: Final = ROOT / "load_tests" / "bench_spec.yaml"
REFERENCE_ROWS: Final = 50_000
COMMAND_TIMEOUT_S: Final = 60.0
START_TIMEOUT_S: Final = 60.0
RUN_TIMEOUT_S: Final = 120.0
SCRAPE_TIMEOUT_S: Final = 5.0
FINE_POLL_S: Final = 0.05
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

_SAMPLE: Final = re.compile(r"^(\w+)(?:\{([^}]*)\})? (\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ModelUnderTest:
    """The files that the worker monitors by."""

    spec: Path
    profile: Path


def longshore() -> str:
    """The command beside this interpreter."""
    return str(Path(sys.executable).with_name("longshore"))


def make_model(
    directory: Path, seed: int, name: str = MODEL, overrides: Mapping[str, object] | None = None
) -> ModelUnderTest:
    """Write the reference table and build the profile with ``longshore profile``.

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
    pl.DataFrame(table | {"score": columns.score}).write_parquet(reference)
    profile = directory / "profile.json"
    _command("profile", str(spec), "--data", str(reference), "--out", str(profile))
    return ModelUnderTest(spec, profile)


def _command(*arguments: str, environment: Mapping[str, str] | None = None) -> None:
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


def _get_metrics(port: int) -> Scrape | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SCRAPE_TIMEOUT_S)
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        body = answer.read().decode()
        return Scrape(body) if answer.status == http.client.OK else None
    finally:
        connection.close()


class RunningWorker:
    """``longshore worker`` on topics of one prefix; use it as a context manager.

    ``settings`` are further names of its environment.  Raises ContenderFailedError when the topics
    cannot be made.
    """

    def __init__(
        self,
        bootstrap: str,
        prefix: str,
        models: Sequence[ModelUnderTest],
        directory: Path,
        settings: Mapping[str, str] | None = None,
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
        _command("topics", "create", environment=environment)
        self._port = port
        self.started_at = time.time()
        log = directory / f"{prefix}worker.log"
        self._child = Child([longshore(), "worker"], directory, log, environment)
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

    def scrape(self) -> Scrape | None:
        """/metrics now; None while it does not answer yet.

        Raises ContenderFailedError when the worker has ended.
        """
        code = self._child.process.poll()
        if code is not None:
            raise ContenderFailedError(f"worker ended with {code}: {self._child.log_tail()}")
        try:
            return _get_metrics(self._port)
        except (http.client.HTTPException, OSError):
            return None

    def await_metrics(self) -> Scrape:
        """The first /metrics; ContenderFailedError when it does not come in START_TIMEOUT_S."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            scrape = self.scrape()
            if scrape is not None:
                return scrape
            time.sleep(FINE_POLL_S)
        raise ContenderFailedError(f"no /metrics within {START_TIMEOUT_S:g} s")


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
        deadline = time.monotonic() + RUN_TIMEOUT_S
        first_count, first_at, first_cpu, first_wall = 0, 0.0, 0.0, 0.0
        while True:
            scrape = worker.await_metrics()
            now, cpu = time.perf_counter(), cpu_seconds(worker.pid)
            count = scrape.total("longshore_records_total", 'predictions"')
            if count and not first_count:
                first_count, first_at, first_wall, first_cpu = count, time.time(), now, cpu
            if count >= events:
                break
            if time.monotonic() > deadline:
                raise ContenderFailedError(f"{count} of {events} records in {RUN_TIMEOUT_S:g} s")
            left_s = _left_seconds(events - count, count - first_count, now - first_wall)
            time.sleep(min(COARSE_POLL_S, max(FINE_POLL_S, left_s - COARSE_POLL_S)))
        if count == first_count:
            raise ContenderFailedError("all records were read between two scrapes: take more")
        _check_counts(scrape, count, events)
        _await_judged(worker, last_window_end_s(events))
        measurement = Measurement(
            events=count - first_count,
            seconds=now - first_wall,
            cpu_seconds=cpu_seconds(worker.pid) - first_cpu,
            peak_rss_bytes=peak_rss_bytes(worker.pid),
            first_record_at=first_at,
        )
        return Round(number, measurement, first_at - worker.started_at)


def _left_seconds(left: int, done: int, seconds: float) -> float:
    """Expected time to the end; 0 while nothing is known."""
    return left * seconds / done if done > 0 else 0.0


def _check_counts(scrape: Scrape, count: int, events: int) -> None:
    bad = {
        name: scrape.total(name)
        for name in ("longshore_records_rejected_total", "longshore_records_late_total")
    }
    if count != events or any(bad.values()):
        raise ContenderFailedError(f"{events} sound records, {count} read, of them {bad}")


def last_window_end_s(events: int) -> float:
    """End of the last window that ``events`` records close whatever their partitions, Unix s."""
    last_ms = START_MS + events * 1000 / EVENT_RATE - LATENESS_MS - PARTITION_SPREAD_MS
    return last_ms // JUDGE_EVERY_MS * JUDGE_EVERY_MS / 1000


def _await_judged(worker: RunningWorker, end_s: float) -> None:
    if end_s <= START_MS / 1000:
        return
    deadline = time.monotonic() + JUDGED_TIMEOUT_S
    while time.monotonic() < deadline:
        ends = worker.await_metrics().values("drift_window_end_timestamp_seconds", f'"{MODEL}"')
        if max(ends, default=0.0) >= end_s:
            return
        time.sleep(FINE_POLL_S)
    raise ContenderFailedError(f"the window ending at {end_s:g} was not judged")
