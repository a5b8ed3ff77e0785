"""The kernel that follows the runs of equal values in the columns of one source partition.

Rule.  Values that are not finite are skipped: they neither end a run nor lengthen it.  -0.0 equals
0.0.  A run alarms whenever its length reaches a multiple of ``after``, so a sensor that is stuck
for a day costs a handful of alarms and not one an event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from detectors.jit import kernel

if TYPE_CHECKING:
    from detectors.contract import FloatArray, IntArray

SEEN, RUN = 0, 1
MARKS = 2


@kernel
def advance_runs(
    columns: FloatArray,
    last: FloatArray,
    marks: IntArray,
    after: int,
    rows: IntArray,
    positions: IntArray,
    values: FloatArray,
    found: IntArray,
) -> None:
    """Feed columns, shape (streams, rows), and write the alarms.

    Args:
        columns: values in offset order.
        last: last finite value of each stream, shape (streams,), in place; any before the first.
        marks: finite values seen and length of the run, shape (streams, MARKS), in place.
        after: run length that alarms, >= 2.
        rows: row of each alarm, shape (streams, most), out.
        positions: finite values seen at each alarm, shape (streams, most), out.
        values: the value that did not change, shape (streams, most), out.
        found: alarms per stream, shape (streams,), out, zeros before.

    """
    for stream in range(columns.shape[0]):
        for row in range(columns.shape[1]):
            value = columns[stream, row]
            if not np.isfinite(value):
                continue
            marks[stream, SEEN] += 1
            same = marks[stream, SEEN] > 1 and value == last[stream]
            marks[stream, RUN] = marks[stream, RUN] + 1 if same else 1
            last[stream] = value
            if marks[stream, RUN] % after == 0:
                at = found[stream]
                rows[stream, at] = row
                positions[stream, at] = marks[stream, SEEN]
                values[stream, at] = value
                found[stream] = at + 1
