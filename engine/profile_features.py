"""The reference of one feature: its cells, their counts, and the numbers that stand beside them.

Rule.  Nothing depends on the order of the rows: values are sorted before they are summed, -0.0 is
0.0, and ties between categories are broken by their text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from detectors.bins import coarse_merge, quantile_edges, with_inner_edges
from detectors.decade_kernel import DECADES, tally_decades
from detectors.decades import decade_tables, lowest_decade
from engine.own_blocks import ReferenceTimes, own_blocks
from engine.own_conversions import own_conversions
from engine.own_rates import Blocks, known
from engine.own_repeats import narrow_cells, own_repeats
from engine.profile import CategoricalProfile, NumericProfile, OwnBlocks, OwnRate
from engine.reference_table import TextColumn
from engine.spec import WindowRule

MAX_OTHERS: Final = 2_000
"""Texts kept beside the top categories, to tell a rare one from an unseen one."""
_LARGE: Final = 1e150
"""Values beyond this are scaled before they are squared."""

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ReferenceFrame:
    """What all the features of a table share."""

    times: ReferenceTimes | None
    windows: Sequence[WindowRule]
    pseudo_count: float
    blocks: dict[str, Blocks]
    """Blocks by window name; empty without times."""


def reference_frame(
    times: ReferenceTimes | None, windows: Sequence[WindowRule], pseudo_count: float
) -> ReferenceFrame:
    """What all the features of a table with these times share."""
    blocks = {} if times is None else {w.name: Blocks(times, w) for w in windows}
    return ReferenceFrame(times, windows, pseudo_count, blocks)


def numeric_profile(
    column: npt.NDArray[np.float64],
    bins: int,
    fine_bins: int,
    frame: ReferenceFrame,
    bounds: tuple[float | None, float | None] = (None, None),
    inner_edges: Sequence[float] = (),
    unit: str = "",
) -> NumericProfile:
    """The reference of a numeric column, shape (rows,), with at least one finite value; ``bounds``
    are the spec's range, ``inner_edges`` are edges of its cells beside those of the quantiles,
    ``unit`` is the spec's."""
    finite = np.isfinite(column)
    values = column[finite] + 0.0
    ordered = np.sort(values)
    edges = with_inner_edges(quantile_edges(ordered, fine_bins), inner_edges)
    cells = np.full(len(column), -1, dtype=np.int64)
    cells[finite] = np.searchsorted(edges, values, side="right")
    counts = np.bincount(cells[finite], minlength=len(edges) + 1)
    coarse = coarse_merge(counts, bins)
    mean, stddev = moments(ordered)
    missing = int(np.count_nonzero(np.isnan(column)))
    # The last entry serves the cell -1 of a row without a value.
    coarse_of_cell = np.append(coarse, -1)
    outside = _outside(column, finite, bounds)
    decade_low, decades = _decades(values)
    known_values = np.where(finite, column + 0.0, np.nan)
    rates = _numeric_rates(known_values, column, outside, decade_low, frame)
    return NumericProfile(
        edges=tuple(edges.tolist()),
        counts=tuple(counts.tolist()),
        coarse=tuple(coarse.tolist()),
        missing=missing,
        invalid=len(column) - len(values) - missing,
        mean=mean,
        stddev=stddev,
        own=_with_repeats(
            (
                {}
                if frame.times is None
                else own_blocks(
                    coarse_of_cell[cells],
                    int(coarse[-1]) + 1,
                    frame.times,
                    frame.windows,
                    frame.pseudo_count,
                )
            ),
            cells,
            counts,
            narrow_cells(edges, counts),
            frame,
        ),
        decade_low=decade_low,
        decades=decades,
        range=bounds,
        out_of_range=int(np.count_nonzero(outside)),
        rates=_with_conversions(rates, cells, (edges, counts), frame, unit),
        slices=_slices(cells, len(counts), frame.times),
    )


def _with_repeats(
    own: dict[str, OwnBlocks],
    cells: IntArray,
    counts: IntArray,
    narrow: npt.NDArray[np.bool_],
    frame: ReferenceFrame,
) -> dict[str, OwnBlocks]:
    """The blocks with how large a share one narrow cell takes of them."""
    found = {}
    for window, blocks in own.items():
        by_block = frame.blocks[window].cells(cells, len(counts))
        repeats = own_repeats(by_block, counts / counts.sum(), narrow)
        mean, spread = (None, None) if repeats is None else repeats
        found[window] = msgspec.structs.replace(blocks, repeat_mean=mean, repeat_spread=spread)
    return found


def _with_conversions(
    rates: dict[str, dict[str, OwnRate]],
    cells: IntArray,
    reference: tuple[npt.NDArray[np.float64], IntArray],
    frame: ReferenceFrame,
    unit: str,
) -> dict[str, dict[str, OwnRate]]:
    """The rates with what other units explain of the blocks; ``reference`` are edges and counts."""
    return {
        window: found
        | own_conversions(frame.blocks[window].cells(cells, len(reference[1])), *reference, unit)
        for window, found in rates.items()
    }


def _outside(
    column: npt.NDArray[np.float64],
    finite: npt.NDArray[np.bool_],
    bounds: tuple[float | None, float | None],
) -> npt.NDArray[np.bool_]:
    """Finite values outside the spec's range, by row."""
    low, high = bounds
    below = finite & (column < (-np.inf if low is None else low))
    found: npt.NDArray[np.bool_] = below | (finite & (column > (np.inf if high is None else high)))
    return found


def _decades(values: npt.NDArray[np.float64]) -> tuple[int, tuple[int, ...]]:
    """First decade and counts of finite values, shape (n,)."""
    low = lowest_decade(values)
    counts = np.zeros((1, DECADES), dtype=np.int64)
    row = np.ascontiguousarray(values[np.newaxis], dtype=np.float64)
    slots = np.zeros(len(values), dtype=np.int32)
    tally_decades(
        row, row.view(np.int64), slots, *decade_tables(), np.array([low], np.int64), 0, counts
    )
    return low, tuple(counts[0].tolist())


def _numeric_rates(
    values: npt.NDArray[np.float64],
    column: npt.NDArray[np.float64],
    outside: npt.NDArray[np.bool_],
    decade_low: int,
    frame: ReferenceFrame,
) -> dict[str, dict[str, OwnRate]]:
    """How the rates of bad values swing, by window; ``values`` has NaN where ``column`` has no
    finite value."""
    every = np.ones(len(column), dtype=np.bool_)
    return {
        window: known(
            {
                "missing": blocks.rate(np.isnan(column), every),
                "invalid": blocks.rate(np.isinf(column), every),
                "out_of_range": blocks.rate(outside, np.isfinite(values)),
                "outlier": blocks.outliers(values),
                "zeros": blocks.rate(column == 0.0, np.isfinite(values)),
                "constant": blocks.constant(values),
                "rescaled": blocks.rescaled(values, decade_low),
            }
        )
        for window, blocks in frame.blocks.items()
    }


def _categorical_rates(column: TextColumn, frame: ReferenceFrame) -> dict[str, dict[str, OwnRate]]:
    """The same of a categorical column; invalid ones are among the missing, since a table does not
    say which rows they are."""
    if not frame.blocks:
        return {}
    numbers: dict[str | None, int] = {None: -1}
    codes = np.fromiter(
        (numbers.setdefault(text, len(numbers) - 1) for text in column),
        dtype=np.int64,
        count=len(column),
    )
    every = np.ones(len(codes), dtype=np.bool_)
    values = np.where(codes < 0, np.nan, codes.astype(np.float64))
    return {
        window: known(
            {
                "missing": blocks.rate(codes < 0, every),
                "unseen": blocks.unseen(codes),
                "constant": blocks.constant(values),
            }
        )
        for window, blocks in frame.blocks.items()
    }


def categorical_profile(
    column: TextColumn, invalid: int, categories: int, frame: ReferenceFrame
) -> CategoricalProfile:
    """The reference of a categorical column with at least one text.

    ``invalid`` of its None are values that name no category.
    """
    shares = Counter(column)
    without = shares.pop(None, 0)
    ranked = [str(t) for t, _ in sorted(shares.items(), key=lambda item: (-item[1], str(item[0])))]
    top, rest = ranked[:categories], ranked[categories:]
    cell_of: dict[str | None, int] = dict.fromkeys(rest, len(top))
    cell_of.update((text, cell) for cell, text in enumerate(top))
    cell_of[None] = -1
    cells = np.fromiter((cell_of[text] for text in column), dtype=np.int64, count=len(column))
    cell_count = len(top) + 2
    counts = np.bincount(cells[cells >= 0], minlength=cell_count)
    return CategoricalProfile(
        categories=tuple(top),
        others=tuple(sorted(rest[:MAX_OTHERS])),
        open_vocabulary=len(rest) > MAX_OTHERS,
        counts=tuple(counts.tolist()),
        missing=without - invalid,
        invalid=invalid,
        own=(
            {}
            if frame.times is None
            else own_blocks(cells, cell_count, frame.times, frame.windows, frame.pseudo_count)
        ),
        rates=_categorical_rates(column, frame),
        slices=_slices(cells, cell_count, frame.times),
    )


def moments(ordered: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Mean and population standard deviation of sorted finite values, shape (n,), n > 0.

    The deviation is 1.0 where the values are all the same, so that it can be a unit.
    """
    largest = float(max(abs(ordered[0]), abs(ordered[-1])))
    scale = largest if largest > _LARGE else 1.0
    scaled = ordered / scale if scale != 1.0 else ordered
    mean = float(np.mean(scaled)) * scale
    if ordered[0] == ordered[-1]:
        return float(ordered[0]), 1.0
    return mean, (float(np.std(scaled)) * scale) or 1.0


def _slices(
    cells: IntArray, cell_count: int, times: ReferenceTimes | None
) -> tuple[tuple[int, ...], ...]:
    """Counts per seasonal slice and cell; empty without a season."""
    if times is None or times.slice_of_row is None:
        return ()
    ordered = cells[times.order]
    valid = ordered >= 0
    counts = np.bincount(
        times.slice_of_row[valid] * cell_count + ordered[valid],
        minlength=times.slices * cell_count,
    ).reshape(times.slices, cell_count)
    return tuple(tuple(row) for row in counts.tolist())
