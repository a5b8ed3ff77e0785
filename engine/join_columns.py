"""Labels, decided classes and segments of a batch as columns.

Rule.  A binary label is a number or a boolean, above 0 is positive, as for decisions; that of a
regression is a finite number; a class is any scalar, by its
:func:`engine.category_text.category_text`.  What is none of these is no label.  A class that the
reference does not name is one of the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from engine.category_text import category_text
from engine.columns import decided_classes, numeric_column
from engine.performance_layout import PerformanceLayout

if TYPE_CHECKING:
    from engine.decoded import Events


class JoinColumns:
    """Reads what the join needs of one model's events."""

    def __init__(self, layout: PerformanceLayout) -> None:
        self._kind = layout.kind
        self._classes = {text: number for number, text in enumerate(layout.classes)}
        self._segments = [
            (segment.name, {text: number for number, text in enumerate(segment.values)})
            for segment in layout.segments
        ]

    def read_predictions(self, found: Events, fields: Mapping[str, Sequence[Any]]) -> None:
        """Fill in segments and the decided classes of predictions."""
        found.segments = self.segments(fields["segment"])
        if self._kind == "multiclass":
            found.classes = self.decided(fields["decision"], fields["scores"])

    def read_labels(self, found: Events, fields: Mapping[str, Sequence[Any]]) -> None:
        """Fill in the labels; NaN is one that cannot be used."""
        found.labels = self.labels(fields["label"])

    def labels(self, values: Sequence[Any]) -> npt.NDArray[np.float64]:
        """Labels, shape (rows,), as the performance cells take them; NaN is no label."""
        if self._kind == "multiclass":
            return np.array([self._class(value, np.nan) for value in values], dtype=np.float64)
        plain = values
        if bool in set(map(type, values)):
            plain = [float(value) if type(value) is bool else value for value in values]
        numbers = numeric_column(plain, checked=False)
        numbers[~np.isfinite(numbers)] = np.nan
        if self._kind == "regression":
            return numbers
        return np.where(np.isnan(numbers), np.nan, (numbers > 0).astype(np.float64))

    def decided(
        self, decisions: Sequence[Any], scores: Sequence[Mapping[str, float] | None]
    ) -> npt.NDArray[np.int64]:
        """Decided class of each row, shape (rows,): as decided, or else the one with the highest
        probability, the first by name of equal ones; -1 where there is neither."""
        found = [self._class(value, -1) for value in decided_classes(decisions, scores)]
        return np.array(found, dtype=np.int64)

    def segments(self, given: Sequence[Any]) -> npt.NDArray[np.int64]:
        """Number of each segment's value, shape (segments, rows)."""
        codes = np.empty((len(self._segments), len(given)), dtype=np.int64)
        for index, (name, numbers) in enumerate(self._segments):
            other = len(numbers)
            values = [named.get(name) if type(named) is dict else None for named in given]
            texts = values
            if set(map(type, values)) != {str}:
                texts = [None if value is None else category_text(value) for value in values]
            found = [other + 1 if text is None else numbers.get(text, other) for text in texts]
            codes[index] = found
        return codes

    def _class(self, value: object, nothing: float) -> float:
        text = None if value is None else category_text(value)
        return nothing if text is None else self._classes.get(text, len(self._classes))
