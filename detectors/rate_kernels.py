"""Tails of the hypergeometric distribution for many pairs of shares at once.

Rule.  Given all the successes T of two samples of n and m trials, those of the first are
hypergeometric, whatever the common share.  Both tails contain the count itself.

Theory.  A probability is the quotient of three binomial ones at the share T / (n + m), each from
Loader's saddle-point form (Fast and accurate computation of binomial probabilities, 2000): exact to
rounding also for 2**40 trials, where a difference of log-gammas has no digit left.  The tail is
summed away from the mean, each term from the one before it, until it adds nothing: about ten
spreads.  Above SUMMED_SPREAD the sum is the integral of the same form from half a count earlier
with its first correction (Euler and Maclaurin), off by about (z / spread)^4 / 800 of itself, so
that no pair of samples costs more than :data:`NODES` terms or ten times SUMMED_SPREAD of them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from detectors.jit import kernel

if TYPE_CHECKING:
    from detectors.contract import FloatArray, IntArray

SUMMED_SPREAD = 200.0
"""Standard deviation of the count up to which the tail is summed term by term."""
REACH = 12.0
"""Standard deviations that the integral covers; a tail further out is 0."""
NODES = 64
"""Points of the Gauss-Legendre rule of the integral."""
NEGLIGIBLE = 1e-17

HALF_LOG_2PI = 0.9189385332046727
STIRLING_FROM = 15.0
PLACES, WEIGHTS = np.polynomial.legendre.leggauss(NODES)


@kernel
def stirling_error(n: float) -> float:
    """The log of n! less Stirling's formula, n > 0."""
    if n <= STIRLING_FROM:
        return math.lgamma(n + 1.0) - (n + 0.5) * math.log(n) + n - HALF_LOG_2PI
    square = n * n
    tail = 1.0 / 1680.0 - 1.0 / 1188.0 / square
    return (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - tail / square) / square) / square) / n


@kernel
def deviance(seen: float, due: float) -> float:
    """The value of seen * ln(seen / due) + due - seen, without cancellation near seen = due.

    The series falls a hundredfold or more with each term, so it ends.
    """
    gap = seen - due
    if abs(gap) >= 0.1 * (seen + due):
        return seen * math.log(seen / due) - gap
    ratio = gap / (seen + due)
    total = gap * ratio
    term = 2.0 * seen * ratio
    power = 3.0
    while True:
        term *= ratio * ratio
        more = total + term / power
        if more == total:
            return total
        total = more
        power += 2.0


@kernel
def log_binomial(hits: float, trials: float, share: float) -> float:
    """The log of the binomial probability of 0 <= hits <= trials, ``share`` inside (0, 1)."""
    if hits <= 0.0:
        return trials * math.log1p(-share)
    if hits >= trials:
        return trials * math.log(share)
    rest = trials - hits
    return (
        stirling_error(trials)
        - stirling_error(hits)
        - stirling_error(rest)
        - deviance(hits, trials * share)
        - deviance(rest, trials * (1.0 - share))
        - HALF_LOG_2PI
        - 0.5 * (math.log(hits) + math.log1p(-hits / trials))
    )


@kernel
def hypergeometric(hits: float, size: float, other: float, total: float) -> float:
    """Probability of ``hits`` of the ``total`` successes in the first ``size`` of both trials."""
    share = total / (size + other)
    return math.exp(
        log_binomial(hits, size, share)
        + log_binomial(total - hits, other, share)
        - log_binomial(total, size + other, share)
    )


@kernel
def summed_tail(first: float, hits: float, size: float, other: float, total: float) -> float:
    """P(X >= hits), whose first term is ``first``; ``hits`` is at or above the mean."""
    term = first
    tail = first
    while term > tail * NEGLIGIBLE:
        term *= (size - hits) * (total - hits) / ((hits + 1.0) * (other - total + hits + 1.0))
        tail += term
        hits += 1.0
    return tail


@kernel
def integrated_tail(
    first: float, hits: float, size: float, other: float, total: float, spread: float
) -> float:
    """The same for a wide distribution."""
    half = REACH * spread / 2.0
    middle = hits - 0.5 + half
    tail = 0.0
    for node in range(NODES):
        place = middle + half * PLACES[node]
        tail += WEIGHTS[node] * hypergeometric(place, size, other, total)
    slope = first - hypergeometric(hits - 1.0, size, other, total)
    return tail * half + slope / 24.0


@kernel
def hypergeometric_tails(
    hits: IntArray,
    trials: IntArray,
    other_hits: IntArray,
    other_trials: IntArray,
    low: FloatArray,
    high: FloatArray,
) -> None:
    """Write P(X <= hits) and P(X >= hits) of each pair of samples.

    Args:
        hits: successes of the first sample, from 0 to ``trials``, shape (pairs,).
        trials: of the first sample, shape (pairs,).
        other_hits: successes of the second sample, shape (pairs,).
        other_trials: of the second sample, shape (pairs,).
        low: written, shape (pairs,).
        high: written, shape (pairs,).

    """
    for pair in range(hits.shape[0]):
        own, size = float(hits[pair]), float(trials[pair])
        other, total = float(other_trials[pair]), own + float(other_hits[pair])
        both = size + other
        if min(size, other, total, both - total) == 0.0:
            low[pair] = 1.0
            high[pair] = 1.0
            continue
        mean = total * (size / both)
        upper = own >= mean
        if not upper:
            # The lower tail is the upper one of the failures.
            own, total = size - own, both - total
            mean = size - mean
        spread = math.sqrt(mean * (other / both) * ((both - total) / max(both - 1.0, 1.0)))
        first = hypergeometric(own, size, other, total)
        if spread <= SUMMED_SPREAD:
            tail = summed_tail(first, own, size, other, total)
        elif own > mean + REACH * spread:
            tail = 0.0
        else:
            tail = integrated_tail(first, own, size, other, total, spread)
        rest = min(max(1.0 - tail + first, 0.0), 1.0)
        tail = min(tail, 1.0)
        low[pair] = rest if upper else tail
        high[pair] = tail if upper else rest
