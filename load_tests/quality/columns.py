"""A stream that detectors are measured on, and what in it changes where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Watched = Literal["features", "losses"]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Columns:
    """The rows of a stream, in order."""

    numeric: FloatArray
    """Shape (numeric features, rows), in the order of the model's layout; NaN is missing."""
    codes: npt.NDArray[np.int32]
    """Shape (categorical features, rows): cells as :func:`detectors.kernels.tally_codes` takes."""
    losses: FloatArray
    """Shape (rows,): 0 where the model was right, 1 where it was wrong, NaN where nobody knows."""
    changes: tuple[int, ...] = ()
    """Rows at which something begins to change, ascending."""
    away: tuple[int, ...] = ()
    """Those of ``changes`` that lead away from the reference; the others lead back to it."""
    moves: frozenset[Watched] = frozenset()
    """What of it the changes move: P(X), or how often the model is wrong, or both."""
    scores: FloatArray | None = None
    """Shape (rows,): the model's; None of a stream that has none."""
    decisions: FloatArray | None = None
    """Shape (rows,): 0 or 1; beside ``scores``."""

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.losses)

    def ends_of(self, changes: tuple[int, ...]) -> tuple[int, ...]:
        """Where the next change of any kind begins, or the stream ends."""
        return tuple(
            min((c for c in self.changes if c > change), default=self.rows) for change in changes
        )

    def changes_of(self, watched: Watched, *, from_reference: bool) -> tuple[int, ...]:
        """Where a detector should alarm: nowhere, where what it watches does not move; and one that
        compares with a fixed reference only where the stream leaves it."""
        if watched not in self.moves:
            return ()
        return self.away if from_reference else self.changes
