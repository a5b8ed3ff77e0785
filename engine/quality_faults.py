"""The names of what can be wrong with a feature's data: the words of specs, judgements and metrics.

Rule.  A fault says that the data are bad, so whatever else they show is not drift.  What each one
means and how it is tested stands in :mod:`engine.quality`.
"""

from __future__ import annotations

from typing import Final

RATES: Final = ("missing", "invalid", "out_of_range", "outlier", "unseen")
"""Faults that are a rate above the reference's."""
RECORD_FAULTS: Final = ("duplicates", "freshness")
"""Faults of a window's records, not of a feature."""
FAULTS: Final = (*RATES, "constant", "rescaled", "stale")
