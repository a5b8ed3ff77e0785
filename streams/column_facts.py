"""What the columns of a table hold, as the facts that a draft of a spec is made from.

Rule.  A CSV has no types, so all values of a column are looked at: one that is no number makes a
text of it.  A text is a time when every value is one in RFC 3339, with a zone or without.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from engine.spec_draft_fields import ColumnFacts, Kind
from engine.spec_sections import MAX_FEATURES
from engine.timestamps import NEWEST_MS, OLDEST_MS
from streams.table_columns import TableError
from streams.table_files import collect, file_kind, scan
from streams.table_values import NUMBER_TEXT

_TIME_TEXT: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
_ZONE_TEXT: Final = r"([Zz]|[+-][0-9]{2}:?[0-9]{2})$"
_CODE_TEXT: Final = r"^-?0[0-9]+$"
_OF_TYPES: Final[dict[Kind, type[pl.DataType]]] = {"date": pl.Date, "flag": pl.Boolean}
_FLAGS: Final = frozenset({"true", "false"})
_DATE_TEXT: Final = (
    r"^([0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{2,4})([T ]|$)"
)
_NO_NUMBERS: Final = ("na", "n/a", "#n/a", "nan", "null", "none", "nil", "missing", "-", "?")
"""What tables say in place of a number that is missing, in lower case."""


def column_facts(path: Path) -> list[ColumnFacts]:
    """The facts of every column of a Parquet or CSV file, in its order.

    Raises TableError when it cannot be read, is NDJSON, or has too many columns.
    """
    if file_kind(path) == "ndjson":
        raise TableError(path, ["holds events: a spec is drafted from a table (.parquet, .csv)"])
    frame = scan(path)
    names = frame.collect_schema().names()
    if len(names) > MAX_FEATURES:
        raise TableError(path, [f"has {len(names)} columns, at most {MAX_FEATURES} are looked at"])
    return [_facts(column) for column in collect(path, frame).iter_columns()]


def _facts(column: pl.Series) -> ColumnFacts:
    rows = len(column)
    if column.dtype.is_float():
        column = column.fill_nan(None)
    if column.dtype == pl.String:
        column = column.replace("", None)
    filled = column.drop_nulls()
    filled, words = _without_words(filled)
    kind = _kind(filled)
    numbers: pl.Series | None = None
    if kind == "number":
        numbers = filled.cast(pl.Float64, strict=False)
        if rows and _are_epochs(numbers):
            kind = "time"
    elif kind in {"time", "naive time"}:
        numbers = _epochs(filled)
    comparable = kind != "other"
    return ColumnFacts(
        name=column.name,
        kind=kind,
        rows=rows,
        missing=rows - len(filled),
        distinct=filled.n_unique() if comparable and len(filled) else 0,
        low=_end(numbers, lowest=True),
        high=_end(numbers, lowest=False),
        is_whole=kind == "number" and numbers is not None and bool((numbers % 1 == 0).all()),
        is_code=filled.dtype == pl.String and bool(filled.str.contains(_CODE_TEXT).any()),
        text=str(filled.min()) if filled.dtype == pl.String and kind in {"text", "flag"} else "",
        words=words,
    )


def _without_words(filled: pl.Series) -> tuple[pl.Series, str]:
    """A column of numbers without what it says where one is missing, and that word."""
    if filled.dtype != pl.String:
        return filled, ""
    numeric = filled.str.strip_chars().str.contains(NUMBER_TEXT)
    words = filled.filter(~numeric).unique().sort()
    known = words.str.strip_chars().str.to_lowercase().is_in(_NO_NUMBERS)
    if words.is_empty() or not numeric.any() or not known.all():
        return filled, ""
    return filled.filter(numeric), str(words[0])


def _kind(filled: pl.Series) -> Kind:
    kind = filled.dtype
    if filled.is_empty():
        return "empty"
    if isinstance(kind, pl.Datetime):
        return "naive time" if kind.time_zone is None else "time"
    for one in _OF_TYPES:
        if kind == _OF_TYPES[one]:
            return one
    if kind.is_numeric():
        return "number"
    if isinstance(kind, pl.Categorical | pl.Enum):
        return "text"
    return _kind_of_text(filled) if kind == pl.String else "other"


def _kind_of_text(filled: pl.Series) -> Kind:
    if filled.str.strip_chars().str.contains(NUMBER_TEXT).all():
        return "number"
    if filled.str.contains(_TIME_TEXT + _ZONE_TEXT).all():
        return "time"
    if filled.str.contains(_TIME_TEXT + "$").all():
        return "naive time"
    if filled.str.contains(_DATE_TEXT).all():
        return "date"
    flags = set(filled.unique().head(3).str.to_lowercase().to_list())
    return "flag" if flags <= _FLAGS else "text"


def _are_epochs(numbers: pl.Series) -> bool:
    """Whether all are whole milliseconds of this century and the following."""
    return bool(((numbers % 1 == 0) & numbers.is_between(OLDEST_MS, NEWEST_MS)).all())


def _epochs(filled: pl.Series) -> pl.Series:
    if filled.dtype == pl.String:
        seconds = filled.str.slice(0, 19).str.replace("[t ]", "T")
        filled = seconds.str.to_datetime("%Y-%m-%dT%H:%M:%S", strict=False)
    return filled.dt.epoch("ms").cast(pl.Float64)


def _end(numbers: pl.Series | None, *, lowest: bool) -> float | None:
    if numbers is None or numbers.drop_nulls().is_empty():
        return None
    end = numbers.min() if lowest else numbers.max()
    return float(end) if isinstance(end, int | float) else None
