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
