"""A first spec for a table that nobody has described yet: what each column seems to be.

Rule.  A draft is read by a person before it is used, so every guess stands in it as a comment with
its reason, and what was left out stands there too.  A column is taken for a field of an event by
its name only where its values fit; everything that is neither field nor noise is a feature.  What a
time without a zone means is never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from engine.spec_sections import MAX_CATEGORIES

Kind = Literal["empty", "number", "text", "flag", "time", "naive time", "other"]

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
CODE_ENDS: Final = ("_id", "_code", "code", "zip", "postcode", "_no", "_class", "_type")
"""Numbers under such names are names of things, not amounts."""
OWN_SHARE: Final = 0.5
"""Share of the rows with a value that nobody else has, from which a text is an id or free text."""
MOST_CATEGORIES: Final = 50
FEW_VALUES: Final = 12
BINARY_VALUES: Final = 2
LABEL_QUESTION: Final = "Is it what turned out to be true? Then it is no feature: --label"
LEAST_ROWS: Final = 1_000
"""Rows of a usual window: below, the smallest change that is told apart from chance is large."""
LEAST_BLOCKS: Final = 8
"""Windows that the table should hold: how much they differ by themselves is told from them."""
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
LENGTHS: Final = {
    "10m": 10 * MINUTE_MS,
    "1h": HOUR_MS,
    "6h": 6 * HOUR_MS,
    "1d": DAY_MS,
    "7d": 7 * DAY_MS,
    "30d": 30 * DAY_MS,
}
PANES: Final = {"10m": "10s", "1h": "1m", "6h": "10m", "1d": "1h", "7d": "6h", "30d": "1d"}
"""Window -> the base pane of a spec of which it is the shortest."""


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


@dataclass(frozen=True, slots=True)
class Guess:
    """What a column is taken for as a feature."""

    column: str
    kind: Literal["numeric", "categorical", "left out"]
    why: str
    categories: int = MOST_CATEGORIES


@dataclass(frozen=True, slots=True)
class Draft:
    """All guesses about one table."""

    fields: dict[str, Placed]
    features: tuple[Guess, ...]
    windows: tuple[str, ...]
    windows_why: str
    lacks_zone: bool
    """Whether times have no zone, so that nothing works until somebody says what they are."""
    prediction: Literal["binary", "multiclass", "regression"]
    prediction_why: str
    unique: tuple[str, ...]
    """Columns in which each row has a value of its own: one of them may be the event's id."""


def draft(columns: list[ColumnFacts], named: dict[str, str]) -> Draft:
    """What the columns of a table are; ``named`` are fields whose columns somebody said."""
    facts = {column.name: column for column in columns}
    fields: dict[str, Placed] = {}
    for field in FIELD_NAMES:
        if field in named:
            fields[field] = Placed(named[field], "as said")
            continue
        taken = {placed.column for placed in fields.values()} | set(named.values())
        found = _placed(field, [column for column in columns if column.name not in taken])
        if found is not None:
            fields[field] = found
    taken = {placed.column for placed in fields.values()}
    features = tuple(
        _feature(column, asks="label" not in fields)
        for column in columns
        if column.name not in taken
    )
    time = facts.get(fields["ts"].column) if "ts" in fields else None
    windows, why = _windows(time)
    lacks_zone = time is not None and time.kind == "naive time"
    kind, kind_why = _prediction(fields, facts)
    unique = tuple(
        column.name
        for column in columns
        if column.is_unique and (column.kind == "text" or column.is_whole)
    )
    return Draft(fields, features, windows, why, lacks_zone, kind, kind_why, unique)


def _prediction(
    fields: dict[str, Placed], facts: dict[str, ColumnFacts]
) -> tuple[Literal["binary", "multiclass", "regression"], str]:
    """By the values of the label, or else of the decision."""
    for field in ("label", "decision"):
        column = facts.get(fields[field].column) if field in fields else None
        if column is None:
            continue
        told = f"{column.name} has {column.distinct:,} values"
        if column.distinct <= BINARY_VALUES:
            return "binary", told
        if column.kind == "number" and column.distinct > MOST_CATEGORIES:
            return "regression", told
        return "multiclass", told
    return "binary", "no label and no decision to tell by: or multiclass, or regression"


def _placed(field: str, columns: list[ColumnFacts]) -> Placed | None:
    by_name = {column.name.lower(): column for column in reversed(columns)}
    for name in FIELD_NAMES[field]:
        column = by_name.get(name)
        if column is not None and _fits(field, column):
            return Placed(column.name, f"by its name{_fitting(field, column)}")
    for end in CLOSE_NAMES.get(field, ()):
        for column in columns:
            if column.name.lower().endswith(end) and _fits(field, column):
                return Placed(
                    column.name, f"its name ends with {end}{_fitting(field, column)}: is it?"
                )
    for column in columns if field == "score" else []:
        if column.is_share and column.name.lower().startswith(SHARE_STARTS):
            return Placed(column.name, f"its name begins like a score{_fitting(field, column)}")
    return None


def _fits(field: str, column: ColumnFacts) -> bool:
    if field == "event_id":
        return column.is_unique
    if field in {"ts", "label_ts"}:
        return column.kind in {"time", "naive time"}
    if field == "score":
        return column.kind == "number"
    if field == "label":
        return column.kind in {"number", "text", "flag"} and column.distinct > 1
    return column.kind in {"number", "text", "flag"} and 1 < column.distinct <= MOST_CATEGORIES


def _fitting(field: str, column: ColumnFacts) -> str:
    if field == "event_id":
        return ", and no two rows have the same"
    if field == "score" and column.low is not None and column.high is not None:
        return f", from {column.low:.4g} to {column.high:.4g}"
    return "" if field in {"ts", "label_ts"} else f", {column.distinct} values"


def _feature(column: ColumnFacts, *, asks: bool) -> Guess:
    """What a column is as a feature.  Where no label is known, one with two values ``asks`` whether
    it is that: a label among the features would always look like the model's best."""
    guess = _as_feature(column)
    if asks and guess.kind != "left out" and column.distinct == BINARY_VALUES:
        return replace(guess, why=f"{guess.why}. {LABEL_QUESTION}")
    return guess


def _as_feature(column: ColumnFacts) -> Guess:
    name = column.name
    if column.kind == "empty" or column.distinct <= 1:
        return Guess(name, "left out", "has no two values")
    if column.kind in {"time", "naive time", "other"}:
        return Guess(name, "left out", f"is no number and no category ({column.kind})")
    if column.kind == "flag":
        return Guess(name, "categorical", "true or false", 2)
    if column.kind == "text" or column.is_code:
        return _text_feature(column)
    return _number_feature(column)


def _text_feature(column: ColumnFacts) -> Guess:
    distinct = column.distinct
    if distinct > OWN_SHARE * column.filled or distinct > MAX_CATEGORIES:
        return Guess(column.name, "left out", f"{distinct:,} values: an id, or free text?")
    return Guess(column.name, "categorical", f"{distinct:,} values", min(MOST_CATEGORIES, distinct))


def _number_feature(column: ColumnFacts) -> Guess:
    name, distinct = column.name, column.distinct
    span = f"{column.low:.6g} to {column.high:.6g}"
    if not column.is_whole:
        return Guess(name, "numeric", span)
    if column.is_unique:
        return Guess(name, "left out", f"a number of its own in every row, {span}: an id?")
    if name.lower().endswith(CODE_ENDS) and distinct <= MAX_CATEGORIES:
        kept = min(MOST_CATEGORIES, distinct)
        return Guess(name, "categorical", f"{distinct:,} numbers that look like codes", kept)
    if distinct <= FEW_VALUES:
        span = f"{distinct} whole values, {span}: categorical if they are codes"
    return Guess(name, "numeric", span)


def _windows(time: ColumnFacts | None) -> tuple[tuple[str, ...], str]:
    """The shortest windows with enough rows each of which the table holds enough."""
    if time is None or time.low is None or time.high is None or time.high <= time.low:
        return ("1h", "1d"), "the table has no times to choose by: how often do events come?"
    span_ms = time.high - time.low
    rows_a_ms = time.filled / span_ms
    fitting = [
        name
        for name, length_ms in LENGTHS.items()
        if rows_a_ms * length_ms >= LEAST_ROWS and span_ms >= LEAST_BLOCKS * length_ms
    ]
    if fitting:
        chosen = tuple(fitting[:2])
        told = " and ".join(f"about {rows_a_ms * LENGTHS[name]:,.0f} rows" for name in chosen)
        return chosen, f"{told} each, and the table holds {LEAST_BLOCKS} of them or more"
    held = [name for name, length_ms in LENGTHS.items() if span_ms >= LEAST_BLOCKS * length_ms]
    name = held[-1] if held else next(iter(LENGTHS))
    return (name,), (
        f"about {rows_a_ms * LENGTHS[name]:,.0f} rows each: few. Longer windows need a longer table"
    )
