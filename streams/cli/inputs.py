"""What several commands read: specs, profiles, settings; their faults told alike."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from streams.cli.faults import Refused, counted

if TYPE_CHECKING:
    from engine.model import MonitoredModel
    from engine.spec import Spec
    from streams.settings import Settings

_Command = TypeVar("_Command", bound=Callable[..., Any])

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
"""A file that must be there; click refuses it with exit code 2 otherwise."""
CONFIG_VARIABLE = "LONGSHORE_CONFIG"
EVENTS = "Events: .ndjson[.gz], or .parquet / .csv[.gz] read through the spec's columns."


def spec_from(path: Path) -> Spec:
    """The spec in ``path``; Refused with every fault."""
    from engine.spec_faults import SpecError
    from streams.model_files import read_spec_file

    try:
        return read_spec_file(path)
    except SpecError as error:
        raise Refused(
            f"{path}: {counted(len(error.faults), 'fault')}",
            error.faults,
            f"mend them, then: longshore check {path}",
        ) from error


def model_from(spec: Path, profile: Path) -> MonitoredModel:
    """The model of both files; Refused with every fault."""
    from streams.model_files import ModelFilesError, load_model

    try:
        return load_model(spec, profile)
    except ModelFilesError as error:
        raise Refused(
            counted(len(error.faults), "fault"), error.faults, f"longshore check {spec}"
        ) from error


def event_files(command: _Command) -> _Command:
    """``--predictions``, ``--labels`` and ``--features``, as arguments of the same names."""
    for option in (
        click.option("--features", type=FILE, help="Features that come apart, as above."),
        click.option("--labels", type=FILE, help="Labels, as above."),
        click.option("--predictions", type=FILE, help=EVENTS),
    ):
        command = option(command)
    return command


def partitions_option(command: _Command) -> _Command:
    """``--partitions`` of a replay, as an argument of the same name."""
    option = click.option(
        "--partitions",
        type=click.IntRange(1, 10_000),
        default=4,
        show_default=True,
        help="Partitions of the topics that would carry the files.",
    )
    return option(command)


def event_time_ms(option: str, text: str) -> int:
    """An event time of the command line in epoch milliseconds; Refused where it is none."""
    from engine.timestamps import TimestampError, rfc3339_to_ms

    try:
        return rfc3339_to_ms(text)
    except TimestampError as error:
        raise Refused(
            f"{option} {text}: is no RFC 3339 time with a zone", hint="such as 2026-12-01T00:00:00Z"
        ) from error


def settings_options(command: _Command) -> _Command:
    """``--config``, ``--broker`` and ``--prefix``, as arguments of the same names."""
    for option in (
        click.option("--prefix", help="Prefix of the topics (default drift.)."),
        click.option(
            "--broker", metavar="HOST:PORT", help="Brokers, separated by commas; over the settings."
        ),
        click.option(
            "--config",
            type=FILE,
            envvar=CONFIG_VARIABLE,
            help="Settings (YAML); LONGSHORE_* of the environment stand over them.",
        ),
    ):
        command = option(command)
    return command


def settings_from(
    config: Path | None,
    broker: str | None,
    prefix: str | None,
    *,
    environment: Mapping[str, str] = os.environ,
    **more: object,
) -> Settings:
    """Settings of a file and the environment, with the command line over both (``more`` too, by the
    names of the settings; None is not given); Refused with every fault."""
    from streams.security_settings import exposed_secrets
    from streams.settings import ENVIRONMENT_PREFIX, SettingsError, read_settings

    given = {"brokers": broker, "prefix": prefix} | more
    overlaid = dict(environment) | {
        ENVIRONMENT_PREFIX + name.upper(): str(value)
        for name, value in given.items()
        if value is not None
    }
    try:
        settings = read_settings(config, overlaid)
    except SettingsError as error:
        raise Refused(
            f"settings: {counted(len(error.faults), 'fault')}",
            error.faults,
            "mend the option, the file or the LONGSHORE_* variable that it came from",
        ) from error
    for warning in exposed_secrets(settings.http, settings.security, config, overlaid):
        click.echo(f"Warning: {warning}", err=True)
    return settings
