"""A draft of a spec as YAML with a comment at every guess.

Rule.  What :mod:`engine.spec_draft` supposes is written so that :mod:`engine.spec_reading` reads it
and a person sees why it stands there; any text of the table is quoted as YAML wants it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from engine.spec_draft import LENGTHS, PANES, Draft, Guess
from engine.spec_sections import feature_name_fault

_PLAIN_LENGTH: Final = 40
SHOWN_CANDIDATES: Final = 5
QUESTIONS: Final = {
    "event_id": "which column names an event? Needed to replay and to publish",
    "ts": "which column is the time of an event? Needed to replay and to publish",
    "score": "which column is the score? A score or a decision is needed",
}
"""Field that was not found -> what to ask."""


def draft_text(found: Draft, model: str, version: str, table: str) -> str:
    """The YAML; it ends with a line end."""
    return "\n".join([*_head(found, model, version, table), *_body(found), ""])


def _head(found: Draft, model: str, version: str, table: str) -> Iterator[str]:
    pane = PANES[found.windows[0]]
    yield f"# Drafted from {_one_line(table)}."
    yield "# Every comment is a guess or a question: read all of them."
    yield f"model: {_quoted(model)}"
    yield f"version: {_quoted(version)}"
    yield "inventory:"
    yield "  owner: unknown  # who answers for this model?"
    yield ""
    yield f"# Event time: counted in slices of {pane}; a record may come as late as that."
    yield f"time: {{pane: {pane}, lateness: {pane}, amend: {_amend(found)}}}"
    yield f"windows:  # {found.windows_why}"
    for name in found.windows:
        yield f"  - {{length: {name}, judge_every: {name}}}"
    yield ""


def _amend(found: Draft) -> str:
    """Ten panes, as a duration."""
    pane = PANES[found.windows[0]]
    return {"10s": "10m", "1m": "10m", "10m": "1h", "1h": "6h", "6h": "1d", "1d": "7d"}[pane]


def _body(found: Draft) -> Iterator[str]:
    used = [guess for guess in found.features if guess.kind != "left out"]
    dropped = [guess for guess in found.features if guess.kind == "left out"]
    unnamed = [guess for guess in used if feature_name_fault(guess.column)]
    yield "features:"
    for guess in used:
        if guess not in unnamed:
            yield _feature_line(guess)
    for guess in dropped:
        yield f"  # left out: {_one_line(guess.column)}: {_one_line(guess.why)}"
    for guess in unnamed:
        fault = feature_name_fault(guess.column)
        yield f"  # left out: {_one_line(guess.column)}: {fault}"
    yield ""
    why = _one_line(found.prediction_why)
    if found.prediction == "binary" and "score" in found.fields:
        yield f"prediction: {{type: binary, threshold: 0.5}}  # {why}; is 0.5 the threshold?"
    else:
        yield f"prediction: {{type: {found.prediction}}}  # {why}"
    if "label" in found.fields:
        yield "inputs: [predictions, labels]  # the table has a label, so performance is watched"
        yield "label: {ttl: 90d, lateness: 1d, amend: 7d}  # how long does the truth take to come?"
    else:
        yield "inputs: [predictions]  # add labels once outcomes are published"
    yield ""
    yield from _columns(found)
    yield ""
    yield "retraining:"
    yield "  cooldown: 7d"
    yield "  rules:  # before anybody is asked: longshore replay --policy over your history"
    count = len(used) - len(unnamed)
    least = max(1, min(3, count))
    window = max(found.windows, key=lambda name: LENGTHS[name])
    yield (
        f"    psi_features: {{above: 0.20, features: {least}, window: {window}, "
        "at_least: 2, of_last: 3}"
    )


def _feature_line(guess: Guess) -> str:
    said = f"type: {guess.kind}"
    if guess.kind == "categorical":
        said += f", categories: {guess.categories}"
    return f"  {_quoted(guess.column)}: {{{said}}}  # {_one_line(guess.why)}"


def _columns(found: Draft) -> Iterator[str]:
    where = "columns:  # where the fields of an event are in your tables"
    yield where if found.fields else f"# {where}; take the marks away"
    for field, placed in found.fields.items():
        yield f"  {field}: {_quoted(placed.column)}  # {_one_line(placed.why)}"
    if found.lacks_zone:
        yield "  # ts_zone: UTC  # the times name no zone; take the mark away if they are UTC"
    for field, question in QUESTIONS.items():
        lacks = field not in found.fields
        if lacks and not (field == "score" and "decision" in found.fields):
            yield f"  # {field}: COLUMN  # {question}{_candidates(found, field)}"


def _candidates(found: Draft, field: str) -> str:
    """Columns of which one may be it; which, nobody can see from here."""
    names = found.candidates.get(field, ())[:SHOWN_CANDIDATES]
    if not names:
        return ""
    listed = ", ".join(map(_one_line, names))
    return f"; each row has its own {listed}" if field == "event_id" else f"; times are {listed}"


def _quoted(text: str) -> str:
    """A YAML scalar that is this text and nothing else."""
    plain = text.replace("_", "a").isalnum() and text[0].isalpha() and text.isascii()
    words = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}
    if plain and text.lower() not in words and len(text) <= _PLAIN_LENGTH:
        return text
    return json.dumps(text, ensure_ascii=False)


def _one_line(text: str) -> str:
    """The text as a part of a comment."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
