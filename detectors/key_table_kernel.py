"""Rows found by key, and rows that are due: the leaves under a table in columns.

Theory.  ``index`` is open addressing with linear probing: its size is a power of two and at least
twice that of the table, and a cell is 1 + the row, 0 for none.  Keys are digests, so their lowest
bits say where to look first.  Taking a row out moves back those behind it that it had pushed on, so
nothing is left that later look-ups would have to step over.

When a row is due stands in one column, and the earliest of DUE_ROWS rows beside it: only blocks of
rows in which something may be due are looked at.  Rows that come together are next to each other
and leave together.  What stands beside may be too early after rows went; looking sets it right.

Nothing is checked here: rows are inside the table, and whoever places a key knows that it is not
there yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from detectors.jit import kernel

if TYPE_CHECKING:
    import numpy.typing as npt

    from detectors.contract import IntArray

    BoolArray = npt.NDArray[np.bool_]
    Int32Array = npt.NDArray[np.int32]
    UnsignedArray = npt.NDArray[np.uint64]

DUE_ROWS = 256
"""Rows of one block."""
NEVER = 1 << 62
"""No time at which a row is due."""


@kernel
def find_rows(
    wanted: UnsignedArray, keys: UnsignedArray, index: Int32Array, rows: IntArray
) -> None:
    """Row of each of the ``wanted`` keys, -1 where there is none.

    Args:
        wanted: shape (n, 2).
        keys: of the table, shape (capacity, 2).
        index: shape (size,).
        rows: written to, shape (n,).

    """
    last = np.uint64(index.shape[0] - 1)
    for i in range(wanted.shape[0]):
        first, second = wanted[i, 0], wanted[i, 1]
        place = first & last
        found = index[place]
        while found != 0 and (keys[found - 1, 0] != first or keys[found - 1, 1] != second):
            place = (place + np.uint64(1)) & last
            found = index[place]
        rows[i] = found - 1


@kernel
def mark_repeated(wanted: UnsignedArray, index: Int32Array, repeated: BoolArray) -> None:
    """Mark every key, shape (n, 2), that is there more than once; ``index`` is all zeros and of at
    least 2 n cells, ``repeated`` all false, shape (n,)."""
    last = np.uint64(index.shape[0] - 1)
    for i in range(wanted.shape[0]):
        first, second = wanted[i, 0], wanted[i, 1]
        place = first & last
        found = index[place]
        while found != 0 and (wanted[found - 1, 0] != first or wanted[found - 1, 1] != second):
            place = (place + np.uint64(1)) & last
            found = index[place]
        if found != 0:
            repeated[i] = True
            repeated[found - 1] = True
        else:
            index[place] = i + 1


@kernel
def place_rows(rows: IntArray, keys: UnsignedArray, index: Int32Array) -> None:
    """Put rows, shape (n,), whose keys are not there yet into the index."""
    last = np.uint64(index.shape[0] - 1)
    for i in range(rows.shape[0]):
        place = keys[rows[i], 0] & last
        while index[place] != 0:
            place = (place + np.uint64(1)) & last
        index[place] = rows[i] + 1


@kernel
def take_out_rows(rows: IntArray, keys: UnsignedArray, index: Int32Array) -> None:
    """Take rows, shape (n,), that are there out of the index."""
    last = np.uint64(index.shape[0] - 1)
    one = np.uint64(1)
    for i in range(rows.shape[0]):
        hole = keys[rows[i], 0] & last
        while index[hole] != rows[i] + 1:
            hole = (hole + one) & last
        place = (hole + one) & last
        while index[place] != 0:
            home = keys[index[place] - 1, 0] & last
            if ((place - home) & last) >= ((place - hole) & last):
                index[hole] = index[place]
                hole = place
            place = (place + one) & last
        index[hole] = 0


@kernel
def note_due(rows: IntArray, at_ms: IntArray, due_ms: IntArray, earliest_ms: IntArray) -> None:
    """Note when rows are due.

    Args:
        rows: shape (n,).
        at_ms: shape (n,).
        due_ms: written to, shape (capacity,).
        earliest_ms: of DUE_ROWS rows each, written to, shape (blocks,).

    """
    for i in range(rows.shape[0]):
        row = rows[i]
        due_ms[row] = at_ms[i]
        earliest_ms[row // DUE_ROWS] = min(earliest_ms[row // DUE_ROWS], at_ms[i])


@kernel
def take_due(to_ms: int, due_ms: IntArray, earliest_ms: IntArray, rows: IntArray) -> int:
    """Write the rows that are due up to ``to_ms`` to ``rows``, shape (capacity,), and note that
    they are due no more; returns how many they are."""
    count = 0
    for block in range(earliest_ms.shape[0]):
        if earliest_ms[block] > to_ms:
            continue
        earliest = NEVER
        first = block * DUE_ROWS
        for row in range(first, min(first + DUE_ROWS, due_ms.shape[0])):
            at_ms = due_ms[row]
            if at_ms <= to_ms:
                due_ms[row] = NEVER
                rows[count] = row
                count += 1
            elif at_ms < earliest:
                earliest = at_ms
        earliest_ms[block] = earliest
    return count
