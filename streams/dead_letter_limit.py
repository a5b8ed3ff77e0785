"""How many dead letters a worker carries: the first N per reason a minute, the rest is counted.

Rule.  A producer gone wrong may reject every record, and carrying them all would double the
cluster's load for the same bytes over and over.  So the first ``per_minute`` records of a reason in
a minute go to the dead-letter topic whole, and the others of that minute are counted by reason
only.  Nothing ever waits for it.  Reasons are a closed set, so there is a number per reason and no
table that grows.

The minutes are those of the worker's own monotonic clock, given as an argument.  What is left out
depends on the clock and on the worker, so this stands in the shell: counts, windows and decisions
do not know of it, and a replay of files carries every dead letter.  Late records are not limited:
they are valid data, and no more of them can come than are read.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Final

from engine.dead_letters import reason_of
from engine.effects import Publish

DEFAULT_PER_MINUTE: Final = 1_000
DEFAULT_RATIO_LIMIT: Final = 0.05
MINUTE_S: Final = 60.0

log = logging.getLogger("longshore.worker")


class DeadLetterLimit:
    """Lets through at most ``per_minute`` dead letters of a reason each minute; 0 carries none."""

    def __init__(self, per_minute: int = DEFAULT_PER_MINUTE) -> None:
        self.per_minute = per_minute
        self.carried: dict[str, int] = {}
        """Dead letters let through so far, by reason."""
        self.left_out: dict[str, int] = {}
        """Dead letters counted only so far, by reason."""
        self._minute = -1
        self._in_minute: dict[str, int] = {}
        """Dead letters that came in the present minute, by reason."""

    def admitted(self, effects: Iterable[Publish], now_s: float) -> Iterator[Publish]:
        """The effects without the dead letters beyond the limit; their order stays."""
        for effect in effects:
            if effect.topic != "dead-letters" or self._admits(reason_of(effect), now_s):
                yield effect

    def in_minute(self, now_s: float) -> int:
        """Dead letters carried this minute of the reason that has most."""
        if int(now_s // MINUTE_S) != self._minute:
            return 0
        return min(self.per_minute, max(self._in_minute.values(), default=0))

    def _admits(self, reason: str, now_s: float) -> bool:
        minute = int(now_s // MINUTE_S)
        if minute != self._minute:
            self._minute = minute
            self._in_minute = {}
        came = self._in_minute[reason] = self._in_minute.get(reason, 0) + 1
        if came <= self.per_minute:
            self.carried[reason] = self.carried.get(reason, 0) + 1
            return True
        self.left_out[reason] = self.left_out.get(reason, 0) + 1
        if came == self.per_minute + 1:
            log.warning(
                "dead letters, %s: %d were carried this minute (dead_letters_per_minute), the rest "
                "of it is counted only",
                reason,
                self.per_minute,
            )
        return False
