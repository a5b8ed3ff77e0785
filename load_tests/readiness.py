"""``python -m load_tests.readiness``: how soon a worker with a thousand features is ready again.

Rule.  A worker whose windows are full is ended and started in turn, by SIGTERM and by kill -9,
under dynamic and static membership.  Under TARGET_S from its start is promised for all but kill -9
with dynamic membership, where the broker waits for the session to run out; the exit code is 1 when
the median of any of the promised is above it.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from types import FrameType
from typing import Final

import click
from rich.console import Console

from load_tests.contender_runs import ContenderFailedError
from load_tests.event import PARTITIONS
from load_tests.restarts import FAULTS, Fault, Incumbent, Place, Restart
from load_tests.sections import write_section
from load_tests.topics import LoadError, Sender, create_topics
from load_tests.wide_model import DAY_MS, HISTORY_DAYS, WideModel
from tests.kafka.broker import BrokerFailedError, RealBroker
from tests.kafka.libraries import SystemPackageError

TARGET_S: Final = 5.0
PREFIX: Final = "ready."
FEW: Final = 40
"""Records written before each restart."""
HISTORY_TIMEOUT_S: Final = 1_200.0
SETTLE_S: Final = 6.0
"""Longer than the snapshot interval."""
SNAPSHOT_TIMEOUT_S: Final = 120.0
TERMINATED: Final = 128 + signal.SIGTERM
MEBIBYTE: Final = 1024 * 1024


class Readiness:
    """One run: history, then rounds of restarts."""

    def __init__(self, place: Place, wide: WideModel, seed_events: int, console: Console) -> None:
        self._topic = f"{place.prefix}predictions"
        self._sender = Sender(place.bootstrap)
        self._wide = wide
        self._console = console
        self._sent = 0
        self.notes: dict[str, str] = {}
        self.found: dict[str, list[Restart]] = {fault.name: [] for fault in FAULTS}
        create_topics(place.bootstrap, [self._topic])
        self._incumbent = Incumbent(place)
        self._incumbent.await_ready()
        self._fill(seed_events)

    def _send(self, count: int, from_ms: int, to_ms: int) -> None:
        for key, value in self._wide.events(self._sent, count, from_ms, to_ms):
            self._sender.send(self._topic, key, value)
            self._sender.poll()
        self._sender.flush()
        self._sent += count

    def _fill(self, events: int) -> None:
        """The history, and what a snapshot of it costs."""
        now_ms, began = int(time.time() * 1000), time.monotonic()
        self._send(events, now_ms - HISTORY_DAYS * DAY_MS, now_ms)
        self._incumbent.await_counted(events, lambda _: None, HISTORY_TIMEOUT_S)
        self._console.print(f"history of {events:,} events in {time.monotonic() - began:.0f} s")
        worker = self._incumbent.worker
        time.sleep(SETTLE_S)
        before = worker.await_metrics()
        names = ("longshore_snapshots_total", "longshore_snapshot_bytes_total")
        self._few()
        self._incumbent.await_counted(self._sent, lambda _: None)
        deadline = time.monotonic() + SNAPSHOT_TIMEOUT_S
        while worker.await_metrics().total(names[0]) == before.total(names[0]):
            if time.monotonic() > deadline:
                raise ContenderFailedError(f"no snapshot within {SNAPSHOT_TIMEOUT_S:g} s")
            time.sleep(SETTLE_S)
        time.sleep(SETTLE_S)  # every partition writes its own
        after = worker.await_metrics()
        written, size = (after.total(name) - before.total(name) for name in names)
        name = "longshore_snapshot_seconds_total"
        seconds = sum(after.values(name)) - sum(before.values(name))
        self.notes["snapshots of a few new events"] = (
            f"{written}, {size / MEBIBYTE:.2f} MiB and {seconds:.2f} s in all"
        )
        everything = after.total(names[1]) / MEBIBYTE
        self.notes["snapshots written with the history"] = (
            f"{after.total(names[0])}, {everything:.0f} MiB"
        )

    def _few(self) -> None:
        now_ms = int(time.time() * 1000)
        self._send(FEW, now_ms - 1_000, now_ms)

    def round(self) -> None:
        """Each fault once; ContenderFailedError when a worker fails or miscounts."""
        for fault in FAULTS:
            self._incumbent.become(fault.settings)
            self._few()
            restart = self._incumbent.restart(fault)
            self._incumbent.await_counted(self._sent, lambda _: None)
            self.found[fault.name].append(restart)
            steps = ", ".join(f"{name} {s:.2f}" for name, s in restart.steps.items())
            self._console.print(
                f"{fault.name}: ended in {restart.ending:.2f} s, ready in "
                f"{restart.starting:.2f} s with {restart.cpu:.2f} s of CPU ({steps})"
            )

    @property
    def sent(self) -> int:
        """Events in all, each of them counted once after every restart."""
        return self._sent

    def close(self) -> None:
        """End the worker."""
        self._incumbent.close()


def too_slow(found: dict[str, list[Restart]]) -> list[Fault]:
    """Faults whose promise the median breaks."""
    return [
        fault
        for fault in FAULTS
        if fault.target and median(r.starting for r in found[fault.name]) > TARGET_S
    ]


def section(features: int, run: Readiness) -> str:
    """The section of docs/cost.md."""
    rounds = len(run.found[FAULTS[0].name])
    lines = [
        f"{features:,} features, {PARTITIONS} partitions, windows 1h, 1d and 7d full, one worker,",
        f"{os.cpu_count()} cores shared with the broker; seconds, p50 and (max) of {rounds} rounds",
        "(`make readiness`).",
        "",
        "| | signal to end | start to ready | CPU of it | restore | signal to ready | under 5 s |",
        "|---|---|---|---|---|---|---|",
    ]
    for fault in FAULTS:
        restarts = run.found[fault.name]
        promised = (
            "not promised" if not fault.target else "no" if fault in too_slow(run.found) else "yes"
        )
        cells = [
            _figure([r.ending for r in restarts]),
            _figure([r.starting for r in restarts]),
            _figure([r.cpu for r in restarts]),
            _figure([r.restoring for r in restarts if r.restoring is not None]),
            _figure([r.ending + r.starting for r in restarts]),
        ]
        lines.append(f"| {fault.name} | {' | '.join(cells)} | {promised} |")
    lines += [
        "",
        "Where the time from start to ready goes, p50 over all restarts but the last row's:",
        "",
    ]
    lines += ["| step | s |", "|---|---|"]
    promised_restarts = [r for f in FAULTS if f.target for r in run.found[f.name]]
    for name in dict.fromkeys(step for r in promised_restarts for step in r.steps):
        values = [r.steps[name] for r in promised_restarts if name in r.steps]
        lines.append(f"| {name} | {_figure(values)} |")
    lines += ["", *(f"- {name}: {text}" for name, text in run.notes.items())]
    lines.append(f"- load average at the end {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    lines.append(f"- {run.sent:,} events, each counted exactly once after every restart")
    return "\n".join(lines)


def _figure(values: list[float]) -> str:
    return f"{median(values):.2f} ({max(values):.2f})" if values else "-"


def _terminate(_number: int, _frame: FrameType | None) -> None:
    sys.exit(TERMINATED)


@click.command(help=__doc__)
@click.option("--features", default=1_000, show_default=True, type=click.IntRange(10))
@click.option("--events", default=20_000, show_default=True, help="Of the history.")
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=7, show_default=True)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("docs/cost.md"),
    show_default=True,
    help="The section Readiness of this page is replaced.",
)
def main(features: int, events: int, rounds: int, seed: int, out: Path) -> None:
    """Run it and write the section."""
    signal.signal(signal.SIGTERM, _terminate)
    console = Console(width=160)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="readiness-")))
        try:
            bootstrap = stack.enter_context(RealBroker()).bootstrap
            wide = WideModel(features, seed)
            place = Place(bootstrap, PREFIX, wide.write(directory / "model"), directory)
            run = Readiness(place, wide, events, console)
            stack.callback(run.close)
            for _ in range(rounds):
                run.round()
        except (BrokerFailedError, SystemPackageError, ContenderFailedError, LoadError) as error:
            raise click.ClickException(str(error)) from error
    text = section(features, run)
    write_section(out, "Readiness", text)
    console.print(text, markup=False, soft_wrap=True)
    if too_slow(run.found):
        sys.exit(1)


if __name__ == "__main__":
    main()
