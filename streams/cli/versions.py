"""What ``longshore replay`` is told of registered versions, and what it says of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from streams.cli.faults import Failed, Refused, counted
from streams.cli.inputs import FILE, event_time_ms
from streams.cli.terminal import err

if TYPE_CHECKING:
    from engine.model import MonitoredModel
    from streams.cli.policy import PolicyOptions
    from streams.models_file import ToldRegistrations
    from streams.replay import Source
    from streams.replayed_versions import ReplayedVersions

_Command = TypeVar("_Command", bound=Callable[..., Any])

BESIDE = "beside"
"""Instead of a time: the version takes over from none."""


class VersionOptions(NamedTuple):
    """As given."""

    models: Path | None
    registered: tuple[tuple[Path, Path, str], ...]
    """(spec, profile, effective_from) of each."""
    predictions: tuple[tuple[str, Path], ...]
    """(version, table)."""

    @property
    def any(self) -> bool:
        """Whether anything is said of versions."""
        return self.models is not None or bool(self.registered)


def version_options(command: _Command) -> _Command:
    """``--models``, ``--version`` and ``--version-predictions``, as arguments of the names of
    VersionOptions, the last one as ``version_predictions``."""
    for option in (
        click.option(
            "--version-predictions",
            type=(str, FILE),
            multiple=True,
            metavar="VERSION FILE",
            help="A table of predictions of another version, read through its own spec (NDJSON "
            "says the version itself); may be given several times.",
        ),
        click.option(
            "--version",
            "registered",
            type=(FILE, FILE, str),
            multiple=True,
            metavar="SPEC PROFILE TIME",
            help="A version that takes over at TIME, event time, or is watched `beside`; may be "
            "given several times.",
        ),
        click.option(
            "--models",
            type=FILE,
            help="What was registered (.ndjson): `longshore model list --records`.",
        ),
    ):
        command = option(command)
    return command


def version_options_in(given: dict[str, Any]) -> VersionOptions:
    """Take them out of the arguments of a command."""
    names = ("models", "registered", "version_predictions")
    return VersionOptions(*(given.pop(name) for name in names))


def versions_from(
    given: Sequence[MonitoredModel], options: VersionOptions, policy: PolicyOptions
) -> ReplayedVersions | None:
    """The versions beside those of the files; None where nothing is said of any.  Refused with
    what cannot be used."""
    from streams.models_file import ModelsFileError
    from streams.replayed_versions import versions_of

    if not options.any:
        if options.predictions:
            raise Refused("--version-predictions is of a version of --models or --version")
        return None
    if policy.against is not None:
        raise Refused(
            "--against compares two specs of one version: not with --models or --version",
            hint="replay each of the two by itself, with its own --report",
        )
    try:
        told = _told(given[-1].spec.model, options)
        found = versions_of(given, told)
    except ModelsFileError as error:
        raise Refused(str(error), hint="see docs/closing-the-loop.md") from error
    except OSError as error:
        raise Failed(f"{options.models}: {error.strerror}") from error
    _tell_unused(found)
    if not found.steps:
        raise Refused(
            f"{options.models} registers no version of {given[-1].spec.model}",
            hint="longshore model list --records",
        )
    return found


def _told(model: str, options: VersionOptions) -> ToldRegistrations:
    """What the file says, and behind it the versions of the command line."""
    from streams.model_files import ModelFilesError
    from streams.model_registration import read_version
    from streams.models_file import ToldRegistrations, read_registrations
    from streams.replayed_versions import append_version

    told = ToldRegistrations()
    if options.models is not None:
        told = read_registrations(options.models, model)
    for spec, profile, when in options.registered:
        at_ms = None if when == BESIDE else event_time_ms("--version", when)
        try:
            version = read_version(spec, profile)
        except ModelFilesError as error:
            raise Refused(
                counted(len(error.faults), "fault"), error.faults, f"longshore check {spec}"
            ) from error
        if version.model.spec.model != model:
            raise Refused(f"{spec} is of {version.model.key}, and the replay is of {model}")
        append_version(told, version, at_ms)
    return told


def _tell_unused(found: ReplayedVersions) -> None:
    console = err()
    for refusal in found.refusals:
        where = f"models/{refusal.record.partition} offset {refusal.record.offset}"
        console.print(f"[yellow]{where} is not used:[/] {refusal.text}", soft_wrap=True)
    for key in found.other_content:
        console.print(
            f"[yellow]{key} is registered with another spec or profile;[/] it is replayed as given",
            soft_wrap=True,
        )


def sources_of(found: ReplayedVersions | None, options: VersionOptions) -> list[Source]:
    """The tables of other versions' predictions, each to be read through its version's spec."""
    from streams.replay import Source

    known = {} if found is None else {one.spec.version: one.spec for one in found.models.values()}
    strange = [version for version, _ in options.predictions if version not in known]
    if strange:
        raise Refused(
            f"--version-predictions {strange[0]}: the versions are {', '.join(sorted(known))}"
        )
    return [Source("predictions", path, known[version]) for version, path in options.predictions]


def tell_terms(path: Path) -> None:
    """Who served from when until when, a line each, from the records of ``audit``."""
    import orjson
    from rich.text import Text

    from engine.policy.terms import terms_told
    from engine.timestamps import ms_to_rfc3339

    for told in terms_told(map(orjson.loads, path.read_bytes().splitlines())):
        line = f"  {ms_to_rfc3339(told.at_ms)[:16]}  {told.version} {told.what}"
        err().print(Text(line), soft_wrap=True)
