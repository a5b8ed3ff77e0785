"""Samples made from raw values, as a profile and a window would make them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from detectors.bins import coarse_merge, quantile_edges
from detectors.contract import Sample

if TYPE_CHECKING:
    from detectors.contract import FloatArray, IntArray


def numeric_sample(
    reference: FloatArray, current: FloatArray, *, fine_bins: int = 60, bins: int = 10
) -> Sample:
    """The sample of two numeric arrays; what is not finite is in no cell."""
    reference, current = reference[np.isfinite(reference)], current[np.isfinite(current)]
    edges = quantile_edges(reference, fine_bins)
    expected = cell_counts(reference, edges)
    return Sample(
        expected=expected.astype(np.float64),
        actual=cell_counts(current, edges),
        coarse=coarse_merge(expected, bins),
        edges=edges,
        spread=float(reference.std()) or 1.0,
        below_mean=(math.nan, mean_of(current[current < edges[0]])),
        above_mean=(math.nan, mean_of(current[current >= edges[-1]])),
    )


def categorical_sample(expected: list[float], actual: list[int]) -> Sample:
    """The sample of two lists of counts, each cell its own coarse bin."""
    return Sample(
        expected=np.array(expected, np.float64),
        actual=np.array(actual, np.int64),
        coarse=np.arange(len(expected)),
        edges=np.empty(0),
    )


def swapped(sample: Sample) -> Sample:
    """Reference and current the other way round."""
    return Sample(
        expected=sample.actual.astype(np.float64),
        actual=sample.expected.astype(np.int64),
        coarse=sample.coarse,
        edges=sample.edges,
        spread=sample.spread,
        below_mean=sample.below_mean[::-1],
        above_mean=sample.above_mean[::-1],
        effective_size=sample.effective_size,
    )


def cell_counts(values: FloatArray, edges: FloatArray) -> IntArray:
    """Counts of finite values per cell."""
    cells = np.searchsorted(edges, values, side="right")
    return np.bincount(cells, minlength=edges.size + 1).astype(np.int64)


def mean_of(values: FloatArray) -> float:
    """Mean, NaN of nothing."""
    return float(values.mean()) if values.size else math.nan
