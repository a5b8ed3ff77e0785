"""How many independent values a window is worth where it matters: far out in the tail.

Theory.  Significance at a false-alarm budget is a question of one window in ten thousand, and the
mean of the blocks' PSI (:mod:`engine.own_blocks`) says nothing of those: a feature that is quiet on
most days and wild on some has a heavier tail than the chi-square of its mean.  So each block is
measured out of sample, against the reference without the block's own stretch of time (one of
FOLDS), and the scaled chi-square ``chi2_{B-1} / w`` is laid over the largest PSI of the blocks:
``w`` is the largest size at which neither the share of blocks beyond the threshold nor their mean
excess is more than chi-square's.  From the threshold outwards the p-value is then that of the tail
seen.

Blocks of one day hang together, so the mean excess is an upper bound of a bootstrap of whole days
(of blocks, where they are longer): a stormy day is one draw, however many of its hours were stormy.
The bootstrap's random numbers are seeded by the values themselves: the same table, the same bytes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc, chdtri

FOLDS: Final = 10
"""Stretches of time that the reference is cut into."""
MIN_TAIL_BLOCKS: Final = 20
MIN_UNITS: Final = 8
"""Days (or longer blocks) without which no bootstrap of them says anything."""
TAIL_SHARE: Final = 0.1
"""Of the blocks that many are the tail, and at least MIN_TAIL of them."""
MIN_TAIL: Final = 5
MAX_TAIL_BLOCKS: Final = 10_000
"""Of more blocks whole days are left out, evenly."""
MAX_UNITS: Final = 400
"""More days are drawn in groups that adjoin."""
DRAWS: Final = 200
CONFIDENCE: Final = 0.9
_HALVINGS: Final = 50

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TailBlocks:
    """Which blocks of one length are measured out of sample, in what groups."""

    chosen: IntArray
    """Numbers of the blocks, shape (chosen,)."""
    units: IntArray
    """Day of each chosen block, from 0 without gaps, shape (chosen,)."""
    folds: IntArray
    """Fold of each block, chosen or not, shape (blocks,)."""


def tail_blocks(starts_ms: IntArray, length_ms: int, day_ms: int) -> TailBlocks:
    """The blocks that start at these times, in order, shape (blocks,)."""
    _, unit = np.unique(starts_ms // max(length_ms, day_ms), return_inverse=True)
    units = int(unit[-1]) + 1 if len(unit) else 0
    folds = unit * FOLDS // max(1, units)
    every = -(-len(starts_ms) // MAX_TAIL_BLOCKS)
    chosen = np.flatnonzero(unit % max(1, every) == 0)
    kept = unit[chosen] // max(1, every)
    together = -(-units // max(1, every * MAX_UNITS))
    return TailBlocks(chosen, kept // max(1, together), folds.astype(np.int64))


def tail_size(psi: FloatArray, units: IntArray, freedom: int) -> float | None:
    """The size that the tail of out-of-sample PSI allows; None where there are too few blocks.

    ``psi`` has shape (blocks,), NaN for a block that is not usable; ``units`` is the day of each;
    ``freedom`` is B - 1.
    """
    known = np.isfinite(psi)
    values, of = psi[known], units[known]
    if freedom < 1 or len(values) < MIN_TAIL_BLOCKS or len(np.unique(of)) < MIN_UNITS:
        return None
    count = max(MIN_TAIL, int(len(values) * TAIL_SHARE))
    threshold = float(np.partition(values, len(values) - count - 1)[len(values) - count - 1])
    beyond = values > threshold
    share = float(np.count_nonzero(beyond)) / len(values)
    if threshold <= 0.0 or share == 0.0:
        return None
    size = float(chdtri(freedom, share)) / threshold
    excess = _upper_excess(values[beyond] - threshold, of[beyond], of)
    return min(size, _size_of_excess(threshold, excess, freedom))


def _upper_excess(excess: FloatArray, of: IntArray, units: IntArray) -> float:
    """Upper confidence bound of the mean excess when whole days are drawn again."""
    days = np.unique(units)
    place = np.searchsorted(days, of)
    sums = np.bincount(place, weights=excess, minlength=len(days))
    counts = np.bincount(place, minlength=len(days))
    seed = hashlib.sha256(excess.tobytes() + of.tobytes()).digest()
    random = np.random.Generator(np.random.PCG64(int.from_bytes(seed[:16], "big")))
    drawn = random.multinomial(len(days), np.full(len(days), 1.0 / len(days)), size=DRAWS)
    found = drawn @ counts
    means = (drawn @ sums)[found > 0] / found[found > 0]
    return float(np.quantile(means, CONFIDENCE, method="higher"))


def _size_of_excess(threshold: float, excess: float, freedom: int) -> float:
    """The size w at which the mean excess of chi2 / w over the threshold is ``excess``."""
    low, high = 0.0, 2.0 * (freedom + 2.0) / excess
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        if mean_excess(threshold * middle, freedom) / middle > excess:
            low = middle
        else:
            high = middle
    return high


def mean_excess(at: float, freedom: int) -> float:
    """E[X - at | X > at] of a chi-square; 2 where ``at`` is beyond all doubles."""
    beyond = float(chdtrc(freedom, at))
    if beyond <= 0.0:
        return 2.0
    return max(2.0, freedom * float(chdtrc(freedom + 2, at)) / beyond - at)
