"""Chi-square test that two histograms come from one distribution.

Formula.  X2 = n m sum((a/n - e/m)^2 / (a + e)) over the coarse bins, a and e the
current and the reference count, n and m their sums: Pearson's test of homogeneity of a 2 x B table
(Press and others, Numerical Recipes, 14.3).  The reference is a sample too, not taken as exact.

Conventions.  Bins empty on both sides are left out; no pseudo-count.  The p-value has B - 1 degrees
of freedom over the bins kept; a calibrated effective size scales X2 before it is looked up.  With
no data on a side the value is NaN.

When it lies: its size grows with the number of values, so with many everything is significant; read
the p-value for "is it real" and PSI for "does it matter".  With small counts the p-value is rough.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import chdtrc

from detectors.coarse import NOTHING, coarse_counts, effective_size, nominal_size, usable
from detectors.contract import P_VALUE_FLOOR, Kind, Measure, ValueType

if TYPE_CHECKING:
    from detectors.contract import Sample

KIND: Final[Kind] = "statistic"
APPLIES_TO: Final[tuple[ValueType, ...]] = ("numeric", "categorical")
SYMMETRIC: Final = True


@dataclass(frozen=True, slots=True)
class Params:
    """The test has no parameter."""


def measure(sample: Sample, params: Params) -> Measure:
    """X2 over the coarse bins, ``bins`` (the number kept) and the part of every coarse bin."""
    expected, actual = coarse_counts(sample)
    expected_size, actual_size = float(expected.sum()), float(actual.sum())
    if not usable(expected_size, actual_size):
        return NOTHING
    pooled = expected + actual
    # In shares, so that equal ones differ by nothing at all.
    gap = actual / actual_size - expected / expected_size
    # An empty bin has gap 0; dividing it by 1 leaves it out.
    parts = gap * gap / np.where(pooled > 0, pooled, 1.0) * (expected_size * actual_size)
    value = float(parts.sum())
    freedom = int(np.count_nonzero(pooled)) - 1
    worth = effective_size(sample, expected_size, actual_size)
    scaled = value * worth / nominal_size(expected_size, actual_size)
    p_value = float(chdtrc(freedom, scaled)) if freedom else 1.0
    return Measure(value, max(p_value, P_VALUE_FLOOR), {"bins": freedom + 1.0}, parts)
