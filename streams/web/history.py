"""What the live page remembers: the newest records of every model, within bounds.

Rule.  Pure and in memory only: a restarted worker reads the topics again.  Repeats change nothing,
a later revision of a window takes the earlier one's place, and the order of reading does not
matter.  Where a bound is met the oldest goes: of one series its oldest window, of all models the
model that was heard of longest ago, of the bytes those of the series or the kind of records that
holds most, so that a talkative model costs nobody else's history.  Bytes are made room for in one
go, a share of the bound at a time, so that a history that is full costs little per record.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from heapq import heapify, heapreplace
from typing import Final

from streams.web.entries import Entry, Kind, Series

MAX_HISTORY_BYTES: Final = 134_217_728
MAX_WINDOWS_KEPT: Final = 400
"""Of one length of window of one version."""
MAX_SERIES_KEPT: Final = 40
"""Lengths of windows, sections and maturities of one version."""
MAX_MODELS_KEPT: Final = 2_000
"""Versions, over all models."""
MAX_RECORDS_KEPT: Final = 200
"""Of one kind, of one version: alerts, triggers, promotions, audit."""
MAX_RESULTS_KEPT: Final = 2_000
MAX_RESULT_BYTES: Final = 16_384
"""Of an answer of the retraining job; a longer one is not shown."""
DROPPED_AT_ONCE: Final = 8
"""An eighth of what is largest goes when the bytes are at their bound."""
ROOM_SHARE: Final = 32
"""At the bound this part of it is made free."""

ModelKey = tuple[str, str]
"""Model and version."""


@dataclass
class Windows:
    """One series: end of the window -> its newest revision."""

    by_end: dict[int, Entry] = field(default_factory=dict)
    size_bytes: int = 0
    latest: Entry | None = None

    def put(self, entry: Entry) -> bool:
        """Keep it; False where as much was known."""
        known = self.by_end.get(entry.at_ms)
        if known is not None and known.revision >= entry.revision:
            return False
        self.by_end[entry.at_ms] = entry
        self.size_bytes += entry.size_bytes - (known.size_bytes if known else 0)
        if self.latest is None or entry.at_ms >= self.latest.at_ms:
            self.latest = entry
        return True

    def __len__(self) -> int:
        return len(self.by_end)

    def drop_oldest(self, count: int) -> int:
        """Forget the oldest windows, never the newest; how many bytes less."""
        before = self.size_bytes
        for end_ms in sorted(self.by_end)[: min(count, len(self.by_end) - 1)]:
            self.size_bytes -= self.by_end.pop(end_ms).size_bytes
        return before - self.size_bytes

    def between(self, from_ms: int, to_ms: int, last: int) -> list[Entry]:
        """The last so many windows that end in [from_ms, to_ms], oldest first."""
        ends = sorted(end for end in self.by_end if from_ms <= end <= to_ms)
        return [self.by_end[end] for end in ends[-last:]]


@dataclass
class Records:
    """Of one kind: identity -> record, in the order of reading."""

    by_identity: dict[str, Entry] = field(default_factory=dict)
    size_bytes: int = 0

    def put(self, entry: Entry) -> bool:
        """Keep it; False where it was known."""
        if entry.identity in self.by_identity:
            return False
        self.by_identity[entry.identity] = entry
        self.size_bytes += entry.size_bytes
        return True

    def __len__(self) -> int:
        return len(self.by_identity)

    def drop_oldest(self, count: int) -> int:
        """Forget the oldest records, never the newest; how many bytes less."""
        before = self.size_bytes
        for entry in self.in_order()[: min(count, len(self) - 1)]:
            self.size_bytes -= self.by_identity.pop(entry.identity).size_bytes
        return before - self.size_bytes

    def in_order(self) -> list[Entry]:
        """Oldest first."""
        return sorted(self.by_identity.values(), key=lambda one: one.at_ms)


@dataclass
class ModelHistory:
    """Of one version of a model."""

    model: str
    version: str
    windows: dict[Series, Windows] = field(default_factory=dict)
    others: dict[Kind, Records] = field(default_factory=dict)

    def put(self, entry: Entry) -> tuple[bool, int]:
        """Keep it; whether it was new, and by how much the bytes changed."""
        if entry.series is None:
            records = self.others.setdefault(entry.kind, Records())
            size_bytes = records.size_bytes
            known = not records.put(entry)
            if len(records) > MAX_RECORDS_KEPT:
                records.drop_oldest(len(records) - MAX_RECORDS_KEPT)
            return not known, records.size_bytes - size_bytes
        series = self.windows.get(entry.series)
        if series is None:
            if len(self.windows) >= MAX_SERIES_KEPT:
                return False, 0
            series = self.windows[entry.series] = Windows()
        before = series.size_bytes
        new = series.put(entry)
        if len(series) > MAX_WINDOWS_KEPT:
            series.drop_oldest(len(series) - MAX_WINDOWS_KEPT)
        return new, series.size_bytes - before

    def size_bytes(self) -> int:
        """Of all that is kept."""
        return sum(one.size_bytes for one in self.parts())

    def parts(self) -> Iterator[Windows | Records]:
        """What of it holds bytes."""
        yield from self.windows.values()
        yield from self.others.values()

    def of_kind(self, kind: Kind) -> list[Entry]:
        """Records of a kind, oldest first."""
        records = self.others.get(kind)
        return [] if records is None else records.in_order()


class History:
    """Of all models; ``changed`` since a number that grows with every new record."""

    def __init__(self, max_bytes: int = MAX_HISTORY_BYTES) -> None:
        self._max_bytes = max_bytes
        self.models: dict[ModelKey, ModelHistory] = {}
        """In the order in which they were heard of last."""
        self.results: dict[str, Entry] = {}
        """Trigger id -> the last answer of the retraining job."""
        self.size_bytes = 0
        self.records = 0
        self.forgotten = 0
        """Windows and models that had to go for a bound."""

    def add(self, entries: Iterable[Entry]) -> set[ModelKey]:
        """Keep records; the versions of which something new is known."""
        changed: set[ModelKey] = set()
        for entry in entries:
            self.records += 1
            if entry.kind == "result":
                self._answer(entry)
                continue
            key = (entry.model, entry.version)
            kept = self.models.pop(key, None) or ModelHistory(*key)
            self.models[key] = kept
            new, size_bytes = kept.put(entry)
            self.size_bytes += size_bytes
            if new:
                changed.add(key)
        self._bound()
        return changed & self.models.keys()

    def _answer(self, entry: Entry) -> None:
        trigger_id = entry.tree().get("trigger_id")
        if isinstance(trigger_id, str) and len(entry.body) <= MAX_RESULT_BYTES:
            self.results.pop(trigger_id, None)
            self.results[trigger_id] = entry
            if len(self.results) > MAX_RESULTS_KEPT:
                self.results.pop(next(iter(self.results)))

    def _bound(self) -> None:
        while len(self.models) > MAX_MODELS_KEPT:
            self._forget(next(iter(self.models)))
        if self.size_bytes > self._max_bytes:
            self._make_room(self._max_bytes - self._max_bytes // ROOM_SHARE)

    def _make_room(self, wanted_bytes: int) -> None:
        """Drop of the largest parts until no more than this is kept, then whole versions."""
        parts = [one for model in self.models.values() for one in model.parts() if len(one) > 1]
        largest = [(-one.size_bytes, place) for place, one in enumerate(parts)]
        heapify(largest)
        while self.size_bytes > wanted_bytes and largest and largest[0][0]:
            place = largest[0][1]
            part = parts[place]
            count = max(1, len(part) // DROPPED_AT_ONCE)
            self.size_bytes -= part.drop_oldest(count)
            self.forgotten += count
            # One that has nothing left to drop goes to the end.
            heapreplace(largest, (-part.size_bytes if len(part) > 1 else 0, place))
        while self.size_bytes > wanted_bytes and self.models:
            self._forget(next(iter(self.models)))

    def _forget(self, key: ModelKey) -> None:
        self.size_bytes -= self.models.pop(key).size_bytes()
        self.forgotten += 1
