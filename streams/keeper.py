"""Who holds the state that the batches change, as the transport sees it.

Rule.  The transport says when partitions are taken up and given up and from where they are read;
what state is, and what of it is durable, only the keeper knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from streams.starting_offsets import Gap, Source


class Keeper(Protocol):
    """Who holds the state that the batches change."""

    async def take_up(self, committed: Mapping[Source, int | None], generation: int) -> None:
        """Restore the state of these sources; every batched source of the worker is named."""

    def holds(self, generation: int) -> bool:
        """Whether the state taken up in this generation is held still."""

    def needed(self) -> Mapping[Source, int]:
        """Next offset that the state needs, per source taken up; 0 for one never read."""

    def reread(self, source: Source) -> int:
        """How many records before the needed one are wanted again, as far as the log has them."""

    def continued(self) -> Mapping[Source, int]:
        """Where a part of the state goes on exactly, though ``needed`` stands lower."""

    def positioned(self, starts: Mapping[Source, int]) -> None:
        """From where the sources are really read."""

    def read_on(self, gaps: Sequence[Gap], starts: Mapping[Source, int]) -> None:
        """Sources whose log lacks what must be read next start where their logs do, or
        LogMismatchError."""

    async def give_up(self) -> None:
        """Write what can still be written and let go of all state."""

    def covered(self, source: Source) -> int | None:
        """Next offset that a durable snapshot of this source covers."""

    def fail(self, error: BaseException) -> None:
        """Something broke that nobody else would report."""
