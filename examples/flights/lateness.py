"""The lateness model as a thing that can be fitted again, kept in a file and asked.

Rule.  A category is its place in the alphabet of those that the training table has; one that it
does not have is missing.  The reference of a fit is scored out of fold, whole weeks left out:
scores of
the very rows that a model was fitted on are surer than any it gives in production.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from examples.flights.prepare import CATEGORICAL, NUMERIC, THRESHOLD, WEEK_MS, fit


@dataclass(frozen=True, slots=True)
class LatenessModel:
    """A fitted classifier and the categories that it knows."""

    classifier: Any
    categories: dict[str, list[str]]

    @classmethod
    def fitted(cls, flights: pl.DataFrame) -> LatenessModel:
        """Fitted on flights with features and ``label``."""
        categories = {name: sorted(flights[name].unique().to_list()) for name in CATEGORICAL}
        values = _matrix(flights, categories)
        return cls(fit(values, flights["label"].cast(pl.Int32).to_numpy()), categories)

    def scored(self, flights: pl.DataFrame) -> pl.DataFrame:
        """The flights with ``score`` and ``decision`` as this model gives them."""
        values = _matrix(flights, self.categories)
        return with_scores(flights, self.classifier.predict_proba(values)[:, 1])

    def save(self, path: Path) -> None:
        """Write it to a file, for who trusts the file."""
        path.write_bytes(pickle.dumps(self))

    @staticmethod
    def load(path: Path) -> LatenessModel:
        """Read it from a file that this user wrote: what is in it runs."""
        found: LatenessModel = pickle.loads(path.read_bytes())  # noqa: S301 - as said
        return found


def scored_out_of_fold(flights: pl.DataFrame, folds: int) -> pl.DataFrame:
    """The flights with scores of models that had not seen their week."""
    fold = flights["ts"].dt.epoch("ms").to_numpy() // WEEK_MS % folds
    scores = np.empty(len(flights))
    for left_out in range(folds):
        kept = LatenessModel.fitted(flights.filter(pl.Series(fold != left_out)))
        asked = kept.scored(flights.filter(pl.Series(fold == left_out)))
        scores[fold == left_out] = asked["score"].to_numpy()
    return with_scores(flights, scores)


def with_scores(flights: pl.DataFrame, scores: npt.NDArray[np.float64]) -> pl.DataFrame:
    """The flights with these scores, to three decimals, and what they decide."""
    rounded = pl.Series("score", scores.round(3))
    decision = (rounded >= THRESHOLD).cast(pl.Int32).alias("decision")
    return flights.with_columns(rounded, decision)


def _matrix(flights: pl.DataFrame, categories: dict[str, list[str]]) -> npt.NDArray[np.float64]:
    """The features as floats, shape (flights, features), missing is NaN."""
    codes = [
        pl.col(name).replace_strict(
            known, list(range(len(known))), default=None, return_dtype=pl.Float64
        )
        for name, known in categories.items()
    ]
    return (
        flights.select(*codes, *(pl.col(name).cast(pl.Float64) for name in NUMERIC))
        .fill_null(float("nan"))
        .to_numpy()
    )
