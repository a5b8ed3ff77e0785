"""What the benchmark tells a contender and what it hears back: one JSON line each way.

Rule.  The clock runs from the first record in hand to the last one processed, so start-up, group
joining and compilation stay outside; CPU is user + system of the whole process over the same span.
Standard library only: one contender lives in another virtual environment.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Assignment:
    """Read ``events`` records of ``topic`` from its start."""

    bootstrap: str
    topic: str
    group: str
    events: int
    edges: dict[str, list[float]]
    """Numeric feature -> inner edges of its histogram."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one run of one contender showed."""

    events: int
    """Events processed between the two clock readings."""
    seconds: float
    cpu_seconds: float
    peak_rss_bytes: int
    first_record_at: float
    """Unix time of the first record in hand, s."""
    counted: dict[int, int] = field(default_factory=dict)
    """Partition -> events processed, where the contender knows it."""
    alarms: dict[int, list[tuple[str, int]]] = field(default_factory=dict)
    """Partition -> ADWIN alarms as (feature, position in the partition), in order."""


def cpu_seconds(pid: int | None = None) -> float:
    """User + system time of a process, s; this one's (finer grained) when no pid is given."""
    if pid is None:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return usage.ru_utime + usage.ru_stime
    after_name = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    user_ticks, system_ticks = int(after_name[11]), int(after_name[12])
    return (user_ticks + system_ticks) / os.sysconf("SC_CLK_TCK")


def peak_rss_bytes(pid: int | None = None) -> int:
    """Highest resident size of a process since it started (VmHWM)."""
    status = Path(f"/proc/{pid or 'self'}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def read_assignment() -> Assignment:
    """The assignment on standard input."""
    return Assignment(**json.loads(sys.stdin.readline()))


class Stopwatch:
    """Starts at the first record in hand, stops at the last one processed."""

    def __init__(self) -> None:
        self._wall = self._cpu = self._first_record_at = 0.0

    def start(self) -> None:
        """The first record is in hand."""
        self._first_record_at = time.time()
        self._cpu = cpu_seconds()
        self._wall = time.perf_counter()

    def report(
        self,
        events: int,
        counted: dict[int, int] | None = None,
        alarms: dict[int, list[tuple[str, int]]] | None = None,
    ) -> None:
        """The last of ``events`` is processed: print the measurement."""
        seconds = time.perf_counter() - self._wall
        cpu = cpu_seconds() - self._cpu
        measurement = Measurement(
            events=events,
            seconds=seconds,
            cpu_seconds=cpu,
            peak_rss_bytes=peak_rss_bytes(),
            first_record_at=self._first_record_at,
            counted=counted or {},
            alarms=alarms or {},
        )
        sys.stdout.write(json.dumps(asdict(measurement)) + "\n")
        sys.stdout.flush()


def parse_measurement(line: str) -> Measurement:
    """Inverse of what :meth:`Stopwatch.report` prints (JSON turns partition numbers into text)."""
    tree = json.loads(line)
    tree["counted"] = {int(p): n for p, n in tree["counted"].items()}
    tree["alarms"] = {int(p): [(f, i) for f, i in rows] for p, rows in tree["alarms"].items()}
    return Measurement(**tree)
