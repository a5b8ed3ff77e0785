"""What goes into every bank and comes out of it: columns of the right shape, alarms in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from detectors.contract import Alarms

if TYPE_CHECKING:
    import numpy.typing as npt

    from detectors.contract import FloatArray, IntArray


def checked_columns(estimator: str, columns: FloatArray, streams: int) -> FloatArray:
    """The columns as a contiguous array; ValueError unless their shape is (streams, rows)."""
    if columns.ndim != 2 or columns.shape[0] != streams:  # noqa: PLR2004 - rows and columns
        raise ValueError(f"{estimator}: columns of shape {columns.shape}, not ({streams}, rows)")
    return np.ascontiguousarray(columns, np.float64)


def found_alarms(
    counts: IntArray, rows: IntArray, positions: IntArray, means: FloatArray
) -> Alarms:
    """What a kernel wrote: of each stream the first ``counts``, shape (streams,), of ``rows`` and
    ``positions``, shape (streams, room), and of ``means`` before and after, (streams, room, 2)."""
    there = np.arange(rows.shape[1]) < counts[:, np.newaxis]
    return in_order(
        np.repeat(np.arange(counts.size), counts),
        rows[there],
        positions[there],
        means[there, 0],
        means[there, 1],
    )


def in_order(
    streams: IntArray,
    rows: IntArray,
    positions: IntArray,
    before: FloatArray,
    after: FloatArray,
) -> Alarms:
    """Alarms sorted by (row, stream)."""
    order: npt.NDArray[np.intp] = np.lexsort((streams, rows))
    return Alarms(streams[order], rows[order], positions[order], before[order], after[order])
