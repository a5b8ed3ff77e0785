"""One tally and what the shell knows about it.

Rule.  All of it begins at take-up and ends at give-up; nothing is carried over.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.idleness import Silence
from engine.spec import Topic
from streams.core import Core, TallyLike
from streams.pending import Pending
from streams.snapshot_table import Name
from streams.starting_offsets import Source

log = logging.getLogger("longshore.worker")


@dataclass
class Held:
    """One tally and what the shell knows about it."""

    tally: TallyLike
    name: Name
    silences: dict[tuple[Topic, str], Silence]
    """Per topic and ``model@version`` whose windows wait for it."""
    pending: Pending | None = None
    """What waits for labels outside the snapshot."""
    positions: dict[Topic, int] = field(default_factory=dict)
    unflushed: bool = True
    """Also after a restore: the new epoch tells its open panes again."""
    unsaved: bool = False
    is_durable: bool = True
    """Whether the newest snapshot of it has arrived: one that was lost is not confirmed, though
    the offsets of the one before it are committed still."""
    sent: list[Awaitable[Any]] = field(default_factory=list)
    durable: dict[str, int] = field(default_factory=dict)

    @property
    def is_full(self) -> bool:
        """Whether its reader waits for what waits for the disk."""
        return self.pending is not None and self.pending.is_full

    @property
    def overlay(self) -> int:
        """Changes that the disk does not have yet."""
        return 0 if self.pending is None else self.pending.overlay

    def is_committed(self, committed: Callable[[Source], int | None]) -> bool:
        """Whether the group took what the last durable snapshot covers."""
        partition = self.name.partition
        return all(
            (committed((topic, partition)) or 0) == offset for topic, offset in self.durable.items()
        )

    def close(self) -> None:
        """Give up what it holds open."""
        if self.pending is not None:
            self.pending.close()


def silences_of(
    core: Core, tally: TallyLike, known: Mapping[tuple[Topic, str], Silence]
) -> dict[tuple[Topic, str], Silence]:
    """The silences of all sources of a tally, those that are known already as they are."""
    return {
        (topic, key): known.get((topic, key)) or Silence(core.idle_ms(key, topic))
        for key, topics in tally.watermarks_ms().items()
        for topic in topics
    }


def tell_fresh(held: Mapping[int, Held]) -> None:
    """One line per model whose saved counts do not fit it any more."""
    partitions: dict[str, list[int]] = {}
    for partition, one in held.items():
        for key in one.tally.fresh:
            partitions.setdefault(key, []).append(partition)
    for key, found in sorted(partitions.items()):
        log.warning(
            "counts of %s start afresh in partitions %s, and what waited there for labels is "
            "let go: the layout (features, bins, panes, windows, label rules, losses and who "
            "watches them, profile) changed",
            key,
            found,
        )


def most(held: Mapping[int, Held], of: Callable[[Held], int]) -> int:
    """The most that any of them has."""
    return max(map(of, held.values()), default=0)
