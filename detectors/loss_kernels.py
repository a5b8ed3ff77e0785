"""Drift detectors of River 0.26.1 over whole columns of losses, in River's order of operations.

Rule.  Alarm for alarm the same as River's object fed with the finite values of the column, so no
expression here may be rearranged.  A change that the means show to be no rise starts the detector
afresh, as in River, is counted in ``marks[IMPROVED]`` and not told.

Theory.  DDM (Gama et al., SBIA 2004): the error rate p of a learner falls while nothing changes, so
p + s above its minimum by a multiple of the binomial s is a change.  EDDM (Baena-Garcia et al.,
2006): the same with the distance between errors.  HDDM (Frias-Blanco et al., IEEE TKDE 2014):
Hoeffding's bound on a mean (A), McDiarmid's on an exponentially weighted one (W).  Page-Hinkley
(Page, Biometrika 1954): the cumulated deviation from the mean against its extreme so far.

Every kernel takes ``columns``, shape (streams, rows), the state ``reals`` and ``marks`` of each
stream, changed in place, its parameters, and four arrays that it fills: ``rows`` and ``positions``
of the alarms of each stream, shape (streams, rows); ``means`` before and after, (streams, rows, 2);
and ``counts``, (streams,).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from detectors.jit import kernel

if TYPE_CHECKING:
    from detectors.contract import FloatArray, IntArray

SEEN: Final = 0
RESTART: Final = 1
WARNED: Final = 2
IMPROVED: Final = 3
MARKS: Final = 4
"""Columns of ``marks``: finite values since the bank was made, 1 when the next value meets a new
detector, 1 in the warning zone, changes that were no rise."""

DDM_REALS: Final = 6
EDDM_REALS: Final = 8
HDDM_A_REALS: Final = 6
HDDM_W_REALS: Final = 15
PAGE_HINKLEY_REALS: Final = 8
"""Numbers of the state of one stream; each kernel unpacks them in their order."""


@kernel
def only_bits(columns: FloatArray) -> bool:
    """Whether every finite value is 0 or 1."""
    for stream in range(columns.shape[0]):
        for at in range(columns.shape[1]):
            value = columns[stream, at]
            if value != 0.0 and value != 1.0 and np.isfinite(value):  # noqa: PLR1714 - compiled
                return False
    return True


@kernel
def rest_mean(n: float, mean: float, part_n: float, part_mean: float) -> float:
    """Mean of n values without the first part_n of them; the whole mean where none is left."""
    return (n * mean - part_n * part_mean) / (n - part_n) if n > part_n else mean


@kernel
def advance_ddm(
    columns: FloatArray, reals: FloatArray, marks: IntArray, warm: float, warning: float,
    drift: float, rows: IntArray, positions: IntArray, means: FloatArray, counts: IntArray,
) -> None:  # fmt: skip
    """DDM: alarm where p + s > p_min + drift * s_min, after more than ``warm`` values."""
    for stream in range(columns.shape[0]):
        state = reals[stream]
        n, p, least_n, p_min = state[0], state[1], state[2], state[3]
        s_min, ps_min = state[4], state[5]
        mark = marks[stream]
        seen, restart, warned, improved = mark[SEEN], mark[RESTART], mark[WARNED], mark[IMPROVED]
        found = 0
        for at in range(columns.shape[1]):
            x = columns[stream, at]
            if not np.isfinite(x):
                continue
            if restart:
                n = p = least_n = p_min = s_min = 0.0
                ps_min, restart, warned = np.inf, 0, 0
            seen += 1
            n += 1.0
            p += (1.0 / n) * (x - p)
            if n <= warm:
                continue
            s = math.sqrt(p * (1.0 - p) / n)
            if p + s <= ps_min:
                least_n, p_min, s_min = n, p, s
                ps_min = p_min + s_min
            warned = 1 if p + s > p_min + warning * s_min else 0
            if p + s > p_min + drift * s_min:
                restart, warned = 1, 0
                after = rest_mean(n, p, least_n, p_min)
                if after <= p_min:
                    improved += 1
                    continue
                rows[stream, found], positions[stream, found] = at, seen
                means[stream, found, 0], means[stream, found, 1] = p_min, after
                found += 1
        state[0], state[1], state[2], state[3] = n, p, least_n, p_min
        state[4], state[5] = s_min, ps_min
        mark[SEEN], mark[RESTART], mark[WARNED], mark[IMPROVED] = seen, restart, warned, improved
        counts[stream] = found


@kernel
def advance_eddm(
    columns: FloatArray, reals: FloatArray, marks: IntArray, warm: float, alpha: float,
    beta: float, half: float, rows: IntArray, positions: IntArray, means: FloatArray,
    counts: IntArray,
) -> None:  # fmt: skip
    """EDDM: alarm where mean + 2 stddev of the distances between errors fell to ``beta`` of its
    maximum.  ``half`` is 0.5: as a constant the power would be compiled to a square root, which is
    not to the last bit what River computes."""
    for stream in range(columns.shape[0]):
        state = reals[stream]
        n, last, errors, mean = state[0], state[1], state[2], state[3]
        squares, most, most_errors, most_mean = state[4], state[5], state[6], state[7]
        mark = marks[stream]
        seen, restart, warned, improved = mark[SEEN], mark[RESTART], mark[WARNED], mark[IMPROVED]
        found = 0
        for at in range(columns.shape[1]):
            x = columns[stream, at]
            if not np.isfinite(x):
                continue
            if restart:
                n = last = errors = mean = squares = most_errors = most_mean = 0.0
                most, restart, warned = -1.0, 0, 0
            seen += 1
            n += 1.0
            if x != 1.0:
                continue
            distance = n - last
            last = n
            errors += 1.0
            old = mean
            mean += (1.0 / errors) * (distance - mean)
            squares += (distance - old) * (distance - mean)
            if n <= warm:
                continue
            variance = squares / (errors - 1.0) if errors > 1.0 else 0.0
            level = mean + 2.0 * variance**half
            if level > most:
                most, most_errors, most_mean = level, errors, mean
            elif errors > warm:
                if level / most < beta:
                    restart = 1
                    since = rest_mean(errors, mean, most_errors, most_mean)
                    if since >= most_mean:
                        improved += 1
                        continue
                    rows[stream, found], positions[stream, found] = at, seen
                    means[stream, found, 0], means[stream, found, 1] = 1 / most_mean, 1 / since
                    found += 1
                else:
                    warned = 1 if level / most < alpha else 0
        state[0], state[1], state[2], state[3] = n, last, errors, mean
        state[4], state[5], state[6], state[7] = squares, most, most_errors, most_mean
        mark[SEEN], mark[RESTART], mark[WARNED], mark[IMPROVED] = seen, restart, warned, improved
        counts[stream] = found


@kernel
def hoeffding(n: float, log_confidence: float) -> float:
    """Hoeffding's bound on the mean of n values."""
    return math.sqrt(1.0 / (2.0 * n) * log_confidence)


@kernel
def moved(gap: float, n: float, part_n: float, log_confidence: float) -> bool:
    """Whether the mean of n values is at least the bound away from that of the first part_n."""
    if part_n == n:
        return False
    m = (n - part_n) / part_n * (1.0 / n)
    return gap >= math.sqrt(m / 2.0 * log_confidence)


@kernel
def advance_hddm_a(
    columns: FloatArray, reals: FloatArray, marks: IntArray, bound: float, drift: float,
    warning: float, two_sided: int, rows: IntArray, positions: IntArray, means: FloatArray,
    counts: IntArray,
) -> None:  # fmt: skip
    """HDDM_A.  ``bound`` is log(1 / drift_confidence), ``drift`` and ``warning`` are
    log(2 / confidence) of the two."""
    for stream in range(columns.shape[0]):
        state = reals[stream]
        n, z, low_n, low = state[0], state[1], state[2], state[3]
        high_n, high = state[4], state[5]
        mark = marks[stream]
        seen, restart, warned, improved = mark[SEEN], mark[RESTART], mark[WARNED], mark[IMPROVED]
        found = 0
        for at in range(columns.shape[1]):
            x = columns[stream, at]
            if not np.isfinite(x):
                continue
            if restart:
                n = z = low_n = low = high_n = high = 0.0
                restart = 0
            seen += 1
            n += 1.0
            z += (1.0 / n) * (x - z)
            if n == 1.0:
                low_n, low, high_n, high = n, z, n, z
            reach = hoeffding(n, bound)
            if low + hoeffding(low_n, bound) >= z + reach:
                low_n, low = n, z
            if high - hoeffding(high_n, bound) <= z - reach:
                high_n, high = n, z
            rose = moved(z - low, n, low_n, drift)
            warned = 1 if not rose and moved(z - low, n, low_n, warning) else 0
            fell = False
            if two_sided:
                fell = moved(high - z, n, high_n, drift)
                if not fell and moved(high - z, n, high_n, warning):
                    warned = 1
            if rose:
                rows[stream, found], positions[stream, found] = at, seen
                means[stream, found, 0] = low
                means[stream, found, 1] = rest_mean(n, z, low_n, low)
                found += 1
            elif fell:
                improved += 1
            restart = 1 if rose or fell else 0
        state[0], state[1], state[2], state[3] = n, z, low_n, low
        state[4], state[5] = high_n, high
        mark[SEEN], mark[RESTART], mark[WARNED], mark[IMPROVED] = seen, restart, warned, improved
        counts[stream] = found


@kernel
def beyond(gap: float, spread: float, log_confidence: float) -> bool:
    """Whether a difference of weighted means is above McDiarmid's bound."""
    return gap > math.sqrt(spread * log_confidence / 2.0)


@kernel
def weigh(sample: FloatArray, x: float, share: float, kept_squared: float) -> None:
    """Take a value into an exponentially weighted (mean, bound condition, 1 once it has any)."""
    sample[0] = share * x + (1.0 - share) * sample[0] if sample[2] > 0.0 else x
    sample[1] = share * share + kept_squared * sample[1]
    sample[2] = 1.0


@kernel
def advance_hddm_w(
    columns: FloatArray, reals: FloatArray, marks: IntArray, drift: float, warning: float,
    share: float, kept_squared: float, two_sided: int, rows: IntArray, positions: IntArray,
    means: FloatArray, counts: IntArray,
) -> None:  # fmt: skip
    """HDDM_W.  ``drift`` and ``warning`` are log(1 / confidence); ``share`` is the weight of a
    value, ``kept_squared`` the square of 1 - share.  State: the cut points for a rise and a fall,
    then (mean, bound condition, 1 once begun) of all values, of those since the cut for a rise and
    since that for a fall, then mean and bound condition up to each of the two."""
    fresh = np.array([0.0, 1.0, 0.0])
    for stream in range(columns.shape[0]):
        state = reals[stream]
        total, rise, fall = state[2:5], state[5:8], state[8:11]
        mark = marks[stream]
        seen, restart, warned, improved = mark[SEEN], mark[RESTART], mark[WARNED], mark[IMPROVED]
        found = 0
        for at in range(columns.shape[1]):
            x = columns[stream, at]
            if not np.isfinite(x):
                continue
            if restart:
                state[0], state[1] = np.inf, -np.inf
                total[:] = rise[:] = fall[:] = fresh
                state[11:] = 0.0
            seen += 1
            weigh(total, x, share, kept_squared)
            reach = math.sqrt(total[1] * drift / 2.0)
            if total[0] + reach < state[0]:
                state[0], state[11], state[12] = total[0] + reach, total[0], total[1]
                rise[:] = fresh
            else:
                weigh(rise, x, share, kept_squared)
            gap, spread = rise[0] - state[11], state[12] + rise[1]
            rose = rise[2] > 0.0 and beyond(gap, spread, drift)
            warned = 1 if rise[2] > 0.0 and not rose and beyond(gap, spread, warning) else 0
            if total[0] - reach > state[1]:
                state[1], state[13], state[14] = total[0] - reach, total[0], total[1]
                fall[:] = fresh
            else:
                weigh(fall, x, share, kept_squared)
            fell = False
            if two_sided and fall[2] > 0.0:
                gap, spread = state[13] - fall[0], fall[1] + state[14]
                fell = beyond(gap, spread, drift)
                if not fell and beyond(gap, spread, warning):
                    warned = 1
            if rose:
                rows[stream, found], positions[stream, found] = at, seen
                means[stream, found, 0], means[stream, found, 1] = state[11], rise[0]
                found += 1
            elif fell:
                improved += 1
            restart = 1 if rose or fell else 0
        mark[SEEN], mark[RESTART], mark[WARNED], mark[IMPROVED] = seen, restart, warned, improved
        counts[stream] = found


@kernel
def advance_page_hinkley(
    columns: FloatArray, reals: FloatArray, marks: IntArray, least: float, delta: float,
    threshold: float, alpha: float, up: int, down: int, rows: IntArray, positions: IntArray,
    means: FloatArray, counts: IntArray,
) -> None:  # fmt: skip
    """Page-Hinkley; ``up`` and ``down`` say which way is tested.  The mean before the change is
    that up to the minimum of the sum that tests for a rise, the mean after it that of the rest."""
    for stream in range(columns.shape[0]):
        state = reals[stream]
        n, mean, rising, falling = state[0], state[1], state[2], state[3]
        low, high, low_n, low_mean = state[4], state[5], state[6], state[7]
        mark = marks[stream]
        seen, restart, warned, improved = mark[SEEN], mark[RESTART], mark[WARNED], mark[IMPROVED]
        found = 0
        for at in range(columns.shape[1]):
            x = columns[stream, at]
            if not np.isfinite(x):
                continue
            if restart:
                n = mean = rising = falling = low_n = low_mean = 0.0
                low, high, restart = np.inf, -1.0, 0
            seen += 1
            n += 1.0
            mean += (1.0 / n) * (x - mean)
            deviation = x - mean
            rising = alpha * rising + deviation - delta
            falling = alpha * falling + deviation + delta
            if rising < low:
                low, low_n, low_mean = rising, n, mean
            high = max(high, falling)
            if n < least:
                continue
            if up and rising - low > threshold:
                rows[stream, found], positions[stream, found] = at, seen
                means[stream, found, 0] = low_mean
                means[stream, found, 1] = rest_mean(n, mean, low_n, low_mean)
                found += 1
                restart = 1
            elif down and high - falling > threshold:
                improved += 1
                restart = 1
        state[0], state[1], state[2], state[3] = n, mean, rising, falling
        state[4], state[5], state[6], state[7] = low, high, low_n, low_mean
        mark[SEEN], mark[RESTART], mark[WARNED], mark[IMPROVED] = seen, restart, warned, improved
        counts[stream] = found
