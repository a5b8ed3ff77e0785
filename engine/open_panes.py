"""Base panes that records can still reach: what each source partition last said of them.

Rule.  For one (partition, pane) the record with the highest stamp counts, whatever the order of
arrival.  The sum over partitions is a sum of integers, so any number of workers gives the same.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import Final

import numpy as np

from engine.layout import EVENTS, PREDICTIONS
from engine.panes import Counts, Stamp

ROLLED_UP_REMEMBERED: Final = 10_000
"""(partition, pane) sums remembered after roll-up, to notice counts that come after it."""


@dataclass(slots=True)
class Held:
    """What one partition last said of a pane."""

    stamp: Stamp
    on_time: Counts
    amended: Counts | None


@dataclass(slots=True)
class OpenBasePane:
    """One base pane; ``rolled`` are the on-time counts already given to the rings."""

    held: dict[int, Held] = field(default_factory=dict)
    rolled: Counts | None = None

    def on_time(self, size: int) -> Counts:
        """On-time counts over all partitions."""
        total = np.zeros(size, np.int64)
        for held in self.held.values():
            total += held.on_time
        return total

    def remainder(self, size: int) -> Counts:
        """Everything counted that ``rolled`` does not hold yet."""
        total = self.on_time(size)
        for held in self.held.values():
            if held.amended is not None:
                total += held.amended
        return total if self.rolled is None else total - self.rolled


class OpenPanes:
    """The open base panes by start, and which of them is next; any number of them may wait while
    one source lags, so nothing here looks through all of them."""

    def __init__(self, panes: Mapping[int, OpenBasePane]) -> None:
        self.panes = dict(panes)
        self._waiting = [s for s, pane in self.panes.items() if pane.rolled is None]
        self._rolled = [s for s, pane in self.panes.items() if pane.rolled is not None]
        heapify(self._waiting)
        heapify(self._rolled)

    def hold(self, start_ms: int, partition: int, held: Held) -> None:
        """Keep what a partition says of a pane if its stamp is higher than what is known."""
        pane = self.panes.get(start_ms)
        if pane is None:
            pane = self.panes[start_ms] = OpenBasePane()
            heappush(self._waiting, start_ms)
        known = pane.held.get(partition)
        if known is None or known.stamp < held.stamp:
            pane.held[partition] = held

    def next_waiting(self) -> int | None:
        """Start of the first pane that the rings do not have yet."""
        return self._waiting[0] if self._waiting else None

    def next_rolled(self) -> int | None:
        """Start of the first pane that the rings have and amendments may still reach."""
        return self._rolled[0] if self._rolled else None

    def roll(self) -> tuple[int, OpenBasePane]:
        """Take the first waiting pane; its on-time counts go to the rings now."""
        start_ms = heappop(self._waiting)
        heappush(self._rolled, start_ms)
        return start_ms, self.panes[start_ms]

    def finish(self) -> tuple[int, OpenBasePane]:
        """Let the first rolled pane go."""
        start_ms = heappop(self._rolled)
        return start_ms, self.panes.pop(start_ms)


class RolledUp:
    """How many events each (pane, partition) had when it was rolled up for good."""

    def __init__(self) -> None:
        self.sums: OrderedDict[tuple[int, int], int] = OrderedDict()

    def remember(self, start_ms: int, pane: OpenBasePane) -> None:
        """Note the sums of a pane that is rolled up now."""
        for partition, held in sorted(pane.held.items()):
            self.sums[start_ms, partition] = events_in(held)
        while len(self.sums) > ROLLED_UP_REMEMBERED:
            self.sums.popitem(last=False)

    def surplus(self, start_ms: int, partition: int, held: Held) -> int:
        """Events that came after roll-up and are in no window; told once."""
        known = self.sums.get((start_ms, partition), 0)
        found = events_in(held)
        if found > known:
            self.sums[start_ms, partition] = found
        return max(0, found - known)


def events_in(held: Held) -> int:
    """Events or predictions in a partition's counts, whichever are more."""
    total = held.on_time[: PREDICTIONS + 1].copy()
    if held.amended is not None:
        total += held.amended[: PREDICTIONS + 1]
    return int(max(total[EVENTS], total[PREDICTIONS]))
