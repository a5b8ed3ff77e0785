"""What runs told, as numbers; the file of results beside the page."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Final

import msgspec
import orjson
from scipy.special import chdtri

from load_tests.false_pages.months import Run
from load_tests.false_pages.policies import DEFAULT, WINDOW_MS

BUDGET: Final = 1.0
"""False pages in 30 days that the spec of the runs allows."""


class Told(msgspec.Struct):
    """One run of thirty days."""

    pages: int
    """Under the most nervous rule, on all lengths of windows together."""
    default: int
    """Under the default rule."""
    fixed: int
    unlikely: int
    rules: dict[str, int]
    """``window/rule`` -> pages, of the nervous ones."""
    windows: int


class Results(msgspec.Struct):
    """All runs."""

    days: int
    runs: dict[str, list[Told]]
    """Source -> its runs in order of their seeds."""
    event_level: dict[str, Any] = msgspec.field(default_factory=dict)


def told(run: Run) -> Told:
    """The numbers of a run."""
    rules = Counter(f"{window}/{rule}" for window in WINDOW_MS for rule in run.pages[window])
    return Told(
        sum(rules.values()),
        len(run.pages[DEFAULT]),
        run.fixed,
        run.unlikely,
        dict(sorted(rules.items())),
        run.windows,
    )


def upper_bound(counts: list[int]) -> float:
    """One-sided 95 % upper bound of the mean of independent counts: the larger of Poisson's exact
    one and that of the runs' own spread, as pages of one stormy day come together."""
    runs, total = len(counts), sum(counts)
    exact = float(chdtri(2 * (total + 1), 0.05)) / 2.0 / runs
    mean = total / runs
    spread = (sum((count - mean) ** 2 for count in counts) / max(1, runs - 1) / runs) ** 0.5
    return max(exact, mean + 1.645 * spread)


def faults(results: Results) -> list[str]:
    """A line for each source whose pages break the budget, and where the two ways differ."""
    lines = []
    for source, runs in results.runs.items():
        bound = upper_bound([run.pages for run in runs])
        if bound > BUDGET * results.days / 30.0:
            lines.append(f"{source}: {bound:.2f} false pages in {results.days} days may be")
    if results.event_level and not results.event_level["agree"]:
        lines.append("by events other alerts are told than by panes")
    return lines


def save(path: Path, results: Results) -> None:
    """Replace the file of results."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tree = msgspec.to_builtins(results)
    path.write_bytes(orjson.dumps(tree, option=orjson.OPT_SORT_KEYS) + b"\n")
