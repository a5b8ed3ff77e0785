"""What ``longshore replay`` says of a replay when it is done: records, levels and triggers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streams.cli.faults import counted
from streams.cli.terminal import LEVEL_STYLES, err

if TYPE_CHECKING:
    from engine.model import MonitoredModel
    from engine.retraining_results import Result
    from streams.replay import ReplaySummary

SHOWN_TRIGGERS = 10
LEVELS = ("UNKNOWN", "STABLE", "WATCH", "DRIFT")
PERFORMANCE = "\n"
"""In place of a feature: no feature's name has a line break."""


def tell_records(
    summary: ReplaySummary, seconds: float, model: str, answers: Sequence[Result] | None
) -> None:
    """What was read and written, and how many of the results acted."""
    written = summary.written
    err().print(
        f"{counted(summary.records, 'record')} in {seconds:.1f} s; "
        f"{counted(written.get('judgements', 0), 'judgement')}, "
        f"{counted(written.get('dead-letters', 0), 'dead letter')}, "
        f"{written.get('late', 0):,} late"
    )
    reasons: Counter[str] = Counter()
    for outcomes in summary.outcomes:
        reasons.update(outcomes.by_reason)
    if reasons:
        told = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
        err().print(f"dead letters by reason: {told}", soft_wrap=True)
    if answers:
        _tell_answers(summary, model, answers)


def _tell_answers(summary: ReplaySummary, model: str, answers: Sequence[Result]) -> None:
    """How many of the results acted: a trigger's id depends on the rule's parameters."""
    from streams.results_file import results_for

    assert summary.pipeline is not None, "it was run"
    waiting: Counter[int] = Counter()
    given: Counter[int] = Counter()
    for judge in summary.pipeline.judges.values():
        given.update(map(id, results_for(judge.model.spec.version, answers)))
        waiting.update(id(one.result) for one in judge.decisions.requests.waiting)
    left = sum(waiting[id(one)] == given[id(one)] for one in answers)
    line = f"{counted(len(answers), 'result')} of {model}"
    if left:
        line += f"; {left:,} never acted: of no trigger of this replay, or of a later time"
    err().print(line, soft_wrap=True)


def tell_levels(model: MonitoredModel, out: Path) -> None:
    """A table for each length of window: how often each feature of a version had which level."""
    from rich.table import Table
    from rich.text import Text

    console = err()
    levels, psi = _levels(out / "judgements.ndjson", model.spec.version)
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
            shown = "-" if highest is None else f"{round(highest, 2) + 0.0:.2f}"
            table.add_row(Text(feature.name), *(_count(seen[level]) for level in LEVELS), shown)
        table.add_section()
        table.add_row(Text("whole window", "bold"), *(_count(counts[level]) for level in LEVELS))
        by_labels = levels.get((window.name, PERFORMANCE))
        if by_labels is not None:
            table.add_row("performance", *(_count(by_labels[level]) for level in LEVELS))
        console.print(table)


def _count(number: int) -> str:
    return f"{number:,}" if number else "[dim]·[/]"


def _levels(
    path: Path, version: str
) -> tuple[dict[tuple[str, str], Counter[str]], dict[tuple[str, str], float]]:
    """Windows per level and highest corrected PSI, by window and feature ("" for all of it and
    PERFORMANCE for what labels say), of first judgements of a version."""
    levels: dict[tuple[str, str], Counter[str]] = {}
    psi: dict[tuple[str, str], float] = {}
    for judgement in _lines(path):
        window, section = judgement["window"], judgement.get("section")
        if judgement["version"] != version or judgement["revision"]:
            continue
        if section is not None:
            # Of two views of labels only one has levels.
            level = judgement["performance"].get("level") if section == "performance" else None
            if level is not None:
                levels.setdefault((window, PERFORMANCE), Counter())[level] += 1
            continue
        levels.setdefault((window, ""), Counter())[judgement["level"]] += 1
        for name, verdict in judgement["features"].items():
            place = (window, name)
            levels.setdefault(place, Counter())[verdict["level"]] += 1
            value = verdict.get("psi_corrected")
            if value is not None:
                psi[place] = max(value, psi.get(place, value))
    return levels, psi


def tell_triggers(path: Path) -> None:
    """The first retraining triggers, a line each."""
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
