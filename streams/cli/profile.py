"""``longshore profile``: the reference that a model is measured against."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli.faults import Failed, Refused, counted
from streams.cli.inputs import FILE, spec_from
from streams.cli.terminal import err, progress_bar

if TYPE_CHECKING:
    from engine.profile import Profile
    from engine.reference_table import ReferenceTable
    from engine.spec import Spec

UNKNOWN_COMMIT = "unknown"


@click.command()
@click.argument("spec", type=FILE)
@click.option(
    "--data", type=FILE, required=True, help="Training table: .parquet, .csv[.gz], .ndjson[.gz]."
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The profile to write (JSON).",
)
def profile(spec: Path, data: Path, out: Path) -> None:
    """Build the reference profile of SPEC's model from its training table.

    Bins are fixed here and never move again. A table with times also tells how much each feature
    varies within the training period, so that ordinary variation is not called drift.

    \b
    Example:
      longshore profile spec.yaml --data training.parquet --out profile.json
    """
    from engine.profile import ProfileError, encode_profile
    from streams.tables import TableError, read_table
    from streams.whole_files import write_whole

    read = spec_from(spec)
    try:
        table = read_table(data, read)
    except TableError as error:
        raise Refused(
            f"{data}: {counted(len(error.faults), 'fault')}",
            error.faults,
            "name the columns under `columns` in the spec, or mend the table",
        ) from error
    try:
        built = build(read, table, data, Path.cwd())
    except ProfileError as error:
        raise Refused(f"{data}: {error}") from error
    try:
        write_whole(out, encode_profile(built))
    except OSError as error:
        raise Failed(f"{out}: cannot be written: {error.strerror}") from error
    _report(read, built)
    click.echo(out)


def build(spec: Spec, table: ReferenceTable, data: Path, code: Path) -> Profile:
    """The profile of a table read from ``data``, with a progress bar, made by the code that is
    checked out around ``code``.

    Raises ProfileError when the table cannot be a reference.
    """
    from engine.profile import Provenance
    from engine.profile_building import build_profile
    from streams.tables import data_sha256

    provenance = Provenance(
        code_commit=code_commit(code),
        data_sha256=data_sha256(data),
        data_rows=table.rows,
        parameters={
            "data_file": data.name,
            "pseudo_count": spec.pseudo_count,
            "windows": ",".join(window.name for window in spec.windows),
        },
        seed=0,
        start_ms=None,
        end_ms=None,
    )
    steps = len(spec.features) + (table.score is not None)
    with progress_bar() as bar:
        task = bar.add_task(f"features of {spec.model}", total=steps)

        def step(name: str) -> None:
            bar.update(task, advance=1, description=f"{spec.model}: {name}")

        return build_profile(spec, table, provenance, step)


def code_commit(directory: Path) -> str:
    """The git commit checked out around ``directory``; ``unknown`` where there is none."""
    try:
        told = subprocess.run(
            ["git", "rev-parse", "--verify", "HEAD"],  # noqa: S607 - the one in PATH
            cwd=directory,
            capture_output=True,
            text=True,
            check=False,
            timeout=5,
        )
    except (OSError, subprocess.SubprocessError):
        return UNKNOWN_COMMIT
    return told.stdout.strip() if told.returncode == 0 else UNKNOWN_COMMIT


def _report(spec: Spec, built: Profile) -> None:
    """What the reference looks like, to standard error."""
    from rich.table import Table
    from rich.text import Text

    from engine.timestamps import ms_to_rfc3339

    span = ""
    if built.made_by.start_ms is not None and built.made_by.end_ms is not None:
        first, last = (
            ms_to_rfc3339(ms)[:16] for ms in (built.made_by.start_ms, built.made_by.end_ms)
        )
        span = f", {first} to {last} UTC"
    table = Table(title=f"{spec.model}@{spec.version}: {built.rows:,} rows{span}")
    table.add_column("feature")
    table.add_column("bins", justify="right")
    table.add_column("missing", justify="right")
    for window in spec.windows:
        table.add_column(f"own PSI {window.name}", justify="right")
    columns = {**built.features, **({} if built.score is None else {"score": built.score})}
    for name, reference in columns.items():
        total = sum(reference.counts) + reference.missing + reference.invalid
        cells = [name, str(len(reference.counts)), f"{reference.missing / total:.1%}"]
        table.add_row(*cells, *(_own(reference, window.name) for window in spec.windows))
    console = err()
    console.print(table)
    console.print(
        Text(
            "own PSI: median and 99 % quantile of the training table's own blocks of that length. "
            "A feature must go beyond the latter to be called drifted."
        )
        if span
        else Text("The table has no times, so ordinary variation within training is not known."),
        style="dim",
    )


def _own(reference: object, window: str) -> str:
    blocks = getattr(reference, "own", {}).get(window)
    return "-" if blocks is None else f"{blocks.median:.2f} / {blocks.q99:.2f}"
