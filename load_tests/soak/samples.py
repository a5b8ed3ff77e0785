"""What is read of a running worker, every few seconds: its process and its metrics."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from load_tests.contenders.protocol import cpu_seconds
from load_tests.running_worker import Scrape

KIBIBYTE: Final = 1024
DELAY: Final = "longshore_event_to_metric_seconds"


@dataclass(frozen=True, slots=True)
class Sample:
    """One reading; counters are totals since the worker's start."""

    at_s: float
    """Since the stream began."""
    rss_bytes: int
    pss_bytes: int
    """Shared pages divided by who shares them."""
    uss_bytes: int
    """Pages that nobody shares."""
    descriptors: int
    threads: int
    cpu_s: float
    sent: int
    """Events that the publisher had sent by then."""
    records: int
    lag: int
    delays: int
    delay_total_s: float
    snapshots: int
    snapshot_bytes: int
    snapshot_s: float
    collections: int
    """Runs of the garbage collector, all generations."""


NAMES: Final = tuple(field.name for field in fields(Sample))


def read_sample(pid: int, scrape: Scrape, at_s: float, sent: int) -> Sample:
    """A reading of the process and of its metrics; OSError when the process is gone."""
    status = _kilobytes(Path(f"/proc/{pid}/status"))
    pages = _kilobytes(Path(f"/proc/{pid}/smaps_rollup"))
    return Sample(
        at_s=at_s,
        rss_bytes=status["VmRSS"] * KIBIBYTE,
        pss_bytes=pages["Pss"] * KIBIBYTE,
        uss_bytes=(pages["Private_Clean"] + pages["Private_Dirty"]) * KIBIBYTE,
        descriptors=sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()),
        threads=status["Threads"],
        cpu_s=cpu_seconds(pid),
        sent=sent,
        records=scrape.total("longshore_records_total", 'predictions"'),
        lag=scrape.total("longshore_consumer_lag_records", 'predictions"'),
        delays=scrape.total(f"{DELAY}_count"),
        delay_total_s=sum(scrape.values(f"{DELAY}_sum")),
        snapshots=scrape.total("longshore_snapshots_total"),
        snapshot_bytes=scrape.total("longshore_snapshot_bytes_total"),
        snapshot_s=sum(scrape.values("longshore_snapshot_seconds_total")),
        collections=scrape.total("python_gc_collections_total"),
    )


def _kilobytes(path: Path) -> dict[str, int]:
    """The lines ``Name:  123 kB`` (or without a unit) of a file of /proc."""
    found: dict[str, int] = {}
    for line in path.read_text(encoding="ascii").splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if words and words[0].isdigit():
            found[name] = int(words[0])
    return found


def delay_bounds(scrape: Scrape) -> list[tuple[float, int]]:
    """The delays so far as cumulative counts: (upper bound in s, delays up to it)."""
    return sorted(
        (float(bound), int(count)) for bound, count in scrape.labelled(f"{DELAY}_bucket", "le")
    )


def delay_quantile(bounds: list[tuple[float, int]], share: float) -> float:
    """Smallest bound that at least ``share`` of the delays do not exceed; NaN without delays."""
    total = bounds[-1][1] if bounds else 0
    if not total:
        return float("nan")
    return next(bound for bound, count in bounds if count >= share * total)
