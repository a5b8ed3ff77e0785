"""Where each source is read on from, once its state is restored.

Rule.  What the state needs next must be in the log.  When it is not, retention deleted it or the
topic is a new one of the same name; reading on would skip records in silence, or take other
records for those of before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Source = tuple[str, int]
"""Role of the topic, partition."""


class LogMismatchError(RuntimeError):
    """What must be read next is not in the log: deleted by retention, or the topic is a new one."""


@dataclass(frozen=True)
class Gap:
    """A source whose log does not have the record that must be read next."""

    source: Source
    needed: int
    low: int
    high: int
    """The log holds [low, high)."""

    def __str__(self) -> str:
        role, partition = self.source
        why = (
            f"{self.low - self.needed} records were deleted unread (raise the topic's retention)"
            if self.needed < self.low
            else "the topic was deleted and made anew"
        )
        return (
            f"{role}/{partition}: offset {self.needed} is needed next, the log has "
            f"[{self.low}, {self.high}): {why}"
        )


def starting_offsets(
    bounds: Mapping[Source, tuple[int, int]],
    needed: Mapping[Source, int],
    reread: Callable[[Source], int],
    continued: Mapping[Source, int],
) -> tuple[dict[Source, int], list[Gap]]:
    """First offset to read of each source, and the sources that cannot be continued exactly (they
    start where their log does).

    ``bounds`` are the log's [first, end), ``needed`` the next offset that the state needs (0 or
    absent: never read), ``reread`` how many records before it are wanted again as far as the log
    has them.  ``continued`` is where some of the state goes on exactly while ``needed`` stands
    lower, because another part of it begins anew with what the log still has.
    """
    starts, gaps = {}, []
    for source, (low, high) in sorted(bounds.items()):
        need = needed.get(source, 0)
        exact = need or continued.get(source, 0)
        if exact and not low <= exact <= high:
            gaps.append(Gap(source, exact, low, high))
            starts[source] = low
        else:
            starts[source] = max(low, need - reread(source))
    return starts, gaps
