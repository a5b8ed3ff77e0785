"""The state of a kernel bank as bytes, and its way back into arrays only where it is sound.

Rule.  The kernels index by what the state says, without checks, so nothing goes into the arrays
that no stream of values can have made: row counts within the rows, rows in use without holes, and
a width that is the sum of the buckets' sizes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from detectors.adwin_kernel import ALARMED, MARKS, ROWS, ROWS_USED, SEEN, SUMS, TICK, WIDTH
from detectors.contract import ForeignSnapshotError

if TYPE_CHECKING:
    from detectors.contract import FloatArray, IntArray

MOST_SEEN: Final = 1 << 62
"""Values that a stream may have had: what comes on top still fits an int64."""


class KernelState(msgspec.Struct, frozen=True, array_like=True):
    """The arrays of a kernel bank as little-endian bytes, only the rows that are in use."""

    rows: int
    totals: bytes
    variances: bytes
    filled: bytes
    sums: bytes
    marks: bytes


def read_state(body: bytes) -> KernelState:
    """The state inside a seal; ForeignSnapshotError when it is none."""
    try:
        state = msgspec.msgpack.decode(body, type=KernelState)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ForeignSnapshotError(f"not the state of a bank: {error}") from error
    if not 0 <= state.rows <= ROWS:
        raise ForeignSnapshotError(f"{state.rows} rows of buckets, at most {ROWS} there can be")
    return state


def floats(data: bytes, *shape: int) -> FloatArray:
    """Reals of this shape; ForeignSnapshotError when they are of another."""
    _refuse_other_size(data, shape)
    return np.frombuffer(data, "<f8").astype(np.float64).reshape(shape)


def whole_numbers(data: bytes, *shape: int) -> IntArray:
    """Whole numbers of this shape; ForeignSnapshotError when they are of another."""
    _refuse_other_size(data, shape)
    return np.frombuffer(data, "<i8").astype(np.int64).reshape(shape)


def _refuse_other_size(data: bytes, shape: tuple[int, ...]) -> None:
    if len(data) != 8 * int(np.prod(shape, dtype=np.int64)):
        raise ForeignSnapshotError(f"arrays of another shape than {shape}")


def refuse_unsound(filled: IntArray, sums: FloatArray, marks: IntArray, most: int) -> None:
    """ForeignSnapshotError for a window that no stream makes.

    ``filled``, shape (streams, rows), holds 0 to ``most`` buckets in each row; ``sums`` and
    ``marks`` are shaped (streams, SUMS) and (streams, MARKS).
    """
    assert sums.shape[1] == SUMS
    assert marks.shape[1] == MARKS
    used = marks[:, ROWS_USED]
    rows = np.arange(filled.shape[1])
    some = np.any(filled > 0, axis=1)
    in_use = (rows < used[:, np.newaxis]) & some[:, np.newaxis]
    sizes = 2.0**rows
    sound = (
        np.all((used >= 1) & (used <= len(rows)) & (some | (used == 1)))
        and np.all((filled >= 0) & (filled <= most))
        and np.array_equal(filled > 0, in_use)
        and np.array_equal(sums[:, WIDTH], filled @ sizes)
        and np.all((marks[:, TICK] >= 0) & (marks[:, TICK] <= marks[:, SEEN]))
        and np.all(marks[:, SEEN] <= MOST_SEEN)
        and np.all((marks[:, ALARMED] == 0) | (marks[:, ALARMED] == 1))
    )
    if not sound:
        raise ForeignSnapshotError("a window that no stream of values makes")
