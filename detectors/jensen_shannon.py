"""Jensen-Shannon distance: how well one value tells which of two histograms it came from.

Formula.  With p and q the shares per fine cell and M = (p + q) / 2, the divergence is
JSD = (sum(p log2(p / M)) + sum(q log2(q / M))) / 2, in [0, 1], and the value is its square root,
which is a metric (Endres and Schindelin, 2003).  0 log 0 = 0, so no pseudo-count is needed.

When it lies: on many cells and few values it is well above 0 without any drift, about
sqrt((1/n + 1/m)(cells - 1) / (8 ln 2)), and it has no p-value here.  With no data on a side the
value is NaN.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scipy.special import rel_entr

from detectors.coarse import NOTHING, usable
from detectors.contract import Kind, Measure, ValueType

if TYPE_CHECKING:
    from detectors.contract import Sample

KIND: Final[Kind] = "statistic"
APPLIES_TO: Final[tuple[ValueType, ...]] = ("numeric", "categorical")
SYMMETRIC: Final = True


@dataclass(frozen=True, slots=True)
class Params:
    """The distance has no parameter."""


def measure(sample: Sample, params: Params) -> Measure:
    """Distance over the cells, base 2, in [0, 1]."""
    expected_size, actual_size = float(sample.expected.sum()), float(sample.actual.sum())
    if not usable(expected_size, actual_size):
        return NOTHING
    reference = sample.expected / expected_size
    current = sample.actual / actual_size
    middle = (reference + current) / 2.0
    nats = (rel_entr(reference, middle) + rel_entr(current, middle)).sum() / 2.0
    # Rounding may leave the divergence of near-equal or disjoint histograms outside [0, 1].
    divergence = min(max(float(nats) / math.log(2.0), 0.0), 1.0)
    return Measure(math.sqrt(divergence))
