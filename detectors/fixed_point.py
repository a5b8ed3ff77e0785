"""Reals as whole numbers of a step, so that their sums are the same in any order.

Rule.  ``q = rint(value / step)``, halves to the even neighbour, cut at a clip that the caller
names.  A value within the clip is off by half a step at most, so a mean is too; the division is
exact, and so is that bound, when the step is a power of two, else it holds to one part in 2**21.
Values beyond the clip count as the clip, with their sign.  With |q| <= FIXED_POINT_CLIP, 2**32
values fit an int64, and so do the two halves of their squares (:mod:`detectors.kernels`).  Who
keeps no squares gets the mean, and NaN for whatever needs a spread.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from detectors.jit import kernel
from detectors.kernels import FIXED_POINT_CLIP, SQUARES_BITS

if TYPE_CHECKING:
    from detectors.contract import FloatArray, IntArray

LEAST_FOR_A_SPREAD: Final = 2


@dataclass(frozen=True, slots=True)
class FixedSums:
    """Count, sum and sum of squares of fixed-point values; adding two is merging them.

    Raises ValueError for a negative count or a step that is not positive and finite.
    """

    events: int
    total: int
    """Sum of q."""
    step: float
    """Size of one unit of q, > 0."""
    squares_low: int | None = None
    """Sum of the lower SQUARES_BITS bits of q squared; None where squares are not kept."""
    squares_high: int | None = None
    """Sum of what lies above those bits; None where squares are not kept."""

    def __post_init__(self) -> None:
        """Refuse what cannot have been summed."""
        if self.events < 0:
            raise ValueError(f"a sum is of no fewer than 0 values, not {self.events}")
        check_step(self.step)

    def __add__(self, other: FixedSums) -> FixedSums:
        if self.step != other.step:
            raise ValueError(f"sums in steps of {self.step} and {other.step} do not add up")
        return FixedSums(
            self.events + other.events,
            self.total + other.total,
            self.step,
            _added(self.squares_low, other.squares_low),
            _added(self.squares_high, other.squares_high),
        )

    @property
    def squares(self) -> int | None:
        """Sum of q squared, in full; None where it is not kept or there is no value."""
        if self.squares_low is None or self.squares_high is None or not self.events:
            return None
        return (int(self.squares_high) << SQUARES_BITS) + int(self.squares_low)

    @property
    def mean(self) -> float:
        """Mean of the values; NaN of none."""
        return int(self.total) / int(self.events) * self.step if self.events else math.nan

    @property
    def mean_square(self) -> float:
        """Mean of the squares of the values; NaN of none or where squares are not kept."""
        squares = self.squares
        return math.nan if squares is None else squares / int(self.events) * self.step**2

    @property
    def deviations(self) -> float:
        """Sum of (value - mean) squared; NaN of no values or where squares are not kept."""
        events, total, squares = int(self.events), int(self.total), self.squares
        if squares is None:
            return math.nan
        # Whole numbers to the last step: the difference of two large squares keeps its digits.
        return (events * squares - total * total) / events * self.step**2

    @property
    def variance(self) -> float:
        """Unbiased variance of the values; NaN of fewer than two."""
        if self.events < LEAST_FOR_A_SPREAD:
            return math.nan
        return self.deviations / (int(self.events) - 1)

    @property
    def error_of_mean(self) -> float:
        """Standard error of the mean of independent values; NaN of fewer than two."""
        if self.events < LEAST_FOR_A_SPREAD:
            return math.nan
        return math.sqrt(self.variance / int(self.events))


def _added(first: int | None, second: int | None) -> int | None:
    return None if first is None or second is None else first + second


@kernel
def fixed_value(value: float, step: float, clip: float) -> int:
    """``rint(value / step)`` of a value cut to +-``clip``; 0 for NaN, which the caller leaves out.

    A leaf for other kernels.  ``clip / step`` is at most FIXED_POINT_CLIP.
    """
    if np.isnan(value):
        return 0
    return int(np.rint(min(max(value, -clip), clip) / step))


def check_step(step: float) -> None:
    """Raise ValueError unless the step is positive and finite."""
    if not 0.0 < step < math.inf:
        raise ValueError(f"a fixed-point step must be positive and finite, not {step}")


def to_fixed(values: FloatArray, step: float, clip: float) -> IntArray:
    """Values as whole numbers of ``step``, halves to even, any shape.

    Args:
        values: finite or infinite; an infinite one counts as the clip.
        step: size of one unit, > 0; a power of two makes the error exactly half of it at most.
        clip: largest magnitude that counts, in the unit of the values.

    Raises ValueError for NaN (a missing value has no sum), a step that is not positive and finite,
    and a clip that is not positive or is above FIXED_POINT_CLIP steps.

    """
    check_step(step)
    if not 0.0 < clip <= step * FIXED_POINT_CLIP:
        raise ValueError(f"a clip of {clip} is not within 2**31 steps of {step}")
    if np.isnan(values).any():
        raise ValueError("a missing value has no fixed point: leave NaN out and count it")
    result: IntArray = np.rint(np.clip(values, -clip, clip) / step).astype(np.int64)
    return result


def fixed_sums(fixed: IntArray, step: float) -> FixedSums:
    """The sums of values that :func:`to_fixed` made, any shape."""
    squares = fixed * fixed
    return FixedSums(
        events=fixed.size,
        total=int(fixed.sum()),
        step=step,
        squares_low=int((squares & (2**SQUARES_BITS - 1)).sum()),
        squares_high=int((squares >> SQUARES_BITS).sum()),
    )
