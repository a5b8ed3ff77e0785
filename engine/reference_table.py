"""A training table as columns, wherever it was read from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

FloatColumn = npt.NDArray[np.float64]
TextColumn = Sequence[str | None] | npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class ReferenceTable:
    """The rows that a model was trained on; every column has ``rows`` values."""

    rows: int
    numeric: Mapping[str, FloatColumn]
    """Feature -> values; NaN is missing, an infinity is invalid."""
    categorical: Mapping[str, TextColumn]
    """Feature -> :func:`engine.category_text.category_text` of each value; None is missing, or
    invalid as far as ``invalid_categories`` counts it."""
    score: FloatColumn | None = None
    decision: FloatColumn | None = None
    """0 or 1 of a binary model; NaN where there is none."""
    ts_ms: npt.NDArray[np.int64] | None = None
    """Event time, epoch milliseconds; None when the table has no times."""
    invalid_categories: Mapping[str, int] = field(default_factory=dict)
    """Feature -> how many of its None are values that name no category."""
    labels: FloatColumn | TextColumn | None = None
    """What turned out to be true: numbers (binary: above 0 is positive), NaN where nothing is
    known; of a multiclass model texts, None where nothing is known."""
    decided: TextColumn | None = None
    """The decided class of a multiclass model."""
    segments: Mapping[str, TextColumn] = field(default_factory=dict)
    """Segment -> text of each value, None is missing."""
    values: FloatColumn | None = None
    """What was at stake; NaN where nobody said."""
