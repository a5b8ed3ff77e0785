"""Whether a soak was flat, by criteria that are written down before it runs.

Rule.  Judged is the second half, when caches and windows are full.  Memory grows when its slope is
above RSS_LIMIT_MB_PER_H and its interval excludes zero; descriptors and threads grow when the
median of the last tenth of the time is more than SPARE above the most of the first half (a
connection that is being replaced is no leak); the worker keeps up when its lag never exceeds
LAG_LIMIT_S of events; and every event is counted exactly once.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Final

from load_tests.soak.run import Found
from load_tests.soak.samples import Sample, delay_quantile
from load_tests.soak.slope import Slope, slope

RSS_LIMIT_MB_PER_H: Final = 5.0
SPARE: Final = 3
"""Descriptors and threads."""
LAST_SHARE: Final = 0.1
LAG_LIMIT_S: Final = 10.0
MEGABYTE: Final = 1e6


@dataclass(frozen=True, slots=True)
class Verdict:
    """The figures and what is wrong with them."""

    rss_mb: Slope
    pss_mb: Slope
    descriptors: Slope
    highest_lag: int
    p50_s: float
    p99_s: float
    cores: float
    snapshot_bytes_per_s: float
    snapshot_share: float
    """Seconds of writing snapshots a second of the clock."""
    faults: tuple[str, ...]

    @property
    def flat(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


def second_half(samples: list[Sample]) -> list[Sample]:
    """The readings after half of the time."""
    middle_s = (samples[0].at_s + samples[-1].at_s) / 2
    return [sample for sample in samples if sample.at_s >= middle_s]


def judge(found: Found) -> Verdict:
    """The verdict; ValueError when the run was too short for a slope."""
    late = second_half(found.samples)
    first = found.samples[: len(found.samples) - len(late)]
    last = found.samples[-max(1, round(len(found.samples) * LAST_SHARE)) :]
    at_s = [sample.at_s for sample in late]
    rss = slope(at_s, [sample.rss_bytes / MEGABYTE for sample in late])
    faults = []
    if rss.grows(RSS_LIMIT_MB_PER_H):
        faults.append(f"RSS grows by {rss.per_hour:.1f} MB/h ({rss.low:.1f} to {rss.high:.1f})")
    for name in ("descriptors", "threads"):
        before = max(getattr(sample, name) for sample in first)
        after = median(getattr(sample, name) for sample in last)
        if after > before + SPARE:
            faults.append(f"{name} grew from {before} to {after:g}")
    highest_lag = max(sample.lag for sample in late)
    if highest_lag > LAG_LIMIT_S * found.plan.rate:
        faults.append(f"the lag reached {highest_lag:,} records")
    if not found.exact:
        faults.append(
            f"{found.sent:,} events sent, {found.tallied:,} tallied, "
            f"{found.in_windows:,} in windows"
        )
    seconds = late[-1].at_s - late[0].at_s
    return Verdict(
        rss_mb=rss,
        pss_mb=slope(at_s, [sample.pss_bytes / MEGABYTE for sample in late]),
        descriptors=slope(at_s, [float(sample.descriptors) for sample in late]),
        highest_lag=highest_lag,
        p50_s=delay_quantile(found.delays, 0.5),
        p99_s=delay_quantile(found.delays, 0.99),
        cores=(late[-1].cpu_s - late[0].cpu_s) / seconds,
        snapshot_bytes_per_s=(late[-1].snapshot_bytes - late[0].snapshot_bytes) / seconds,
        snapshot_share=(late[-1].snapshot_s - late[0].snapshot_s) / seconds,
        faults=tuple(faults),
    )
