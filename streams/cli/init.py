"""``longshore init``: a first spec for a table, with a comment at every guess."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from streams.cli.faults import Failed, Refused, counted
from streams.cli.inputs import FILE
from streams.cli.terminal import err

if TYPE_CHECKING:
    from engine.spec_draft import Draft

_Command = TypeVar("_Command", bound=Callable[..., Any])

FIELDS = {"id": "event_id", "time": "ts", "score": "score", "decision": "decision"}
"""Option -> field of the event; ``--label`` is the label's."""


def _named(command: _Command) -> _Command:
    """``--id`` and so on, as arguments ``id_column`` and so on."""
    for option, what in (
        ("label", "what turned out to be true"),
        ("decision", "the decision"),
        ("score", "the score"),
        ("time", "the time of the event"),
        ("id", "the id of the event"),
    ):
        command = click.option(
            f"--{option}",
            f"{option}_column",
            metavar="COLUMN",
            help=f"Column with {what}; guessed where it is left out.",
        )(command)
    return command


@click.command()
@click.option("--data", type=FILE, required=True, help="Table of the model: .parquet, .csv[.gz].")
@click.option("--model", required=True, help="Name of the model.")
@click.option("--model-version", default="1", show_default=True, help="Its version.")
@_named
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("spec.yaml"),
    show_default=True,
    help="The spec to write (YAML); one that is there is never overwritten.",
)
def init(data: Path, model: str, model_version: str, out: Path, **columns: str | None) -> None:
    """Draft a spec from a table: which columns are features, of which type, and which are not.

    Every guess stands in the file as a comment with its reason; read them before you go on.

    \b
    Example:
      longshore init --data training.csv --model returns --label came_back
    """
    from engine.spec_draft_text import draft_text

    found = _drafted(data, columns)
    text = draft_text(found, model, model_version, data.name)
    _refuse_unsound(text, model, model_version)
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise Refused(
            f"{out}: is there already", hint="name another --out, or remove it"
        ) from error
    except OSError as error:
        raise Failed(f"{out}: cannot be written: {error.strerror}") from error
    _report(found)
    click.echo(out)
    click.echo(f"\nNext: read {out}, then longshore check {out}", err=True)


def _drafted(data: Path, columns: dict[str, str | None]) -> Draft:
    from engine.spec_draft import draft
    from engine.spec_faults import did_you_mean
    from streams.column_facts import column_facts
    from streams.table_columns import TableError

    try:
        facts = column_facts(data)
    except TableError as error:
        raise Refused(str(error)) from error
    known = [column.name for column in facts]
    options = {option.removesuffix("_column"): name for option, name in columns.items() if name}
    faults = [
        f"--{option}: has no column {name!r}{did_you_mean(name, known)}"
        for option, name in options.items()
        if name not in known
    ]
    if faults:
        raise Refused(f"{data}: {counted(len(faults), 'fault')}", faults)
    found = draft(facts, {FIELDS.get(option, option): name for option, name in options.items()})
    if all(guess.kind == "left out" for guess in found.features):
        reasons = [f"{guess.column}: {guess.why}" for guess in found.features]
        raise Refused(f"{data}: no column looks like a feature", reasons)
    return found


def _refuse_unsound(text: str, model: str, version: str) -> None:
    """A draft is sound but for what was said on the command line."""
    from engine.spec_faults import SpecError
    from streams.model_files import read_spec_text

    try:
        read_spec_text(text)
    except SpecError as error:
        raise Refused(
            f"no spec can be called {model!r}, version {version!r}, of these columns", error.faults
        ) from error


def _report(found: Draft) -> None:
    """What the columns were taken for, to standard error."""
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for heading in ("column", "taken for", "why"):
        table.add_column(heading, overflow="fold")
    for field, placed in found.fields.items():
        table.add_row(Text(placed.column), field, Text(placed.why))
    for guess in found.features:
        style = "dim" if guess.kind == "left out" else ""
        table.add_row(Text(guess.column), guess.kind, Text(guess.why), style=style)
    err().print(table)
