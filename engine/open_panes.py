"""Base panes that records can still reach: what each source partition last said of them.

Rule.  For one (partition, pane) the record with the highest stamp counts, whatever the order of
arrival.  The sum over partitions is a sum of integers, so any number of workers gives the same.
What waits is kept packed, as it came: while one source lags, days of panes of the others may wait.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from heapq import heapify, heappop, heappush
from typing import Final

import numpy as np

from engine.layout import EVENTS, PREDICTIONS
from engine.panes import AlarmRow, Counts, Stamp
from engine.pieces import Packed

MAX_OPEN_PANE_BYTES: Final = 1 << 30
"""Packed counts that one judge holds for sources that lag behind the others."""
ROLLED_UP_MARGIN: Final = 64
"""Panes remembered after roll-up beyond those that a tally can still hold open."""


class OpenPanesFullError(RuntimeError):
    """A source lags so far behind the others that what waits for it does not fit."""


@dataclass(frozen=True, slots=True)
class Held:
    """What one partition last said of a pane."""

    stamp: Stamp
    on_time: Packed
    amended: Packed | None
    events: int
    """Events or predictions in it, whichever are more."""
    alarms: tuple[AlarmRow, ...] = ()
    users: bytes = b""
    """Of a split only."""

    @property
    def bytes(self) -> int:
        """Size of the packed counts and users."""
        late = len(self.amended.content) if self.amended else 0
        return len(self.on_time.content) + late + len(self.users)


@dataclass(slots=True)
class OpenBasePane:
    """One base pane; ``rolled`` are the on-time counts already given to the rings."""

    held: dict[int, Held] = field(default_factory=dict)
    rolled: Packed | None = None

    def on_time(self, size: int) -> Counts:
        """On-time counts over all partitions."""
        total = np.zeros(size, np.int64)
        for held in self.held.values():
            total += held.on_time.counts(size)
        return total

    def remainder(self, size: int) -> Counts:
        """Everything counted that ``rolled`` does not hold yet."""
        total = self.on_time(size)
        for held in self.held.values():
            if held.amended is not None:
                total += held.amended.counts(size)
        return total if self.rolled is None else total - self.rolled.counts(size)


class OpenPanes:
    """The open base panes by start, and which of them is next; any number of them may wait while
    one source lags, so nothing here looks through all of them."""

    def __init__(self, panes: Mapping[int, OpenBasePane]) -> None:
        self.panes = dict(panes)
        self.bytes = sum(h.bytes for pane in self.panes.values() for h in pane.held.values())
        """Packed counts held, at most MAX_OPEN_PANE_BYTES."""
        self._waiting = [s for s, pane in self.panes.items() if pane.rolled is None]
        self._rolled = [s for s, pane in self.panes.items() if pane.rolled is not None]
        heapify(self._waiting)
        heapify(self._rolled)

    def hold(self, start_ms: int, partition: int, held: Held) -> None:
        """Keep what a partition says of a pane if its stamp is higher than what is known.

        Raises OpenPanesFullError above MAX_OPEN_PANE_BYTES.
        """
        pane = self.panes.get(start_ms)
        if pane is None:
            pane = self.panes[start_ms] = OpenBasePane()
            heappush(self._waiting, start_ms)
        if held.users and pane.rolled is not None:
            held = replace(held, users=b"")  # they were looked at
        known = pane.held.get(partition)
        if known is None or known.stamp < held.stamp:
            pane.held[partition] = held
            self.bytes += held.bytes - (0 if known is None else known.bytes)
            if self.bytes > MAX_OPEN_PANE_BYTES:
                raise OpenPanesFullError(f"more than {MAX_OPEN_PANE_BYTES} bytes of open panes")

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

    def forget_users(self, pane: OpenBasePane) -> None:
        """Keep none of the users of a pane that was rolled: a look at them is made once."""
        for partition, held in pane.held.items():
            self.bytes -= len(held.users)
            pane.held[partition] = replace(held, users=b"")

    def finish(self) -> tuple[int, OpenBasePane]:
        """Let the first rolled pane go."""
        start_ms = heappop(self._rolled)
        pane = self.panes.pop(start_ms)
        self.bytes -= sum(held.bytes for held in pane.held.values())
        return start_ms, pane


class RolledUp:
    """How many events the newest panes of each partition had when they were rolled up for good.

    ``capacity`` panes a partition: a tally that is restored tells the panes again that it holds
    open, also where the judge went on without it because its source was idle.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self.sums: dict[int, OrderedDict[int, int]] = {}
        """Partition -> start -> events."""

    def remember(self, start_ms: int, pane: OpenBasePane) -> None:
        """Note the sums of a pane that is rolled up now."""
        for partition, held in sorted(pane.held.items()):
            self.put(partition, [(start_ms, held.events)])

    def put(self, partition: int, sums: Iterable[tuple[int, int]]) -> None:
        """Note (start, events); the oldest noted go beyond the capacity."""
        known = self.sums.setdefault(partition, OrderedDict())
        known.update(sums)
        while len(known) > self._capacity:
            known.popitem(last=False)

    def surplus(self, start_ms: int, partition: int, held: Held) -> int:
        """Events that came after roll-up and are in no window; told once, and not at all of panes
        older than those remembered, of which nothing is known."""
        sums = self.sums.get(partition)
        if sums is not None and len(sums) >= self._capacity and start_ms < next(iter(sums)):
            return 0
        known = 0 if sums is None else sums.get(start_ms, 0)
        if held.events > known:
            self.put(partition, [(start_ms, held.events)])
        return max(0, held.events - known)


def events_in(on_time: Counts, amended: Counts | None) -> int:
    """Events or predictions in a partition's counts, whichever are more."""
    total = on_time[: PREDICTIONS + 1].copy()
    if amended is not None:
        total += amended[: PREDICTIONS + 1]
    return int(max(total[EVENTS], total[PREDICTIONS]))
