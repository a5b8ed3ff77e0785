"""``longshore answer``: what became of a retraining trigger, told by hand or by a job's script."""

from __future__ import annotations

from pathlib import Path

import click

from streams.cli.faults import Failed
from streams.cli.inputs import settings_from, settings_options

STATUSES = ("accepted", "rejected", "failed", "ready")


@click.command()
@click.argument("trigger_id")
@click.option("--model", required=True, help="Name of the model that asked.")
@click.option("--status", type=click.Choice(STATUSES), required=True, help="What became of it.")
@click.option("--version", help="Version of the new model; with ready, and only there.")
@click.option(
    "--effective-from",
    metavar="TIME",
    help="From when, in event time, the version is used (2026-11-27T00:00:00Z); else at once.",
)
@click.option("--reason", help="In words, for whoever reads the audit.")
@settings_options
def answer(
    trigger_id: str,
    model: str,
    status: str,
    version: str | None,
    effective_from: str | None,
    reason: str | None,
    config: Path | None,
    broker: str | None,
    prefix: str | None,
) -> None:
    """Answer a retraining trigger.

    Jobs may as well write the record themselves, with any client (docs/retraining-results.md).

    \b
    Examples:
      longshore answer sha256:1f… --model fraud --status accepted --broker kafka:9092
      longshore answer sha256:1f… --model fraud --status ready --version 2026.12
    """
    import orjson

    from engine.retraining_results import Unusable, read_result
    from streams.answering import AnswerError, send_control

    if (version is not None) != (status == "ready"):
        raise click.UsageError("--version belongs to --status ready, and must be there with it")
    told = {
        "trigger_id": trigger_id,
        "status": status,
        "version": version,
        "effective_from": effective_from,
        "reason": reason,
    }
    value = orjson.dumps({name: text for name, text in told.items() if text is not None})
    try:
        read_result(value)
    except Unusable as error:
        raise click.UsageError(f"no worker would take this: {error.reason}") from error
    settings = settings_from(config, broker, prefix)
    try:
        where = send_control(settings, "retraining-results", model, value)
    except AnswerError as error:
        raise Failed(str(error), hint="is the broker there, and does the topic exist?") from error
    click.echo(where)
