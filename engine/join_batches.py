"""Predictions and labels of the join as columns: what a batch brings, and what waits.

Rule.  Columns say what :class:`engine.join_entry.Prediction` and :class:`engine.join_entry.Label`
say, and go back and forth without loss.  Assumed labels and closed predictions are never columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.join_entry import Label, Prediction

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


class PredictionColumns(NamedTuple):
    """Predictions, each column of shape (n,) but ``segments``."""

    offsets: Integers
    ts_ms: Integers
    on_time: Mask
    scores: Floats
    """NaN where there is none."""
    decisions: Integers
    """-1 where there is none."""
    values: Floats
    """NaN where there is none."""
    segments: Integers
    """Number of each segment's value, shape (segments, n)."""

    def at(self, rows: Integers | Mask | slice) -> PredictionColumns:
        """Those of the chosen rows, in their order."""
        return PredictionColumns(
            self.offsets[rows],
            self.ts_ms[rows],
            self.on_time[rows],
            self.scores[rows],
            self.decisions[rows],
            self.values[rows],
            self.segments[:, rows],
        )

    def records(self) -> list[Prediction]:
        """One record a row."""
        columns = [column.tolist() for column in self[:-1]]
        codes: list[tuple[int, ...]] = [tuple(row) for row in self.segments.T.tolist()]
        return [Prediction(*row) for row in zip(*columns, codes, strict=True)]

    @classmethod
    def of(cls, made: Sequence[Prediction], segments: int) -> PredictionColumns:
        """The columns of records, each with that many segments."""
        codes = np.array([p.segments for p in made], dtype=np.int64).reshape(len(made), segments)
        return cls(
            np.array([p.offset for p in made], dtype=np.int64),
            np.array([p.ts_ms for p in made], dtype=np.int64),
            np.array([p.on_time for p in made], dtype=np.bool_),
            np.array([p.score for p in made], dtype=np.float64),
            np.array([p.decision for p in made], dtype=np.int64),
            np.array([p.value for p in made], dtype=np.float64),
            codes.T,
        )


class LabelColumns(NamedTuple):
    """Labels, each column of shape (n,)."""

    offsets: Integers
    ts_ms: Integers
    watermarks_ms: Integers
    """Of their partition when each was read, itself included."""
    on_time: Mask
    labels: Floats
    """NaN stands for no label."""

    def at(self, rows: Integers | Mask | slice) -> LabelColumns:
        """Those of the chosen rows, in their order."""
        return LabelColumns(
            self.offsets[rows],
            self.ts_ms[rows],
            self.watermarks_ms[rows],
            self.on_time[rows],
            self.labels[rows],
        )

    def records(self) -> list[Label]:
        """One record a row."""
        columns = [column.tolist() for column in self]
        return [Label(*row) for row in zip(*columns, strict=True)]

    @classmethod
    def of(cls, known: Sequence[Label]) -> LabelColumns:
        """The columns of records."""
        return cls(
            np.array([x.offset for x in known], dtype=np.int64),
            np.array([x.ts_ms for x in known], dtype=np.int64),
            np.array([x.watermark_ms for x in known], dtype=np.int64),
            np.array([x.on_time for x in known], dtype=np.bool_),
            np.array([x.label for x in known], dtype=np.float64),
        )

    @classmethod
    def none(cls, count: int) -> LabelColumns:
        """So many times no label."""
        zeros = np.zeros(count, dtype=np.int64)
        nothing = np.full(count, np.nan)
        return cls(zeros - 1, zeros, zeros, np.ones(count, dtype=np.bool_), nothing)
