"""Bins of a numeric feature, made once from the reference and never moved.

Rule.  Fine bins hold equal shares of the reference where its values allow it.  A value with more
than a bin's share is an atom and gets a bin of its own, ``[v, next double)``, so that the rest is
not squeezed out by it.  Every reference value is in ``[edges[0], edges[-1])``: the cells below and
above are empty in the reference by making, and whatever comes there later is news.

Coarse bins merge neighbouring fine cells until each holds about 1/bins of the reference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from detectors.contract import FloatArray, IntArray


def quantile_edges(values: FloatArray, fine_bins: int) -> FloatArray:
    """Edges of quantile bins with atoms, strictly increasing, at least two.

    Args:
        values: the reference, any shape with at least one value, all finite.
        fine_bins: about how many bins; there are at most ``2 * fine_bins + 1``.

    Raises ValueError for no values, values that are not finite (or the largest double, above which
    there is no edge), or fewer than one bin.

    """
    if fine_bins < 1:
        raise ValueError(f"fine_bins must be at least 1, not {fine_bins}")
    if values.size == 0:
        raise ValueError("a reference without values has no bins")
    # Adding 0.0 makes -0.0 the same edge as 0.0.
    ordered = np.sort(values, axis=None) + 0.0
    with np.errstate(over="ignore"):
        end = np.nextafter(ordered[-1], np.inf)
    if not (np.isfinite(ordered[0]) and np.isfinite(end)):
        raise ValueError("a reference value is not finite or is the largest double")
    distinct, counts = np.unique(ordered, return_counts=True)
    heavy = counts * fine_bins > ordered.size
    atoms = distinct[heavy]
    rest = np.repeat(distinct[~heavy], counts[~heavy])
    share = round(rest.size * fine_bins / ordered.size)
    parts = min(max(share, 1), rest.size)
    starts = rest[np.arange(parts) * rest.size // parts] if parts else rest
    edges: FloatArray = np.unique(
        np.concatenate([ordered[:1], starts, atoms, np.nextafter(atoms, np.inf), [end]])
    )
    return edges


def with_inner_edges(edges: FloatArray, inner: Sequence[float]) -> FloatArray:
    """The edges, and those of ``inner`` that lie between the first and the last."""
    between = [edge for edge in inner if edges[0] < edge < edges[-1]]
    found: FloatArray = np.unique(np.concatenate([edges, np.array(between, dtype=np.float64)]))
    return found


def coarse_merge(counts: IntArray, bins: int) -> IntArray:
    """The coarse bin of each cell, shape (cells,), non-decreasing from 0 without gaps.

    The first and the last cell (below and above) are coarse bins of their own.  The cells between
    them merge in order into at most ``bins`` groups so that the sum of (share - 1/bins)^2 over the
    groups is least (Bellman's dynamic programme, exact); a cell that alone holds 1/bins or more
    cannot be split, so as a group of its own it costs nothing.  Ties go to fewer groups.

    Args:
        counts: reference counts, shape (cells,), three cells at least.
        bins: how many groups at most, at least 1.

    Raises ValueError for fewer cells or bins.

    """
    if bins < 1:
        raise ValueError(f"bins must be at least 1, not {bins}")
    if counts.size < 3:  # noqa: PLR2004 - below, one inner cell, above
        raise ValueError(f"{counts.size} cells have no inner cell to merge")
    inner = counts[1:-1]
    starts = cheapest_starts(group_costs(inner, bins), min(bins, inner.size))
    groups = np.zeros(inner.size, np.int64)
    groups[starts[1:]] = 1
    groups = 1 + np.cumsum(groups)
    return np.concatenate([[0], groups, [groups[-1] + 1]]).astype(np.int64)


def group_costs(inner: IntArray, bins: int) -> FloatArray:
    """Cost of the group of cells [i, j) at [i, j], infinite unless i < j; shape (cells + 1,) * 2.

    Costs are (share * bins - 1)^2, the same up to a factor and exact for equal cells.
    """
    sums = np.concatenate([[0], np.cumsum(inner)])
    filled = np.concatenate([[0], np.cumsum(inner > 0)])
    held = (sums[np.newaxis, :] - sums[:, np.newaxis]).astype(np.float64)
    cells = filled[np.newaxis, :] - filled[:, np.newaxis]
    excess = held * bins / max(float(sums[-1]), 1.0) - 1.0
    costs = np.where((cells == 1) & (excess > 0.0), 0.0, excess * excess)
    costs[np.tril_indices(sums.size)] = np.inf
    return costs


def cheapest_starts(costs: FloatArray, groups_max: int) -> list[int]:
    """First cells of the cheapest division into at most ``groups_max`` groups."""
    cells = costs.shape[0] - 1
    best = costs[0]
    totals, choices = [float(best[cells])], []
    for _ in range(groups_max - 1):
        paths = best[:, np.newaxis] + costs
        choices.append(paths.argmin(axis=0))
        best = paths.min(axis=0)
        totals.append(float(best[cells]))
    starts, end = [], cells
    for choice in reversed(choices[: totals.index(min(totals))]):
        end = int(choice[end])
        starts.append(end)
    return [0, *reversed(starts)]
