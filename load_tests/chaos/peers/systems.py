"""How each peer is started, and where its counts are read."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from load_tests.peers import peers_python

Told = tuple[str, int]
"""Cell, count."""


@dataclass(frozen=True, slots=True)
class System:
    """One peer."""

    name: str
    title: str
    how: str
    """What was set, for the page."""
    module: str
    arguments: tuple[str, ...]
    python: Callable[[], Path]
    guarantee: str
    counts_topic: str
    """Where the newest count of each cell stands; ``{group}`` is the group's name."""
    told: Callable[[bytes, bytes], Told]
    """From a record of that topic, key and value."""


def _of_changelog(key: bytes, value: bytes) -> Told:
    return orjson.loads(key), int(orjson.loads(value))


def _of_counts(_: bytes, value: bytes) -> Told:
    told = orjson.loads(value)
    return told["cell"], int(told["events"])


FAUST: Final = System(
    name="faust",
    title="plain Faust (table app)",
    how="`faust worker` with an agent that counts in a table (memory store, changelog), "
    "at-least-once, defaults; counts are read from the changelog",
    module="faust_table",
    arguments=("worker", "--without-web", "-l", "warn"),
    python=lambda: Path(sys.executable),
    guarantee="at-least-once",
    counts_topic="{group}-counts-changelog",
    told=_of_changelog,
)
_QUIX: Final = (
    "`group_by` and a stateful count (RocksDB, changelog), {guarantee}, defaults, a state "
    "directory per worker that outlives it; counts are read from an output topic{committed}"
)
QUIX: Final = System(
    name="quixstreams",
    title="quixstreams, at-least-once",
    how=_QUIX.format(guarantee="at-least-once", committed=""),
    module="quix_state",
    arguments=(),
    python=peers_python,
    guarantee="at-least-once",
    counts_topic="{group}-out",
    told=_of_counts,
)
QUIX_ONCE: Final = System(
    name="quixstreams_eos",
    title="quixstreams, exactly-once",
    how=_QUIX.format(guarantee="exactly-once", committed=", committed records only"),
    module="quix_state",
    arguments=(),
    python=peers_python,
    guarantee="exactly-once",
    counts_topic="{group}-out",
    told=_of_counts,
)
SYSTEMS: Final = (FAUST, QUIX, QUIX_ONCE)
