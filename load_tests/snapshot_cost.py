"""What snapshots cost: the same backlog with snapshots at their default interval and with none.

Rule.  The two ways run in turn, round by round, each time in the other order, because the second
of a pair finds the machine warmer; only the ratio within a round is read.  Throughput is by the
clock, thrift by CPU time, which other work on the machine disturbs less.  With snapshots "off" none
is written before the backlog is read.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from load_tests.contenders.protocol import cpu_seconds
from load_tests.event import MODEL, PARTITIONS
from load_tests.generator import stream
from load_tests.outcomes import Round
from load_tests.running_worker import ModelUnderTest, RunningWorker
from load_tests.topics import create_topics, delete_topics, load
from load_tests.worker_runs import EVENT_RATE, make_model, read_backlog

OFF_S: Final = 3_600.0
DEFAULT_S: Final = 2.0
GOAL_SHARE: Final = 0.05
SETTLE_S: Final = 1.0
BACKLOGS: Final = 4
"""Of the bench's length: a run must last for several intervals."""

HEADINGS: Final = (
    "model",
    "rounds",
    "events/s off",
    "on",
    "throughput lost",
    "CPU us/event off",
    "on",
    "CPU added",
    "snapshots",
    "KiB each",
    "of a core",
)
Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Pair:
    """One round: the same backlog both ways."""

    off: Round
    on: Round
    snapshots: int
    snapshot_bytes: int

    @property
    def slower(self) -> float:
        """Share of the throughput that snapshots took; negative when noise won."""
        return 1.0 - self.on.events_per_second / self.off.events_per_second

    @property
    def dearer(self) -> float:
        """CPU an event that snapshots added, as a share of that without."""
        return self.on.cpu_us_per_event / self.off.cpu_us_per_event - 1.0

    @property
    def core_share(self) -> float:
        """Share of one core that snapshots at the default interval take: the CPU that they added,
        over as many intervals as there were.  A machine that others slow down writes more of them
        an event, which stretches the other two figures but not this one."""
        added_s = (self.on.cpu_us_per_event - self.off.cpu_us_per_event) * 1e-6
        intervals = max(1.0, self.snapshots / (PARTITIONS + 1))
        return added_s * self.on.measurement.events / (intervals * DEFAULT_S)


@dataclass(slots=True)
class SnapshotCost:
    """All rounds of one model."""

    label: str
    events: int
    pairs: list[Pair] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Load:
    """A model and a backlog of it in ``<prefix>predictions``."""

    label: str
    model: ModelUnderTest
    events: int
    fill: Callable[[str], None]
    """Writes the backlog to this topic."""


def loads(bootstrap: str, directory: Path, events: int, seed: int) -> list[Load]:
    """The bench's model; what a thousand features cost is in the section on readiness."""
    long = events * BACKLOGS

    def fill_bench(topic: str) -> None:
        load(bootstrap, [topic], seed, stream(seed, long, EVENT_RATE), lambda _: None)

    return [Load(f"{MODEL}, 20 features", make_model(directory / MODEL, seed), long, fill_bench)]


def measure(
    bootstrap: str, each: Load, rounds: int, directory: Path, report: Report
) -> SnapshotCost:
    """Alternating rounds; ContenderFailedError when a worker fails or miscounts."""
    cost = SnapshotCost(each.label, each.events)
    for number in range(rounds):
        found: dict[bool, tuple[Round, int, int]] = {}
        for on in (number % 2 == 0, number % 2 == 1):
            prefix = f"snap{number}{'on' if on else 'off'}{len(each.label)}."
            create_topics(bootstrap, [f"{prefix}predictions"])
            each.fill(f"{prefix}predictions")
            found[on] = _run(bootstrap, prefix, each, DEFAULT_S if on else OFF_S, directory)
            delete_topics(bootstrap, prefix)
        (off, _, _), (with_them, snapshots, size) = found[False], found[True]
        cost.pairs.append(Pair(off, with_them, snapshots, size))
        pair = cost.pairs[-1]
        report(
            f"{each.label}, round {number + 1}: {pair.on.events_per_second:,.0f} events/s, "
            f"{pair.slower:+.1%} slower, {pair.dearer:+.1%} CPU"
        )
    return cost


def _run(
    bootstrap: str, prefix: str, each: Load, interval_s: float, directory: Path
) -> tuple[Round, int, int]:
    settings = {
        "LONGSHORE_SNAPSHOT_INTERVAL_S": f"{interval_s:g}",
        "LONGSHORE_STUCK_AFTER_S": f"{max(300.0, 3 * interval_s):g}",
    }
    with RunningWorker(bootstrap, prefix, (each.model,), directory, settings) as worker:
        reading = read_backlog(worker, each.events)
        time.sleep(SETTLE_S)
        scrape = worker.await_metrics()
        measured = reading.round(0, cpu_seconds(worker.pid))
        return (
            measured,
            scrape.total("longshore_snapshots_total"),
            scrape.total("longshore_snapshot_bytes_total"),
        )


def section(costs: list[SnapshotCost]) -> str:
    """The section of docs/cost.md."""
    lines = [
        f"A worker over a backlog, snapshots every {DEFAULT_S:g} s (the default) against none,",
        "in alternating rounds (`make bench BENCH_ARGS=--snapshot-cost`): medians of the ratios",
        "within a round, and (lowest to highest).",
        "",
        f"| {' | '.join(HEADINGS)} |",
        "|---" * len(HEADINGS) + "|",
    ]
    for cost in costs:
        pairs = cost.pairs
        written = max(1, sum(pair.snapshots for pair in pairs))
        cells = [
            cost.label,
            str(len(pairs)),
            f"{median(p.off.events_per_second for p in pairs):,.0f}",
            f"{median(p.on.events_per_second for p in pairs):,.0f}",
            _spread([p.slower for p in pairs]),
            f"{median(p.off.cpu_us_per_event for p in pairs):,.1f}",
            f"{median(p.on.cpu_us_per_event for p in pairs):,.1f}",
            _spread([p.dearer for p in pairs]),
            f"{median(p.snapshots for p in pairs):,.0f}",
            f"{sum(p.snapshot_bytes for p in pairs) / written / 1024:,.0f}",
            _spread([p.core_share for p in pairs]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        f"The goal is {GOAL_SHARE:.0%} of the throughput, for 20 features. *Of a core* is the CPU",
        f"added by snapshots in an interval of {DEFAULT_S:g} s; on a machine with other work it is",
        "the figure to read, because a slower reader writes more snapshots an event.",
    ]
    return "\n".join(lines)


def _spread(shares: list[float]) -> str:
    return f"{median(shares):+.1%} ({min(shares):+.1%} to {max(shares):+.1%})"
