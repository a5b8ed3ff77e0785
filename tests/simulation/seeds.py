"""Many seeds, in this process or in several."""

from __future__ import annotations

import logging
import multiprocessing
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import islice
from typing import Final, NamedTuple

from tests.simulation.invariants import Violation
from tests.simulation.world import run_seed

AT_ONCE: Final = 5
"""Seeds that a process is given in one go."""


class Result(NamedTuple):
    """What became of a seed."""

    seed: int
    broken: str | None
    """The promise, None when all were kept."""
    met: Counter[str]


def tried(seed: int) -> Result:
    """Run one seed, silently: workers log their accidents.

    Raises TimeoutError when a test's time was over meanwhile.  The exception that says so is raised
    wherever the process happens to be: inside a worker it looks like that worker's failure.
    """
    before, timed = logging.root.manager.disable, _alarm_is_set()
    logging.disable(logging.CRITICAL)
    try:
        return Result(seed, None, run_seed(seed))
    except Violation as broken:
        if timed and not _alarm_is_set():
            raise TimeoutError(f"the test's time was over during seed {seed}") from broken
        return Result(seed, str(broken), Counter())
    finally:
        logging.disable(before)


def _alarm_is_set() -> bool:
    """Whether the timer of pytest-timeout runs; it goes off once."""
    return signal.getitimer(signal.ITIMER_REAL)[0] > 0


def some_tried(seeds: list[int]) -> list[Result]:
    """Run some seeds."""
    return [tried(seed) for seed in seeds]


def results(seeds: range, jobs: int) -> Iterator[Result]:
    """Results as they come; in the order of the seeds with one job."""
    if jobs <= 1 or len(seeds) <= AT_ONCE:
        yield from map(tried, seeds)
        return
    waiting = iter(seeds)
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        under_way: set[Future[list[Result]]] = set()
        try:
            while True:
                while len(under_way) < 2 * jobs and (some := list(islice(waiting, AT_ONCE))):
                    under_way.add(pool.submit(some_tried, some))
                if not under_way:
                    return
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                for future in done:
                    yield from future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
