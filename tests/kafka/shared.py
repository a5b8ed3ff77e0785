"""What is made once in a run of the tests, however many processes run them.

Rule.  The first process that asks makes it, the others wait; a run without parallel processes has a
directory of its own, so nothing outlives the run that made it.
"""

from __future__ import annotations

import fcntl
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")


def once_in_a_run(
    factory: pytest.TempPathFactory, name: str, make: Callable[[Path], T], worker_id: str
) -> T:
    """What ``make`` makes in the directory that it is given; ``worker_id`` is xdist's."""
    own = factory.getbasetemp()
    directory = (own if worker_id == "master" else own.parent) / name
    directory.mkdir(exist_ok=True)
    made = directory / "made.pickle"
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            made.write_bytes(pickle.dumps(make(directory)))
        found: T = pickle.loads(made.read_bytes())  # noqa: S301 - written by this run
    return found
