"""The simple cases of the join, a batch at a time: one prediction, one label, and then it leaves.

Rule.  What an event contributes, what becomes of its label and when it leaves is exactly what
:mod:`engine.join_entry` and :mod:`engine.join` say of its entry; here it is said of columns.
Simple is, of an event that comes once in the batch,

* a prediction or a label that nothing is known of;
* a first label within ``ttl`` of a prediction that waits, or the other way round, where
  ``negative_after`` had not closed the prediction when the label was read;
* a repeat of a prediction.

Everything else is left to the entries, which the rows of the table turn into and back.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from detectors.key_table_kernel import NEVER
from engine.contributions import Contributions, first_matches, predictions_made
from engine.event_keys import Keys
from engine.join_batches import Integers, LabelColumns, Mask, PredictionColumns
from engine.join_counts import JoinCounts
from engine.join_entry import JoinRules
from engine.waiting_rows import (
    KNOWN,
    LABELS,
    MADE,
    OTHER,
    PREDICTIONS,
    WaitingRows,
    repeated_keys,
)

NEVER_REACHED: Final = -(1 << 62)
"""The watermark of a topic that nothing was heard of."""


class Watermarks(NamedTuple):
    """Of the two topics in one partition."""

    labels_ms: int = NEVER_REACHED
    predictions_ms: int = NEVER_REACHED


class SimpleJoin:
    """Joins the simple cases of one model's predictions and labels."""

    def __init__(self, rules: JoinRules, rows: WaitingRows) -> None:
        self._rules = rules
        self._rows = rows
        self._cohorts = any(plane.maturity_ms is not None for plane in rules.planes)

    def take_predictions(
        self, keys: Keys, made: PredictionColumns, now: Watermarks, counts: JoinCounts
    ) -> tuple[list[Contributions], Mask]:
        """Take predictions in; gives what they add, and which of them were not simple."""
        rows, alone = self._rows.find(keys), ~repeated_keys(keys)
        states = self._rows.states_of(rows)
        fresh = alone & (rows < 0) & (now.labels_ms < self._patience_ms(made.ts_ms))
        apart_ms = np.abs(made.ts_ms - self._rows.made_ms(rows))
        again = alone & (states & MADE != 0) & (apart_ms <= self._rules.repeat_ms)
        counts.repeats += int(again.sum())
        met = alone & (states == KNOWN)
        if met.any():
            watermarks_ms = self._rows.known_watermarks_ms(rows)
            met &= self._fit(made.ts_ms, self._rows.known_ms(rows), watermarks_ms)
        at = np.flatnonzero(fresh)
        if len(at):
            self._begin(keys[at], made.at(at))
        found = predictions_made(made.at(fresh | met), self._rules) if self._cohorts else []
        at = np.flatnonzero(met)
        if len(at):
            counts.move("pending", -len(at))
            self._rows.put_made(rows[at], made.at(at))
            found += self._matched(rows[at], now, counts)
        return found, ~(fresh | again | met)

    def take_labels(
        self, keys: Keys, known: LabelColumns, now: Watermarks, counts: JoinCounts
    ) -> tuple[list[Contributions], Mask]:
        """Take labels in; gives what they add, and which of them were not simple."""
        rows, alone = self._rows.find(keys), ~repeated_keys(keys)
        states = self._rows.states_of(rows)
        fresh = alone & (rows < 0)
        met = alone & (states == MADE)
        met &= self._fit(self._rows.made_ms(rows), known.ts_ms, known.watermarks_ms)
        counts.labels += int(fresh.sum()) + int(met.sum())
        at = np.flatnonzero(fresh)
        if len(at):
            self._await_predictions(keys[at], known.at(at), now, counts)
        at = np.flatnonzero(met)
        if not len(at):
            return [], ~(fresh | met)
        self._rows.put_known(rows[at], known.at(at))
        return self._matched(rows[at], now, counts), ~(fresh | met)

    def take_due(self, now: Watermarks, counts: JoinCounts) -> Integers:
        """Look at the rows that the watermarks have reached; gives those that are not simple."""
        rows = np.concatenate(
            [
                self._rows.due(LABELS, now.labels_ms),
                self._rows.due(PREDICTIONS, now.predictions_ms),
            ]
        )
        if not len(rows):
            return rows
        states = self._rows.states[rows]
        lonely = states == KNOWN
        self._expire(rows[lonely], counts)
        left = states == OTHER
        if self._rules.negative_after_ms is not None:
            left |= states == MADE
        self._leave_or_wait(rows[~left & ~lonely], now)
        return np.unique(rows[left])

    def forget(self, count: int, counts: JoinCounts) -> Integers:
        """Let the oldest rows go before their time; gives those of them that are not simple, which
        still have to."""
        rows: Integers = self._rows.oldest(count)
        states = self._rows.states[rows]
        counts.forgotten += int((states != OTHER).sum())
        self._expire(rows[states == KNOWN], counts)
        self._rows.remove(rows[(states & MADE) != 0])
        others: Integers = rows[states == OTHER]
        return others

    def _expire(self, rows: Integers, counts: JoinCounts) -> None:
        """Let labels go that no prediction came for."""
        if len(rows):
            counts.move("pending", -len(rows))
            counts.move("expired", len(rows))
            self._rows.remove(rows)

    def restored(self) -> None:
        """Note of all rows that are simple when to look at them."""
        rows = self._rows.live()
        states = self._rows.states[rows]
        lonely = rows[states == KNOWN]
        self._rows.schedule(PREDICTIONS, lonely, self._expires_ms(self._rows.known_ms(lonely)))
        others = rows[(states & MADE) != 0]
        self._rows.schedule(LABELS, others, self._labels_ms(others))

    def _begin(self, keys: Keys, made: PredictionColumns) -> None:
        """Keep predictions that wait for their labels."""
        rows = self._rows.add(keys)
        self._rows.put_made(rows, made)
        self._rows.schedule(LABELS, rows, self._patience_ms(made.ts_ms))

    def _await_predictions(
        self, keys: Keys, known: LabelColumns, now: Watermarks, counts: JoinCounts
    ) -> None:
        """Keep labels that wait for their predictions, if one can still come."""
        expires_ms = self._expires_ms(known.ts_ms)
        waits = expires_ms > now.predictions_ms
        waiting = int(waits.sum())
        counts.move("pending", waiting)
        counts.move("expired", len(waits) - waiting)
        if waiting:
            rows = self._rows.add(keys[waits])
            self._rows.put_known(rows, known.at(waits))
            self._rows.schedule(PREDICTIONS, rows, expires_ms[waits])

    def _matched(self, rows: Integers, now: Watermarks, counts: JoinCounts) -> list[Contributions]:
        """Count rows that have both now."""
        counts.move("matched", len(rows))
        found = first_matches(self._rows.made(rows), self._rows.known(rows), self._rules)
        self._leave_or_wait(rows, now)
        return found

    def _leave_or_wait(self, rows: Integers, now: Watermarks) -> None:
        """Let go what no admissible record can touch, and note when to look at the rest."""
        labels_ms = self._labels_ms(rows)
        for_labels = now.labels_ms < labels_ms
        rules = self._rules
        repeats_ms = self._rows.made_ms(rows) + rules.repeat_ms + rules.prediction_amend_ms + 1
        for_repeats = ~for_labels & (now.predictions_ms < repeats_ms)
        self._rows.schedule(LABELS, rows, np.where(for_labels, labels_ms, NEVER))
        self._rows.schedule(PREDICTIONS, rows, np.where(for_repeats, repeats_ms, NEVER))
        self._rows.remove(rows[~for_labels & ~for_repeats])

    def _labels_ms(self, rows: Integers) -> Integers:
        """The labels' watermark from which on no label can touch rows with a prediction."""
        made_ms, known_ms = self._rows.made_ms(rows), self._rows.known_ms(rows)
        reach_ms = np.zeros(len(rows), dtype=np.int64)
        for plane in self._rules.planes:
            at_ms = made_ms if plane.maturity_ms is not None else np.maximum(made_ms, known_ms)
            end_ms = at_ms // plane.pane_ms * plane.pane_ms + plane.pane_ms
            np.maximum(reach_ms, end_ms + plane.amend_ms + (plane.maturity_ms or 0), out=reach_ms)
        waits = self._rows.states[rows] == MADE
        return np.where(waits, self._patience_ms(made_ms), reach_ms)

    def _patience_ms(self, made_ms: Integers) -> Integers:
        """The labels' watermark up to which predictions wait for their first label."""
        rules = self._rules
        if rules.negative_after_ms is not None:
            return made_ms + rules.negative_after_ms + 1
        return made_ms + rules.ttl_ms + rules.label_amend_ms + 1

    def _expires_ms(self, known_ms: Integers) -> Integers:
        """The predictions' watermark up to which labels wait for their prediction."""
        return known_ms + self._rules.ttl_ms + self._rules.prediction_amend_ms + 1

    def _fit(self, made_ms: Integers, known_ms: Integers, watermarks_ms: Integers) -> Mask:
        """Whether a label is the first that its prediction takes."""
        fits: Mask = np.abs(known_ms - made_ms) <= self._rules.ttl_ms
        if self._rules.negative_after_ms is not None:
            fits &= watermarks_ms <= made_ms + self._rules.negative_after_ms
        return fits
