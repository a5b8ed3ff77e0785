"""What the benchmark found: one outcome a contender, medians over rounds, ratios within a round.

Rule.  A machine's speed wanders between rounds, so a ratio is the median of the ratios of rounds in
which both sides ran, never a ratio of medians; absolute figures are medians over rounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from statistics import median

from load_tests.contenders.protocol import Measurement


@dataclass(frozen=True, slots=True)
class Round:
    """One run of one contender."""

    number: int
    measurement: Measurement
    startup_seconds: float
    """From the start of the process to the first record in hand."""

    @property
    def events_per_second(self) -> float:
        """Throughput between the first and the last record."""
        return self.measurement.events / self.measurement.seconds

    @property
    def cpu_us_per_event(self) -> float:
        """User + system CPU, microseconds an event."""
        return self.measurement.cpu_seconds / self.measurement.events * 1e6

    @property
    def cores(self) -> float:
        """CPU seconds per second."""
        return self.measurement.cpu_seconds / self.measurement.seconds


@dataclass(slots=True)
class Outcome:
    """All runs of one contender; ``failure`` says why there are none or fewer."""

    name: str
    label: str
    rounds: list[Round] = field(default_factory=list)
    failure: str = ""

    def events_per_second(self) -> float:
        """Median over rounds."""
        return median(r.events_per_second for r in self.rounds)

    def cpu_us_per_event(self) -> float:
        """Median over rounds."""
        return median(r.cpu_us_per_event for r in self.rounds)

    def cores(self) -> float:
        """Median over rounds."""
        return median(r.cores for r in self.rounds)

    def startup_seconds(self) -> float:
        """Median over rounds."""
        return median(r.startup_seconds for r in self.rounds)

    def peak_rss_bytes(self) -> int:
        """Highest of the rounds."""
        return max(r.measurement.peak_rss_bytes for r in self.rounds)

    def speed_ratio(self, other: Outcome | None) -> float | None:
        """How many times faster than ``other``; None when no round has both."""
        return _ratio(self, other, lambda r: r.events_per_second)

    def thrift_ratio(self, other: Outcome | None) -> float | None:
        """How many times less CPU an event than ``other``; steadier than speed."""
        return _ratio(self, other, lambda r: 1 / r.cpu_us_per_event)


def _ratio(ours: Outcome, theirs: Outcome | None, figure: Callable[[Round], float]) -> float | None:
    if theirs is None:
        return None
    other = {r.number: figure(r) for r in theirs.rounds}
    shared = [figure(r) / other[r.number] for r in ours.rounds if r.number in other]
    return median(shared) if shared else None


@dataclass(frozen=True, slots=True)
class Latency:
    """From the append of the record that closes a window to its end on /metrics."""

    rate: float
    seconds: float
    window_seconds: float
    poll_seconds: float
    delays_seconds: tuple[float, ...]
    """One per window that closed, each up to one poll too long."""
    missed: int
    """Windows whose closing record was appended but that never appeared."""
    models: int
    """How many the worker monitored meanwhile."""
    peak_rss_bytes: int
    """Of that worker."""

    def quantile(self, share: float) -> float:
        """Smallest delay that at least ``share`` of the windows do not exceed, s."""
        ordered = sorted(self.delays_seconds)
        return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


def alarms_agree(first: Measurement, second: Measurement) -> tuple[int, int]:
    """Compare the ADWIN alarms of two readers: (alarms compared, partitions that differ).

    Only the part of each partition that both have read is compared.
    """
    compared = differing = 0
    for partition in first.counted.keys() & second.counted.keys():
        common = min(first.counted[partition], second.counted[partition])
        ours, theirs = (
            [alarm for alarm in m.alarms.get(partition, []) if alarm[1] <= common]
            for m in (first, second)
        )
        compared += len(ours)
        differing += ours != theirs
    return compared, differing


def check_alarms(outcomes: Iterable[Outcome]) -> list[tuple[str, bool]]:
    """Every contender that reports alarms against the first that does: a line, and if equal."""
    reporting = [o for o in outcomes if any(r.measurement.counted for r in o.rounds)]
    lines = []
    for other in reporting[1:]:
        first = reporting[0]
        compared, differing = alarms_agree(first.rounds[0].measurement, other.rounds[0].measurement)
        verdict = f"DIFFERENT in {differing} partitions" if differing else "equal"
        lines.append(
            (
                f"ADWIN alarms of {first.name} and {other.name}: {verdict} ({compared} compared)",
                not differing,
            )
        )
    return lines
