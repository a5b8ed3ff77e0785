"""Why a mean loss changed: other events came, or the same events are judged worse.

Rule.  Events fall into cells (values of a segment, cells of the score), each with a mean loss in
the reference and in the window.  The change of the mean is the sum of three parts: what the
reference's own losses make of the new mix of cells (``mix``, P(X) moved), what changed inside the
cells (``conditional``, P(Y|X) moved), and what came from cells that the reference does not have
(``unseen``).

Formula.  With the cells' shares w and losses r of the reference and v and s of the window, R the
reference's mean and u the share v of the cells that it does not have:

    mix         = sum_seen v r + u R - R
    conditional = sum_seen v (s - r)
    unseen      = sum_unseen v (s - R)

They add up to sum v s - sum w r.  It is the decomposition of Kitagawa (JASA 1955) and of Oaxaca and
Blinder (1973), the conditional part weighted by the mix of the window.  Standard errors take the
mix as it is for the conditional part, sum v^2 (var_s / m + var_r / n) over the cells, and the
losses as they are for the mix, the variance of r between the events of each side over its size.
For shares the variance of a cell is p (1 - p) with half an event added to both outcomes, so that a
cell of a few events without an error is not sure of it.

When it lies: what moved inside a cell (another mix of what the cells do not tell apart) counts as
conditional, so the cells must be those that the loss depends on; of a model's score they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from detectors.contract import FloatArray, IntArray

HALF: Final = 0.5
"""Events added to either outcome of a cell before its variance is taken."""


@dataclass(frozen=True, slots=True)
class CellLosses:
    """Losses by cell; arrays of shape (cells,)."""

    counts: IntArray
    """Events, >= 0."""
    totals: FloatArray
    """Sum of the losses."""
    variances: FloatArray
    """Variance of one loss of the cell."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the change with its standard error."""

    value: float
    error: float

    def bounds(self, width: float) -> tuple[float, float]:
        """The part less and plus ``width`` standard errors."""
        return self.value - width * self.error, self.value + width * self.error


@dataclass(frozen=True, slots=True)
class Decomposition:
    """The change of a mean loss taken apart."""

    before: float
    after: float
    mix: Part
    conditional: Part
    unseen: float
    unseen_share: float
    """Share of the window's events in cells that the reference does not have."""


def shares_of(counts: IntArray, hits: IntArray) -> CellLosses:
    """Cells whose losses are 0 and 1; both shape (cells,), ``hits`` at most ``counts``."""
    size, wrong = counts.astype(np.float64), hits.astype(np.float64)
    share = (wrong + HALF) / (size + 2.0 * HALF)
    return CellLosses(counts, wrong, share * (1.0 - share))


def decompose(reference: CellLosses, window: CellLosses) -> Decomposition | None:
    """Take the change of the mean loss apart; None where either side has no event.

    Raises ValueError for cells of other shapes.
    """
    shapes = {part.shape for side in (reference, window) for part in (side.counts, side.totals)}
    if len(shapes) != 1 or reference.counts.ndim != 1:
        raise ValueError(f"conditional shift: cells of shapes {sorted(shapes)}")
    n, m = reference.counts.astype(np.float64), window.counts.astype(np.float64)
    size_then, size_now = float(n.sum()), float(m.sum())
    if size_then <= 0.0 or size_now <= 0.0:
        return None
    seen = n > 0.0
    w, v = n / size_then, m / size_now
    before, after = float(reference.totals.sum()) / size_then, float(window.totals.sum()) / size_now
    r = np.where(seen, reference.totals / np.where(seen, n, 1.0), before)
    s = np.where(m > 0.0, window.totals / np.where(m > 0.0, m, 1.0), r)
    expected = float(np.sum(v * r))
    conditional = float(np.sum((v * (s - r))[seen]))
    of_now = np.where(m > 0.0, window.variances / np.where(m > 0.0, m, 1.0), 0.0)
    of_then = np.where(seen, reference.variances / np.where(seen, n, 1.0), 0.0)
    noise = float(np.sum((v * v * (of_now + of_then))[seen & (m > 0.0)]))
    spread_now = float(np.sum(v * r * r)) - expected * expected
    spread_then = float(np.sum(w * r * r)) - before * before
    mixed = max(0.0, spread_now) / size_now + max(0.0, spread_then) / size_then
    return Decomposition(
        before=before,
        after=after,
        mix=Part(expected - before, sqrt(mixed)),
        conditional=Part(conditional, sqrt(noise)),
        unseen=float(np.sum((v * (s - before))[~seen])),
        unseen_share=float(np.sum(v[~seen])),
    )
