"""The names of what can be wrong with a feature's data: the words of specs, judgements and metrics.

Rule.  A fault says that the data are bad, so whatever else they show is not drift.  What each one
means and how it is tested stands in :mod:`engine.quality` and :mod:`engine.quality_values`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

RATES: Final = ("missing", "invalid", "out_of_range", "outlier", "unseen")
"""Faults that are a rate above the reference's."""
RECORD_FAULTS: Final = ("duplicates", "freshness")
"""Faults of a window's records, not of a feature."""
HIDDEN: Final = ("zeros", "repeated", "converted")
"""Faults among valid values (:mod:`engine.quality_values`)."""
FAULTS: Final = (*RATES, "constant", "rescaled", "stale", *HIDDEN)
MIN_VALUES: Final = 30
"""A window of fewer says nothing about a rate of some hundredths."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a feature in a window."""

    kind: str
    observed: float
    """A rate; the power of ten of ``rescaled``, the factor of ``converted``, alarms of
    ``stale``."""
    expected: float
    threshold: float
    p_value: float | None
