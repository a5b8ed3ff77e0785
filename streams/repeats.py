"""One line a minute about what happens many times a minute.

Rule.  Of what comes under one key the first is told, then none for SAME_LINE_EVERY_S, then the next
with the number of those left out.  Whoever can cause lines (a forger, an absent broker) so cannot
fill a disk with them.  Time is an argument; what is remembered is bounded.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

SAME_LINE_EVERY_S: Final = 60.0
MAX_LINES_KNOWN: Final = 256
"""Keys remembered; the one heard longest ago is forgotten."""


class Repeats:
    """Which lines are told, by key."""

    def __init__(self) -> None:
        self._told: OrderedDict[Hashable, tuple[float, int]] = OrderedDict()
        """When each key was told last, and how many were left out since."""

    def __len__(self) -> int:
        return len(self._told)

    def ending(self, key: Hashable, now_s: float) -> str | None:
        """What to put behind the line (nothing, or how many were left out); None: leave it out."""
        told = self._told.pop(key, None)
        if told is not None and now_s - told[0] < SAME_LINE_EVERY_S:
            self._told[key] = (told[0], told[1] + 1)
            return None
        self._told[key] = (now_s, 0)
        while len(self._told) > MAX_LINES_KNOWN:
            self._told.popitem(last=False)
        return f" ({told[1]} more like this since)" if told is not None and told[1] else ""
