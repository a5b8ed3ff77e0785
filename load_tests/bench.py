"""``python -m load_tests.bench``: Longshore and its peers side by side on a real Kafka broker.

Rule.  All contenders read the same records of the same broker in the same run, interleaved round by
round, because a machine's speed wanders and only ratios survive that.  Each is a process of its
own, measured from the first record to the last; what failed has a row that says so, and the exit
code is 1 then.
"""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Final

import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from load_tests import snapshot_cost, worker_label_cost
from load_tests.bench_run import LATENCY, PARTS, Bench, Plan
from load_tests.contender_runs import ContenderFailedError
from load_tests.sections import write_section
from load_tests.snapshot_cost import Report
from load_tests.table import as_json, report
from load_tests.topics import LoadError
from tests.kafka.broker import BrokerFailedError, RealBroker
from tests.kafka.libraries import SystemPackageError

TERMINATED: Final = 128 + signal.SIGTERM
COST_PAGE: Final = Path("docs/cost.md")
SNAPSHOTS: Final = "Snapshots"
LABELS: Final = "Labels"
"""Sections of that page."""


def _parts(_context: click.Context, _option: click.Parameter, text: str) -> tuple[str, ...]:
    wanted = tuple(part.strip() for part in text.split(",") if part.strip())
    unknown = [part for part in wanted if part not in PARTS]
    if unknown or not wanted:
        raise click.BadParameter(f"{', '.join(unknown) or 'nothing'}; there are {', '.join(PARTS)}")
    return wanted


def _terminate(_number: int, _frame: FrameType | None) -> None:
    sys.exit(TERMINATED)


@click.command(help=__doc__)
@click.option("--events", default=600_000, show_default=True, help="Backlog that each reads.")
@click.option(
    "--naive-events", default=60_000, show_default=True, help="Share of it for the naive agent."
)
@click.option("--rounds", default=3, show_default=True)
@click.option("--only", default=",".join(PARTS), show_default=True, callback=_parts)
@click.option("--broker", default=None, help="HOST:PORT of a running broker; else one is started.")
@click.option("--seed", default=7, show_default=True)
@click.option("--latency-rate", default=5_000.0, show_default=True, help="Events/s.")
@click.option("--latency-seconds", default=30.0, show_default=True)
@click.option(
    "--minutes", default=6.0, show_default=True, help="No further round starts that would pass it."
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="JSON goes here.")
@click.option(
    "--snapshot-cost",
    "instead",
    flag_value=SNAPSHOTS,
    help="Instead: a worker with and without snapshots, written to docs/cost.md (or --out).",
)
@click.option(
    "--labels",
    "instead",
    flag_value=LABELS,
    help="Instead: a worker with and without labels, written there too; 1 above the goal.",
)
def main(  # noqa: PLR0913, PLR0917 - one argument per option
    events: int,
    naive_events: int,
    rounds: int,
    only: tuple[str, ...],
    broker: str | None,
    seed: int,
    latency_rate: float,
    latency_seconds: float,
    minutes: float,
    out: Path | None,
    instead: str | None,
) -> None:
    """Run the benchmark and print the table."""
    if instead is not None:
        _measure_cost(instead, events, rounds, broker, seed, out or COST_PAGE)
        return
    plan = Plan(
        events=events,
        naive_events=min(naive_events, events),
        rounds=rounds,
        only=only,
        seed=seed,
        latency_rate=latency_rate,
        latency_seconds=latency_seconds if LATENCY in only else 0.0,
        deadline=time.monotonic() + minutes * 60,
    )
    console = Console()
    signal.signal(signal.SIGTERM, _terminate)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        progress = stack.enter_context(Progress(*columns, console=console, transient=True))
        try:
            starting = progress.add_task("starting Kafka", total=None)
            bootstrap = broker or stack.enter_context(RealBroker()).bootstrap
        except (BrokerFailedError, SystemPackageError) as error:
            raise click.ClickException(str(error)) from error
        progress.remove_task(starting)
        bench = Bench(plan, bootstrap, directory, progress)
        bench.run()
    found = (bench.outcomes, bench.latency, bench.event_bytes, bench.notes)
    console.print(report(*found))
    if out is not None:
        out.write_bytes(orjson.dumps(as_json(*found), option=orjson.OPT_INDENT_2))
    if bench.failed:
        sys.exit(1)


def _measure_cost(
    name: str, events: int, rounds: int, broker: str | None, seed: int, page: Path
) -> None:
    """The other benchmarks: one worker in several ways."""
    console = Console(width=200)
    signal.signal(signal.SIGTERM, _terminate)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        try:
            bootstrap = broker or stack.enter_context(RealBroker()).bootstrap
            measure = _labels if name == LABELS else _snapshots
            text, within_goal = measure(bootstrap, directory, events, rounds, seed, console.print)
        except (BrokerFailedError, SystemPackageError, ContenderFailedError, LoadError) as error:
            raise click.ClickException(str(error)) from error
    write_section(page, name, text)
    console.print(text, markup=False, soft_wrap=True)
    if not within_goal:
        sys.exit(1)


def _snapshots(
    bootstrap: str,
    directory: Path,
    events: int,
    rounds: int,
    seed: int,
    report: Report,
) -> tuple[str, bool]:
    """The section, and True: a share of the throughput is noise as often as not."""
    costs = [
        snapshot_cost.measure(bootstrap, each, rounds, directory, report)
        for each in snapshot_cost.loads(bootstrap, directory, events, seed)
    ]
    return snapshot_cost.section(costs), True


def _labels(
    bootstrap: str,
    directory: Path,
    events: int,
    rounds: int,
    seed: int,
    report: Report,
) -> tuple[str, bool]:
    """The section, and whether a label is within its goal."""
    long = events * worker_label_cost.BACKLOGS
    cost = worker_label_cost.measure(bootstrap, directory, long, rounds, seed, report)
    return worker_label_cost.section(cost), cost.within_goal


if __name__ == "__main__":
    main()
