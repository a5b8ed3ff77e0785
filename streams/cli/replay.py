"""``longshore replay``: history through the worker's engine, without Kafka."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

import click

from streams.cli.champion import ChampionOptions, champion_of, tell_promotions
from streams.cli.faults import Failed, Refused, counted
from streams.cli.inputs import FILE, event_files, model_from, partitions_option
from streams.cli.policy import PolicyOptions, other_model, tell_policy
from streams.cli.publish import rows, sources_from
from streams.cli.terminal import LEVEL_STYLES, err, progress_bar

if TYPE_CHECKING:
    from engine.model import MonitoredModel
    from engine.retraining_results import Result
    from streams.replay import ReplaySummary, Source

_Command = TypeVar("_Command", bound=Callable[..., Any])

SHOWN_TRIGGERS = 10
LEVELS = ("UNKNOWN", "STABLE", "WATCH", "DRIFT")


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
    champion: Path | None,
    champion_profile: Path | None,
    champion_predictions: Path | None,
    **policy: Any,  # noqa: ANN401 - the fields of PolicyOptions
) -> None:
    """Judge files as the worker would have judged the stream that they hold, to the last bit.

    With --policy, print every alert and retraining trigger that the spec would have given, when,
    why and at what cost; --against compares two specs, --report writes it with plots.
    With --champion, the version that SPEC has a `comparison` with is replayed beside it.

    \b
    Examples:
      longshore replay spec.yaml --profile profile.json \\
        --predictions history.parquet --labels outcomes.parquet --out out
      longshore replay spec.yaml --profile profile.json --predictions history.parquet \\
        --results audit.ndjson --out out
      longshore replay spec.yaml --profile profile.json --predictions history.parquet \\
        --policy --against stricter.yaml --report report.html
    """
    options = PolicyOptions(**policy)
    options.refuse_strays(out)
    model = model_from(spec, profile)
    beside = champion_of(
        model, ChampionOptions(champion, champion_profile, champion_predictions), options
    )
    other = other_model(options, model, profile)
    # Of both before the first is read: what cannot be compared is told at once.
    sources = {
        one.policy_hash: sources_from(one.spec, predictions, labels, features)
        for one in filter(None, (model, other))
    }
    if beside is not None and champion_predictions is not None:
        sources[model.policy_hash] += sources_from(beside.spec, champion_predictions, None, None)

    def run(one: MonitoredModel, directory: Path) -> ReplaySummary:
        began, read = perf_counter(), sources[one.policy_hash]
        models = [one] if beside is None else [beside, one]
        answers = answers_from(one, results, options.policy)
        summary = _run(models, read, partitions, directory, answers)
        _tell_records(summary, perf_counter() - began, one, answers)
        return summary

    if options.policy:
        tell_policy(options, model, other, out, run)
    else:
        assert out is not None, "it was asked for"
        run(model, out)
        _report(model, out, compared=beside is not None)
    if out is not None:
        click.echo(out, err=options.policy)


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
    models: list[MonitoredModel],
    sources: list[Source],
    partitions: int,
    out: Path,
    results: list[Result] | None,
) -> ReplaySummary:
    from streams.replay import replay as run
    from streams.table_columns import TableError

    with progress_bar() as bar:
        total = sum(rows(source.path) for source in sources) or None
        task = bar.add_task(f"replaying {models[-1].key}", total=total)
        try:
            return run(
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


def _tell_records(
    summary: ReplaySummary, seconds: float, model: MonitoredModel, answers: list[Result] | None
) -> None:
    written = summary.written
    err().print(
        f"{counted(summary.records, 'record')} in {seconds:.1f} s; "
        f"{counted(written.get('judgements', 0), 'judgement')}, "
        f"{counted(written.get('dead-letters', 0), 'dead letter')}, "
        f"{written.get('late', 0):,} late"
    )
    if answers:
        _tell_answers(summary, model, answers)


def _tell_answers(summary: ReplaySummary, model: MonitoredModel, answers: list[Result]) -> None:
    """How many of the results acted: a trigger's id depends on the rule's parameters."""
    assert summary.pipeline is not None, "it was run"
    left = len(summary.pipeline.judges[model.key].decisions.requests.waiting)
    line = f"{counted(len(answers), 'result')} of {model.spec.model}"
    if left:
        line += f"; {left:,} never acted: of no trigger of this replay, or of a later time"
    err().print(line, soft_wrap=True)


def _report(model: MonitoredModel, out: Path, *, compared: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    console = err()
    levels, psi = _levels(out / "judgements.ndjson")
    for window in model.spec.windows:
        counts = levels.get((window.name, ""), Counter())
        table = Table(title=f"windows of {window.name}: {sum(counts.values()):,}")
        table.add_column("feature")
        for level in LEVELS:
            table.add_column(level, justify="right", style=LEVEL_STYLES[level])
        table.add_column("highest PSI", justify="right")
        for feature in model.spec.features:
            seen = levels.get((window.name, feature.name), Counter())
            highest = psi.get((window.name, feature.name))
            shown = "-" if highest is None else f"{highest:.2f}"
            table.add_row(feature.name, *(_count(seen[level]) for level in LEVELS), shown)
        table.add_section()
        table.add_row(Text("whole window", "bold"), *(_count(counts[level]) for level in LEVELS))
        console.print(table)
    _tell_triggers(out / "retraining-triggers.ndjson")
    if compared:
        tell_promotions(out / "promotions.ndjson")


def _count(number: int) -> str:
    return f"{number:,}" if number else "[dim]·[/]"


def _levels(
    path: Path,
) -> tuple[dict[tuple[str, str], Counter[str]], dict[tuple[str, str], float]]:
    """Windows per level and highest corrected PSI, by window and feature ("" for all of it), of
    first judgements."""
    levels: dict[tuple[str, str], Counter[str]] = {}
    psi: dict[tuple[str, str], float] = {}
    for judgement in _lines(path):
        if judgement["revision"] or "section" in judgement:
            continue
        window = judgement["window"]
        levels.setdefault((window, ""), Counter())[judgement["level"]] += 1
        for name, verdict in judgement["features"].items():
            place = (window, name)
            levels.setdefault(place, Counter())[verdict["level"]] += 1
            value = verdict.get("psi_corrected")
            if value is not None:
                psi[place] = max(value, psi.get(place, value))
    return levels, psi


def _tell_triggers(path: Path) -> None:
    from rich.text import Text

    from engine.policy.reasons import of_trigger

    triggers = list(_lines(path))
    console = err()
    console.print(f"[bold]{counted(len(triggers), 'retraining trigger')}[/]")
    for trigger in triggers[:SHOWN_TRIGGERS]:
        window = trigger["window"]
        line = f"  {window['end'][:16]}  {trigger['rule']}  {of_trigger(trigger)}"
        console.print(Text(line), soft_wrap=True)
    if len(triggers) > SHOWN_TRIGGERS:
        console.print(f"  and {len(triggers) - SHOWN_TRIGGERS} more, in {path}")


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    import orjson

    with path.open("rb") as file:
        yield from map(orjson.loads, file)
