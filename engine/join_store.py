"""Where the join keeps its entries: bytes by key, read and written a batch at a time.

Rule.  A store knows nothing of predictions and labels.  What a batch changed is written at once,
with the offsets that it brings the join to.  Which key an event_id has is the store's to say, and
so is when an entry was to be looked at again: both must not take memory where the entries do not.
:class:`MemoryStore` keeps everything in memory and hands it to the snapshot in blocks of entries of
about the same age, of which most do not change between two snapshots;
:class:`engine.pending_store.PendingStore` keeps what is on a disk and hands over only what is not
there yet.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from typing import Final, Literal, Protocol, TypeVar

import msgspec

from engine.pending_rows import key_of
from engine.pieces import Packed, PieceReader, PieceWriter
from engine.snapshot import SnapshotError
from engine.spec import Topic

Clock = Literal["predictions", "labels"]
CLOCKS: Final[tuple[Clock, ...]] = ("labels", "predictions")
Kept = tuple[int, bytes]
"""(event time of the oldest thing in the entry, the entry's bytes)."""
GROUPS_PER_TTL: Final = 64
"""Blocks that the entries of one ``ttl`` are saved in."""
_ROWS: Final = msgspec.msgpack.Decoder(list[tuple[str, int, bytes]])
_R = TypeVar("_R")


class JoinStore(Protocol):
    """The entries of one model in one source partition."""

    offsets: dict[Topic, int]
    """Next offset per topic that the entries cover."""

    expected: int
    """Entries that there were when the state that was restored was saved."""

    @property
    def kind(self) -> str:
        """How its saved blocks are to be read."""

    def keyed(self, records: Sequence[tuple[str, _R]]) -> Sequence[tuple[str, _R]]:
        """The same records under the keys of their event_ids."""

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """The entries of these keys, None where there is none."""

    def write(
        self, puts: Mapping[str, Kept], deletes: Collection[str], offsets: Mapping[Topic, int]
    ) -> None:
        """Change entries, all at once with the next offsets that the state then covers."""

    def schedule(self, clock: Clock, at_ms: int, key: str) -> None:
        """An entry is to be looked at when this watermark reaches ``at_ms``; said in the batch in
        which it is written or was looked at, and instead of what was said of it before."""

    def due(self, clock: Clock, to_ms: int) -> set[str]:
        """Keys to be looked at now, each once; some of those that are due, none when none is.  An
        entry may have gone or changed since."""

    def unscheduled(self) -> Iterator[tuple[str, bytes]]:
        """Entries of which nothing says when they are to be looked at."""

    def oldest(self, count: int) -> list[str]:
        """The keys of the ``count`` entries that leave first when there are too many."""

    def __len__(self) -> int:
        """How many entries there are."""

    def items(self) -> Iterator[tuple[str, bytes]]:
        """Every entry, in no order that matters."""

    def save(self, pieces: PieceWriter) -> dict[int, bytes]:
        """What of the entries stands in a state; equal entries give equal blocks."""

    def restore(self, stored: Mapping[int, bytes], pieces: PieceReader) -> None:
        """Put saved blocks back into an empty store; SnapshotError when they are none."""


class Keeping(Protocol):
    """Where the joins of one source partition keep their entries."""

    holds: bytes
    """Which state the entries outside the snapshot are those of; empty without such."""

    def store(self, key: str, layout: str, ttl_ms: int) -> JoinStore:
        """An empty store for ``model@version`` with this layout."""


class InMemory:
    """A :class:`Keeping` without anything outside the snapshot."""

    def __init__(self) -> None:
        self.holds = b""

    def store(self, key: str, layout: str, ttl_ms: int) -> JoinStore:
        """An empty store."""
        del key, layout
        return MemoryStore(ttl_ms)


class MemoryStore:
    """A :class:`JoinStore` in memory."""

    kind = "memory"

    def __init__(self, ttl_ms: int) -> None:
        self._due: dict[Clock, list[tuple[int, str]]] = {clock: [] for clock in CLOCKS}
        self._group_ms = max(1, ttl_ms // GROUPS_PER_TTL)
        self._groups: dict[int, dict[str, Kept]] = {}
        self._place: dict[str, int] = {}
        self._saved: dict[int, Packed] = {}
        self.expected = 0
        self.offsets: dict[Topic, int] = {}

    def __len__(self) -> int:
        return len(self._place)

    def keyed(self, records: Sequence[tuple[str, _R]]) -> Sequence[tuple[str, _R]]:
        """The same records under digests of their event_ids: no id stands in a snapshot."""
        return [(key_of(event_id), record) for event_id, record in records]

    def schedule(self, clock: Clock, at_ms: int, key: str) -> None:
        """An entry is to be looked at when this watermark reaches ``at_ms``."""
        heappush(self._due[clock], (at_ms, key))

    def due(self, clock: Clock, to_ms: int) -> set[str]:
        """Keys to be looked at now, all of them."""
        heap, keys = self._due[clock], set()
        while heap and heap[0][0] <= to_ms:
            keys.add(heappop(heap)[1])
        return keys

    def unscheduled(self) -> Iterator[tuple[str, bytes]]:
        """Every entry: what is saved says nothing of it."""
        return self.items()

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """The entries of these event_ids, None where there is none."""
        place, groups = self._place, self._groups
        found: list[bytes | None] = []
        for key in keys:
            group = place.get(key)
            found.append(None if group is None else groups[group][key][1])
        return found

    def write(
        self, puts: Mapping[str, Kept], deletes: Collection[str], offsets: Mapping[Topic, int]
    ) -> None:
        """Change entries, all at once with the next offsets that the state then covers."""
        for key in deletes:
            self._drop(key)
        for key, kept in puts.items():
            group = kept[0] // self._group_ms
            if self._place.get(key, group) != group:
                self._drop(key)
            self._place[key] = group
            self._groups.setdefault(group, {})[key] = kept
            self._saved.pop(group, None)
        self.offsets.update(offsets)

    def _drop(self, key: str) -> None:
        group = self._place.pop(key, None)
        if group is None:
            return
        entries = self._groups[group]
        del entries[key]
        self._saved.pop(group, None)
        if not entries:
            del self._groups[group]

    def items(self) -> Iterator[tuple[str, bytes]]:
        """Every entry, in no order that matters."""
        for entries in self._groups.values():
            yield from ((key, content) for key, (_, content) in entries.items())

    def oldest(self, count: int) -> list[str]:
        """The event_ids of the ``count`` oldest entries, by (time, event_id)."""
        found: list[tuple[int, str]] = []
        for group in sorted(self._groups):
            if len(found) >= count:
                break
            found += sorted((kept[0], key) for key, kept in self._groups[group].items())
        return [key for _, key in found[:count]]

    def save(self, pieces: PieceWriter) -> dict[int, bytes]:
        """The blocks of entries as they stand in a state; equal entries give equal blocks."""
        stored = {}
        for group, entries in sorted(self._groups.items()):
            packed = self._saved.get(group)
            if packed is None:
                rows = [(key, *kept) for key, kept in sorted(entries.items())]
                packed = self._saved[group] = Packed(msgspec.msgpack.encode(rows))
            stored[group] = pieces.put(packed)
        return stored

    def restore(self, stored: Mapping[int, bytes], pieces: PieceReader) -> None:
        """Put saved blocks back into an empty store; SnapshotError when they are none."""
        for group, block in stored.items():
            packed = pieces.get(block)
            try:
                rows = _ROWS.decode(packed.content)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                raise SnapshotError(f"not the entries of a join: {error}") from error
            for key, anchor_ms, content in rows:
                if anchor_ms // self._group_ms != group or key in self._place:
                    raise SnapshotError("an entry of a join in the wrong block")
                self._place[key] = group
                self._groups.setdefault(group, {})[key] = (anchor_ms, content)
            self._saved[group] = packed
