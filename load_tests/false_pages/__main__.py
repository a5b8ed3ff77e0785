"""``python -m load_tests.false_pages``: false pages without any change, to docs/false-alarms.md.

Rule.  Runs of thirty days of a model with fifty features: drawn as counts, and put together of real
days that the profile does not know.  The exit code is 1 when the upper bound of the pages of a run
breaks the budget, or one run by events tells other alerts than by panes.  The page is written
either way, after each source.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from load_tests.false_pages.event_level import both_ways, generous_model
from load_tests.false_pages.many_runs import SEED, many_runs
from load_tests.false_pages.policies import FEATURES, panes_in
from load_tests.false_pages.real_tables import TABLES
from load_tests.false_pages.report import PLOT, draw, write
from load_tests.false_pages.results import Results, faults, save

DAYS = 30
EVENT_LEVEL_PER_PANE = 4.0
SOURCES = (*TABLES, "events", "drawn")
SAVED_AFTER = 20


@click.command(help=__doc__)
@click.option("--runs", default=200, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--days", default=DAYS, show_default=True, type=click.IntRange(1, 365))
@click.option(
    "--source", "sources", multiple=True, type=click.Choice(SOURCES), help="Only these; all else."
)
@click.option(
    "--processes",
    default=os.cpu_count() or 1,
    show_default=True,
    type=click.IntRange(1, 256),
    help="Runs at the same time; the figures do not depend on it.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path, exists=True),
    default=Path("docs/false-alarms.md"),
    show_default=True,
    help="The page to put the tables into; plot and results go beside it.",
)
def main(runs: int, days: int, sources: tuple[str, ...], processes: int, out: Path) -> None:
    """Measure and write the page."""
    results, console = Results(days, {}), Console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        for source in sources or SOURCES:
            total = panes_in(days) if source == "events" else runs
            task = progress.add_task(source, total=total)
            advance = _teller(console, progress, source, task, total)
            if source == "events":
                results.event_level = _by_events(days, advance)
            else:
                results.runs[source] = []
                for run in many_runs(source, days, runs, processes):
                    results.runs[source].append(run)
                    advance(1)
                    if len(results.runs[source]) % SAVED_AFTER == 0:
                        save(out.with_name("false-pages.json"), results)
            save(out.with_name("false-pages.json"), results)
            write(out, results)
            draw(results, out.with_name(PLOT))
    click.echo(out)
    found = faults(results)
    for fault in found:
        click.echo(fault, err=True)
    sys.exit(bool(found))


def _teller(
    console: Console, progress: Progress, source: str, task: TaskID, total: int
) -> Callable[[int], None]:
    """Moves the bar; without a terminal it says every tenth part in a line."""
    done = 0

    def advance(steps: int) -> None:
        nonlocal done
        before, done = done, done + steps
        progress.advance(task, steps)
        if not console.is_terminal and done * 10 // total > before * 10 // total:
            console.print(f"{source}: {done} of {total}")

    return advance


def _by_events(days: int, advance: Callable[[int], None]) -> dict[str, object]:
    by_events, by_panes, events = both_ways(
        generous_model(SEED, FEATURES), days, EVENT_LEVEL_PER_PANE, SEED, advance
    )
    return {
        "events": events,
        "features": FEATURES,
        "days": days,
        "alerts": len(by_events),
        "by_panes": len(by_panes),
        "agree": by_events == by_panes and bool(by_events),
    }


if __name__ == "__main__":
    main()
