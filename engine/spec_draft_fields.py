"""Which column of a table is which field of an event, by its name and its values.

Rule.  A column is taken for a field by a usual name where its values fit, then by how its name
ends or begins, then because it is the only one that fits; all but the first are put as a question.
Names are compared without case, and a blank, a hyphen and a hump of camelCase are an underscore.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["empty", "number", "text", "flag", "time", "naive time", "date", "other"]

FIELD_NAMES: Final = {
    "event_id": ("event_id", "id", "request_id", "prediction_id", "transaction_id", "uuid"),
    "ts": ("ts", "timestamp", "event_time", "time", "datetime", "created_at", "date"),
    "score": ("score", "probability", "proba", "y_pred_proba", "y_score", "prob", "y_hat"),
    "decision": ("decision", "y_pred", "prediction", "predicted", "pred"),
    "label": ("label", "y_true", "target", "y", "outcome", "actual", "ground_truth"),
    "label_ts": ("label_ts", "label_time", "outcome_time"),
}
"""Field of an event -> names of columns that it usually has; the first that fits is taken."""
CLOSE_NAMES: Final = {
    "event_id": ("_id", "_no", "_number", "_uuid", "_ref", "_key"),
    "ts": ("_at", "_ts", "_time", "_timestamp"),
    "score": ("_score", "_probability", "_proba"),
}
"""What such a name may end with, where no usual name is there."""
SHARE_STARTS: Final = ("p_", "prob_", "pred_")
"""What the name of a score may begin with, where all of its values are from 0 to 1."""
ONLY_ONE: Final = {
    "event_id": "the only column of which each row has its own",
    "ts": "the only times in the table",
    "label_ts": "the only other times, of when the truth was known",
}
"""Why the one column that fits is taken, whatever it is called."""
MOST_DECISIONS: Final = 50
TIMES_READ: Final = "times are read as 2026-01-01T09:00:00Z or as epoch milliseconds"


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """What the values of one column are."""

    name: str
    kind: Kind
    rows: int
    missing: int
    distinct: int
    low: float | None = None
    """Of numbers; of times in epoch milliseconds."""
    high: float | None = None
    is_whole: bool = False
    """Whether all numbers are."""
    is_code: bool = False
    """Whether a number is written with leading zeros."""
    text: str = ""
    """The first by the alphabet of its values, where they are texts."""
    words: str = ""
    """What stands where a number is missing; ``missing`` counts it."""

    @property
    def filled(self) -> int:
        """Rows with a value."""
        return self.rows - self.missing

    @property
    def is_unique(self) -> bool:
        """Whether each row has a value that no other has."""
        return self.filled == self.rows > 1 and self.distinct == self.rows

    @property
    def is_share(self) -> bool:
        """Whether all values are numbers from 0 to 1."""
        if self.kind != "number" or self.low is None or self.high is None:
            return False
        return self.low >= 0.0 and self.high <= 1.0


@dataclass(frozen=True, slots=True)
class Placed:
    """The column of a field of an event, and why it is that."""

    column: str
    why: str


def placed(field: str, columns: list[ColumnFacts]) -> Placed | None:
    """The column of a field among those that are left; None where only a person can know."""
    fitting = [column for column in columns if fits(field, column)]
    by_name = {_plain(column.name): column for column in reversed(fitting)}
    for name in FIELD_NAMES[field]:
        if name in by_name:
            column = by_name[name]
            return Placed(column.name, f"by its name{_fitting(field, column)}")
    for end in CLOSE_NAMES.get(field, ()):
        for column in fitting:
            if _plain(column.name).endswith(end):
                why = f"its name ends with {end}{_fitting(field, column)}: is it?"
                return Placed(column.name, why)
    for column in fitting if field == "score" else []:
        if column.is_share and _plain(column.name).startswith(SHARE_STARTS):
            return Placed(column.name, f"its name begins like a score{_fitting(field, column)}")
    dates = any(column.kind == "date" for column in columns)
    if field in ONLY_ONE and len(fitting) == 1 and not (field != "event_id" and dates):
        return Placed(fitting[0].name, f"{ONLY_ONE[field]}: is it?")
    return None


def said(field: str, column: ColumnFacts | None) -> Placed:
    """A column that somebody named, with what is wrong with its values."""
    assert column is not None, "it was looked for"
    unread = field == "ts" and column.kind not in {"time", "naive time"}
    return Placed(column.name, f"as said, but {TIMES_READ}" if unread else "as said")


def _plain(name: str) -> str:
    """``Order ID``, ``order-id`` and ``orderId`` as ``order_id``."""
    return re.sub(r"\W+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)).lower()


def fits(field: str, column: ColumnFacts) -> bool:
    """Whether the values of a column may be those of a field."""
    if field == "event_id":
        return column.is_unique and (column.kind == "text" or column.is_whole)
    if field in {"ts", "label_ts"}:
        return column.kind in {"time", "naive time"}
    if field == "score":
        return column.kind == "number"
    if field == "label":
        return column.kind in {"number", "text", "flag"} and column.distinct > 1
    return column.kind in {"number", "text", "flag"} and 1 < column.distinct <= MOST_DECISIONS


def _fitting(field: str, column: ColumnFacts) -> str:
    if field == "event_id":
        return ", and no two rows have the same"
    if field == "score" and column.low is not None and column.high is not None:
        return f", from {column.low:.4g} to {column.high:.4g}"
    return "" if field in {"ts", "label_ts"} else f", {column.distinct} values"
