"""Times of a period of which nothing is known: no window was judged, or its windows are empty.

Rule.  Asked are the shortest windows of a version's data, from the first one that the records have
to the end of the period.  What is before it is no gap but a time of which the records do not tell,
and is said apart.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.review.index import DATA, Index
from engine.review.scope import Scope


@dataclass(frozen=True, slots=True)
class Gap:
    """A time without data."""

    start_ms: int
    end_ms: int
    judged: bool
    """Whether windows were judged there, and were empty."""


@dataclass(frozen=True, slots=True)
class Gaps:
    """Of one version in a period."""

    window: str
    """The shortest one; empty where the version has none."""
    found: tuple[Gap, ...] = ()
    silent_until_ms: int | None = None
    """Up to where the records do not tell of the period; None where they do from its start."""

    @property
    def total_ms(self) -> int:
        """How long they are together."""
        return sum(gap.end_ms - gap.start_ms for gap in self.found)


def gaps_of(index: Index, scope: Scope, version: str) -> Gaps:
    """The gaps of a version; neighbours of one kind are one."""
    named = index.found.get(scope.model, {}).get(version, {}).get(DATA, {})
    there = sorted((w.length_ms, name) for name, w in named.items() if w.within(scope))
    if not there:
        return Gaps("")
    length_ms, name = there[0]
    windows = named[name]
    full = [end for end, events in windows.events.items() if events]
    first_ms = min(full or windows.events)
    begins_ms = max(scope.from_ms, first_ms - length_ms)
    at_ms = begins_ms
    found: list[Gap] = []
    for end in windows.within(scope):
        start = max(end - length_ms, begins_ms)
        if end <= begins_ms:
            continue
        if start > at_ms:
            _add(found, Gap(at_ms, start, judged=False))
        if not windows.events[end]:
            _add(found, Gap(start, end, judged=True))
        at_ms = end
    if scope.to_ms - at_ms >= length_ms:
        _add(found, Gap(at_ms, scope.to_ms, judged=False))
    silent = begins_ms if begins_ms > scope.from_ms else None
    return Gaps(name, tuple(found), silent)


def _add(found: list[Gap], gap: Gap) -> None:
    if found and found[-1].judged == gap.judged and found[-1].end_ms == gap.start_ms:
        gap = Gap(found.pop().start_ms, gap.end_ms, gap.judged)
    found.append(gap)
