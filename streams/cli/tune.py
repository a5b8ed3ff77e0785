"""``longshore tune``: thresholds for a wanted number of alerts, out of one replay."""

from __future__ import annotations

from dataclasses import replace
from math import isnan
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from streams.cli.faults import Failed, Refused
from streams.cli.inputs import FILE, event_files, model_from, partitions_option
from streams.cli.publish import rows, sources_from
from streams.cli.terminal import progress_bar

if TYPE_CHECKING:
    from engine.model import MonitoredModel
    from engine.policy.history import PolicyHistory
    from engine.policy.redeciding import Decided, Thresholds
    from engine.policy.tuning import Outcome
    from streams.replay import Source
    from streams.report.sheets import Sheet

RULES = ("psi_features",)
"""Rules whose thresholds can be proposed."""


@click.command()
@click.argument("spec", type=FILE)
@click.option("--profile", type=FILE, required=True, help="The model's reference profile.")
@event_files
@click.option(
    "--alerts-per-month",
    type=click.FloatRange(0, 1_000_000),
    required=True,
    help="Episodes of the rule in 30 days that there may be at most.",
)
@click.option(
    "--rule",
    type=click.Choice(RULES),
    default=RULES[0],
    show_default=True,
    help="The rule whose thresholds are sought, with `alerts.calm`.",
)
@partitions_option
def tune(
    spec: Path,
    profile: Path,
    predictions: Path | None,
    labels: Path | None,
    features: Path | None,
    alerts_per_month: float,
    rule: str,
    partitions: int,
) -> None:
    """Propose thresholds that give at most so many alerts in 30 days over a history.

    The history is judged once; the decisions are then made again for each point of a grid around
    the spec's own thresholds. What was right among the alerts it cannot know: read what it says of
    the periods that fall silent.

    \b
    Example:
      longshore tune spec.yaml --profile profile.json \\
        --predictions history.parquet --alerts-per-month 1
    """
    from engine.policy.redeciding import thresholds_of

    if isnan(alerts_per_month):
        raise click.UsageError("--alerts-per-month: give a number")
    model = model_from(spec, profile)
    current = thresholds_of(model.spec)
    if current is None:
        raise Refused(
            f"{spec} has no rule {rule}, so there are no thresholds to propose",
            hint=f"add {rule} under retraining.rules, with its defaults at first",
        )
    sources = sources_from(model.spec, predictions, labels, features)
    windows, history = _judged(model, sources, partitions)
    if history.length_ms <= 0:
        raise Failed(
            f"no window of {model.key} was judged",
            hint="give events of this model and version, enough of them to complete a window",
        )
    _propose(model, windows, history, current, alerts_per_month)


def _judged(
    model: MonitoredModel, sources: list[Source], partitions: int
) -> tuple[list[Decided], PolicyHistory]:
    """The windows of a replay, and what was said of them; deciding again has to give the same."""
    from engine.policy.redeciding import TooMuchHistoryError, WindowMemory, decide_again
    from streams.policy_files import read_history
    from streams.replay import replay
    from streams.table_columns import TableError

    memory = WindowMemory()
    total = sum(rows(source.path) for source in sources) or None
    try:
        with TemporaryDirectory(prefix="longshore-") as made, progress_bar() as bar:
            out = Path(made)
            task = bar.add_task(f"replaying {model.key}", total=total)

            def progress(read: int) -> None:
                bar.update(task, advance=read)

            replay([model], sources, partitions, out, progress, decides=memory.decide)
            again = decide_again(model, memory.windows)
            for topic in ("alerts", "retraining-triggers"):
                said = b"".join((e.value or b"") + b"\n" for e in again if e.topic == topic)
                if said != (out / f"{topic}.ndjson").read_bytes():
                    raise Failed(f"deciding again did not give the {topic} of the replay")
            return memory.windows, read_history("A", model, out)
    except TableError as error:
        raise Refused(str(error), hint="name the columns under `columns` in the spec") from error
    except TooMuchHistoryError as error:
        raise Failed(str(error)) from error
    except OSError as error:
        raise Failed(f"{error.filename}: {error.strerror}") from error


def _propose(
    model: MonitoredModel,
    windows: list[Decided],
    history: PolicyHistory,
    current: Thresholds,
    wanted: float,
) -> None:
    from engine.policy.history import per_month
    from engine.policy.tuning import choose, eligible, frontier, grid, outcomes

    points = len(grid(current, len(model.spec.features)))
    with progress_bar() as bar:
        task = bar.add_task("deciding again", total=points)
        found = outcomes(model, windows, current, lambda: bar.update(task, advance=1))
    chosen = choose(found, current, wanted, history.length_ms)
    if chosen is None:
        able = eligible(found, current)
        fewest = min(per_month(len(o.episodes), history.length_ms) for o in able)
        raise Failed(
            f"none of {points:,} points that are open no longer than the spec itself has at most "
            f"{wanted:g} episodes in 30 days; "
            f"the fewest are {fewest:.2f}",
            hint=f"--alerts-per-month {fewest + 0.005:.2f}, or a profile of newer data",
        )
    best = frontier(found, history.length_ms)
    own = next(o for o in found if o.thresholds == current)
    _tell(model, windows, history, chosen, own, best, wanted, points)


def _heard(history: PolicyHistory) -> PolicyHistory:
    """The history with the episodes that woke somebody."""
    return replace(history, episodes=tuple(e for e in history.episodes if not e.muted))


def _tell(
    model: MonitoredModel,
    windows: list[Decided],
    history: PolicyHistory,
    chosen: Outcome,
    own: Outcome,
    best: list[Outcome],
    wanted: float,
    points: int,
) -> None:
    from engine.policy.comparison import compare
    from engine.policy.redeciding import with_thresholds
    from streams.policy_files import history_again
    from streams.report.policy_sheets import headline
    from streams.report.tune_sheets import (
        CAUTION,
        frontier_sheet,
        others_sheet,
        periods_sheet,
        snippet,
    )

    rule = model.spec.retraining.psi_features
    assert rule is not None, "it has thresholds"
    after = history_again("B", with_thresholds(model, chosen.thresholds), windows, history)
    _print([headline(history), f"{points:,} points of the grid decided again"])
    _print_sheets(
        [
            frontier_sheet(best, chosen, own, history.length_ms),
            periods_sheet(compare(_heard(history), _heard(after)), RULES[0], history.end_ms),
            others_sheet(history, after, RULES[0]),
        ]
    )
    _print(["", CAUTION, ""])
    _print([f"# at most {wanted:g} episodes of {RULES[0]} in 30 days over this history"])
    _print(snippet(chosen.thresholds, rule))


def _print(lines: list[str]) -> None:
    for line in lines:
        click.echo(line)


def _print_sheets(sheets: list[Sheet]) -> None:
    from streams.report.sheets import text_lines

    for sheet in sheets:
        _print(["", *text_lines(sheet)])
