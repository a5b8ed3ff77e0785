"""Coarse bins and sizes of a sample: what the binned statistics share.

Rule.  A sample without a single value on either side, or whose reference counts are not finite, is
``NOTHING``: value NaN, no p-value.  No statistic turns "no data" into "no drift".
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from detectors.contract import Measure

if TYPE_CHECKING:
    from detectors.contract import FloatArray, Sample

NOTHING: Final = Measure(math.nan)


def coarse_counts(sample: Sample) -> tuple[FloatArray, FloatArray]:
    """Reference and current counts per coarse bin, both of shape (coarse bins,)."""
    expected = np.bincount(sample.coarse, weights=sample.expected)
    actual = np.bincount(sample.coarse, weights=sample.actual)
    # NumPy's types do not know that weights make the counts real.
    return expected.astype(np.float64, copy=False), actual.astype(np.float64, copy=False)


def usable(expected_size: float, actual_size: float) -> bool:
    """Whether both sides hold something and the reference is finite."""
    return 0.0 < expected_size < math.inf and actual_size > 0.0


def nominal_size(expected_size: float, actual_size: float) -> float:
    """What two independent samples of n and m values are worth as one: n m / (n + m)."""
    return expected_size * actual_size / (expected_size + actual_size)


def effective_size(sample: Sample, expected_size: float, actual_size: float) -> float:
    """What the comparison is worth in independent values: calibrated, or else the nominal size."""
    if sample.effective_size is not None:
        return sample.effective_size
    return nominal_size(expected_size, actual_size)
