"""What was done to a stream, for whoever measures how well it is found.

Rule.  ``truth.json`` says of every change its kind, its family (covariate, prediction, concept,
data_fault, volume), what of an event it moves, and where it is: by the number of the event and by
event time.  Nothing in it is needed to read the stream.
"""

from __future__ import annotations

import math
from typing import Any, Final

import polars as pl

from examples.fraud.drift import KINDS, Change
from examples.fraud.payments import LABEL_MAX_DAYS, LABEL_MEDIAN_DAYS, LABEL_SPREAD
from examples.fraud.scenarios import Scenario

SCHEMA: Final = 1


class TruthWriter:
    """Watches a stream go by and notes when each change began, was complete and ended."""

    def __init__(self, scenario: Scenario, events: int) -> None:
        self._scenario, self._events = scenario, events
        self._wanted = sorted(
            {
                self._event(at)
                for change in scenario.changes
                for span in change.spans()
                for at in span
            }
        )
        self._ts_ms: dict[int, int] = {}
        self._seen = self._fraud = 0
        self._first_ms: int | None = None
        self._last_ms: int | None = None

    def watch(self, table: pl.DataFrame) -> None:
        """Take the next block, in order."""
        first, ts_ms = self._seen, table["ts"]
        for number in self._wanted:
            if first <= number < first + len(table):
                self._ts_ms[number] = ts_ms.item(number - first)
        self._seen += len(table)
        self._fraud += int(table["label"].sum())
        self._first_ms = ts_ms.item(0) if self._first_ms is None else self._first_ms
        self._last_ms = ts_ms.item(-1)

    def as_tree(self, **arguments: float | str) -> dict[str, Any]:
        """The truth as builtins; ``arguments`` are what the stream was made with."""
        return {
            "schema": SCHEMA,
            "scenario": self._scenario.name,
            "says": self._scenario.says,
            "arguments": arguments,
            "events": self._seen,
            "fraud": self._fraud,
            "first_ts": self._first_ms,
            "last_ts": self._last_ms,
            "label_delay_days": {
                "law": "lognormal",
                "median": LABEL_MEDIAN_DAYS,
                "sigma": LABEL_SPREAD,
                "most": LABEL_MAX_DAYS,
            },
            "changes": [self._change(change) for change in self._scenario.changes],
        }

    def _change(self, change: Change) -> dict[str, Any]:
        kind = KINDS[change.kind]
        return {
            "kind": change.kind,
            "family": kind.family,
            "shape": change.shape,
            "strength": change.strength,
            "moves": list(kind.moves),
            "spans": [
                {
                    "first_event": begins,
                    "first_ts": self._ts_ms.get(begins),
                    "complete_event": complete,
                    "complete_ts": self._ts_ms.get(complete),
                    "end_event": end,
                    "end_ts": self._ts_ms.get(end),
                }
                for begins, complete, end in (
                    (self._event(a), self._event(b), self._event(c)) for a, b, c in change.spans()
                )
            ],
        }

    def _event(self, place: float) -> int:
        """The first event at or after a place of the stream."""
        # A share such as 0.55 of a million is no whole number of doubles.
        return math.ceil(round(place * self._events, 6))
