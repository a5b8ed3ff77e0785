"""The benchmark's result as a table for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any, Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from load_tests.event import PARTITIONS
from load_tests.outcomes import Latency, Outcome

SCHEMA: Final = 1
FLOOR: Final = "floor"
NAIVE: Final = "naive"
HEADINGS: Final = (
    "events",
    "events/s",
    "CPU us\n/event",
    "cores",
    "x\nnaive",
    "x\nfloor",
    "peak\nMiB",
    "start\ns",
)
MEBIBYTE: Final = 1024 * 1024


def _named(outcomes: Sequence[Outcome], name: str) -> Outcome | None:
    return next((o for o in outcomes if o.name == name and o.rounds), None)


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def results_table(outcomes: Sequence[Outcome], event_bytes: float) -> Table:
    """One row a contender; a failed one says why."""
    table = Table(
        title=f"Side by side: {event_bytes:.0f}-byte events, lz4, {PARTITIONS} partitions",
        box=box.SIMPLE_HEAD,
        padding=0,
        pad_edge=False,
    )
    table.add_column("", no_wrap=True)
    for heading in HEADINGS:
        table.add_column(heading, justify="right")
    floor, naive = _named(outcomes, FLOOR), _named(outcomes, NAIVE)
    for outcome in outcomes:
        if not outcome.rounds:
            table.add_row(outcome.label, Text("failed", style="bold red"))
            continue
        table.add_row(
            outcome.label,
            f"{median(r.measurement.events for r in outcome.rounds):,.0f}",
            f"{outcome.events_per_second():,.0f}",
            f"{outcome.cpu_us_per_event():.2f}",
            f"{outcome.cores():.2f}",
            _ratio(outcome.speed_ratio(naive)),
            _ratio(outcome.speed_ratio(floor)),
            f"{outcome.peak_rss_bytes() / MEBIBYTE:.0f}",
            f"{outcome.startup_seconds():.1f}",
        )
    return table


def thrift_line(outcomes: Sequence[Outcome]) -> str:
    """Ratios by CPU an event, which hold on a machine that others use too; empty without a base."""
    naive, floor = _named(outcomes, NAIVE), _named(outcomes, FLOOR)
    base = naive or floor
    others = [o for o in outcomes if o.rounds and o is not base]
    if base is None or not others:
        return ""
    shares = ", ".join(f"{o.name} {_ratio(o.thrift_ratio(base))}" for o in others)
    return f"events per CPU second, {base.name} = 1: {shares}"


def latency_line(latency: Latency) -> str:
    """The latency in one sentence."""
    return (
        f"event to metric at {latency.rate:,.0f} events/s: p50 {latency.quantile(0.5):.2f} s, "
        f"p99 {latency.quantile(0.99):.2f} s, worst {max(latency.delays_seconds):.2f} s over "
        f"{len(latency.delays_seconds)} closings of a {latency.window_seconds:g} s window in "
        f"{latency.seconds:g} s (scraped every {latency.poll_seconds:g} s), "
        f"{latency.missed} missed; "
        f"{latency.models} models, peak RSS {latency.peak_rss_bytes / MEBIBYTE:.0f} MiB"
    )


def report(
    outcomes: Sequence[Outcome], latency: Latency | None, event_bytes: float, notes: Sequence[str]
) -> RenderableType:
    """Everything that the terminal shows at the end."""
    lines = [Text(f"{o.label}: {o.failure}", style="red") for o in outcomes if o.failure]
    thrift = thrift_line(outcomes)
    lines += [Text(thrift)] if thrift else []
    if latency is not None:
        lines.append(Text(latency_line(latency)))
    lines += [Text(note) for note in notes]
    rounds = max((len(o.rounds) for o in outcomes), default=0)
    if rounds:
        lines.append(
            Text(
                f"Medians over rounds ({rounds}); a ratio is the median of those within a round. "
                "CPU is user + system of the contender's process; the broker runs beside it.",
                style="dim",
            )
        )
    return Group(results_table(outcomes, event_bytes), *lines) if outcomes else Group(*lines)


def as_json(
    outcomes: Sequence[Outcome], latency: Latency | None, event_bytes: float, notes: Sequence[str]
) -> dict[str, Any]:
    """The same for programs, with every round."""
    floor, naive = _named(outcomes, FLOOR), _named(outcomes, NAIVE)
    return {
        "schema": SCHEMA,
        "event_bytes": event_bytes,
        "contenders": [
            {
                "name": o.name,
                "label": o.label,
                "failure": o.failure or None,
                "median": {
                    "events_per_second": o.events_per_second(),
                    "cpu_us_per_event": o.cpu_us_per_event(),
                    "cores": o.cores(),
                    "startup_seconds": o.startup_seconds(),
                    "peak_rss_bytes": o.peak_rss_bytes(),
                    "times_naive": o.speed_ratio(naive),
                    "times_floor": o.speed_ratio(floor),
                    "cpu_times_naive": o.thrift_ratio(naive),
                    "cpu_times_floor": o.thrift_ratio(floor),
                }
                if o.rounds
                else None,
                "rounds": [
                    {
                        "round": r.number,
                        "events": r.measurement.events,
                        "seconds": r.measurement.seconds,
                        "cpu_seconds": r.measurement.cpu_seconds,
                        "peak_rss_bytes": r.measurement.peak_rss_bytes,
                        "startup_seconds": r.startup_seconds,
                        "adwin_alarms": sum(map(len, r.measurement.alarms.values())),
                    }
                    for r in o.rounds
                ],
            }
            for o in outcomes
        ],
        "latency": None
        if latency is None
        else {
            "events_per_second": latency.rate,
            "p50_seconds": latency.quantile(0.5),
            "p99_seconds": latency.quantile(0.99),
            "worst_seconds": max(latency.delays_seconds),
            "closings": len(latency.delays_seconds),
            "models": latency.models,
            "peak_rss_bytes": latency.peak_rss_bytes,
            "missed": latency.missed,
        },
        "notes": list(notes),
    }
