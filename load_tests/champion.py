"""How often equals are told apart, and betters promoted: tables and a plot for the docs.

    python -m load_tests.champion

writes the section "Errors and power" of docs/champion-challenger.md and the plot beside it; seeded.
The runs are :mod:`load_tests.champion_runs`; a block of them, which has a seed of its own, is made
in one of ``--processes``, so that their number changes no result.  By blocks and slices of each
setup all of it takes some 650 s of CPU, six minutes of two cores; ``--runs 100`` shows the way in
one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import click

from detectors.intervals import clopper_pearson
from engine.comparison_rules import Measure, Mode
from load_tests import champion_runs as runs
from load_tests.sections import write_section

SETUPS: Final[tuple[tuple[Measure, Mode], ...]] = (
    ("accuracy", "shadow"),
    ("auc", "shadow"),
    ("accuracy", "split"),
    ("auc", "split"),
)
GAINS: Final = (0.01, 0.02, 0.05)
CURVE: Final = (0.0, 0.01, 0.02, 0.03, 0.04, 0.05)
SEED: Final = 6
EQUALS: Final = 10
"""Times as many runs of equals: an error of 5 % is to be told from one of 6 %."""
PAGE: Final = Path("docs/champion-challenger.md")
PLOT: Final = "champion-power.svg"
SECTION: Final = "Errors and power"
INTRODUCTION: Final = f"""\
{runs.DAYS} daily looks at {runs.DAILY} labelled events a day, of which {runs.POSITIVES} are
positive. Of a split the challenger gets so many, and the champion four times as many. Accuracy: the
two differ in who is right in {runs.APART:.0%} of the events. AUC: a
champion of {runs.BASE:.2f}, scores that correlate by {runs.CORRELATION:g}. Everything else as by
default. {{count:,}} runs of each gain, seeded, every look through the decision code. Made by
`python -m load_tests.champion`.

"""


@dataclass(frozen=True, slots=True)
class Shares:
    """What became of the runs of one setup and gain."""

    promoted: int
    rejected: int
    held: int
    apart: int
    """Runs in which any look found the two different."""
    looks: float
    """Mean number of looks until the end."""


Setup = tuple[Measure, Mode, float]
"""Measure, mode, and by how much the challenger is better."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Runs of one setup that are made in one go."""

    setup: Setup
    first: int
    count: int


def pieces_of(count: int) -> Iterator[Piece]:
    """All runs, ``count`` of each gain, block by block."""
    for kind, mode in SETUPS:
        for gain in CURVE:
            wanted = count if gain else count * EQUALS
            for first in range(0, wanted, runs.BLOCK):
                yield Piece((kind, mode, gain), first, min(runs.BLOCK, wanted - first))


def made(piece: Piece) -> list[runs.Outcome]:
    """Run them."""
    kind, mode, gain = piece.setup
    return list(runs.outcomes(kind, gain, piece.count, SEED, mode, first=piece.first))


def shares_of(found: list[runs.Outcome]) -> Shares:
    """What became of all runs of a setup."""
    ends = [each.verdict for each in found]
    return Shares(
        ends.count("PROMOTE"),
        ends.count("REJECT"),
        ends.count("HOLD"),
        sum(each.apart for each in found),
        sum(each.look for each in found) / len(found),
    )


def simulated(count: int, processes: int) -> dict[Setup, Shares]:
    """All of it; how far it is goes to standard error."""
    pieces = list(pieces_of(count))
    found: dict[Setup, list[runs.Outcome]] = {piece.setup: [] for piece in pieces}
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        waiting = {pool.submit(made, piece): piece for piece in pieces}
        for number, done in enumerate(as_completed(waiting), 1):
            found[waiting[done].setup] += done.result()
            print(f"\r{number} of {len(pieces)} blocks", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return {setup: shares_of(outcomes) for setup, outcomes in found.items()}


def section(found: dict[Setup, Shares], count: int) -> str:
    """The text of the docs."""
    lines = [
        INTRODUCTION.format(count=count),
        f"Equal models (A/A, {count * EQUALS:,} runs each): how often any of the looks told them",
        "apart, which is to be at most 5 %, and how often one of them was promoted.\n",
        "| measure | mode | told apart | 95 % interval | promoted |",
        "|---|---|---|---|---|",
    ]
    for kind, mode in SETUPS:
        one = found[kind, mode, 0.0]
        runs_made = count * EQUALS
        low, high = clopper_pearson(one.apart, runs_made)
        lines.append(
            f"| {kind} | {mode} | {one.apart / runs_made:.1%} "
            f"| {float(low):.1%} to {float(high):.1%} "
            f"| {one.promoted / runs_made:.1%} |"
        )
    lines += [
        "\nBetter by so many points: promoted, and after how many days on average it was over.\n",
        "| measure | mode | +1 | +2 | +5 |",
        "|---|---|---|---|---|",
    ]
    for kind, mode in SETUPS:
        told = [found[kind, mode, gain] for gain in GAINS]
        cells = (f"{one.promoted / count:.1%}, {one.looks:.0f} days" for one in told)
        lines.append(f"| {kind} | {mode} | {' | '.join(cells)} |")
    lines.append(f"\n![Share promoted against the true difference]({PLOT})")
    return "\n".join(lines)


def draw(found: dict[Setup, Shares], count: int, to: Path) -> None:
    """Share promoted against the true difference."""
    import matplotlib as mpl  # noqa: PLC0415 - slow to import

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "longshore"
    mpl.rcParams["svg.fonttype"] = "none"
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axis = plt.subplots(figsize=(7.0, 4.0), layout="constrained")
    for kind, mode in SETUPS:
        promoted = [
            found[kind, mode, gain].promoted / (count if gain else count * EQUALS) for gain in CURVE
        ]
        style = "-" if mode == "shadow" else "--"
        axis.plot(
            [100 * gain for gain in CURVE], promoted, style, marker="o", label=f"{kind}, {mode}"
        )
    axis.axvline(2.0, color="grey", linewidth=0.8)
    axis.set_xlabel("true difference, points (better_by: 2)")
    axis.set_ylabel("share of the runs promoted")
    axis.set_ylim(0.0, 1.0)
    axis.grid(alpha=0.3)
    axis.legend(frameon=False)
    figure.savefig(to, metadata={"Date": None})
    plt.close(figure)


@click.command()
@click.option("--runs", "count", default=1_000, show_default=True, help="Runs of each kind.")
@click.option("--processes", default=os.cpu_count() or 1, show_default="cores", help="At a time.")
@click.option("--out", type=click.Path(path_type=Path), default=PAGE, show_default=True)
def main(count: int, processes: int, out: Path) -> None:
    """Simulate comparisons and write what became of them."""
    found = simulated(count, processes)
    write_section(out, SECTION, section(found, count))
    draw(found, count, out.parent / PLOT)


if __name__ == "__main__":
    main()
