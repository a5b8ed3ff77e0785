"""The kernels that write counts as bytes and read them back.

Theory.  Counts of a pane are mostly zero where a model is wide or a pane short, and small where
they are not.  So they are written as runs: how many zeros are passed over, how many cells follow
that are not zero, and those cells, every number as a base-128 varint (seven bits a byte, lowest
first, the high bit on all but the last), signed ones by zigzag (0, -1, 1, -2 ... as 0, 1, 2, 3).
What follows the last run is zero.  A pane of a thousand features takes tens of microseconds; a
general compressor took milliseconds for no fewer bytes.

There is one way to write an array: runs are not empty and do not touch, varints are as short as
they can be, and no cell of a run is zero.  Reading refuses every other.

All arithmetic is on int64 with masks: mixing signs makes numba fall back to floats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from detectors.jit import kernel

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from detectors.contract import IntArray

    ByteArray = npt.NDArray[np.uint8]

BITS = 7
LOW = 0x7F
MORE = 0x80
LOGICAL = (1 << 57) - 1
"""What is left of an int64 after a logical shift by seven."""
LAST_SHIFT = 63
POSITIVE = (1 << 63) - 1
BYTES_A_CELL = 11
"""Most that a cell takes: ten of a varint, and a share of its run's."""
BYTES_BESIDES = 32
DAMAGED = -1
GAP, RUN, CELL = 0, 1, 2
"""What the next number is."""


@kernel
def pack_cells(cells: IntArray, out: ByteArray) -> int:
    """Write cells, shape (n,), to ``out``, shape (n * BYTES_A_CELL + BYTES_BESIDES,); returns how
    many bytes were written."""
    at, cell, size = 0, 0, cells.size
    while cell < size:
        start = cell
        while cell < size and cells[cell] == 0:
            cell += 1
        if cell == size:
            break
        first = cell
        while cell < size and cells[cell] != 0:
            cell += 1
        for length in (first - start, cell - first):
            left = length
            while left > LOW:
                out[at] = (left & LOW) | MORE
                left >>= BITS
                at += 1
            out[at] = left
            at += 1
        for i in range(first, cell):
            left = (cells[i] << 1) ^ (cells[i] >> LAST_SHIFT)
            while left < 0 or left > LOW:
                out[at] = (left & LOW) | MORE
                left = (left >> BITS) & LOGICAL
                at += 1
            out[at] = left
            at += 1
    return at


@kernel
def unpack_cells(data: ByteArray, cells: IntArray) -> int:
    """Read ``data``, shape (bytes,), into zeros, shape (n,); DAMAGED when it is not what
    :func:`pack_cells` writes for so many cells, else 0."""
    at, cell, size = 0, 0, cells.size
    run, expects = 0, GAP
    while at < data.size:
        value = shift = 0
        byte = MORE
        while byte >= MORE:
            if at == data.size:
                return DAMAGED
            byte = data[at]
            at += 1
            if shift == LAST_SHIFT and byte > 1:
                return DAMAGED
            value |= (byte & LOW) << shift
            shift += BITS
        padded = byte == 0 and shift > BITS
        if expects == GAP:
            sound = 0 <= value < size - cell and (value > 0 or cell == 0)
            cell, expects = cell + value, RUN
        elif expects == RUN:
            sound = 0 < value <= size - cell
            run, expects = value, CELL
        else:
            sound = value != 0
            cells[cell] = ((value >> 1) & POSITIVE) ^ -(value & 1)
            cell, run = cell + 1, run - 1
            expects = CELL if run else GAP
        if padded or not sound:
            return DAMAGED
    return 0 if expects == GAP else DAMAGED
