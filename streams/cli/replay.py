"""``longshore replay``: history through the worker's engine, without Kafka."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

import click

from streams.cli.champion import champion_of, champion_options_in, tell_promotions
from streams.cli.faults import Failed, Refused
from streams.cli.inputs import FILE, event_files, model_from, partitions_option
from streams.cli.policy import PolicyOptions, other_model, tell_policy
from streams.cli.publish import rows, sources_from
from streams.cli.replay_summary import tell_levels, tell_records, tell_triggers
from streams.cli.terminal import progress_bar
from streams.cli.versions import (
    sources_of,
    tell_terms,
    version_options,
    version_options_in,
    versions_from,
)

if TYPE_CHECKING:
    from engine.model import MonitoredModel
    from engine.retraining_results import Result
    from streams.replay import ReplaySummary, Source
    from streams.replayed_versions import ReplayedVersions

_Command = TypeVar("_Command", bound=Callable[..., Any])


def champion_options(command: _Command) -> _Command:
    """The options of a comparison, as arguments of the names of ChampionOptions."""
    for option in (
        click.option(
            "--champion-predictions",
            type=FILE,
            help="The champion's predictions, where --predictions holds only the challenger's.",
        ),
        click.option("--champion-profile", type=FILE, help="Profile of --champion."),
        click.option(
            "--champion", type=FILE, help="Spec of the version that SPEC is compared with."
        ),
    ):
        command = option(command)
    return command


def policy_options(command: _Command) -> _Command:
    """The options of ``--policy``, as arguments of the names of PolicyOptions."""
    written = click.Path(dir_okay=False, path_type=Path)
    each = click.FloatRange(min=0)
    for option in (
        click.option(
            "--alert-minutes", type=each, help="Minutes that one alert takes (no default)."
        ),
        click.option(
            "--retraining-cost", type=each, help="What one retraining costs (no default)."
        ),
        click.option("--report", type=written, help="The HTML report to write, with plots."),
        click.option(
            "--against-profile", type=FILE, help="Profile of --against; else that of SPEC."
        ),
        click.option("--against", type=FILE, help="A second spec of the model, side by side."),
        click.option("--policy", is_flag=True, help="Print every alert and trigger, and why."),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("spec", type=FILE)
@click.option("--profile", type=FILE, required=True, help="The model's reference profile.")
@event_files
@partitions_option
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory for judgements, alerts, retraining-triggers, promotions, audit, dead-letters "
    "and late (.ndjson); may be left out with --policy.",
)
@click.option(
    "--results",
    type=FILE,
    help="What retraining jobs answered (.ndjson): records of retraining-results, or of audit.",
)
@version_options
@champion_options
@policy_options
def replay(
    spec: Path,
    profile: Path,
    predictions: Path | None,
    labels: Path | None,
    features: Path | None,
    partitions: int,
    out: Path | None,
    results: Path | None,
    **more: Any,  # noqa: ANN401 - the fields of ChampionOptions, VersionOptions and PolicyOptions
) -> None:
    """Judge files as the worker would have judged the stream that they hold, to the last bit.

    With --policy, print every alert and retraining trigger that the spec would have given, when,
    why and at what cost; --against compares two specs, --report writes it with plots.
    With --champion, the version that SPEC has a `comparison` with is replayed beside it.
    With --models or --version, versions take over from each other as they did live.

    \b
    Examples:
      longshore replay spec.yaml --profile profile.json \\
        --predictions history.parquet --labels outcomes.parquet --out out
      longshore replay spec.yaml --profile profile.json --predictions history.parquet \\
        --results audit.ndjson --out out
      longshore replay spec.yaml --profile profile.json --predictions history.ndjson \\
        --models models.ndjson --out out
      longshore replay spec.yaml --profile profile.json --predictions history.parquet \\
        --policy --against stricter.yaml --report report.html
    """
    champion, told = champion_options_in(more), version_options_in(more)
    options = PolicyOptions(**more)
    options.refuse_strays(out)
    model = model_from(spec, profile)
    beside = champion_of(model, champion, options, others=told.any)
    other = other_model(options, model, profile)
    given = [each for each in (beside, model) if each is not None]
    known = versions_from(given, told, options)
    # Of both before the first is read: what cannot be compared is told at once.
    sources = {
        one.policy_hash: sources_from(one.spec, predictions, labels, features)
        + sources_of(known, told)
        for one in filter(None, (model, other))
    }
    if beside is not None and champion.predictions is not None:
        sources[model.policy_hash] += sources_from(beside.spec, champion.predictions, None, None)

    def run(one: MonitoredModel, directory: Path) -> ReplaySummary:
        models = known or [one if each is model else each for each in given]
        answers = answers_from(one, results, options.policy)
        return _run(one.key, models, sources[one.policy_hash], partitions, directory, answers)

    others = [one for one in known.models.values() if one.key != model.key] if known else []
    if options.policy:
        tell_policy(options, model, other, out, run, others)
    else:
        assert out is not None, "it was asked for"
        _report(run(model, out), [model, *others], out)
    if out is not None:
        click.echo(out, err=options.policy)


def _report(summary: ReplaySummary, models: list[MonitoredModel], out: Path) -> None:
    for model in models:
        tell_levels(model, out)
    tell_triggers(out / "retraining-triggers.ndjson")
    tell_terms(out / "audit.ndjson")
    assert summary.pipeline is not None, "it was run"
    if summary.pipeline.comparisons:
        tell_promotions(out / "promotions.ndjson")


def answers_from(model: MonitoredModel, results: Path | None, policy: bool) -> list[Result] | None:
    """What jobs answered; None of a policy over history without a file, for nobody could."""
    from streams.results_file import ResultsFileError, read_results

    if results is None:
        return None if policy else []
    try:
        return read_results(results, model.spec.model)
    except ResultsFileError as error:
        raise Refused(str(error), hint="see docs/retraining-results.md") from error


def _run(
    key: str,
    models: list[MonitoredModel] | ReplayedVersions,
    sources: list[Source],
    partitions: int,
    out: Path,
    results: list[Result] | None,
) -> ReplaySummary:
    from streams.replay import replay as run
    from streams.table_columns import TableError

    with progress_bar() as bar:
        total = sum(rows(source.path) for source in sources) or None
        task = bar.add_task(f"replaying {key}", total=total)
        began = perf_counter()
        try:
            summary = run(
                models,
                sources,
                partitions,
                out,
                lambda read: bar.update(task, advance=read),
                results=results,
            )
        except TableError as error:
            raise Refused(
                str(error), hint="name the columns under `columns` in the spec"
            ) from error
        except OSError as error:
            raise Failed(f"{error.filename or out}: {error.strerror}") from error
    tell_records(summary, perf_counter() - began, key.rpartition("@")[0], results)
    return summary
