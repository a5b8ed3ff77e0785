"""``longshore report``: a period of one model as an HTML file, and as PDF."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

import click

from streams.cli.faults import Failed, Refused
from streams.cli.inputs import FILE, settings_from, settings_options, spec_from
from streams.cli.terminal import progress_bar

if TYPE_CHECKING:
    from engine.review.index import Index
    from engine.review.review import Review
    from engine.review.scope import Scope
    from engine.spec import Spec
    from streams.settings import Settings

KINDS = ("digest", "review")


class Asked(NamedTuple):
    """What the report is to be of, as given."""

    model: str | None
    version: str | None
    begin: str | None
    end: str | None
    kind: str


@click.command()
@click.argument(
    "records", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option("--kind", type=click.Choice(KINDS), default="review", show_default=True,
              help="digest: a week for the team; review: for who checks the model.")  # fmt: skip
@click.option("--model", help="Which model; may be left out where there is one.")
@click.option("--version", help="Only this version (default: all that the period has).")
@click.option("--from", "begin", metavar="TIME", help="RFC 3339, or a day such as 2026-11-01.")
@click.option("--to", "end", metavar="TIME", help="Likewise; default: the end of the records.")
@click.option(
    "--spec",
    type=FILE,
    help="The model's spec: owner, budget, deadlines; else that which is registered.",
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True,
              help="The HTML file to write.")  # fmt: skip
@click.option("--pdf", type=click.Path(dir_okay=False, path_type=Path),
              help="The PDF to write, by the Chromium that is installed.")  # fmt: skip
@settings_options
def report(
    records: Path | None,
    kind: str,
    model: str | None,
    version: str | None,
    begin: str | None,
    end: str | None,
    spec: Path | None,
    out: Path,
    pdf: Path | None,
    config: Path | None,
    broker: str | None,
    prefix: str | None,
) -> None:
    """Render a period of one model to one HTML file that needs nothing else.

    RECORDS is a directory that `longshore replay --out` wrote; without it the output topics are
    read from the brokers. A period has the windows that end in it. A digest is of the last seven
    days, a review of all there is, unless --from says otherwise.

    \b
    Examples:
      longshore report out --spec spec.yaml --out report.html --pdf report.pdf
      longshore report out --kind digest --to 2026-11-30 --out week.html
      longshore report --broker kafka:9092 --model fraud --from 2026-01-01 --to 2027-01-01 \\
        --spec spec.yaml --out fraud-2026.html
    """
    _refuse_strays(records, out, pdf, (config, broker, prefix))
    asked = Asked(model, version, begin, end, kind)
    times = _time("--from", begin), _time("--to", end)
    known = None if spec is None else spec_from(spec)
    if known is not None and model is not None and known.model != model:
        raise Refused(f"{spec} is of {known.model}, and --model says {model}")
    if known is not None:
        asked = asked._replace(model=known.model)
    if records is not None:
        found = _made(records, asked, times, known)
    else:
        settings = settings_from(config, broker, prefix)
        with _copied(settings, asked.model) as directory:
            found = _made(directory, asked, times, known, settings)
    _write(found, asked.kind, out, pdf)


def _refuse_strays(
    records: Path | None, out: Path, pdf: Path | None, broker: tuple[object, ...]
) -> None:
    if records is not None and any(broker[1:]):
        raise click.UsageError("RECORDS and --broker, --prefix are two sources: give one")
    for option, path in (("--out", out), ("--pdf", pdf)):
        if path is not None and not path.parent.is_dir():
            raise click.UsageError(f"{option}: make {path.parent} first, it is no directory")
    if pdf is not None:
        from streams.pdf import INSTALL, NoChromiumError, chromium

        try:
            chromium()
        except NoChromiumError as error:
            raise Failed(
                f"--pdf: {error}",
                hint=f"{INSTALL}, or print the HTML file from any browser",
            ) from error


def _time(option: str, text: str | None) -> int | None:
    """An event time of the command line; a day is its first moment in UTC."""
    from engine.timestamps import TimestampError, rfc3339_to_ms

    if text is None:
        return None
    try:
        return rfc3339_to_ms(text if "T" in text or " " in text else f"{text}T00:00:00Z")
    except TimestampError as error:
        hint = "such as 2026-11-01 or 2026-11-01T06:00:00Z"
        raise Refused(f"{option} {text}: is no day and no time with a zone", hint=hint) from error


def _made(
    directory: Path,
    asked: Asked,
    times: tuple[int | None, int | None],
    spec: Spec | None,
    settings: Settings | None = None,
) -> Review:
    """The review of what was asked for; without a spec by that which is registered on the brokers
    of ``settings``."""
    from engine.review.index import TooMuchToShowError, index_of
    from engine.review.review import review_of
    from streams.period_records import RecordsError, topics_in

    try:
        topics = topics_in(directory)
        index = index_of(topics["judgements"](), asked.model)
        scope = _scope(index, asked, times)
        if spec is None and settings is not None:
            spec = _registered(settings, scope)
        return review_of(topics, index, scope, spec)
    except (RecordsError, TooMuchToShowError) as error:
        raise Refused(str(error)) from error
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        raise Refused(
            f"{directory}: a record lacks what Longshore writes ({error})",
            hint="are these the files of longshore replay, of this version?",
        ) from error
    except OSError as error:
        raise Failed(f"{error.filename}: {error.strerror}") from error


def _registered(settings: Settings, scope: Scope) -> Spec | None:
    """The spec of the newest version of the period that is registered; None without one."""
    from streams.control import ControlError
    from streams.model_registration import registered_specs

    try:
        known = registered_specs(settings, scope.model)
    except ControlError as error:
        click.echo(f"Warning: no registered spec can be read: {error}", err=True)
        return None
    return next((known[version] for version in reversed(scope.versions) if version in known), None)


def _scope(index: Index, asked: Asked, times: tuple[int | None, int | None]) -> Scope:
    """Model, versions and period, with what was left out filled in from the records."""
    from engine.review.scope import WEEK_MS, Scope

    model = asked.model or _only(sorted(index.found))
    from_ms, to_ms = times
    span = index.span(model)
    if (from_ms is None and asked.kind == "review") or to_ms is None:
        if span is None:
            known = f"; the records have: {', '.join(sorted(index.models))}" if index.models else ""
            raise Refused(
                f"no window of {model} was judged{known}",
                hint="give --from and --to for a report that says so",
            )
        to_ms = span[1] if to_ms is None else to_ms
    if from_ms is None:
        from_ms = to_ms - WEEK_MS if span is None or asked.kind == "digest" else span[0]
    if from_ms >= to_ms:
        raise Refused(_empty(times, from_ms, to_ms))
    versions = index.versions(model, from_ms, to_ms)
    if asked.version is not None:
        there = sorted(index.found.get(model, {}))
        if there and asked.version not in there:
            raise Refused(f"no window of {model}@{asked.version}; versions: {', '.join(there)}")
        versions = [version for version in versions if version == asked.version]
    return Scope(model, tuple(versions), from_ms, to_ms)


def _empty(times: tuple[int | None, int | None], from_ms: int, to_ms: int) -> str:
    """Why a period has nothing in it; an end that was not given is that of the records."""
    from engine.timestamps import ms_to_rfc3339

    if times[0] is None:
        return f"--to is no later than where the records begin, {ms_to_rfc3339(from_ms)}"
    if times[1] is None:
        return f"--from is no earlier than where the records end, {ms_to_rfc3339(to_ms)}"
    return "the period is empty: --from is not before --to"


def _only(models: list[str]) -> str:
    if len(models) == 1:
        return models[0]
    if not models:
        raise Refused("the records have no judged window", hint="was anything replayed?")
    raise Refused(f"the records are of {len(models)} models: {', '.join(models)}",
                  hint="say which with --model")  # fmt: skip


@contextmanager
def _copied(settings: Settings, model: str | None) -> Iterator[Path]:
    """The output topics in a directory that is gone afterwards."""
    from streams.reach import knock
    from streams.topic_records import TopicRecordsError, copy_topics

    brokers = ",".join(settings.brokers)
    with TemporaryDirectory(prefix="longshore-") as made:
        try:
            knock(settings.brokers)
            with progress_bar() as bar:
                task = bar.add_task(f"reading {brokers}", total=None)
                copy_topics(settings, Path(made), model, lambda n: bar.update(task, advance=n))
        except TopicRecordsError as error:
            raise Failed(f"{brokers}: {error}") from error
        except OSError as error:
            hint = "is the broker there (LONGSHORE_BROKERS, --broker)?"
            raise Failed(str(error), hint=hint) from error
        yield Path(made)


def _write(found: Review, kind: str, out: Path, pdf: Path | None) -> None:
    from streams.pdf import PdfError, pdf_of
    from streams.report.digest_page import digest_page
    from streams.report.review_page import review_page
    from streams.whole_files import write_whole

    text = digest_page(found) if kind == "digest" else review_page(found)
    data = text.encode()
    path = out
    try:
        write_whole(path, data)
        click.echo(path)
        if pdf is not None:
            path = pdf
            write_whole(path, pdf_of(data, found.scope.to_ms))
            click.echo(path)
    except PdfError as error:
        hint = "the HTML file is whole; print it from a browser"
        raise Failed(f"--pdf: {error}", hint=hint) from error
    except OSError as error:
        raise Failed(f"{path}: cannot be written: {error.strerror}") from error
