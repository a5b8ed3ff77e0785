"""``longshore schemas``: the contract with producers, as files."""

from __future__ import annotations

from pathlib import Path

import click

from streams.cli.faults import Failed


@click.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Directory for the files; made if it is not there.",
)
def schemas(out: Path) -> None:
    """Write the JSON Schemas (2020-12) of prediction, feature, label and heartbeat events.

    They are made from the types that decode the events, so the two cannot come apart.

    \b
    Example:
      longshore schemas --out schemas
    """
    import orjson

    from engine.events import json_schemas

    style = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, schema in json_schemas().items():
            path = out / f"{name}.schema.json"
            path.write_bytes(orjson.dumps(schema, option=style))
            click.echo(path)
    except OSError as error:
        raise Failed(f"{out}: {error.strerror}") from error
