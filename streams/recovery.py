"""What happens when state cannot be restored exactly: refuse or rebuild, by choice, never silence.

Rule.  ``refuse`` (the default) ends the worker with every trouble listed and what to do.
``rebuild`` drops what cannot be used and counts again from the topics, as far as they reach; each
such step is one warning and one count in /metrics.  What is rebuilt is exact when the topics still
hold everything that was counted; a judge that is rebuilt says again what it said before, with the
same ids.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from engine.snapshot import Snapshot, SnapshotError
from streams.live import LiveState
from streams.settings import RecoveryPolicy
from streams.snapshots import Owner, Restored

log = logging.getLogger("longshore.worker")

REMEDY = (
    "To drop what cannot be used and count again from the topics, as far as they reach, start with "
    "LONGSHORE_RECOVERY=rebuild"
)

LIVES: Final = 1 << 16
"""Numbers that a group generation has for its owners' lives: a static member that restarts comes
back in the same generation, and must outrank its earlier lives but never a later generation's."""

T = TypeVar("T")


class RestoreError(RuntimeError):
    """State, committed offsets and topics contradict each other; counting on would be wrong."""


class StaleOwnerError(RuntimeError):
    """The group went on without this worker while it took its partitions up."""


class Saved(Protocol):
    """The snapshots that there are (:class:`streams.snapshot_table.SnapshotTable`)."""

    def newest(self, name: str) -> int | None:
        """The newest generation that saved ``name``."""

    def highest(self, name: str) -> int | None:
        """The newest generation that wrote anything for ``name``, saved or not."""

    def owner(self, name: str) -> Owner | None:
        """The newest owner of ``name``."""

    def restore(self, name: str, partition: int | None = None) -> Restored | None:
        """The newest snapshot of ``name``, of this partition; SnapshotError when it cannot be
        used."""


class Resumed(NamedTuple, Generic[T]):
    """Something built from its snapshot, or anew."""

    built: T
    restored: Restored | None
    generation: int
    """Its own: above that of everything ever written for its name."""


class Recovery:
    """One restore of a worker's state: what could not be had, and what was done about it."""

    def __init__(
        self,
        policy: RecoveryPolicy,
        snapshots: Saved,
        live: LiveState,
        owner: Owner,
    ) -> None:
        """``owner`` is this worker in this generation."""
        self.policy = policy
        self.owner = owner
        self._snapshots = snapshots
        self._live = live
        self._troubles: list[str] = []

    def resume(
        self,
        name: str,
        build: Callable[[Snapshot | None, int], T],
        *,
        committed: bool,
        at_least: int = 0,
        partition: int | None = None,
    ) -> Resumed[T]:
        """Build ``name`` from its snapshot and a generation of its own, at least ``at_least``;
        anew where it is unusable.

        ``partition`` of the snapshots is where it must lie, ``committed`` whether the group has
        committed offsets of what the name counts.  Raises
        StaleOwnerError when an owner of a later generation of the group has come since; a group
        that was deleted begins at 1 again, but then has no offsets either until its first owner
        saves.
        """
        before, mine = self._snapshots.owner(name), self.owner
        known = before is not None and before.group == mine.group
        if before is not None and known and before.generation > mine.generation and committed:
            raise StaleOwnerError(
                f"{name} is kept by a worker of generation {before.generation} already, this one "
                f"took it up as of generation {mine.generation}: it stops and starts anew"
            )
        highest = self._snapshots.highest(name)
        first = max(mine.generation * LIVES, at_least)
        number = first if highest is None else max(first, highest + 1)
        try:
            restored = self._snapshots.restore(name, partition)
            built = build(None if restored is None else restored.snapshot, number)
        except SnapshotError as error:
            self.trouble(name, f"snapshot {name}: {error}")
            return Resumed(build(None, number), None, number)
        return Resumed(built, restored, number)

    def trouble(self, name: str, text: str) -> None:
        """Note what cannot be used of ``name``; with ``rebuild`` it is told and counted at once."""
        if self.policy == "refuse":
            self._troubles.append(text)
            return
        kind = name.partition("/")[0]
        self._live.rebuilt[kind] = self._live.rebuilt.get(kind, 0) + 1
        log.warning("rebuilding from the topics: %s", text)

    def conclude(self) -> None:
        """RestoreError when anything was noted and is not to be rebuilt."""
        if self._troubles:
            self._live.refused_restores += 1
            raise RestoreError(f"{'; '.join(self._troubles)}.  {REMEDY}")
