"""Runs of one source, several at a time: each is a function of its seed, whoever makes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from typing import Final

from load_tests.false_pages.drawn import drawn_model
from load_tests.false_pages.months import DrawnRuns, RealRuns, Run
from load_tests.false_pages.real_tables import real_days
from load_tests.false_pages.results import Told, told

SEED: Final = 7
"""Of the drawn model."""


def many_runs(source: str, days: int, runs: int, processes: int) -> Iterator[Told]:
    """So many of the source, in order of their seeds."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_run, [source] * runs, [days] * runs, range(runs))


def _run(source: str, days: int, seed: int) -> Told:
    return told(_maker(source, days)(seed))


@cache
def _maker(source: str, days: int) -> Callable[[int], Run]:
    if source == "drawn":
        return DrawnRuns(drawn_model(SEED), days).run
    return RealRuns(real_days(source), days).run
