"""A table's columns as the values that events carry: numbers, category texts and times.

Rule.  A table gives what the same model's events would: a boolean column of a numeric feature is 0
and 1, a whole real of a category is an integer's text, times are epoch milliseconds.  A CSV has no
types: a column whose every value is written as a number is one, unless a leading zero says that
it is a code (``05411``).  A naive time is refused unless ``columns`` has ``ts_zone: UTC``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from engine.category_text import category_text
from engine.timestamps import TimestampError, rfc3339_to_ms
from streams.table_columns import TableError

NUMBER_TEXT: Final = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$"
_ZONED_TEXT: Final = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-5][0-9]"
    r"(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:?[0-9]{2})$"
)
_WHOLE_TEXT: Final = re.compile(r"-?\d{1,15}", re.ASCII)
_COMPACT_ZONE: Final = re.compile(r"([+-]\d\d)(\d\d)", re.ASCII)
_NAIVE: Final = (
    "has times without a zone: store them with one, or, if they are UTC, "
    "put `ts_zone: UTC` into the spec's columns"
)


def numbers(path: object, column: pl.Series) -> npt.NDArray[np.float64]:
    """A column as float64, shape (rows,): NaN is missing, an infinity invalid.

    Raises TableError when it holds neither numbers nor text to be read as such.
    """
    if column.dtype == pl.String:
        parsed = column.str.strip_chars().cast(pl.Float64, strict=False)
        invalid = parsed.is_null() & column.is_not_null()
        values = parsed.fill_null(float("nan")).to_numpy().copy()
        values[invalid.to_numpy()] = np.inf
        return values
    if not (column.dtype.is_numeric() or isinstance(column.dtype, pl.Boolean | pl.Null)):
        raise TableError(path, [f"column {column.name!r} is {column.dtype}, not numeric"])
    values = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return np.array(values, dtype=np.float64)


def number_values(column: pl.Series) -> list[Any]:
    """A column as numbers for events; a text that is no number stays a text, null stays null."""
    if column.dtype == pl.String:
        parsed = column.str.strip_chars().cast(pl.Float64, strict=False)
        if parsed.null_count() == column.null_count() and not parsed.is_infinite().any():
            return parsed.to_list()
        return [
            _number_or_text(number, text)
            for number, text in zip(parsed.to_list(), column.to_list(), strict=True)
        ]
    if column.dtype == pl.Boolean:
        return column.cast(pl.Int8).to_list()
    if column.dtype.is_float() and column.is_infinite().any():
        return [str(v) if v in {np.inf, -np.inf} else v for v in column.to_list()]
    if column.dtype.is_decimal():
        return column.cast(pl.Float64).to_list()
    return column.to_list()


def _number_or_text(number: float | None, text: str | None) -> float | str | None:
    """JSON has no infinity, so one travels as its text, which is as invalid."""
    return text if number is None or number in {np.inf, -np.inf} else number


def whole_values(column: pl.Series) -> list[Any]:
    """A decision or a label: whole numbers as integers, booleans as 0 and 1, texts as they are."""
    if column.dtype == pl.String:
        numeric = column.drop_nulls().str.contains(NUMBER_TEXT).all()
        values = column.cast(pl.Float64).to_list() if numeric else column.to_list()
    elif column.dtype == pl.Boolean:
        values = column.cast(pl.Int8).to_list()
    elif column.dtype.is_float():
        values = column.fill_nan(None).to_list()
    else:
        values = column.to_list()
    return [int(v) if isinstance(v, float) and v.is_integer() else v for v in values]


def text_values(path: object, column: pl.Series, *, untyped: bool) -> list[str | None]:
    """A column as category texts; ``untyped`` text was found to be numbers, so 1.0 is 1.

    Raises TableError for a column of another kind than text, numbers or booleans.
    """
    kind = column.dtype
    if isinstance(kind, pl.Categorical | pl.Enum):
        return column.cast(pl.String).to_list()
    if kind == pl.String:
        values = column.to_list()
        return [_number_text(v) for v in values] if untyped else values
    if kind.is_integer():
        return column.cast(pl.String).to_list()
    if kind.is_decimal():
        column = column.cast(pl.Float64)
    elif not (kind.is_numeric() or isinstance(kind, pl.Boolean | pl.Null)):
        raise TableError(path, [f"column {column.name!r} is {kind}, and a category is text"])
    return [category_text(value) for value in column.to_list()]


def _number_text(text: str | None) -> str | None:
    if text is None or _WHOLE_TEXT.fullmatch(text):
        return text
    return category_text(float(text))


def times_ms(path: object, column: pl.Series, zone: str | None) -> Sequence[Any]:
    """A column as epoch milliseconds; null stays null and what is no time stays as it is.

    Raises TableError for naive times when ``zone`` is not ``UTC``, and for a column of dates.
    """
    kind = column.dtype
    if isinstance(kind, pl.Datetime):
        if kind.time_zone is None and zone != "UTC":
            raise TableError(path, [f"column {column.name!r} {_NAIVE}"])
        return column.dt.epoch("ms").to_list()
    if kind.is_integer() or kind == pl.Null:
        return column.to_list()
    if kind.is_float():
        return whole_values(column)
    if kind == pl.String:
        return _text_times_ms(path, column, zone)
    raise TableError(path, [f"column {column.name!r} is {kind}, and a time is needed"])


def _text_times_ms(path: object, column: pl.Series, zone: str | None) -> Sequence[Any]:
    """Texts as times: those in the usual form as a whole column, the others one by one."""
    usual = column.str.contains(_ZONED_TEXT)
    spelled = (
        column.str.replace("[Zz]$", "+00:00")
        .str.replace("^(.{10})[t ]", "${1}T")
        .str.replace("([+-][0-9]{2})([0-9]{2})$", "${1}:${2}")
    )
    parsed = spelled.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", strict=False, time_unit="us")
    times = pl.DataFrame({"usual": usual, "ms": parsed.dt.epoch("ms"), "text": column})
    known = times.select(pl.when("usual").then("ms"))["ms"].to_list()
    return [
        _time_ms(path, column.name, text, zone) if ms is None else ms
        for ms, text in zip(known, column.to_list(), strict=True)
    ]


def _time_ms(path: object, name: str, text: str | None, zone: str | None) -> int | str | None:
    if text is None:
        return None
    if _WHOLE_TEXT.fullmatch(text):
        return int(text)
    # A zone without its colon says the same; some writers of CSV leave it out.
    compact = _COMPACT_ZONE.fullmatch(text, len(text) - 5) if len(text) > 10 else None  # noqa: PLR2004
    whole = f"{text[:-5]}{compact[1]}:{compact[2]}" if compact is not None else text
    try:
        return rfc3339_to_ms(whole)
    except TimestampError as error:
        if str(error) != "naive_timestamp":
            return text
        if zone != "UTC":
            raise TableError(path, [f"column {name!r} {_NAIVE}"]) from error
        return rfc3339_to_ms(whole + "Z")
