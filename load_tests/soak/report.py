"""A soak as a page of docs and a plot."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Final

from load_tests.soak.run import Found
from load_tests.soak.samples import Sample
from load_tests.soak.slope import CONFIDENCE, Slope
from load_tests.soak.verdict import LAG_LIMIT_S, MEGABYTE, RSS_LIMIT_MB_PER_H, SPARE, Verdict

MINUTE_S: Final = 60.0
SIZE_INCHES: Final = (9.0, 9.5)
HEADROOM: Final = 1.35
"""Of each axis above its highest value, for the legend."""
PAGE: Final = """\
# Soak

{verdict}

One worker over 4 partitions and 20 features on a real broker,
{machine}. Made by `make soak`.

| | |
|---|---|
{table}

Slopes are those of the second half (from minute {minute:.0f}), by least squares over means of
30 s, with the {confidence:.0%} interval. Flat means: RSS does not grow by more than
{rss_limit:g} MB/h with an interval above zero; descriptors and threads of the last tenth stay
within {spare} of the most of the first half; the lag stays below {lag_limit:g} s of events; and
every event published is counted exactly once, in the tally and in the windows. Delays are from the
append of the record that closes a window to its gauges, as upper bounds of buckets.

![Memory, descriptors, lag, delay and CPU over time]({plot})
"""


def page(found: Found, verdict: Verdict, plot: str, machine: str) -> str:
    """docs/soak.md."""
    last = found.samples[-1]
    late_start = found.samples[-1].at_s / 2 / MINUTE_S
    rows = [
        ("duration", f"{last.at_s / MINUTE_S:.1f} min at {found.plan.rate:,.0f} events/s"),
        ("events published", f"{found.sent:,}"),
        ("events tallied / in closed windows", f"{found.tallied:,} / {found.in_windows:,}"),
        (
            "RSS at the end",
            f"{last.rss_bytes / MEGABYTE:.0f} MB (USS {last.uss_bytes / MEGABYTE:.0f} MB)",
        ),
        ("RSS slope", _per_hour(verdict.rss_mb, "MB/h")),
        ("PSS slope", _per_hour(verdict.pss_mb, "MB/h")),
        (
            "file descriptors",
            f"{last.descriptors}, slope {_per_hour(verdict.descriptors, 'an hour')}",
        ),
        ("threads", f"{last.threads}"),
        ("highest lag", f"{verdict.highest_lag:,} records"),
        ("event to metric", f"p50 <= {verdict.p50_s:g} s, p99 <= {verdict.p99_s:g} s"),
        ("CPU", f"{verdict.cores:.2f} cores, {_us_per_event(found):.1f} us an event"),
        ("snapshots", f"{last.snapshots:,}, {verdict.snapshot_bytes_per_s / 1000:.0f} kB/s"),
        ("garbage collections", f"{last.collections:,}"),
    ]
    verdict_line = (
        "**Flat.**" if verdict.flat else "**Not flat**: " + "; ".join(verdict.faults) + "."
    )
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    return PAGE.format(
        verdict=verdict_line,
        machine=machine,
        table=table,
        minute=late_start,
        confidence=CONFIDENCE,
        rss_limit=RSS_LIMIT_MB_PER_H,
        spare=SPARE,
        lag_limit=LAG_LIMIT_S,
        plot=plot,
    )


def _per_hour(slope: Slope, unit: str) -> str:
    return f"{slope.per_hour:+.2f} {unit} ({slope.low:+.2f} to {slope.high:+.2f})"


def _us_per_event(found: Found) -> float:
    first, last = found.samples[0], found.samples[-1]
    return (last.cpu_s - first.cpu_s) / max(1, last.records - first.records) * 1e6


def draw(found: Found, to: Path) -> None:
    """The plot; the format is that of the file's suffix."""
    import matplotlib as mpl  # noqa: PLC0415 - slow to import

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "longshore"
    from matplotlib import pyplot as plt  # noqa: PLC0415

    samples = found.samples
    minutes = [sample.at_s / MINUTE_S for sample in samples]
    figure, axes = plt.subplots(5, 1, sharex=True, figsize=SIZE_INCHES, layout="constrained")
    memory, handles, lag, delay, cpu = axes
    for name in ("rss", "pss", "uss"):
        values = [getattr(sample, f"{name}_bytes") / MEGABYTE for sample in samples]
        memory.plot(minutes, values, label=name.upper())
    memory.set_ylabel("memory, MB")
    for name in ("descriptors", "threads"):
        handles.plot(minutes, [getattr(sample, name) for sample in samples], label=name)
    handles.set_ylabel("count")
    lag.plot(minutes, [sample.lag for sample in samples], label="not read yet")
    lag.set_ylabel("records")
    pairs = list(pairwise(samples))
    delay.plot(minutes[1:], [_mean_delay(*pair) for pair in pairs], label="event to metric, mean")
    delay.set_ylabel("s")
    cores = [(b.cpu_s - a.cpu_s) / (b.at_s - a.at_s) for a, b in pairs]
    cpu.plot(minutes[1:], cores, label="worker")
    cpu.set_ylabel("cores")
    cpu.set_xlabel("minutes")
    for each in axes:
        each.set_ylim(0, each.get_ylim()[1] * HEADROOM)
        each.grid(alpha=0.3)
        each.axvspan(minutes[-1] / 2, minutes[-1], color="0.9", zorder=0)
        each.legend(loc="upper right", ncols=3, frameon=False)
    memory.set_title(f"One worker at {found.plan.rate:,.0f} events/s (shaded: what is judged)")
    figure.savefig(to, metadata={"Date": None} if to.suffix == ".svg" else None, dpi=110)
    plt.close(figure)


def _mean_delay(before: Sample, after: Sample) -> float:
    count = after.delays - before.delays
    return (after.delay_total_s - before.delay_total_s) / count if count else float("nan")
