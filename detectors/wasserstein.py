"""Wasserstein distance (earth mover's): how far values moved on average, in reference spreads.

Formula.  W1 = integral of |F - G|, divided by ``sample.spread``.  Within an inner cell both F and G
are taken as straight lines, for which the integral is exact, sign change or not.  Beyond the
outer edges the integral of F alone is (share of the cell) x (distance of its mean from the edge),
so a tail that only one side has is exact; where both have one, the difference of the two integrals
is taken.

Error of binning.  In a cell of width w the true F is monotone between the same ends as the line, so
they are at most w x share / 2 apart in area; likewise G.  In a tail that both sides have, the truth
is between the difference of the two areas and their sum.  So ``error_bound`` =
sum over inner cells of w (share of F + share of G) / 2 + 2 min(area of F, area of G) of both tails,
in spreads, and |value - W1 of the raw values| <= error_bound.

When it lies: one wild value far out moves it as much as many moving a little.  It is NaN with no
data on a side, or when a tail has values but no mean.  It has no p-value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from detectors.coarse import NOTHING, usable
from detectors.contract import Kind, Measure, ValueType

if TYPE_CHECKING:
    from detectors.contract import Sample

KIND: Final[Kind] = "statistic"
APPLIES_TO: Final[tuple[ValueType, ...]] = ("numeric",)
SYMMETRIC: Final = True

SMALLEST: Final = np.finfo(np.float64).tiny


@dataclass(frozen=True, slots=True)
class Params:
    """The distance has no parameter."""


def measure(sample: Sample, params: Params) -> Measure:
    """W1 over the fine cells in units of the reference's spread, with ``error_bound``."""
    expected_size, actual_size = float(sample.expected.sum()), float(sample.actual.sum())
    if not usable(expected_size, actual_size):
        return NOTHING
    reference = sample.expected / expected_size
    current = sample.actual / actual_size
    gaps = (current - reference).cumsum()[:-1]
    sizes = np.abs(gaps)
    left, right = sizes[:-1], sizes[1:]
    widths = sample.edges[1:] - sample.edges[:-1]
    both = left + right
    # Lines of one sign enclose a trapezium, crossing ones two triangles.
    heights = np.where(
        (gaps[:-1] >= 0.0) == (gaps[1:] >= 0.0),
        both / 2.0,
        (left * left + right * right) / (2.0 * np.maximum(both, SMALLEST)),
    )
    value = float(heights @ widths)
    bound = float((reference[1:-1] + current[1:-1]) @ widths) / 2.0
    below = tail_areas(reference[0], current[0], sample.below_mean, float(sample.edges[0]), -1.0)
    above = tail_areas(reference[-1], current[-1], sample.above_mean, float(sample.edges[-1]), 1.0)
    value += abs(below[0] - below[1]) + abs(above[0] - above[1])
    bound += 2.0 * (min(below) + min(above))
    return Measure(value / sample.spread, None, {"error_bound": bound / sample.spread})


def tail_areas(
    reference: float, current: float, means: tuple[float, float], edge: float, side: float
) -> tuple[float, float]:
    """Area under the tail of each distribution beyond ``edge`` (``side`` -1 below, +1 above)."""
    return (
        float(reference) * max((means[0] - edge) * side, 0.0) if reference else 0.0,
        float(current) * max((means[1] - edge) * side, 0.0) if current else 0.0,
    )
