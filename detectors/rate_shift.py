"""One window's rate against its reference rate, and how far rates swing by chance.

Theory.  The tests are those of :mod:`detectors.rate_tests`, asked about one pair of counts: 8 of
2,000 against 200 of 100,000 is judged as it is, where PSI sees nothing.

Rates of blocks of real data swing by more than the binomial allows.  ``dispersion`` says by how
much (the variance of the block rates over the binomial one, at least 1); a test is then held at
``n / dispersion`` events.  ``upper_rate`` is what one further block reaches by chance: the 99 %
prediction bound, or the sample quantile where there are blocks enough for one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import stdtrit

from detectors.rate_tests import Direction, binomial_test, fisher

if TYPE_CHECKING:
    from detectors.contract import FloatArray

QUANTILE: Final = 0.99
BLOCKS_FOR_QUANTILE: Final = 30
"""With fewer no sample quantile can be a 99th percentile."""


def p_value(
    hits: int, size: int, reference_hits: int, reference_size: int, direction: Direction
) -> float:
    """Fisher's exact test of one window's rate; 1.0 where either side is empty.

    Hits beyond the size count as the size: a forged pane may say so, and ends no judge.
    """
    own, other = min(hits, size), min(reference_hits, reference_size)
    found = float(fisher(own, size, other, reference_size, direction))
    return 1.0 if np.isnan(found) else found


def limit_p_value(hits: int, size: int, share: float, direction: Direction) -> float:
    """The binomial test of one window's rate against a limit, in [0, 1]; else as above."""
    found = float(binomial_test(min(hits, size), size, share, direction))
    return 1.0 if np.isnan(found) else found


def odds_ratio(hits: int, size: int, reference_hits: int, reference_size: int) -> float:
    """Odds of the window over the reference's, half a case added to each count (Haldane, 1956), so
    that it exists for no hits at all; NaN where either side is empty."""
    if min(size, reference_size) <= 0:
        return float("nan")
    window = (hits + 0.5) / (size - hits + 0.5)
    return window / ((reference_hits + 0.5) / (reference_size - reference_hits + 0.5))


def upper_rate(rates: FloatArray) -> float:
    """What one further block's rate reaches with probability 0.99; shape (blocks,), blocks >= 2.

    With fewer than BLOCKS_FOR_QUANTILE blocks the larger of the largest and of Student's prediction
    bound ``mean + t_{B-1}(0.99) s sqrt(1 + 1/B)``; at most 1.
    """
    if len(rates) >= BLOCKS_FOR_QUANTILE:
        return float(np.quantile(rates, QUANTILE, method="higher"))
    spread = float(np.std(rates, ddof=1)) * float(np.sqrt(1.0 + 1.0 / len(rates)))
    bound = float(np.mean(rates)) + float(stdtrit(len(rates) - 1, QUANTILE)) * spread
    return min(1.0, max(float(np.max(rates)), bound))


def dispersion(hits: FloatArray, sizes: FloatArray) -> float:
    """Pearson's chi-square of the blocks' rates over its degrees of freedom, at least 1.

    ``hits`` and ``sizes`` have shape (blocks,), sizes > 0, two blocks at least.
    """
    rate = float(hits.sum() / sizes.sum())
    if rate in (0.0, 1.0):
        return 1.0
    variance = sizes * rate * (1.0 - rate)
    pearson = float((np.square(hits - sizes * rate) / variance).sum())
    return max(1.0, pearson / (len(hits) - 1))
