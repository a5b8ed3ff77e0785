"""What waits in memory for labels, as a table of columns: one row an event_id.

Rule.  A row is one of four things: a prediction that waits, a first label that waits for its
prediction, the two together, or OTHER, an entry of any other kind, which is kept as it is.  The
first three are nearly all; what they mean is said by :mod:`engine.join_simple`.  Rows are found by
key and by when they are due (:mod:`detectors.key_table_kernel`); which row an event has depends on
how the logs were cut, so nothing that comes out may depend on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from detectors.key_table_kernel import (
    DUE_ROWS,
    NEVER,
    find_rows,
    mark_repeated,
    note_due,
    place_rows,
    take_due,
    take_out_rows,
)
from engine.event_keys import WORDS_OF_KEY, Keys
from engine.join_batches import Floats, Integers, LabelColumns, Mask, PredictionColumns
from engine.join_entry import Entry, anchor_ms

FREE: Final = 0
MADE: Final = 1
"""A prediction that waits for its label."""
KNOWN: Final = 2
"""A label that waits for its prediction."""
MATCHED: Final = MADE | KNOWN
OTHER: Final = 4
LABELS: Final = 0
PREDICTIONS: Final = 1
"""Clocks by their place in :data:`engine.join_store.CLOCKS`."""
FIRST_ROWS: Final = 256
SPARE: Final = 16
"""Times as much room as rows are there is too much."""
SEGMENT_CODES: Final = 256
"""Numbers of a segment's values that a row can have."""


class WaitingRows:
    """The table of one model in one source partition."""

    def __init__(self, group_ms: int) -> None:
        """``group_ms`` is how much event time is saved together."""
        self.group_ms = group_ms
        self.touched: set[int] = set()
        """Groups in which something changed; whoever saves them empties this."""
        self.others: dict[int, Entry] = {}
        """Row -> entry."""
        self.segments: int | None = None
        """How many a prediction has; None while none was seen."""
        self._live = 0
        self._free = np.empty(0, dtype=np.int64)
        self._free_count = 0
        self.states: npt.NDArray[np.uint8] = np.zeros(0, dtype=np.uint8)
        self.anchors_ms: Integers = np.zeros(0, dtype=np.int64)
        """Event time of the oldest thing in a row."""
        self.keys: Keys = np.zeros((0, WORDS_OF_KEY), dtype=np.uint64)
        self._made = PredictionColumns.of([], 0)
        self._codes: npt.NDArray[np.uint8] = np.zeros((0, 0), dtype=np.uint8)
        self._known = LabelColumns.none(0)
        self._due_ms: Integers = np.zeros((2, 0), dtype=np.int64)
        self._earliest_ms: Integers = np.zeros((2, 0), dtype=np.int64)
        self._index = np.zeros(2, dtype=np.int32)
        self._grow(FIRST_ROWS)

    def __len__(self) -> int:
        return self._live

    def live(self) -> Integers:
        """All rows that are there."""
        return np.flatnonzero(self.states)

    # -- finding ------------------------------------------------------------------------------

    def find(self, keys: Keys) -> Integers:
        """The row of each key, shape (n,); -1 where there is none."""
        rows = np.empty(len(keys), dtype=np.int64)
        find_rows(keys, self.keys, self._index, rows)
        return rows

    def states_of(self, rows: Integers) -> npt.NDArray[np.uint8]:
        """What rows are; FREE for -1."""
        return np.where(rows >= 0, self.states[rows], FREE)

    def made(self, rows: Integers) -> PredictionColumns:
        """The predictions of rows that have one."""
        codes = self._codes[:, rows].astype(np.int64)
        return self._made.at(rows)._replace(segments=codes)

    def made_ms(self, rows: Integers) -> Integers:
        """When the predictions of rows were made; anything where there is none."""
        return self._made.ts_ms[rows]

    def known(self, rows: Integers) -> LabelColumns:
        """The labels of rows that have one."""
        return self._known.at(rows)

    def known_labels(self, rows: Integers) -> Floats:
        """The labels themselves of rows that have one."""
        return self._known.labels[rows]

    def known_ms(self, rows: Integers) -> Integers:
        """The times of the labels of rows; anything where there is none."""
        return self._known.ts_ms[rows]

    def known_watermarks_ms(self, rows: Integers) -> Integers:
        """The labels' watermark when the label of each row was read; anything where none is."""
        return self._known.watermarks_ms[rows]

    def entries(self, rows: Integers) -> list[Entry]:
        """What stands in rows, in their order."""
        states = self.states[rows]
        made, known = np.flatnonzero(states & MADE), np.flatnonzero(states & KNOWN)
        predictions = dict(zip(made.tolist(), self.made(rows[made]).records(), strict=True))
        labels = dict(zip(known.tolist(), self.known(rows[known]).records(), strict=True))
        found = []
        for at, row in enumerate(rows.tolist()):
            entry = self.others.get(row)
            if entry is None:
                prediction, label = predictions.get(at), labels.get(at)
                entry = Entry(
                    () if prediction is None else (prediction,), () if label is None else (label,)
                )
            found.append(entry)
        return found

    def oldest(self, count: int) -> Integers:
        """The ``count`` oldest rows, by time, then key."""
        rows = self.live()
        if count < len(rows):
            anchors_ms = self.anchors_ms[rows]
            rows = rows[anchors_ms <= np.partition(anchors_ms, count - 1)[count - 1]]
        first, second = self.keys[rows].T
        return rows[np.lexsort((second, first, self.anchors_ms[rows]))][:count]

    # -- changing -----------------------------------------------------------------------------

    def add(self, keys: Keys) -> Integers:
        """New rows under keys that are not there; what they are must be put at once."""
        count = len(keys)
        while count > self._free_count:
            self._grow(2 * len(self.states))
        self._free_count -= count
        rows = self._free[self._free_count : self._free_count + count][::-1].copy()
        self.keys[rows] = keys
        place_rows(rows, self.keys, self._index)
        self._live += count
        return rows

    def put_made(self, rows: Integers, made: PredictionColumns) -> None:
        """Put a prediction into rows that are new or have a label."""
        if not len(rows):
            return
        if self.segments is None:
            self.segments = len(made.segments)
            self._codes = np.zeros((self.segments, len(self.states)), dtype=np.uint8)
        for column, values in zip(self._made[:-1], made[:-1], strict=True):
            column[rows] = values
        self._codes[:, rows] = made.segments
        self._anchor(rows, made.ts_ms, MADE)

    def put_known(self, rows: Integers, known: LabelColumns) -> None:
        """Put a label into rows that are new or have a prediction."""
        for column, values in zip(self._known, known, strict=True):
            column[rows] = values
        self._anchor(rows, known.ts_ms, KNOWN)

    def _anchor(self, rows: Integers, at_ms: Integers, what: int) -> None:
        had = self.states[rows] != FREE
        anchors_ms = at_ms
        if had.any():
            self._touch(rows[had])
            anchors_ms = np.where(had, np.minimum(at_ms, self.anchors_ms[rows]), at_ms)
        self.anchors_ms[rows] = anchors_ms
        self.states[rows] |= np.uint8(what)
        self._touch(rows)

    def put_others(self, rows: Integers, entries: Sequence[Entry]) -> None:
        """Put entries of any kind into rows, whatever they were."""
        self._touch(rows[self.states[rows] != FREE])
        self.states[rows] = OTHER
        self.anchors_ms[rows] = [anchor_ms(entry) for entry in entries]
        self.others.update(zip(rows.tolist(), entries, strict=True))
        self._touch(rows)

    def empty(self, rows: Integers) -> None:
        """Make rows as if they were new, under the same keys."""
        self._touch(rows[self.states[rows] != FREE])
        self._forget_others(rows)
        self.states[rows] = FREE
        self._due_ms[:, rows] = NEVER

    def remove(self, rows: Integers) -> None:
        """Let rows go, each once."""
        if not len(rows):
            return
        self.empty(rows)
        take_out_rows(rows, self.keys, self._index)
        self._free[self._free_count : self._free_count + len(rows)] = rows[::-1]
        self._free_count += len(rows)
        self._live -= len(rows)

    def _forget_others(self, rows: Integers) -> None:
        if self.others:
            for row in rows[self.states[rows] == OTHER].tolist():
                del self.others[row]

    def _touch(self, rows: Integers) -> None:
        groups = self.anchors_ms[rows] // self.group_ms
        if len(groups):
            low, high = int(groups.min()), int(groups.max())
            few = (low,) if low == high else np.unique(groups).tolist()
            self.touched.update(few)

    # -- time ---------------------------------------------------------------------------------

    def schedule(self, clock: int, rows: Integers, at_ms: Integers) -> None:
        """Rows are to be looked at when this watermark reaches ``at_ms``, and not before for what
        was said of this clock earlier."""
        note_due(rows, at_ms, self._due_ms[clock], self._earliest_ms[clock])

    def due(self, clock: int, to_ms: int) -> Integers:
        """Rows to be looked at now; they are due no more by this clock."""
        rows = np.empty(len(self.states), dtype=np.int64)
        count = take_due(to_ms, self._due_ms[clock], self._earliest_ms[clock], rows)
        return rows[:count].copy()

    # -- room ---------------------------------------------------------------------------------

    def fit(self) -> None:
        """Give room back that is hardly used any more; rows are others after it."""
        if len(self.states) > max(FIRST_ROWS, SPARE * self._live):
            capacity = FIRST_ROWS
            while capacity < 2 * self._live:
                capacity *= 2
            self._move(self.live(), capacity)

    def _grow(self, capacity: int) -> None:
        """Make room; rows stay what they are."""
        self._move(np.arange(len(self.states)), capacity)

    def _move(self, rows: Integers, capacity: int) -> None:
        """Make these rows the first of a table of ``capacity``."""
        known = np.array(sorted(self.others), dtype=np.int64)
        places = np.searchsorted(rows, known).tolist()
        self.others = {
            place: self.others[row] for place, row in zip(places, known.tolist(), strict=True)
        }

        def moved(column: npt.NDArray[Any], value: int = 0) -> npt.NDArray[Any]:
            found = np.full((*column.shape[:-1], capacity), value, dtype=column.dtype)
            found[..., : len(rows)] = column[..., rows]
            return found

        self.states, self.anchors_ms = moved(self.states), moved(self.anchors_ms)
        self.keys = np.ascontiguousarray(moved(self.keys.T).T)
        self._made = PredictionColumns(*map(moved, self._made))
        self._codes = moved(self._codes)
        self._known = LabelColumns(*map(moved, self._known))
        self._due_ms = moved(self._due_ms, NEVER)
        blocks = np.arange(0, capacity, DUE_ROWS)
        self._earliest_ms = np.minimum.reduceat(self._due_ms, blocks, axis=1)
        free = np.flatnonzero(self.states == FREE)[::-1]
        self._free, self._free_count = np.resize(free, capacity), len(free)
        self._index = np.zeros(2 * capacity, dtype=np.int32)
        place_rows(self.live(), self.keys, self._index)


def repeated_keys(keys: Keys) -> Mask:
    """Which keys are there more than once, shape (n,)."""
    repeated = np.zeros(len(keys), dtype=np.bool_)
    index = np.zeros(2 << max(1, (2 * len(keys)).bit_length()), dtype=np.int32)
    mark_repeated(keys, index, repeated)
    return repeated
