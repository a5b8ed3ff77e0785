"""ADWIN over whole columns: the arithmetic of River 0.26.1, in River's order, on plain arrays.

Rule.  Alarm for alarm and bit for bit in width and total the same as ``river.drift.ADWIN`` fed
with the finite values of the column.  So no expression here may be rearranged, except the one
screening test below, which only skips work whose outcome it has proved.

Theory (Bifet and Gavalda, Learning from time-changing data with adaptive windowing, SDM 2007).
A stream keeps a window of its last values as buckets: row i holds up to ``max_buckets`` sums (and
variances) of 2**i values each, and the two oldest of a full row merge into the next.  At every
``clock``-th value each boundary between buckets is tried as a cut, oldest first; where the means
of the two sides differ by more than epsilon the oldest bucket is dropped and the search starts
again.  As in River, the newest bucket alone is never a side, and the value after an alarm meets a
new detector.

Bounds.  ``rows`` is the shape of the state: once the last row is full, its oldest bucket is
forgotten, so a window of :data:`ROWS` rows covers more than 2**32 values and the state never grows.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from detectors.jit import kernel

if TYPE_CHECKING:
    from detectors.contract import FloatArray, IntArray

ROWS: Final = 32

TOTAL: Final = 0
VARIANCE: Final = 1
WIDTH: Final = 2
SUMS: Final = 3
"""Columns of ``sums``: sum of the window, sum of squared deviations, number of values."""

ROWS_USED: Final = 0
TICK: Final = 1
ALARMED: Final = 2
SEEN: Final = 3
MARKS: Final = 4
"""Columns of ``marks``: rows in use (1 at least), values since the detector was made, 1 when the
last value raised an alarm, finite values since the bank was made."""

ROUNDING = 1e-15
"""Relative bound, with room, on what rounding can do to a difference of two means (2 ulp)."""
SCREEN_ROOM = 1.0 - 1e-6
"""Relative room for the rounding of the products on both sides of the screening test."""
SCREEN_LEAST = 1e-200
"""Below this the screening products may lose digits to underflow, so it is not used."""


@kernel
def restart(totals: FloatArray, variances: FloatArray, filled: IntArray, rows: int) -> None:
    """Empty the window of one stream."""
    for row in range(rows):
        filled[row] = 0
        totals[row, :] = 0.0
        variances[row, :] = 0.0


@kernel
def forget_oldest(
    totals: FloatArray, variances: FloatArray, filled: IntArray, sums: FloatArray, rows: int
) -> int:
    """Drop the oldest bucket of the window, leaving zeros behind; returns the rows in use."""
    last = rows - 1
    size = float(1 << last)
    total, variance = totals[last, 0], variances[last, 0]
    mean = total / size
    sums[WIDTH] -= size
    sums[TOTAL] -= total
    rest = sums[TOTAL] / sums[WIDTH]
    sums[VARIANCE] -= variance + size * sums[WIDTH] * (mean - rest) * (mean - rest) / (
        size + sums[WIDTH]
    )
    kept = filled[last] - 1
    for bucket in range(kept):
        totals[last, bucket] = totals[last, bucket + 1]
        variances[last, bucket] = variances[last, bucket + 1]
    totals[last, kept] = variances[last, kept] = 0.0
    filled[last] = kept
    return rows - 1 if kept == 0 else rows


@kernel
def merge_full_rows(
    totals: FloatArray, variances: FloatArray, filled: IntArray, sums: FloatArray, rows: int
) -> int:
    """Merge the two oldest buckets of every full row upwards; returns the rows in use."""
    full = totals.shape[1]
    row = 0
    while filled[row] == full:
        if row + 1 == totals.shape[0]:
            return forget_oldest(totals, variances, filled, sums, rows)
        size = float(1 << row)
        first, second = totals[row, 0], totals[row, 1]
        gap = first / size - second / size
        free = filled[row + 1]
        totals[row + 1, free] = first + second
        variances[row + 1, free] = variances[row, 0] + variances[row, 1] + size * 0.5 * gap * gap
        filled[row + 1] += 1
        for bucket in range(2, full):
            totals[row, bucket - 2] = totals[row, bucket]
            variances[row, bucket - 2] = variances[row, bucket]
        for bucket in range(full - 2, full):
            totals[row, bucket] = 0.0
            variances[row, bucket] = 0.0
        filled[row] = full - 2
        row += 1
        rows = max(rows, row + 1)
    return rows


@kernel
def has_cut(
    totals: FloatArray,
    filled: IntArray,
    sums: FloatArray,
    rows: int,
    delta: float,
    least: float,
) -> bool:
    """Whether some boundary between buckets splits the window into two different means.

    The test is |u0/n0 - u1/n1| > sqrt(2 m v d) + 2/3 d m.  Without the last term and multiplied
    by n0 n1 it needs neither division nor root; where even that, with room for all rounding, says
    that the difference is too small, the exact test would say so too and is left out.
    """
    width = sums[WIDTH]
    if width < 2.0 * least:
        return False
    spread = sums[VARIANCE] / width
    confidence = math.log(2.0 * math.log(width) / delta)
    screen = 2.0 * spread * confidence * SCREEN_ROOM
    screened = screen > SCREEN_LEAST
    old, new = 0.0, width
    old_total, new_total = 0.0, sums[TOTAL]
    for row in range(rows - 1, -1, -1):
        size = float(1 << row)
        for bucket in range(filled[row]):
            old += size
            new -= size
            old_total += totals[row, bucket]
            new_total -= totals[row, bucket]
            if row == 0 and bucket == filled[0] - 1:
                return False
            if new < least or old < least:
                continue
            a, b = old - least + 1.0, new - least + 1.0
            if screened:
                left, right = old_total * new, new_total * old
                most = abs(left - right) + ROUNDING * (abs(left) + abs(right))
                both = old * new
                if most * most * (a * b) < screen * (a + b) * both * both:
                    continue
            weight = 1.0 / a + 1.0 / b
            epsilon = np.sqrt(2.0 * weight * spread * confidence) + 2.0 / 3.0 * confidence * weight
            if abs(old_total / old - new_total / new) > epsilon:
                return True
    return False


@kernel
def advance_stream(
    column: FloatArray, totals: FloatArray, variances: FloatArray, filled: IntArray,
    sums: FloatArray, marks: IntArray, delta: float, clock: int, least: float, grace: float,
    alarm_rows: IntArray, alarm_positions: IntArray, alarm_means: FloatArray,
) -> int:  # fmt: skip
    """Feed one column to one stream; returns the number of alarms, whose rows, positions and means
    (before, after) are written from the start of the three last arguments."""
    alarms = 0
    rows, tick, seen = marks[ROWS_USED], marks[TICK], marks[SEEN]
    alarmed = marks[ALARMED] > 0
    total, variance, width = sums[TOTAL], sums[VARIANCE], sums[WIDTH]
    newest, full = filled[0], totals.shape[1]
    until_check = clock - tick % clock
    for at in range(column.shape[0]):
        value = column[at]
        if not np.isfinite(value):
            continue
        if alarmed:
            restart(totals, variances, filled, rows)
            total = variance = width = 0.0
            newest = tick = 0
            alarmed, until_check, rows = False, clock, 1
        totals[0, newest] = value
        newest += 1
        width += 1.0
        if width > 1.0:
            gap = value - total / (width - 1.0)
            variance += (width - 1.0) * gap * gap / width
        total += value
        tick += 1
        seen += 1
        until_check -= 1
        if newest < full and until_check:
            continue
        # What the calls below read and write is kept in registers between them.
        filled[0] = newest
        sums[TOTAL], sums[VARIANCE], sums[WIDTH] = total, variance, width
        if newest == full:
            rows = merge_full_rows(totals, variances, filled, sums, rows)
            newest = filled[0]
            total, variance, width = sums[TOTAL], sums[VARIANCE], sums[WIDTH]
        if until_check:
            continue
        until_check = clock
        # The grace is measured once, before the first cut, as River does.
        while width > grace and has_cut(totals, filled, sums, rows, delta, least):
            rows = forget_oldest(totals, variances, filled, sums, rows)
            alarmed = True
        if alarmed:
            alarm_rows[alarms] = at
            alarm_positions[alarms] = seen
            alarm_means[alarms, 0] = total / width
            newest = filled[0]
            total, variance, width = sums[TOTAL], sums[VARIANCE], sums[WIDTH]
            alarm_means[alarms, 1] = total / width
            alarms += 1
    filled[0] = newest
    sums[TOTAL], sums[VARIANCE], sums[WIDTH] = total, variance, width
    marks[ROWS_USED], marks[TICK], marks[ALARMED], marks[SEEN] = rows, tick, alarmed, seen
    return alarms


@kernel
def advance_columns(
    columns: FloatArray,
    totals: FloatArray,
    variances: FloatArray,
    filled: IntArray,
    sums: FloatArray,
    marks: IntArray,
    delta: float,
    clock: int,
    least: float,
    grace: float,
    alarm_rows: IntArray,
    alarm_positions: IntArray,
    alarm_means: FloatArray,
    alarm_counts: IntArray,
) -> None:
    """Feed every column to its stream, in place.

    Args:
        columns: values, shape (streams, rows); values that are not finite are skipped.
        totals: sums of the buckets, shape (streams, ROWS, max_buckets + 1), oldest first.
        variances: sums of squared deviations of the buckets, like ``totals``.
        filled: buckets in each row, shape (streams, ROWS).
        sums: shape (streams, SUMS).
        marks: shape (streams, MARKS).
        delta: confidence, in (0, 1).
        clock: values between checks, >= 1.
        least: values that each side of a cut has at least, >= 1.
        grace: no check up to a window of this width.
        alarm_rows: out, shape (streams, rows // clock + 1); as alarms are ``clock`` values apart
            there cannot be more.
        alarm_positions: out, like ``alarm_rows``.
        alarm_means: out, shape (streams, rows // clock + 1, 2), before and after the cut.
        alarm_counts: out, alarms of each stream, shape (streams,).

    """
    for stream in range(columns.shape[0]):
        alarm_counts[stream] = advance_stream(
            columns[stream],
            totals[stream],
            variances[stream],
            filled[stream],
            sums[stream],
            marks[stream],
            delta,
            clock,
            least,
            grace,
            alarm_rows[stream],
            alarm_positions[stream],
            alarm_means[stream],
        )
