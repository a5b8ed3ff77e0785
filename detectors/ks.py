"""Kolmogorov-Smirnov: the largest distance between two distribution functions.

Formula.  D = max |F - G| at the edges of the fine cells.  The p-value is Kolmogorov's asymptotic
law at sqrt(N) D, N = n m / (n + m) or the calibrated effective size.

Error of binning.  Between two edges F and G grow by their shares of that cell, so |F - G| is there
at most max(F after - G before, G after - F before).  ``error_bound`` is the largest of these over
the cells, less D: the D of the raw values is in [D, D + error_bound], and error_bound is never more
than the largest share that one cell has on either side.

When it lies: it is weak in the tails, and its law is for continuous, independent values; on
discrete ones the p-value is too large (safe).  With no data on a side the value is NaN.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import kolmogorov

from detectors.coarse import NOTHING, effective_size, usable
from detectors.contract import P_VALUE_FLOOR, Kind, Measure, ValueType

if TYPE_CHECKING:
    from detectors.contract import Sample

KIND: Final[Kind] = "statistic"
APPLIES_TO: Final[tuple[ValueType, ...]] = ("numeric",)
SYMMETRIC: Final = True


@dataclass(frozen=True, slots=True)
class Params:
    """The test has no parameter."""


def measure(sample: Sample, params: Params) -> Measure:
    """D over the fine cells, in [0, 1], with ``error_bound``."""
    expected, actual = sample.expected.cumsum(), sample.actual.cumsum()
    expected_size, actual_size = float(expected[-1]), float(actual[-1])
    if not usable(expected_size, actual_size):
        return NOTHING
    expected = expected / expected_size
    current = actual / actual_size
    gap = current - expected
    value = float(np.abs(gap).max())
    # Within a cell: one function at its end against the other one at its start.
    steps = np.maximum(gap + sample.expected / expected_size, sample.actual / actual_size - gap)
    worth = effective_size(sample, expected_size, actual_size)
    p_value = float(kolmogorov(math.sqrt(worth) * value))
    return Measure(
        value,
        max(p_value, P_VALUE_FLOOR),
        {"error_bound": max(float(steps.max()) - value, 0.0)},
    )
