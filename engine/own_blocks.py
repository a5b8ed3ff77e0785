"""How much a feature varies within its own training period, at the length of each window.

Theory.  Rows of one hour share one weather reading: a day of 900 flights is worth about 24 values,
and PSI against the whole training period is large in every day of that same period.  So each
aligned block of a window's length is compared with the rest of the reference, itself left out.
Under the null E[PSI] = (B - 1) / n, hence (B - 1) / mean is the number of independent values that a
window is worth, and the 99th percentile is what the feature does on its own without drifting.

With a season, the rest's slices are mixed by the block's own events per slice
(:mod:`engine.seasonal_mix`), as the judge does for a window.

What a window is worth far out in the tail, where significance at a budget is decided, is measured
apart and out of sample (:mod:`engine.tail_size`).

With fewer than BLOCKS_FOR_QUANTILE blocks no sample quantile can be a 99th percentile: it would be
at most the largest value seen, which is too low.  The reported one is then the larger of that and
of the scaled chi-square's, ``mean * chi2_{B-1}(0.99) / (B - 1)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.special import chdtri

from engine.durations import UNITS_MS
from engine.profile import OwnBlocks
from engine.seasonal_mix import SLICES, mix_slices, slice_of
from engine.spec import Season, WindowRule
from engine.tail_size import tail_blocks, tail_size

MIN_BLOCK_EVENTS: Final = 30
"""Valid values that a block needs; PSI of fewer is noise of the bins alone."""
MIN_BLOCKS: Final = 2
BLOCKS_FOR_QUANTILE: Final = 30
QUANTILE: Final = 0.99
COVER_FRACTION: Final = 24
"""The first and last block may miss up to this fraction of their length, and at most an hour."""
_CHUNK_CELLS: Final = 4_000_000
"""Counts held at once (32 MB), whatever the number of blocks."""

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ReferenceTimes:
    """The rows of a reference in time order."""

    order: IntArray
    """Row numbers sorted by time, shape (rows,)."""
    ts_ms: IntArray
    """Their times, non-decreasing, shape (rows,)."""
    slice_of_row: IntArray | None
    """Their seasonal slices, shape (rows,); None without a season."""
    slices: int
    """How many slices there are; 1 without a season."""


def reference_times(ts_ms: IntArray, season: Season | None) -> ReferenceTimes:
    """Sort the times (epoch ms, shape (rows,), rows > 0) of a reference."""
    order = np.argsort(ts_ms, kind="stable")
    ordered = ts_ms[order]
    if season is None:
        return ReferenceTimes(order, ordered, None, 1)
    return ReferenceTimes(order, ordered, slice_of(ordered, season), SLICES[season])


def own_blocks(
    bins: npt.NDArray[np.integer],
    bin_count: int,
    times: ReferenceTimes,
    windows: Sequence[WindowRule],
    pseudo_count: float,
) -> dict[str, OwnBlocks]:
    """Own-block calibration of one feature by window name.

    ``bins`` has the coarse bin of each row of the table, -1 where there is no valid value, shape
    (rows,).  A window with fewer than MIN_BLOCKS usable blocks is left out.
    """
    ordered = bins[times.order].astype(np.int64)
    total = _count(ordered, [(0, len(ordered))], times, bin_count)[0]
    occupied = int(np.count_nonzero(total.sum(axis=0)))
    calibrated: dict[str, OwnBlocks] = {}
    for window in windows:
        ranges = block_ranges(times.ts_ms, window.length_ms)
        at_once = max(1, _CHUNK_CELLS // (times.slices * bin_count))
        chunks = [ranges[i : i + at_once] for i in range(0, len(ranges), at_once)]
        measured = [_measure(ordered, chunk, times, total, pseudo_count) for chunk in chunks]
        psi = np.concatenate([psi for psi, _ in measured]) if measured else np.empty(0)
        if len(psi) >= MIN_BLOCKS:
            worth = np.concatenate([worth for _, worth in measured])
            found = summarise(psi, occupied, float(np.mean(worth)))
            tail = _tail(ordered, ranges, window.length_ms, times, total, pseudo_count)
            calibrated[window.name] = msgspec.structs.replace(found, tail_size=tail)
    return calibrated


def _tail(
    ordered: IntArray,
    ranges: list[tuple[int, int]],
    length_ms: int,
    times: ReferenceTimes,
    total: IntArray,
    pseudo_count: float,
) -> float | None:
    """The tail's size, of blocks measured against the reference without their fold."""
    starts_ms = times.ts_ms[[start for start, _ in ranges]] // length_ms * length_ms
    blocks = tail_blocks(starts_ms, length_ms, UNITS_MS["d"])
    psi = np.full(len(ranges), np.nan)
    for fold in np.unique(blocks.folds[blocks.chosen]).tolist():
        of_fold = np.flatnonzero(blocks.folds == fold)
        edges = [(ranges[int(of_fold[0])][0], ranges[int(of_fold[-1])][1])]
        rest = total - _count(ordered, edges, times, total.shape[1])[0]
        at_once = max(1, _CHUNK_CELLS // (times.slices * total.shape[1]))
        for first in range(int(of_fold[0]), int(of_fold[-1]) + 1, at_once):
            last = min(first + at_once, int(of_fold[-1]) + 1)
            counts = _count(ordered, ranges[first:last], times, total.shape[1])
            actual = counts.sum(axis=1)
            usable = (actual.sum(axis=1) >= MIN_BLOCK_EVENTS) & bool(rest.any())
            expected = mix_slices(rest, _events(ranges[first:last], times)[usable])
            found = psi_rows(expected, actual[usable].astype(np.float64), pseudo_count)
            psi[np.arange(first, last)[usable]] = found
    freedom = int(np.count_nonzero(total.sum(axis=0))) - 1
    return tail_size(psi[blocks.chosen], blocks.units, freedom)


def _count(
    ordered: IntArray, ranges: list[tuple[int, int]], times: ReferenceTimes, bin_count: int
) -> IntArray:
    """Counts per block, slice and bin of adjoining row ranges, shape (blocks, slices, bins)."""
    rows = slice(ranges[0][0], ranges[-1][1])
    block = np.repeat(np.arange(len(ranges)), [end - start for start, end in ranges])
    if times.slice_of_row is not None:
        block = block * times.slices + times.slice_of_row[rows]
    bins = ordered[rows]
    valid = bins >= 0
    counts = np.bincount(
        block[valid] * bin_count + bins[valid],
        minlength=len(ranges) * times.slices * bin_count,
    )
    return counts.reshape(len(ranges), times.slices, bin_count)


def _events(ranges: list[tuple[int, int]], times: ReferenceTimes) -> IntArray:
    """Rows per block and slice, valid or not: what a window's pane counts say of it."""
    rows = slice(ranges[0][0], ranges[-1][1])
    block = np.repeat(np.arange(len(ranges)), [end - start for start, end in ranges])
    if times.slice_of_row is not None:
        block = block * times.slices + times.slice_of_row[rows]
    events = np.bincount(block, minlength=len(ranges) * times.slices)
    return events.reshape(len(ranges), times.slices)


def _measure(
    ordered: IntArray,
    ranges: list[tuple[int, int]],
    times: ReferenceTimes,
    total: IntArray,
    pseudo_count: float,
) -> tuple[FloatArray, FloatArray]:
    """PSI of each usable block against the rest, and n*m / (n + m) of the two."""
    counts = _count(ordered, ranges, times, total.shape[1])
    actual = counts.sum(axis=1)
    usable = (actual.sum(axis=1) >= MIN_BLOCK_EVENTS) & (actual.sum(axis=1) < total.sum())
    rest = total[np.newaxis] - counts[usable]
    expected = mix_slices(rest, _events(ranges, times)[usable])
    actual = actual[usable].astype(np.float64)
    n, m = actual.sum(axis=1), expected.sum(axis=1)
    return psi_rows(expected, actual, pseudo_count), n * m / (n + m)


def block_ranges(ts_ms: IntArray, length_ms: int) -> list[tuple[int, int]]:
    """Row ranges [start, end) of the aligned blocks that the times cover; ``ts_ms`` is sorted.

    The span covered runs from the first to the last time, rounded outwards to an hour or a
    COVER_FRACTION-th of the block, whichever is less.
    """
    grain_ms = max(1, min(UNITS_MS["h"], length_ms // COVER_FRACTION))
    covered_from = int(ts_ms[0]) // grain_ms * grain_ms
    covered_to = (int(ts_ms[-1]) // grain_ms + 1) * grain_ms
    block = ts_ms // length_ms
    firsts = np.concatenate(([0], np.flatnonzero(np.diff(block)) + 1, [len(block)]))
    ranges = []
    for start, end in zip(firsts[:-1].tolist(), firsts[1:].tolist(), strict=True):
        opens_ms = int(block[start]) * length_ms
        if opens_ms >= covered_from and opens_ms + length_ms <= covered_to:
            ranges.append((start, end))
    return ranges


def summarise(psi: FloatArray, occupied: int, independent: float) -> OwnBlocks:
    """Median, 99th percentile and effective size of the blocks' PSI.

    ``occupied`` is B, the coarse bins that are not empty; ``independent`` the mean of
    n*m / (n + m), which is the effective size when the blocks do not differ at all.
    """
    mean = float(np.mean(psi))
    freedom = occupied - 1
    q99 = float(np.quantile(psi, QUANTILE, method="higher"))
    if len(psi) < BLOCKS_FOR_QUANTILE and freedom > 0:
        q99 = max(q99, mean * float(chdtri(freedom, 1.0 - QUANTILE)) / freedom)
    effective = freedom / mean if mean > 0.0 and freedom > 0 else independent
    return OwnBlocks(
        blocks=len(psi), median=float(np.median(psi)), q99=q99, effective_size=effective
    )


def psi_rows(expected: FloatArray, actual: FloatArray, pseudo_count: float) -> FloatArray:
    """PSI of each row, equal to :func:`detectors.psi.measure` on it; shapes (rows, bins).

    Bins that are empty on both sides are left out of their row.
    """
    kept = (expected > 0) | (actual > 0)
    bins = kept.sum(axis=1, keepdims=True)
    added = pseudo_count * bins
    e = (expected + pseudo_count) / (expected.sum(axis=1, keepdims=True) + added)
    a = (actual + pseudo_count) / (actual.sum(axis=1, keepdims=True) + added)
    terms = np.where(kept, (a - e) * np.log(a / e), 0.0)
    return np.asarray(terms.sum(axis=1), dtype=np.float64)
