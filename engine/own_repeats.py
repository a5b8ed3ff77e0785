"""How large a share one narrow cell takes of a block of the training data: what ``repeated`` is
held against (:mod:`engine.quality_values`).

Theory.  The arcsine of the root of a share has a variance that hardly depends on it, so mean and
spread over the blocks give Student's bound for one further block, however far out.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

NARROW: Final = 0.1
"""Of the reference's interquartile range: in a wider cell of a tail the peak of a population that
moved comes together."""
FREEDOM: Final = 7
"""Degrees of freedom of the bound, at most: shares of spells have heavier tails than the
normal's."""
MIN_REPEAT_BLOCKS: Final = 5
"""Of fewer no spread is known."""

FloatArray = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def narrow_cells(edges: FloatArray, counts: npt.NDArray[np.int64]) -> Mask:
    """Which cells are narrow, shape (len(edges) + 1,); neither of the two open ones.  ``counts``
    are the reference's, of that shape, not all zero; where half of it is one value no cell is."""
    upto = np.cumsum(counts) / counts.sum()
    low, high = (edges[min(int(np.searchsorted(upto, q)), len(edges) - 1)] for q in (0.25, 0.75))
    found = np.zeros(len(edges) + 1, dtype=np.bool_)
    found[1:-1] = np.diff(edges) < NARROW * (high - low)
    return found


def root_of(share: float | FloatArray) -> FloatArray:
    """arcsin(sqrt(share)) of shares, 0 of those below 0."""
    return np.asarray(np.arcsin(np.sqrt(np.clip(share, 0.0, 1.0))), dtype=np.float64)


def own_repeats(
    counts: npt.NDArray[np.int64], expected: FloatArray, narrow: Mask
) -> tuple[float, float] | None:
    """Mean and spread over blocks of the root of the largest share of a narrow cell above the
    reference's; None of too few blocks or no narrow cell.

    ``counts`` has shape (blocks, cells), each block with values; ``expected`` are the reference's
    shares, ``narrow`` which cells count, both shape (cells,).
    """
    if len(counts) < MIN_REPEAT_BLOCKS or not narrow.any():
        return None
    above = counts / counts.sum(axis=1, keepdims=True) - expected
    roots = root_of(above[:, narrow].max(axis=1))
    return float(np.mean(roots)), float(np.std(roots, ddof=1))
