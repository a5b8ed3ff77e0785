"""Whether a rate differs from its reference rate: exact tests, and how far rates swing by chance.

Theory.  Given both margins, the hits of the window are hypergeometric under equal rates (Fisher's
exact test; for a rare class this is the conditional test of two Poisson counts).  Nothing is
approximated, so 8 of 2,000 against 200 of 100,000 is judged as it is, where PSI sees nothing.

Rates of blocks of real data swing by more than the binomial allows.  ``dispersion`` says by how
much (the variance of the block rates over the binomial one, at least 1); a test is then held at
``n / dispersion`` events.  ``upper_rate`` is what one further block reaches by chance: the 99 %
prediction bound, or the sample quantile where there are blocks enough for one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import gammaln, stdtrit

from detectors.contract import P_VALUE_FLOOR

if TYPE_CHECKING:
    from detectors.contract import FloatArray

QUANTILE: Final = 0.99
BLOCKS_FOR_QUANTILE: Final = 30
"""With fewer no sample quantile can be a 99th percentile."""
_TAIL_STDDEVS: Final = 12.0
"""Terms further out are below any double's share of the sum that is floored at P_VALUE_FLOOR."""
_TAIL_TERMS: Final = 200


def upper_p_value(hits: int, size: int, reference_hits: int, reference_size: int) -> float:
    """P(at least ``hits`` of ``size``) if both rates are the same, given the hits of both.

    Fisher's exact test, one-sided; floored at P_VALUE_FLOOR; 1.0 where either side is empty.
    """
    if min(size, reference_size) <= 0:
        return 1.0
    total, drawn = size + reference_size, hits + reference_hits
    lowest, highest = max(0, drawn - reference_size), min(size, drawn)
    if hits <= lowest:
        return 1.0
    share = drawn / total
    spread = float(np.sqrt(size * share * (1.0 - share) * reference_size / max(1, total - 1)))
    mean = size * share
    if hits > mean + _TAIL_STDDEVS * spread + _TAIL_TERMS:
        return P_VALUE_FLOOR
    start = max(hits, int(mean - _TAIL_STDDEVS * spread) - _TAIL_TERMS)
    end = min(highest, max(hits, int(mean + _TAIL_STDDEVS * spread)) + _TAIL_TERMS)
    at = np.arange(start, end + 1, dtype=np.float64)
    terms = np.exp(_log_probability(at, size, drawn, total))
    return min(1.0, max(P_VALUE_FLOOR, float(terms.sum())))


def p_value(hits: int, size: int, reference_hits: int, reference_size: int) -> float:
    """Two-sided: twice the smaller tail of Fisher's exact test, at most 1."""
    above = upper_p_value(hits, size, reference_hits, reference_size)
    below = upper_p_value(size - hits, size, reference_size - reference_hits, reference_size)
    return min(1.0, 2.0 * min(above, below))


def _log_probability(hits: FloatArray, size: int, drawn: int, total: int) -> FloatArray:
    """Log P of the hypergeometric distribution at each of ``hits``."""
    found: FloatArray = (
        _log_choose(float(drawn), hits)
        + _log_choose(float(total - drawn), size - hits)
        - _log_choose(float(total), np.float64(size))
    )
    return found


def _log_choose(n: float, k: FloatArray | np.float64) -> FloatArray:
    found: FloatArray = gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)
    return found


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
