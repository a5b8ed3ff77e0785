"""How much the rates of bad values swing within the training period, at the length of each window.

Theory.  Weather is missing in spells: of a week 5 % or 30 %, and neither is a fault.  So each
aligned block of a window's length gives a rate, and the profile keeps what one further block
reaches by chance and the dispersion of the rates over the binomial (:mod:`detectors.rate_shift`).
Outliers and unseen categories are counted with the block left out of the reference: against a
reference that holds the block they would be none by making.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from detectors.decade_kernel import DECADES, tally_decades
from detectors.decades import decade_tables, lies_on_one_side, rescaled_by
from detectors.rate_shift import dispersion, upper_rate
from engine.own_blocks import MIN_BLOCK_EVENTS, MIN_BLOCKS, ReferenceTimes, block_ranges
from engine.profile import OwnRate
from engine.spec import QualityRules, WindowRule

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
_NOWHERE: Final = -1


class Blocks:
    """The blocks of one window's length of a reference."""

    def __init__(self, times: ReferenceTimes, window: WindowRule) -> None:
        ranges = block_ranges(times.ts_ms, window.length_ms)
        self._order = times.order
        self._starts = np.array([start for start, _ in ranges], dtype=np.int64)
        self._ends = np.array([end for _, end in ranges], dtype=np.int64)
        self._block = np.full(len(times.ts_ms), _NOWHERE, dtype=np.int64)
        for number, (start, end) in enumerate(ranges):
            self._block[start:end] = number

    def __len__(self) -> int:
        return len(self._starts)

    def rate(self, hit: Mask, counted: Mask) -> OwnRate | None:
        """The rate of ``hit`` among ``counted``, both by row of the table, shape (rows,)."""
        return self._summarise(self._sum(hit & counted), self._sum(counted))

    def outliers(self, values: FloatArray) -> OwnRate | None:
        """Values (by row, NaN where there is none) beyond the extremes of all other blocks."""
        ordered = values[self._order]
        valid = np.isfinite(ordered)
        hits = np.zeros(len(self), dtype=np.int64)
        for signed in (ordered, -ordered):
            beyond = self._beyond_the_rest(np.where(valid, signed, np.inf))
            hits += beyond
        return self._summarise(hits, self._sum(np.isfinite(values)))

    def _beyond_the_rest(self, ordered: FloatArray) -> IntArray:
        """Values below the least of everything outside their block; only the block that holds the
        least of all can have any."""
        hits = np.zeros(len(self), dtype=np.int64)
        block = int(self._block[int(np.argmin(ordered))])
        if block != _NOWHERE:
            inside = self._block == block
            rest = np.min(ordered[~inside], initial=np.inf)
            hits[block] = np.count_nonzero(inside & (ordered < rest))
        return hits

    def unseen(self, codes: IntArray) -> OwnRate | None:
        """Texts (a number each by row, negative where there is none) that no other block has."""
        ordered = codes[self._order]
        valid = ordered >= 0
        first = np.full(int(codes.max(initial=0)) + 1, len(self) + 1, dtype=np.int64)
        last = np.full(len(first), _NOWHERE - 1, dtype=np.int64)
        np.minimum.at(first, ordered[valid], self._block[valid])
        np.maximum.at(last, ordered[valid], self._block[valid])
        alone = valid & (first[ordered] == last[ordered]) & (self._block != _NOWHERE)
        hits = np.bincount(self._block[alone], minlength=len(self)).astype(np.int64)
        return self._summarise(hits, self._sum(codes >= 0))

    def constant(self, values: FloatArray) -> OwnRate | None:
        """Share of blocks in which every value (NaN where there is none) is the same."""
        ordered = values[self._order]
        usable = equal = 0
        for start, end in zip(self._starts.tolist(), self._ends.tolist(), strict=True):
            inside = ordered[start:end]
            inside = inside[np.isfinite(inside)]
            if len(inside) >= MIN_BLOCK_EVENTS:
                usable += 1
                equal += bool(inside.min() == inside.max())
        if usable < MIN_BLOCKS:
            return None
        return OwnRate(blocks=usable, lower=0.0, upper=equal / usable, dispersion=1.0)

    def rescaled(self, values: FloatArray, lowest: int) -> OwnRate | None:
        """Share of blocks whose values (NaN where there is none) pass for another unit: the hours
        from 0 to 9 do so every night.  ``lowest`` is the first decade of the column's cells."""
        ordered = np.ascontiguousarray(values[self._order])
        counts = _decades(ordered, self._block.astype(np.int32), len(self), lowest)
        whole = _decades(ordered, np.zeros(len(ordered), dtype=np.int32), 1, lowest)[0]
        usable = self._sum(np.isfinite(values)) >= MIN_BLOCK_EVENTS
        if np.count_nonzero(usable) < MIN_BLOCKS:
            return None
        floor, sizes, hits = QualityRules().rescaled, _sizes(ordered), 0
        shares = counts / np.maximum(1, counts.sum(axis=1))[:, np.newaxis]
        far = np.abs(shares - whole / max(1, int(whole.sum()))).sum(axis=1) / 2.0 >= floor
        for block in np.flatnonzero(usable & far).tolist():
            inside = ordered[int(self._starts[block]) : int(self._ends[block])]
            hits += any(
                rescaled_by(whole, counts[block], own / size if size else 0.0, floor) is not None
                for own, size in zip(_sizes(inside), sizes, strict=False)
            )
        found = int(np.count_nonzero(usable))
        return OwnRate(blocks=found, lower=0.0, upper=hits / found, dispersion=1.0)

    def cells(self, cell_of_row: IntArray, cells: int) -> IntArray:
        """Counts by cell of the blocks with values enough; shape (blocks, cells).  ``cell_of_row``
        has -1 where there is no value."""
        ordered = cell_of_row[self._order]
        inside = (ordered >= 0) & (self._block != _NOWHERE)
        flat = self._block[inside] * cells + ordered[inside]
        found = np.bincount(flat, minlength=len(self) * cells).reshape(len(self), cells)
        usable: IntArray = found[found.sum(axis=1) >= MIN_BLOCK_EVENTS]
        return usable

    def _sum(self, chosen: Mask) -> IntArray:
        upto = np.concatenate(([0], np.cumsum(chosen[self._order])))
        found: IntArray = upto[self._ends] - upto[self._starts]
        return found

    def _summarise(self, hits: IntArray, sizes: IntArray) -> OwnRate | None:
        usable = sizes >= MIN_BLOCK_EVENTS
        if np.count_nonzero(usable) < MIN_BLOCKS:
            return None
        hit, size = hits[usable].astype(np.float64), sizes[usable].astype(np.float64)
        return OwnRate(
            blocks=len(hit),
            lower=1.0 - upper_rate(1.0 - hit / size),
            upper=upper_rate(hit / size),
            dispersion=dispersion(hit, size),
        )


def _decades(values: FloatArray, slots: npt.NDArray[np.int32], rows: int, lowest: int) -> IntArray:
    """Decimal exponents by slot, shape (rows, DECADES)."""
    counts = np.zeros((rows, DECADES), dtype=np.int64)
    row = values[np.newaxis]
    first = np.array([lowest], dtype=np.int64)
    tally_decades(row, row.view(np.int64), slots, *decade_tables(), first, 0, counts)
    return counts


def _root_mean_square(values: FloatArray) -> float:
    """Of those that are numbers, in an order of their own; 0.0 of none."""
    sizes = np.sort(np.abs(values[np.isfinite(values)]))
    if not len(sizes) or not sizes[-1]:
        return 0.0
    return float(sizes[-1]) * float(np.sqrt(np.mean(np.square(sizes / sizes[-1]))))


def _sizes(values: FloatArray) -> tuple[float, ...]:
    """The root mean square of those that are numbers and, where they lie on one side of zero, their
    mean."""
    inside = np.sort(values[np.isfinite(values)])
    size = _root_mean_square(values)
    if len(inside) and lies_on_one_side(float(inside[0]), float(inside[-1])):
        # Scaled first: a sum of the largest doubles is none.
        return size, float(np.mean(inside / size)) * size if size else 0.0
    return (size,)


def known(found: Mapping[str, OwnRate | None]) -> dict[str, OwnRate]:
    """The kinds that there are blocks enough for."""
    return {kind: rate for kind, rate in found.items() if rate is not None}
