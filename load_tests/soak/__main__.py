"""``python -m load_tests.soak``: one worker at a steady rate on a real broker, for long.

Rule.  What flat means is written in load_tests/soak/verdict.py; the exit code is 1 when the run was
not flat.  The page and the plot are written either way.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Final

import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from load_tests.contender_runs import ContenderFailedError
from load_tests.soak.report import draw, page
from load_tests.soak.run import Plan, soak
from load_tests.soak.samples import Sample
from load_tests.soak.verdict import MEGABYTE, judge
from tests.kafka.broker import BrokerFailedError, RealBroker
from tests.kafka.libraries import SystemPackageError

TERMINATED: Final = 128 + signal.SIGTERM
SHORTEST_MINUTES: Final = 4.0
"""Less has too few blocks for a slope."""


def _terminate(_number: int, _frame: FrameType | None) -> None:
    sys.exit(TERMINATED)


@click.command(help=__doc__)
@click.option("--minutes", default=30.0, show_default=True, type=click.FloatRange(SHORTEST_MINUTES))
@click.option("--rate", default=5_000.0, show_default=True, help="Events/s.")
@click.option("--every", default=5.0, show_default=True, help="Seconds between readings.")
@click.option("--seed", default=7, show_default=True)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("docs/soak.md"),
    show_default=True,
    help="The page; the plot goes beside it.",
)
@click.option(
    "--readings", type=click.Path(dir_okay=False, path_type=Path), help="Readings as JSON lines."
)
def main(
    minutes: float, rate: float, every: float, seed: int, out: Path, readings: Path | None
) -> None:
    """Run the soak."""
    signal.signal(signal.SIGTERM, _terminate)
    plan = Plan(minutes * 60, rate, every, seed)
    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        try:
            bootstrap = stack.enter_context(RealBroker()).bootstrap
        except (BrokerFailedError, SystemPackageError) as error:
            raise click.ClickException(str(error)) from error
        progress = stack.enter_context(Progress(*columns, console=console, transient=True))
        task = progress.add_task("starting", total=plan.seconds)

        def show(sample: Sample) -> None:
            described = (
                f"{sample.records:,} events, RSS {sample.rss_bytes / MEGABYTE:.0f} MB, "
                f"lag {sample.lag:,}"
            )
            progress.update(task, completed=sample.at_s, description=described)
            if not console.is_terminal and len(shown) * 60 <= sample.at_s:
                shown.append(sample)
                console.print(f"{sample.at_s / 60:.1f} min: {described}")

        shown: list[Sample] = []
        try:
            found = soak(bootstrap, plan, directory, sys.executable, show)
        except ContenderFailedError as error:
            raise click.ClickException(str(error)) from error
    if readings is not None:
        lines = (orjson.dumps(asdict(sample)) + b"\n" for sample in found.samples)
        readings.write_bytes(b"".join(lines))
    verdict = judge(found)
    plot = out.with_suffix(".svg")
    out.parent.mkdir(parents=True, exist_ok=True)
    draw(found, plot)
    busy = f"load average {os.getloadavg()[0]:.0f} at the end"
    machine = f"{os.cpu_count()} cores shared with broker and publisher, {busy}"
    text = page(found, verdict, plot.name, machine)
    out.write_text(text, encoding="utf-8")
    console.print(text, markup=False, soft_wrap=True)
    if not verdict.flat:
        sys.exit(1)


if __name__ == "__main__":
    main()
