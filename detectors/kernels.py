"""Counting a batch of columns into panes, and Kafka's partition of a key: the hot leaves.

Rule.  Column-major in, integers out; a row whose slot is negative is skipped; nothing is checked
here, so the caller guarantees the shapes and that every slot and code is inside ``counts``.

Theory.  The cell of a value is the number of edges at or below it.  A block of rows is searched in
lockstep, one halving for all of them before the next; no step branches on data, so nothing is
mispredicted and the compiler works on several rows at once.  For 61 edges that was measured at
half the time of comparing with every edge and an eighth of a search value by value.

Cells.  A feature is one run of int64 cells, so that a pane is one row of one array and merging is
adding.  First the value cells, then, at fixed further positions, the standing ones.  Sums are fixed
point, ``q = rint((value - center) / step)``, because integers add up to the same bits in any order.

* numeric with E edges: E + 1 value cells (below, E - 1 inner, above), then ``NUMERIC_EXTRA``;
* categorical with C categories: C + 2 value cells (categories, other, unseen), then
  ``CATEGORICAL_EXTRA``, of which only the first two names below exist.

These constants stand in this file and nowhere else: compiled kernels are cached by the file that
they are in, and would not notice a constant that changed in another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from detectors.jit import kernel

if TYPE_CHECKING:
    import numpy.typing as npt

    from detectors.contract import FloatArray, IntArray

    Int32Array = npt.NDArray[np.int32]
    UnsignedArray = npt.NDArray[np.uint64]
    ByteArray = npt.NDArray[np.uint8]

MISSING: Final = 0
"""Offset after the value cells: values that are null (NaN in a numeric column)."""
INVALID: Final = 1
"""Values of a wrong type, or infinite."""
OUT_OF_RANGE: Final = 2
"""Finite values outside the range that the spec states; they are in a value cell as well."""
SUM: Final = 3
"""Sum of q over the finite values."""
SQUARES_LOW: Final = 4
"""Sum of the squares of q, their lower SQUARES_BITS bits."""
SQUARES_HIGH: Final = 5
"""Sum of the squares of q, what lies above those bits."""
BELOW_SUM: Final = 6
"""Sum of q over the lowest cell."""
ABOVE_SUM: Final = 7
"""Sum of q over the highest cell."""

NUMERIC_EXTRA: Final = 8
CATEGORICAL_EXTRA: Final = 2

SQUARES_BITS: Final = 31
FIXED_POINT_CLIP: Final = 2**31
"""|q| at most: 2**32 values still fit an int64, in each of the two halves of their squares, too."""


BLOCK_ROWS = 256
"""Rows whose cells are searched in lockstep; their positions stay in the first-level cache."""

FIXED_POINT_LIMIT = float(FIXED_POINT_CLIP)
SQUARES_MASK = 2**SQUARES_BITS - 1

WORD = 0xFFFFFFFF
MURMUR2_SEED = 0x9747B28C
MURMUR2_MULTIPLIER = 0x5BD1E995


def numeric_cells(edges: int) -> int:
    """How many cells a numeric feature with ``edges`` edges takes."""
    return edges + 1 + NUMERIC_EXTRA


def categorical_cells(categories: int) -> int:
    """How many cells a categorical feature with ``categories`` categories takes."""
    return categories + 2 + CATEGORICAL_EXTRA


@kernel
def find_cells(values: FloatArray, edges: FloatArray, cells: UnsignedArray) -> None:
    """Write how many of ``edges`` (increasing, one at least) are at or below each value."""
    one = np.uint64(1)
    for row in range(values.shape[0]):
        cells[row] = 0
    left = np.uint64(edges.shape[0])
    while left > one:
        half = left >> one
        for row in range(values.shape[0]):
            cells[row] += half * np.uint64(edges[cells[row] + half - one] <= values[row])
        left -= half
    for row in range(values.shape[0]):
        cells[row] += np.uint64(edges[cells[row]] <= values[row])


@kernel
def fixed_point(value: float, center: float, step: float) -> int:
    """``rint((value - center) / step)`` clipped to +-FIXED_POINT_CLIP; ``value`` is finite."""
    scaled = (value - center) / step
    return int(np.rint(min(max(scaled, -FIXED_POINT_LIMIT), FIXED_POINT_LIMIT)))


@kernel
def tally_numeric(
    columns: FloatArray,
    slots: Int32Array,
    edges: FloatArray,
    edge_starts: IntArray,
    cell_starts: IntArray,
    counts: IntArray,
    centers: FloatArray,
    steps: FloatArray,
    low: FloatArray,
    high: FloatArray,
) -> None:
    """Add a batch of numeric columns to ``counts``, in place.

    Args:
        columns: values, shape (features, rows); NaN is missing, infinite is invalid.
        slots: row of ``counts`` that each row goes to, shape (rows,); negative skips it.
        edges: the edges of all features one after the other, each feature's increasing.
        edge_starts: where each feature's edges start, and the end, shape (features + 1,); every
            feature has one edge at least.
        cell_starts: first cell of each feature in a row of ``counts``, shape (features,).
        counts: shape (slots, cells); a feature's cells are laid out as in detectors.kernels.
        centers: fixed point, shape (features,).
        steps: fixed point, > 0, shape (features,).
        low: smallest value in range, -inf where there is none, shape (features,).
        high: largest value in range, +inf where there is none, shape (features,).

    """
    cells = np.empty(BLOCK_ROWS, np.uint64)
    for feature in range(columns.shape[0]):
        own_edges = edges[edge_starts[feature] : edge_starts[feature + 1]]
        first = cell_starts[feature]
        for start in range(0, columns.shape[1], BLOCK_ROWS):
            values = columns[feature, start : start + BLOCK_ROWS]
            find_cells(values, own_edges, cells)
            add_block(
                values,
                slots[start : start + BLOCK_ROWS],
                cells,
                own_edges.shape[0],
                counts[:, first : first + own_edges.shape[0] + 1 + NUMERIC_EXTRA],
                centers[feature],
                steps[feature],
                low[feature],
                high[feature],
            )


@kernel
def add_block(
    values: FloatArray,
    slots: Int32Array,
    cells: UnsignedArray,
    last: int,
    counts: IntArray,
    center: float,
    step: float,
    smallest: float,
    largest: float,
) -> None:
    """Add one block of one feature, whose cells are found, to the feature's part of ``counts``.

    Rows that follow each other mostly go to the same slot, so its sums stay in registers until
    the slot changes.
    """
    extra = np.uint64(last + 1)
    below, above = np.uint64(0), np.uint64(last)
    current = np.int32(-1)
    total = low = high = outside = 0
    for row in range(values.shape[0]):
        if slots[row] != current:
            if current >= 0:
                counts[current, last + 1 + SUM] += total
                counts[current, last + 1 + SQUARES_LOW] += low
                counts[current, last + 1 + SQUARES_HIGH] += high
                counts[current, last + 1 + OUT_OF_RANGE] += outside
            total = low = high = outside = 0
            current = slots[row]
        if current < 0:
            continue
        slot = np.uint64(current)
        value = values[row]
        if not np.isfinite(value):
            counts[slot, extra + np.uint64(MISSING if np.isnan(value) else INVALID)] += 1
            continue
        cell = cells[row]
        counts[slot, cell] += 1
        scaled = fixed_point(value, center, step)
        square = scaled * scaled
        total += scaled
        low += square & SQUARES_MASK
        high += square >> SQUARES_BITS
        outside += (value < smallest) | (value > largest)
        if cell == below:
            counts[slot, extra + np.uint64(BELOW_SUM)] += scaled
        if cell == above:
            counts[slot, extra + np.uint64(ABOVE_SUM)] += scaled
    if current >= 0:
        counts[current, last + 1 + SUM] += total
        counts[current, last + 1 + SQUARES_LOW] += low
        counts[current, last + 1 + SQUARES_HIGH] += high
        counts[current, last + 1 + OUT_OF_RANGE] += outside


@kernel
def tally_codes(
    codes: Int32Array, slots: Int32Array, cell_starts: IntArray, counts: IntArray
) -> None:
    """Add a batch of categorical columns to ``counts``, in place.

    Args:
        codes: cell within the feature, shape (features, rows): the category's index, or the
            position of other, unseen, missing or invalid; negative counts nowhere.
        slots: row of ``counts`` that each row goes to, shape (rows,); negative skips it.
        cell_starts: first cell of each feature in a row of ``counts``, shape (features,).
        counts: shape (slots, cells).

    """
    for feature in range(codes.shape[0]):
        first = cell_starts[feature]
        for row in range(codes.shape[1]):
            code = codes[feature, row]
            if slots[row] >= 0 and code >= 0:
                counts[slots[row], first + code] += 1


@kernel
def murmur2(data: ByteArray, start: int, stop: int) -> np.int64:
    """Kafka's murmur2 (seed 0x9747b28c) of ``data[start:stop]``, as an unsigned 32-bit number."""
    length = stop - start
    state = np.int64((MURMUR2_SEED ^ length) & WORD)
    for at in range(start, start + (length & ~3), 4):
        word = (
            np.int64(data[at])
            | np.int64(data[at + 1]) << 8
            | np.int64(data[at + 2]) << 16
            | np.int64(data[at + 3]) << 24
        )
        word = (word * MURMUR2_MULTIPLIER) & WORD
        word = ((word ^ (word >> 24)) * MURMUR2_MULTIPLIER) & WORD
        state = ((state * MURMUR2_MULTIPLIER) & WORD) ^ word
    rest = length & 3
    tail = start + (length & ~3)
    for place in range(rest):
        state ^= np.int64(data[tail + place]) << (8 * place)
    if rest:
        state = (state * MURMUR2_MULTIPLIER) & WORD
    state = ((state ^ (state >> 13)) * MURMUR2_MULTIPLIER) & WORD
    return state ^ (state >> 15)


@kernel
def murmur2_partitions(data: ByteArray, ends: IntArray, partitions: int) -> Int32Array:
    """The partition that Kafka's Java client gives each key.

    Args:
        data: all keys one after the other, shape (bytes,).
        ends: where each key ends, shape (keys,); a key starts where the one before it ends.
        partitions: how many partitions the topic has, > 0.

    Returns:
        ``(murmur2(key) & 0x7fffffff) % partitions``, shape (keys,).

    """
    found = np.empty(ends.shape[0], np.int32)
    start = 0
    for key in range(ends.shape[0]):
        found[key] = (murmur2(data, start, ends[key]) & 0x7FFFFFFF) % partitions
        start = ends[key]
    return found
