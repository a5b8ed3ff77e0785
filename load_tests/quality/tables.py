"""The results as tables of figures: sums over streams, in the order in which they are read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import msgspec

from load_tests.quality.cells import STILL_TIMES, Cell
from load_tests.quality.results import Results
from load_tests.quality.river_streams import KINDS as CHANGES
from load_tests.quality.scoring import PER_EVENTS, Score, together
from load_tests.quality.whole_judge import (
    HOURS_PER_MONTH,
    ROWS_PER_HOUR,
    JudgedChange,
    MediumChange,
    StillDays,
)

DASH = "–"  # noqa: RUF001 - a dash in a table


def scores(results: Results, group: str, detector: str, wanted: Callable[[Cell], bool]) -> Score:
    """One detector's score over all the streams that are wanted."""
    found: list[Score] = []
    for sort in ("river", "injected"):
        for cell, tree in results.of(sort).items():
            if wanted(cell) and detector in tree[group]:
                found.append(msgspec.convert(tree[group][detector], Score))
    return together(found)


def detectors_of(results: Results, group: str) -> list[str]:
    """The detectors of a group, the two that need no data last."""
    names: set[str] = set()
    for sort in ("river", "injected"):
        for tree in results.of(sort).values():
            names |= set(tree[group])
    return sorted(names, key=lambda name: (name in {"always", "never"}, name))


def markdown(head: Iterable[str], rows: Iterable[Iterable[str]], figures: str = "---:") -> str:
    """A table; the first column is text, the others are figures or not."""
    names = list(head)
    lines = [names, ["---", *[figures] * (len(names) - 1)], *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def on_river(results: Results, group: str) -> str:
    """False alarms, and misses and delays by kind of change, on River's streams."""
    head = ["detector", "false alarms per 100,000 (95 %)"]
    head += [f"{kind}: missed, median delay" for kind in CHANGES if kind != "stationary"]
    rows = []
    for detector in detectors_of(results, group):
        whole = scores(results, group, detector, lambda cell: cell[0] == "river")
        kinds = [
            scores(results, group, detector, partial(_is_river, kind))
            for kind in CHANGES
            if kind != "stationary"
        ]
        rows.append([f"`{detector}`", rate(whole), *map(missed_and_delay, kinds)])
    return markdown(head, rows)


def _is_river(kind: str, cell: Cell) -> bool:
    return cell[0] == "river" and cell[2] == kind


def _is_injected(kind: str, strength: str, cell: Cell) -> bool:
    return cell[0] == "injected" and cell[2:4] == (kind, strength)


def on_real(results: Results, kind: str, groups: Iterable[str]) -> str:
    """Changes found of all, and the median delay, by strength of one kind of injection; and the
    share that false alarms alone would find."""
    strengths = sorted({c[3] for c in results.of("injected") if c[2] == kind}, key=float)
    rows = []
    for group in groups:
        for detector in detectors_of(results, group):
            found = [found_of(results, group, detector, kind, strength) for strength in strengths]
            still = scores(results, group, detector, lambda cell: cell[0] == "injected")
            chance = 1.0 - math.exp(-still.false_rate / PER_EVENTS * results.plan.rows / 2.0)
            rows.append([f"`{detector}`", *map(found_and_delay, found), f"{chance:.0%}"])
    return markdown(["detector", *strengths, "by chance"], rows)


def still_on_real(results: Results, groups: Iterable[str]) -> str:
    """False alarms on real rows, before the injections and without any."""
    rows = []
    for group in groups:
        for detector in detectors_of(results, group):
            whole = scores(results, group, detector, lambda cell: cell[0] == "injected")
            rows.append([f"`{detector}`", group, rate(whole)])
    return markdown(["detector", "over", "false alarms per 100,000 (95 %)"], rows)


def found_of(results: Results, group: str, detector: str, kind: str, strength: str) -> Score:
    """One detector on one strength of one kind of injection, over tables and seeds."""
    return scores(results, group, detector, partial(_is_injected, kind, strength))


def rate(score: Score) -> str:
    """False alarms per 100,000 events with the interval."""
    low, high = score.false_rate_interval()
    return f"{score.false_rate:,.1f} ({low:,.1f} to {high:,.1f})"


def missed_and_delay(score: Score) -> str:
    """``1 of 20, 130``."""
    if not score.changes:
        return DASH
    delay = f"{score.median_delay():,.0f}" if score.delays else DASH
    return f"{score.missed} of {score.changes}, {delay}"


def found_and_delay(score: Score) -> str:
    """``9/10, 999``."""
    if not score.changes:
        return DASH
    delay = f", {score.median_delay():,.0f}" if score.delays else ""
    return f"{len(score.delays)}/{score.changes}{delay}"


def whole_judge(results: Results) -> str:
    """Pages on still streams, and changes of medium strength."""
    rows = []
    tables = sorted({cell[1] for cell in (*results.of("still"), *results.of("medium"))})
    for table in tables:
        days = [
            msgspec.convert(tree, StillDays)
            for cell, tree in results.of("still").items()
            if cell[1] == table
        ]
        windows = sum(each.windows for each in days)
        pages = sum(each.pages for each in days)
        drifted = sum(each.drift_windows for each in days)
        months = windows / HOURS_PER_MONTH
        told = f"{pages} pages in {months:g} months, {months:g} allowed; {drifted} windows at DRIFT"
        rows.append([f"{table}, still", f"{windows:,} windows of {ROWS_PER_HOUR:,}", told])
        kinds: dict[str, list[MediumChange]] = {}
        for cell, tree in results.of("medium").items():
            if cell[1] == table:
                kinds.setdefault(cell[2], []).append(msgspec.convert(tree, MediumChange))
        rows += [[f"{table}, {kind}", *_medium(changes)] for kind, changes in kinds.items()]
    return markdown(["stream", "what", "judge"], rows, "---")


def _medium(changes: list[MediumChange]) -> list[str]:
    delays = sorted(each.delay_events for each in changes if each.delay_events is not None)
    drifted = sum(len(each.drifted) for each in changes)
    named = sum(len(each.psi) for each in changes)
    psi = ", ".join(
        f"{feature} {psi:.2f} ({changes[0].shares[feature]:.0%} of rows)"
        for feature, psi in changes[0].psi.items()
    )
    late = f", at most {delays[-1]:,} events after" if delays else ""
    told = [
        f"{len(delays)} of {len(changes)} changes found{late}",
        f"{drifted} of {named} features at DRIFT",
        f"{sum(each.false_pages for each in changes)} false pages",
    ]
    return [f"PSI of {psi}", "; ".join(told)]


def judged_by_strength(results: Results) -> str:
    """Changes that the judge paged for, by kind and strength: how many, how late, by which rule."""
    kinds: dict[tuple[str, str], dict[str, list[JudgedChange]]] = {}
    for (_, table, kind, strength, _), tree in results.of("judged").items():
        change = msgspec.convert(tree, JudgedChange)
        kinds.setdefault((table, kind), {}).setdefault(strength, []).append(change)
    places = range(max((len(strengths) for strengths in kinds.values()), default=0))
    rows = []
    for (table, kind), strengths in sorted(kinds.items()):
        ordered = [strengths[strength] for strength in sorted(strengths, key=float)]
        false = sum(change.false_pages for changes in ordered for change in changes)
        told = [_judged(changes) for changes in ordered]
        named = "/".join(sorted(strengths, key=float))
        rows.append([f"{table}, {kind} {named}", *told, f"{false}"])
    return markdown(["change", *(f"{n + 1}." for n in places), "false pages"], rows, "---")


def _judged(changes: list[JudgedChange]) -> str:
    """``5/5, 2,000, data_quality``."""
    delays = sorted(c.delay_events for c in changes if c.delay_events is not None)
    told = [f"{len(delays)}/{len(changes)}"]
    if delays:
        told.append(f"{delays[len(delays) // 2]:,}")
        told.append(" ".join(sorted({rule for change in changes for rule in change.rules})))
    return ", ".join(told)


def totals(results: Results) -> dict[str, Any]:
    """How many streams and events stand behind the tables."""
    cells = [*results.of("river"), *results.of("injected")]
    events = sum(STILL_TIMES if "none" in cell else 1 for cell in cells) * results.plan.rows
    return {"streams": len(cells), "events": events, "lacking": len(results.lacking())}
