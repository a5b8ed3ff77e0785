"""``python -m load_tests.quality``: how good the detectors are, written to docs/quality.md.

Rule.  Results are kept piece by piece, so that a run that was stopped goes on where it was;
``--fresh`` begins anew.  The exit code is 1 when the judge pages more than its budget allows on
streams without change, or misses a change of medium strength.  The page is written either way.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from load_tests.quality.cells import Plan, measure
from load_tests.quality.report import draw, page
from load_tests.quality.results import Results, resumed, save
from load_tests.quality.verdict import faults


@click.command(help=__doc__)
@click.option("--seeds", default=Plan().seeds, show_default=True, type=click.IntRange(1, 100))
@click.option(
    "--months",
    default=Plan().months,
    show_default=True,
    type=click.IntRange(0, 1_000),
    help="Months without change of the judge as a whole, per table.",
)
@click.option(
    "--rows",
    default=Plan().rows,
    show_default=True,
    type=click.IntRange(5_000),
    help="Events of a stream.",
)
@click.option("--fresh", is_flag=True, help="Forget what was measured before.")
@click.option(
    "--results",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("docs/quality.json"),
    show_default=True,
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("docs/quality.md"),
    show_default=True,
    help="The page; the plots go beside it.",
)
def main(seeds: int, months: int, rows: int, fresh: bool, file: Path, out: Path) -> None:  # noqa: FBT001 - one argument per option
    """Measure what is lacking and write the page."""
    plan = Plan(seeds=seeds, months=months, rows=rows)
    if fresh:
        file.unlink(missing_ok=True)
    results = resumed(file, plan)
    measure_all(results, file, Console())
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page(results, file.name), encoding="utf-8")
    draw(results, out.parent)
    click.echo(out)
    found = faults(results)
    for fault in found:
        click.echo(fault, err=True)
    sys.exit(bool(found))


def measure_all(results: Results, file: Path, console: Console) -> None:
    """Measure every cell that is lacking, and keep each at once."""
    lacking = results.lacking()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("quality", total=len(lacking))
        for number, cell in enumerate(lacking):
            name = "/".join(cell)
            progress.update(task, description=name)
            if not console.is_terminal and number % 50 == 0:
                console.print(f"{number} of {len(lacking)}: {name}")
            results.cells[name] = msgspec.to_builtins(measure(cell, results.plan))
            save(file, results)
            progress.advance(task)


if __name__ == "__main__":
    main()
