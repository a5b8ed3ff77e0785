"""Whether values were rescaled by a power of ten: the decimal exponents of |x| as a histogram.

Theory.  A change of unit (cents for euros, grams for kilograms) moves the decimal exponent of every
value by the same whole number and leaves the shape as it was.  So with p the reference's shares of
the decades and q the window's, a rescaling by 10^k is seen where q is far from p in total variation
and close to p moved by k, and where the root mean square moved by about 10^k as well (or, of values
on one side of zero, the mean): exponents alone are too coarse, they cannot tell 50 become 150 from
50 become 500.

The chance of such a distance without any change is bounded for every n by Bretagnolle, Huber and
Carol (1979): P(TV >= t) <= 2^B exp(-2 n t^2) over B decades; that bound is the p-value.

A column has DECADES cells from its own lowest decade on; what lies beyond either end counts in the
cell at that end.  Zero and subnormal numbers have no exponent and are in no cell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from detectors.contract import P_VALUE_FLOOR
from detectors.decade_kernel import DECADES

if TYPE_CHECKING:
    from detectors.contract import FloatArray, IntArray

BELOW_MEDIAN: Final = 7
"""Cells below the decade of the reference's median."""
SHIFTS: Final = (-3, -2, -1, 1, 2, 3)
"""Powers of ten that are looked for: x 1/1000 to x 1000."""
EXPLAINED: Final = 1 / 3
"""A shift explains the window when what remains is at most this part of the distance."""
SIZE_TOLERANCE: Final = 0.25
"""By how many decades the root mean square may miss the shift: a factor of 1.8."""


def lies_on_one_side(lowest: float, highest: float) -> bool:
    """Whether values from ``lowest`` to ``highest`` all are above zero or below it, so that their
    mean tells their size; where few are very large it does so in fewer of them than the root mean
    square."""
    return (lowest >= 0.0 and highest > 0.0) or (highest <= 0.0 and lowest < 0.0)


def decade_tables() -> tuple[IntArray, FloatArray]:
    """Decade of the smallest double of each binary exponent, and the next power of ten above it;
    both shape (2048,), by the exponent bits; zero, subnormals, inf and NaN use none."""
    powers = np.array([float(f"1e{d}") for d in range(-307, 309)])
    smallest = np.array([2.0 ** (e - 1023) if 0 < e < 2047 else 1.0 for e in range(2048)])  # noqa: PLR2004
    found = np.searchsorted(powers, smallest, side="right")
    following = np.append(powers, np.inf)[found]
    return (found - 308).astype(np.int64), following


def lowest_decade(values: FloatArray) -> int:
    """The first decade of a column's cells: BELOW_MEDIAN below the median of |x|, x finite; 0 less
    that for nothing but zeros."""
    sizes = np.sort(np.abs(values[np.abs(values) >= np.finfo(np.float64).tiny]))
    middle = float(sizes[len(sizes) // 2]) if len(sizes) else 1.0
    return int(np.searchsorted(decade_powers(), middle, side="right")) - 308 - BELOW_MEDIAN


def decade_powers() -> FloatArray:
    """The powers of ten that are normal doubles, 1e-307 first."""
    return np.array([float(f"1e{d}") for d in range(-307, 309)])


def distance(first: IntArray, second: IntArray, shift: int = 0) -> float:
    """Total variation between two histograms, the first one moved up by ``shift`` decades; what is
    moved out counts in the cell at that end."""
    moved = np.zeros(len(first))
    np.add.at(moved, np.clip(np.arange(len(first)) + shift, 0, len(first) - 1), first)
    p, q = moved / moved.sum(), second / second.sum()
    return float(np.abs(p - q).sum()) / 2.0


def rescaled_by(
    expected: IntArray, actual: IntArray, size_ratio: float, floor: float
) -> int | None:
    """The power of ten, of SHIFTS, by which a window's values were rescaled; None for none.

    ``expected`` and ``actual`` have shape (DECADES,); ``size_ratio`` is the window's root mean
    square, or mean, over the reference's; ``floor`` the least distance that counts.
    """
    if not expected.sum() or not actual.sum() or not size_ratio > 0.0:
        return None
    unmoved = distance(expected, actual)
    if unmoved < floor:
        return None
    grown = float(np.log10(size_ratio))
    likely = [k for k in SHIFTS if abs(grown - k) <= SIZE_TOLERANCE]
    fitting = [k for k in likely if distance(expected, actual, k) <= EXPLAINED * unmoved]
    return min(fitting, key=lambda k: distance(expected, actual, k), default=None)


def shift_p_value(expected: IntArray, actual: IntArray, size: float) -> float:
    """Bound on the chance of this distance between the two at ``size`` independent values."""
    occupied = int(np.count_nonzero((expected > 0) | (actual > 0)))
    if not size > 0.0 or not actual.sum() or not expected.sum():
        return 1.0
    exponent = occupied * float(np.log(2.0)) - 2.0 * size * distance(expected, actual) ** 2
    return min(1.0, max(P_VALUE_FLOOR, float(np.exp(min(exponent, 0.0)))))


assert DECADES > 2 * BELOW_MEDIAN, "as many decades above the median as below"
