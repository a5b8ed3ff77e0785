"""What a feature's move does to the score: the effect by which evidence is ranked.

Theory.  The profile keeps, for each cell of a feature, the mean score of the training rows in it,
less that of all, in standard deviations of the score.  A window whose shares of the cells are q
where the reference has p moves the score, as far as this feature goes, by sum (q - p) x mean of the
cell.

When it lies: a feature moves others along, and the score depends on all of them together; the
effect is what the training data saw beside such values, not what the model would say of one of them
alone. Means are those of training: a cell that was empty then, and what is beyond the extremes, has
none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from engine.measuring import Verdict
from engine.profile import CategoricalProfile, FeatureProfile, NumericProfile, Profile
from engine.reference_table import ReferenceTable, TextColumn

STEPS_PER_STDDEV: Final = 1024
"""Scores are summed as whole numbers of this part of their standard deviation, so that the order of
the rows does not matter."""
LARGEST_STEPS: Final = 2**30
"""A million standard deviations out; what is beyond counts as much."""
DIGITS: Final = 6

IntArray = npt.NDArray[np.int64]


def score_by_cell(
    table: ReferenceTable, features: Mapping[str, FeatureProfile], score: NumericProfile | None
) -> dict[str, tuple[float, ...]]:
    """Feature -> mean score of each cell less that of all rows, in standard deviations; empty where
    the table has no scores."""
    if score is None or table.score is None:
        return {}
    scored = np.isfinite(table.score)
    away = (np.where(scored, table.score, score.mean) - score.mean) / score.stddev
    limit = float(LARGEST_STEPS)
    steps = np.rint(np.clip(away * STEPS_PER_STDDEV, -limit, limit)).astype(np.int64)
    found = {}
    for name, profile in features.items():
        cells = _cells(table, name, profile)
        known = scored & (cells >= 0)
        sums = np.zeros(len(profile.counts), dtype=np.int64)
        np.add.at(sums, cells[known], steps[known])
        rows = np.bincount(cells[known], minlength=len(profile.counts))
        means = sums / np.maximum(1, rows) / STEPS_PER_STDDEV
        found[name] = tuple(round(mean, DIGITS) + 0.0 for mean in means.tolist())
    return found


def score_effect(profile: Profile, verdict: Verdict) -> float | None:
    """By how much the score moves with a feature, in standard deviations of the reference's; None
    where the profile does not say, or of no values."""
    means = profile.score_by_cell.get(verdict.name)
    expected, actual = verdict.sample.expected, verdict.sample.actual
    if means is None or len(means) != len(actual) or not expected.sum() or not actual.sum():
        return None
    away = actual / actual.sum() - expected / expected.sum()
    return float(np.dot(away, np.array(means)))


def _cells(table: ReferenceTable, name: str, profile: FeatureProfile) -> IntArray:
    """The cell of each row, -1 of one without a valid value, shape (rows,)."""
    if isinstance(profile, CategoricalProfile):
        return _text_cells(table.categorical[name], profile)
    values = table.numeric[name]
    finite = np.isfinite(values)
    cells = np.full(len(values), -1, dtype=np.int64)
    cells[finite] = np.searchsorted(np.array(profile.edges), values[finite] + 0.0, side="right")
    return cells


def _text_cells(column: TextColumn, profile: CategoricalProfile) -> IntArray:
    known: dict[str | None, int] = {text: cell for cell, text in enumerate(profile.categories)}
    known[None] = -1
    other = len(profile.categories)
    return np.fromiter(
        (known.get(text, other) for text in column), dtype=np.int64, count=len(column)
    )
