"""A first spec for a table that nobody has described yet: what each column seems to be.

Rule.  A draft is read by a person before it is used, so every guess stands in it as a comment with
its reason, and what was left out stands there too.  A column is taken for a field of an event by
its name only where its values fit; everything that is neither field nor noise is a feature.  What a
time without a zone means is never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from engine.spec_draft_fields import (
    FIELD_NAMES,
    MOST_DECISIONS,
    TIMES_READ,
    ColumnFacts,
    Placed,
    fits,
    placed,
    said,
)
from engine.spec_sections import MAX_CATEGORIES

CODE_ENDS: Final = ("_id", "_code", "code", "zip", "postcode", "_no", "_class", "_type")
"""Numbers under such names are names of things, not amounts."""
OWN_SHARE: Final = 0.5
"""Share of the rows with a value that nobody else has, from which a text is an id or free text."""
MOST_CATEGORIES: Final = MOST_DECISIONS
FEW_VALUES: Final = 12
BINARY_VALUES: Final = 2
LABEL_QUESTION: Final = "Is it what turned out to be true? Then it is no feature: --label"
SCORE_QUESTION: Final = "Is it the score? Then it is no feature: --score"
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
    candidates: dict[str, tuple[str, ...]]
    """Columns of which one may be the event's id or its time."""


def draft(columns: list[ColumnFacts], named: dict[str, str]) -> Draft:
    """What the columns of a table are; ``named`` are fields whose columns somebody said."""
    facts = {column.name: column for column in columns}
    fields: dict[str, Placed] = {}
    for field in FIELD_NAMES:
        if field in named:
            fields[field] = said(field, facts.get(named[field]))
            continue
        taken = {one.column for one in fields.values()} | set(named.values())
        if field == "label_ts" and "label" not in fields:
            continue
        found = placed(field, [column for column in columns if column.name not in taken])
        if found is not None:
            fields[field] = found
    taken = {one.column for one in fields.values()}
    features = tuple(_feature(column, fields) for column in columns if column.name not in taken)
    time = facts.get(fields["ts"].column) if "ts" in fields else None
    windows, why = _windows(time)
    lacks_zone = time is not None and time.kind == "naive time"
    kind, kind_why = _prediction(fields, facts)
    if kind == "binary":
        fields = {
            field: _zero_or_one(field, one, facts[one.column]) for field, one in fields.items()
        }
    candidates = {
        field: tuple(column.name for column in columns if fits(field, column))
        for field in ("event_id", "ts")
    }
    return Draft(fields, features, windows, why, lacks_zone, kind, kind_why, candidates)


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


def _zero_or_one(field: str, found: Placed, column: ColumnFacts) -> Placed:
    """With a word where a binary model's truth or decision is written in words."""
    if field not in {"label", "decision"} or not column.text:
        return found
    return replace(found, why=f"{found.why}; here it is 0 or 1, not {column.text!r}: write it so")


def _feature(column: ColumnFacts, fields: dict[str, Placed]) -> Guess:
    """What a column is as a feature.  Where no label or no score is known, one that may be it asks:
    either among the features would always look like the model's best."""
    guess = _as_feature(column)
    if guess.kind == "left out":
        return guess
    why = guess.why
    if column.words:
        why += f". {column.words!r} counts as invalid: leave such cells empty"
    if "label" not in fields and column.distinct == BINARY_VALUES:
        why += f". {LABEL_QUESTION}"
    elif "score" not in fields and column.is_share and not column.is_whole:
        why += f". {SCORE_QUESTION}"
    return replace(guess, why=why)


def _as_feature(column: ColumnFacts) -> Guess:
    name = column.name
    if column.kind == "empty" or column.distinct <= 1:
        return Guess(name, "left out", "has no two values")
    if column.kind == "date":
        return Guess(name, "left out", f"a date. If it is the time of the event: {TIMES_READ}")
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
    if name.lower().endswith(CODE_ENDS):
        if distinct > MAX_CATEGORIES:
            return Guess(name, "left out", f"{distinct:,} numbers that look like codes: too many")
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
