"""Where each number of a feature stands in a row of counts.

Rule.  A feature is one run of int64 cells, so that every pane of every feature is one row of one
array and merging is adding.  First the value cells, then, at fixed further positions, the standing
ones.  Sums are fixed point, ``q = rint((value - center) / step)``, because integers add up to the
same bits in any order.

* numeric with E edges: E + 1 value cells (below, E - 1 inner, above), then ``NUMERIC_EXTRA``;
* categorical with C categories: C + 2 value cells (categories, other, unseen), then
  ``CATEGORICAL_EXTRA``, of which only the first two names below exist.
"""

from __future__ import annotations

from typing import Final

MISSING: Final = 0
"""Offset after the value cells: values that are null (NaN in a numeric column)."""
INVALID: Final = 1
"""Values of a wrong type, or infinite."""
OUT_OF_RANGE: Final = 2
"""Finite values outside the range that the spec states; they are in a value cell as well."""
ALARMS: Final = 3
"""Alarms of estimators; no kernel here writes it."""
SUM: Final = 4
"""Sum of q over the finite values, q clipped to +-MOMENT_CLIP."""
SUM_SQUARES: Final = 5
"""Sum of the squares of the same clipped q."""
BELOW_SUM: Final = 6
"""Sum of q over the lowest cell, q clipped to +-TAIL_CLIP."""
ABOVE_SUM: Final = 7
"""Sum of q over the highest cell, q clipped to +-TAIL_CLIP."""

NUMERIC_EXTRA: Final = 8
CATEGORICAL_EXTRA: Final = 2

MOMENT_CLIP: Final = 2**15
"""|q| at most, for SUM and SUM_SQUARES: 2**33 values of 2**30 each still fit an int64."""
TAIL_CLIP: Final = 2**31
"""|q| at most, for the tail sums: 2**32 values still fit an int64."""


def numeric_cells(edges: int) -> int:
    """How many cells a numeric feature with ``edges`` edges takes."""
    return edges + 1 + NUMERIC_EXTRA


def categorical_cells(categories: int) -> int:
    """How many cells a categorical feature with ``categories`` categories takes."""
    return categories + 2 + CATEGORICAL_EXTRA
