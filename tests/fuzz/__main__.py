"""``python -m tests.fuzz``: fuzz all targets, or some, and write docs/fuzzing.md.

Rule.  Runs are cut into slices, and what a slice came to is kept at once: a call that was ended
goes on where it stopped, and one after all was done starts afresh.  A finding ends its target and
not the others.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Final

from tests.fuzz.fuzzing import CACHE, FuzzerError, fuzz_target
from tests.fuzz.results import Total, load_totals, save_totals, write_document
from tests.fuzz.target import load, target_names

SLICE_RUNS: Final = 1_000_000
"""Executions of one process at most: enough to see memory grow."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be done with one target."""

    name: str
    runs: int | None
    seconds: int | None


def main(arguments: list[str]) -> int:
    """0 when nothing was found, 1 when something was, 2 on wrong usage."""
    options = parser().parse_args(arguments)
    names = options.target or target_names()
    unknown = sorted(set(names) - set(target_names()))
    if unknown:
        say(f"no such target: {', '.join(unknown)}; there are: {', '.join(target_names())}")
        return 2
    wanted = [Wanted(name, _runs(options, name), options.seconds) for name in names]
    totals = load_totals()
    if options.afresh or all(is_done(each, totals) for each in wanted):
        for name in names:
            totals.pop(name, None)
    found = False
    with ThreadPoolExecutor(options.jobs) as pool:
        futures = [pool.submit(fuzz_slices, each, totals) for each in wanted]
        for future in as_completed(futures):
            found |= future.result()
            write_document(totals)
    say(f"{sum(t.executions for t in totals.values()):,} executions in all; see docs/fuzzing.md")
    return 1 if found else 0


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    options.add_argument("--seconds", type=int, help="seconds for each target")
    options.add_argument("--runs", type=int, help="executions for each target")
    options.add_argument("--target", action="append", help="only this one; may be repeated")
    options.add_argument("--jobs", type=int, default=1, help="targets at a time")
    options.add_argument("--afresh", action="store_true", help="forget the figures so far")
    return options


def is_done(wanted: Wanted, totals: Mapping[str, Total]) -> bool:
    """Whether earlier calls did all the executions that are wanted."""
    known = totals.get(wanted.name, Total()).executions
    return wanted.runs is not None and known >= wanted.runs


def _runs(options: argparse.Namespace, name: str) -> int | None:
    """Executions wanted; with seconds alone there is no number."""
    if options.runs is not None or options.seconds is not None:
        return options.runs
    return load(name).RUNS


def fuzz_slices(wanted: Wanted, totals: dict[str, Total]) -> bool:
    """Fuzz one target until it has its executions or its time; whether something was found."""
    total = totals.setdefault(wanted.name, Total())
    while True:
        if is_done(wanted, totals):
            return False
        runs = None if wanted.runs is None else min(wanted.runs - total.executions, SLICE_RUNS)
        # libFuzzer replays the corpus first, and counts that: a few more than asked for
        try:
            run = fuzz_target(
                wanted.name,
                runs=runs,
                seconds=wanted.seconds,
                seed=1 + total.executions % 1_000_003,
            )
        except FuzzerError as error:
            say(f"{wanted.name}: {error}")
            return True
        total.add(run)
        save_totals(totals)
        say(
            f"{wanted.name}: {total.executions:,} executions, {run.executions:,} now in "
            f"{run.seconds:.0f} s, coverage {run.coverage}, {run.peak_rss_mb} MB"
        )
        if run.finding:
            say(f"{wanted.name}: FOUND {run.error}: {run.finding}")
            return True
        if wanted.seconds is not None:
            return False


def say(line: str) -> None:
    """One line for the terminal."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    CACHE.mkdir(parents=True, exist_ok=True)
    sys.exit(main(sys.argv[1:]))
