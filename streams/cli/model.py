"""``longshore model``: versions of models on the topic that workers follow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import time
from typing import TYPE_CHECKING

import click

from streams.cli.check import warnings
from streams.cli.faults import Failed, Refused, counted
from streams.cli.inputs import FILE, event_time_ms, settings_from, settings_options
from streams.cli.terminal import out

if TYPE_CHECKING:
    from streams.settings import Settings


@click.group()
def model() -> None:
    """Register versions of models with running workers, and retire them.

    \b
    Example:
      longshore model apply spec.yaml --profile profile.json
    """


@model.command()
@click.argument("spec", type=FILE)
@click.option("--profile", type=FILE, required=True, help="The reference profile of SPEC.")
@click.option(
    "--effective-from",
    "effective",
    metavar="TIME",
    help="When it takes over, event time, RFC 3339 with a zone (default: now).",
)
@click.option("--beside", is_flag=True, help="Watch it beside the others; it takes over from none.")
@settings_options
def apply(
    spec: Path,
    profile: Path,
    effective: str | None,
    beside: bool,
    config: Path | None,
    broker: str | None,
    prefix: str | None,
) -> None:
    """Register the version of SPEC: running workers watch it from its first event on.

    From its effective time on it serves in place of the version before it. Everything is checked
    here first; nothing is written when there is a fault.

    \b
    Examples:
      longshore model apply spec.yaml --profile profile.json
      longshore model apply spec.yaml --profile profile.json --effective-from 2026-12-01T00:00:00Z
    """
    from streams.model_files import ModelFilesError
    from streams.model_registration import read_version, register

    if beside and effective is not None:
        raise Refused("--beside takes over from none, so it has no --effective-from")
    at_ms = None if beside else _ms("--effective-from", effective)
    try:
        files = read_version(spec, profile)
    except ModelFilesError as error:
        raise Refused(
            counted(len(error.faults), "fault"), error.faults, f"longshore check {spec}"
        ) from error
    for note in warnings(files.model.spec, files.model.profile):
        out().print(f"[yellow]warning:[/] {note}", soft_wrap=True)
    settings = settings_from(config, broker, prefix)
    with _told(settings.brokers):
        head = register(settings, files, at_ms)
    when = f"from {head.effective_from}" if head.effective_from else "beside the others"
    click.echo(f"{head.key} {when}: {head.content.bytes:,} bytes in {head.content.parts} parts")


@model.command()
@click.argument("name", metavar="MODEL@VERSION")
@click.option(
    "--at", metavar="TIME", help="From when on, event time (default: at once, with all its state)."
)
@click.option("--forget", "gone", is_flag=True, help="As if it had never been registered.")
@settings_options
def retire(
    name: str,
    at: str | None,
    gone: bool,
    config: Path | None,
    broker: str | None,
    prefix: str | None,
) -> None:
    """End a version: its alerts are resolved, and behind --at its state is kept for labels' time.

    \b
    Example:
      longshore model retire fraud@2026.10 --at 2026-12-01T00:00:00Z
    """
    from streams.model_registration import forget
    from streams.model_registration import retire as end

    called, at_sign, version = name.rpartition("@")
    if not (called and at_sign and version):
        raise Refused(f"{name}: is not MODEL@VERSION", hint="such as fraud@2026.10")
    if gone and at is not None:
        raise Refused("--forget has no time")
    at_ms = None if at is None else _ms("--at", at)
    settings = settings_from(config, broker, prefix)
    with _told(settings.brokers):
        if gone:
            forget(settings, called, version)
        else:
            end(settings, called, version, at_ms)
    click.echo(f"{name} {'forgotten' if gone else f'retired from {at}' if at else 'retired'}")


@model.command(name="list")
@click.option(
    "--records",
    "whole",
    is_flag=True,
    help="Print all that the topic holds, spec and profile too, as `replay --models` reads it.",
)
@settings_options
def show(config: Path | None, broker: str | None, prefix: str | None, *, whole: bool) -> None:
    """Print the registered versions, a line each.

    \b
    Examples:
      longshore model list
      longshore model list --records > models.ndjson
    """
    from streams.model_registration import registered

    settings = settings_from(config, broker, prefix)
    if whole:
        _show_records(settings)
        return
    with _told(settings.brokers):
        heads = registered(settings)
    for head in heads:
        since = f"from {head.effective_from}" if head.effective_from else "beside"
        ended = f", retired {head.retired_at or ''}".rstrip() if head.status == "retired" else ""
        click.echo(f"{head.key}\t{since}{ended}\t{head.profile}")
    click.echo(counted(len(heads), "version"), err=True)


def _show_records(settings: Settings) -> None:
    from streams.model_registration import topic_records
    from streams.models_file import line_of

    with _told(settings.brokers):
        records = topic_records(settings)
    for record in records:
        click.echo(line_of(record))
    click.echo(counted(len(records), "record"), err=True)


def _ms(option: str, text: str | None) -> int:
    """An event time of the command line; None is the clock's."""
    return int(time() * 1_000) if text is None else event_time_ms(option, text)


@contextmanager
def _told(brokers: tuple[str, ...]) -> Iterator[None]:
    """What brokers and the topic have against it, told as commands tell it."""
    from streams.broker_answers import BrokersError
    from streams.control import ControlError
    from streams.model_registration import RegistrationError
    from streams.models_log import ModelsWriteError
    from streams.reach import knock

    try:
        knock(brokers)
        yield
    except RegistrationError as error:
        raise Refused(str(error), hint="longshore model list") from error
    except (BrokersError, ControlError, ModelsWriteError) as error:
        raise Failed(f"{','.join(brokers)}: {error}") from error
    except OSError as error:
        hint = "is the broker there (LONGSHORE_BROKERS, --broker)?"
        raise Failed(str(error), hint=hint) from error
