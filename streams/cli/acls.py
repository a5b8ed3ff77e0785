"""``longshore acls``: the rights that a cluster's authoriser must grant."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli.inputs import settings_from, settings_options

if TYPE_CHECKING:
    from streams.acls import Right
    from streams.settings import Settings


@click.command()
@settings_options
@click.option("--group", help="Consumer group of the workers (default longshore).")
@click.option(
    "--principal",
    "workers",
    multiple=True,
    default=("User:longshore",),
    show_default=True,
    help="Whom the workers log in as; may be repeated.",
)
@click.option("--producer", "producers", multiple=True, help="A service that publishes events.")
@click.option("--retraining", "jobs", multiple=True, help="A retraining job.")
@click.option(
    "--retraining-group",
    default="retraining",
    show_default=True,
    help="Consumer group of the retraining jobs.",
)
@click.option("--operator", "operators", multiple=True, help="Who creates the topics.")
@click.option("--json", "as_json", is_flag=True, help="A JSON array of single rights instead.")
def acls(
    config: Path | None,
    broker: str | None,
    prefix: str | None,
    group: str | None,
    workers: tuple[str, ...],
    producers: tuple[str, ...],
    jobs: tuple[str, ...],
    retraining_group: str,
    operators: tuple[str, ...],
    as_json: bool,
) -> None:
    """Print the least rights on the brokers that each principal needs, as kafka-acls.sh commands.

    Nothing is sent to a broker. admin.properties, named in the commands, is yours: how an
    administrator of the cluster logs in.

    \b
    Examples:
      longshore acls --producer User:fraud --operator User:deploy --broker kafka:9093
      longshore acls --principal User:CN=longshore --retraining User:trainer --json
    """
    import orjson
    from msgspec import to_builtins

    from streams.acls import command_lines

    settings = settings_from(config, broker, prefix, group=group)
    parts = {"worker": workers, "producer": producers, "retraining": jobs, "operator": operators}
    found = rights_of(settings, parts, retraining_group)
    if as_json:
        click.echo(orjson.dumps(to_builtins(found), option=orjson.OPT_INDENT_2).decode())
        return
    for words in command_lines(found, ",".join(settings.brokers)):
        click.echo(shlex.join(words))


def rights_of(
    settings: Settings, parts: dict[str, tuple[str, ...]], retraining_group: str
) -> list[Right]:
    """The rights of everybody named, by part."""
    from streams.acls import PARTS, rights

    return [
        right
        for part in PARTS
        for principal in parts[part]
        for right in rights(settings, part, principal, retraining_group)
    ]
