"""How well a change of unit of a share of the values explains a window.

Theory.  Where a share s of the values came as factor * x + offset, the window's distribution
function is (1 - s) F + s G, F being the reference's and G that of the reference in the other unit;
G(e) is read from F at (e - offset) / factor, linear within a cell.  s is the least-squares share
over the edges, and what is left is the largest distance between the two (Kolmogorov and Smirnov's).

When it lies: only at the reference's own edges is anything known, so two units that both move all
values beyond the extremes look alike here; who asks must compare the moments as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from detectors.contract import FloatArray, IntArray

LEAST_SHARE: Final = 0.1
"""Of the values, that is looked for in another unit."""


@dataclass(frozen=True, slots=True)
class UnitFit:
    """One way of explaining a window."""

    share: float
    """Of the values that came in the other unit, in [0, 1]."""
    unexplained: float
    """Distance of the window from that mixture, in [0, 1]."""


def cumulative(counts: IntArray) -> FloatArray:
    """Share of the values below each edge, shape (cells - 1,); counts of shape (cells,), not all
    zero."""
    upto = np.cumsum(counts)
    found: FloatArray = upto[:-1] / upto[-1]
    return found


def distance(reference: IntArray, actual: IntArray) -> float:
    """Largest distance between the two distribution functions at the edges; both shape (cells,),
    neither all zero."""
    return float(np.abs(cumulative(actual) - cumulative(reference)).max())


def fit_unit(
    edges: FloatArray, reference: IntArray, actual: IntArray, factor: float, offset: float
) -> UnitFit:
    """The share of the values in the other unit that explains ``actual`` best.

    ``edges`` have shape (cells - 1,) and increase, both counts shape (cells,) with values in each;
    ``factor`` is not 0.
    """
    known = cumulative(reference)
    moved = np.interp((edges - offset) / factor, edges, known, left=0.0, right=1.0)
    if factor < 0.0:
        moved = 1.0 - moved
    away, wanted = moved - known, cumulative(actual) - known
    size = float(np.dot(away, away))
    share = min(1.0, max(0.0, float(np.dot(wanted, away)) / size)) if size > 0.0 else 0.0
    return UnitFit(share, float(np.abs(wanted - share * away).max()))


def gains(
    edges: FloatArray, reference: IntArray, actual: IntArray, units: Sequence[tuple[float, float]]
) -> FloatArray:
    """How much of the distance of each row of ``actual`` the best of the units explains, at a share
    of LEAST_SHARE or more, in [0, 1]; shape (rows,).

    ``actual`` has shape (rows, cells), values in each row; ``units`` are (factor, offset), as those
    of :func:`fit_unit`.
    """
    known = cumulative(reference)
    upto = np.cumsum(actual, axis=1)
    wanted = upto[:, :-1] / upto[:, -1:] - known
    unmoved = np.abs(wanted).max(axis=1)
    best = np.zeros(len(actual))
    for factor, offset in units:
        moved = np.interp((edges - offset) / factor, edges, known, left=0.0, right=1.0)
        away = (1.0 - moved if factor < 0.0 else moved) - known
        size = float(np.dot(away, away))
        if size > 0.0:
            share = np.clip(wanted @ away / size, 0.0, 1.0)
            left = np.abs(wanted - share[:, np.newaxis] * away).max(axis=1)
            np.maximum(best, np.where(share >= LEAST_SHARE, unmoved - left, 0.0), out=best)
    return best
