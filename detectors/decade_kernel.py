"""The kernel that counts the decimal exponents of a batch.

Theory.  A double between two powers of two holds one power of ten at most, so its decade is looked
up by its exponent bits and corrected by one comparison: no logarithm, no rounding at 10^k, and a
few nanoseconds a value (see :mod:`detectors.decades` for what the counts are for).

The constants stand in this file: compiled kernels are cached by the file that they are in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from detectors.jit import kernel

if TYPE_CHECKING:
    import numpy.typing as npt

    from detectors.contract import FloatArray, IntArray

    Int32Array = npt.NDArray[np.int32]

DECADES = 15
"""Cells of a column."""
EXPONENT_BITS = 0x7FF
MANTISSA_BITS = 52


@kernel
def tally_decades(
    columns: FloatArray,
    bits: IntArray,
    slots: Int32Array,
    decade_of: IntArray,
    following: FloatArray,
    lowest: IntArray,
    start: int,
    counts: IntArray,
) -> None:
    """Add the decades of a batch of numeric columns to ``counts``, in place.

    Args:
        columns: values, shape (features, rows); NaN, infinities, zeros and subnormals are skipped.
        bits: the same memory as int64, shape (features, rows).
        slots: row of ``counts`` that each row goes to, shape (rows,); negative skips it.
        decade_of: decade of the smallest double by exponent bits, shape (2048,).
        following: the next power of ten above that one, shape (2048,).
        lowest: decade of each feature's first cell, shape (features,).
        start: first cell of the first feature in a row of ``counts``; DECADES cells a feature.
        counts: shape (slots, cells).

    """
    for feature in range(columns.shape[0]):
        first = start + feature * DECADES
        low = lowest[feature]
        for row in range(columns.shape[1]):
            exponent = (bits[feature, row] >> MANTISSA_BITS) & EXPONENT_BITS
            if slots[row] < 0 or exponent in (0, EXPONENT_BITS):
                continue
            decade = decade_of[exponent] - low
            decade += np.int64(abs(columns[feature, row]) >= following[exponent])
            counts[slots[row], first + min(max(decade, 0), DECADES - 1)] += 1
