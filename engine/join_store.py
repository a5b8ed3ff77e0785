"""Where the join keeps its entries: by key, read and written a batch at a time.

Rule.  A store knows nothing of what predictions and labels mean.  What a batch changed is written
at once, with the offsets that it brings the join to.  When an entry was to be looked at again is
the store's to say, because that must not take memory where the entries do not.
:class:`MemoryStore` keeps everything in a table of columns and hands it to the snapshot in blocks
of entries of about the same age, of which most do not change between two snapshots;
:class:`engine.pending_store.PendingStore` keeps what is on a disk and hands over only what is not
there yet.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, Literal, Protocol

import numpy as np

from detectors.key_table_kernel import NEVER
from engine.entry_codec import encode_entry
from engine.event_keys import keys_from, texts_of
from engine.join_batches import LabelColumns, PredictionColumns
from engine.join_entry import Entry
from engine.pieces import Packed, PieceReader, PieceWriter
from engine.snapshot import SnapshotError
from engine.spec import Topic
from engine.waiting_blocks import decode_block, encode_block
from engine.waiting_rows import LABELS, PREDICTIONS, SEGMENT_CODES, WaitingRows

Clock = Literal["predictions", "labels"]
CLOCKS: Final[tuple[Clock, ...]] = ("labels", "predictions")
GROUPS_PER_TTL: Final = 64
"""Blocks that the entries of one ``ttl`` are saved in."""


class JoinStore(Protocol):
    """The entries of one model in one source partition; keys are texts of
    :mod:`engine.event_keys`."""

    offsets: dict[Topic, int]
    """Next offset per topic that the entries cover."""

    expected: int
    """Entries that there were when the state that was restored was saved."""

    @property
    def kind(self) -> str:
        """How its saved blocks are to be read."""

    @property
    def rows(self) -> WaitingRows | None:
        """The entries as columns; None of a store that has them otherwise."""

    def get_many(self, keys: Sequence[str]) -> list[Entry | None]:
        """The entries of these keys, None where there is none."""

    def write(
        self, puts: Mapping[str, Entry], deletes: Collection[str], offsets: Mapping[Topic, int]
    ) -> None:
        """Change entries, all at once with the next offsets that the state then covers."""

    def schedule(self, clock: Clock, at_ms: int, key: str) -> None:
        """An entry is to be looked at when this watermark reaches ``at_ms``; said in the batch in
        which it is written or was looked at, and instead of what was said of it before."""

    def due(self, clock: Clock, to_ms: int) -> set[str]:
        """Keys to be looked at now, each once; some of those that are due, none when none is.  An
        entry may have gone or changed since."""

    def unscheduled(self) -> Iterator[tuple[str, Entry]]:
        """Entries, none of the simple ones of :attr:`rows`, of which nothing says when they are to
        be looked at."""

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

    def forget(self, key: str, layout: str) -> None:
        """No later snapshot holds ``model@version`` with this layout: nobody needs its entries."""


class InMemory:
    """A :class:`Keeping` without anything outside the snapshot."""

    def __init__(self) -> None:
        self.holds = b""

    def store(self, key: str, layout: str, ttl_ms: int) -> JoinStore:
        """An empty store."""
        del key, layout
        return MemoryStore(ttl_ms)

    def forget(self, key: str, layout: str) -> None:
        """Nothing is kept here."""


class MemoryStore:
    """A :class:`JoinStore` in memory."""

    kind = "memory"

    def __init__(self, ttl_ms: int) -> None:
        self._ttl_ms = ttl_ms
        self._rows = WaitingRows(max(1, ttl_ms // GROUPS_PER_TTL))
        self._times: dict[str, list[int]] = {}
        """When to look at the keys of this batch again, by clock."""
        self._saved: dict[int, Packed] = {}
        self.expected = 0
        self.offsets: dict[Topic, int] = {}

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def rows(self) -> WaitingRows:
        """The entries as columns."""
        return self._rows

    def schedule(self, clock: Clock, at_ms: int, key: str) -> None:
        """An entry is to be looked at when this watermark reaches ``at_ms``."""
        times_ms = self._times.setdefault(key, [NEVER, NEVER])
        place = CLOCKS.index(clock)
        times_ms[place] = min(times_ms[place], at_ms)

    def unscheduled(self) -> Iterator[tuple[str, Entry]]:
        """Every entry that is no simple row: what is saved says nothing of it."""
        rows = np.array(sorted(self._rows.others), dtype=np.int64)
        others = self._rows.entries(rows)
        yield from zip(texts_of(self._rows.keys[rows]), others, strict=True)

    def get_many(self, keys: Sequence[str]) -> list[Entry | None]:
        """The entries of these keys, None where there is none."""
        rows = self._rows.find(keys_from(keys))
        found: list[Entry | None] = [None] * len(keys)
        there = np.flatnonzero(rows >= 0)
        for at, entry in zip(there.tolist(), self._rows.entries(rows[there]), strict=True):
            found[at] = entry
        return found

    def write(
        self, puts: Mapping[str, Entry], deletes: Collection[str], offsets: Mapping[Topic, int]
    ) -> None:
        """Change entries, all at once with the next offsets that the state then covers."""
        times, self._times = self._times, {}
        gone = set(deletes)
        if gone:
            rows = self._rows.find(keys_from(list(gone)))
            self._rows.remove(rows[rows >= 0])
        if puts:
            self._put(puts)
        kept = [key for key in times if key not in gone]
        if kept:
            rows = self._rows.find(keys_from(kept))
            at_ms = np.array(list(zip(*(times[key] for key in kept), strict=True)), dtype=np.int64)
            self._rows.schedule(LABELS, rows, at_ms[LABELS])
            self._rows.schedule(PREDICTIONS, rows, at_ms[PREDICTIONS])
        if not puts and not gone:
            self._rows.fit()
        self.offsets.update(offsets)

    def _put(self, puts: Mapping[str, Entry]) -> None:
        keys, entries = keys_from(list(puts)), list(puts.values())
        rows = self._rows.find(keys)
        self._rows.empty(rows[rows >= 0])
        rows[rows < 0] = self._rows.add(keys[rows < 0])
        simple = np.array([self._is_simple(entry) for entry in entries], dtype=np.bool_)
        made = [at for at in np.flatnonzero(simple).tolist() if entries[at].predictions]
        known = [at for at in np.flatnonzero(simple).tolist() if entries[at].labels]
        if made:
            records = [entries[at].predictions[0] for at in made]
            segments = len(records[0].segments)
            self._rows.put_made(rows[made], PredictionColumns.of(records, segments))
        if known:
            labels = LabelColumns.of([entries[at].labels[0] for at in known])
            self._rows.put_known(rows[known], labels)
        others = np.flatnonzero(~simple)
        self._rows.put_others(rows[others], [entries[at] for at in others.tolist()])

    def _is_simple(self, entry: Entry) -> bool:
        """Whether an entry is one of those that rows hold as columns: a function of the entry, so
        that equal entries are saved as equal bytes."""
        if len(entry.predictions) > 1 or len(entry.labels) > 1:
            return False
        if not entry.predictions:
            return True
        (made,) = entry.predictions
        if made.assumed or any(not 0 <= code < SEGMENT_CODES for code in made.segments):
            return False
        return not entry.labels or abs(entry.labels[0].ts_ms - made.ts_ms) <= self._ttl_ms

    def items(self) -> Iterator[tuple[str, bytes]]:
        """Every entry, in no order that matters."""
        rows = self._rows.live()
        entries = map(encode_entry, self._rows.entries(rows))
        yield from zip(texts_of(self._rows.keys[rows]), entries, strict=True)

    def oldest(self, count: int) -> list[str]:
        """The keys of the ``count`` oldest entries, by (time, key)."""
        return texts_of(self._rows.keys[self._rows.oldest(count)])

    def due(self, clock: Clock, to_ms: int) -> set[str]:
        """Keys to be looked at now, all of them."""
        return set(texts_of(self._rows.keys[self._rows.due(CLOCKS.index(clock), to_ms)]))

    def save(self, pieces: PieceWriter) -> dict[int, bytes]:
        """The blocks of entries as they stand in a state; equal entries give equal blocks."""
        rows = self._rows
        live = rows.live()
        groups = rows.anchors_ms[live] // rows.group_ms
        changed = np.isin(groups, np.array(sorted(rows.touched), dtype=np.int64))
        for group in rows.touched:
            self._saved.pop(group, None)
        live, groups = live[changed], groups[changed]
        order = np.argsort(groups, kind="stable")
        names, starts = np.unique(groups[order], return_index=True)
        ends = [*starts[1:].tolist(), len(order)]
        for group, start, end in zip(names.tolist(), starts.tolist(), ends, strict=False):
            self._saved[group] = Packed(encode_block(rows, live[order[start:end]]))
        rows.touched.clear()
        return {group: pieces.put(packed) for group, packed in sorted(self._saved.items())}

    def restore(self, stored: Mapping[int, bytes], pieces: PieceReader) -> None:
        """Put saved blocks back into an empty store; SnapshotError when they are none."""
        for group, block in stored.items():
            packed = pieces.get(block)
            rows = decode_block(self._rows, packed.content, self._ttl_ms)
            if np.any(self._rows.anchors_ms[rows] // self._rows.group_ms != group):
                raise SnapshotError("an entry of a join in the wrong block")
            self._saved[group] = packed
        self._rows.touched.clear()
