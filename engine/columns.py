"""From decoded structs to columns: numbers, category codes and outcome flags of one model's rows.

Rule.  In a numeric column NaN is missing and an infinity is invalid (a value of a wrong type, or
beyond a double); JSON itself can hold neither.  A categorical column holds the cell of each value,
so that counting is an addition.  Text is compared by :func:`engine.category_text.category_text`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from detectors.kernels import INVALID, MISSING
from engine.category_text import category_text
from engine.profile import CategoricalProfile

_NUMBER_TYPES: Final = {float, int, type(None)}
_AMBIGUOUS_INTEGERS: Final = ("0", "1")
"""0 and 1 compare equal to False and True, whose text is another: they take the slow way."""


def numeric_column(values: Sequence[Any], *, checked: bool) -> npt.NDArray[np.float64]:
    """Values as float64, shape (rows,); ``checked`` says that they are numbers or None already."""
    if checked or _NUMBER_TYPES.issuperset(map(type, values)):
        try:
            return np.array(values, dtype=np.float64)
        except OverflowError:
            pass
    return np.array([_number(value) for value in values], dtype=np.float64)


def _number(value: object) -> float:
    if value is None:
        return np.nan
    if type(value) is not float and type(value) is not int:
        return np.inf
    try:
        return float(value)
    except OverflowError:
        return np.inf


def decided_classes(
    decisions: Sequence[Any], scores: Sequence[Mapping[str, float] | None]
) -> list[Any]:
    """What a multiclass model decided: the decision, or else the class with the highest
    probability, the first by name of equal ones; None where there is neither."""
    found = list(decisions)
    for row, by_class in enumerate(scores):
        if found[row] is None and by_class:
            found[row] = min(by_class, key=lambda name: (-by_class[name], name))
    return found


class CategoryCodes:
    """Looks up the cell of each category of one feature."""

    def __init__(self, profile: CategoricalProfile) -> None:
        cells = len(profile.categories)
        self.unlisted = cells if profile.open_vocabulary else cells + 1
        self.invalid = cells + 2 + INVALID
        self._cells: dict[Any, int] = {None: cells + 2 + MISSING}
        for text in profile.others:
            self._know(text, cells)
        for cell, text in enumerate(profile.categories):
            self._know(text, cell)

    def _know(self, text: str, cell: int) -> None:
        self._cells[text] = cell
        is_integer = text.isascii() and text.isdigit() and text == str(int(text[:18]))
        if is_integer and text not in _AMBIGUOUS_INTEGERS:
            self._cells[int(text)] = cell

    def column(self, values: Sequence[Any]) -> npt.NDArray[np.int32]:
        """Cells of the values, shape (rows,)."""
        find = self._cells.get
        try:
            codes = np.array([find(value, -1) for value in values], dtype=np.int32)
        except TypeError:  # a list or an object among them is not hashable
            return np.array([self._slow(value) for value in values], dtype=np.int32)
        for row in np.flatnonzero(codes < 0).tolist():
            codes[row] = self._slow(values[row])
        return codes

    def _slow(self, value: object) -> int:
        if value is None:
            return self._cells[None]
        text = category_text(value)
        return self.invalid if text is None else self._cells.get(text, self.unlisted)
