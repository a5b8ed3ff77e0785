"""The join of one model in one source partition: predictions and labels in, contributions out.

Theory.  What an entry contributes is a function of the records in it (:mod:`engine.join_entry`), so
every interleaving of the two topics ends in the same.  An entry leaves when no admissible record
can touch it any more, by both clocks:

* a prediction, when its repeats are past (prediction ts + repeat < predictions' watermark - amend)
  and its labels too: without one when ts + ttl < labels' watermark - amend, with one when the
  labels' watermark has passed whatever pane a correction could reach;
* a label without a prediction, as ``expired``, when ts + ttl < predictions' watermark - amend.

The state is so a function of the two logs' prefixes, whatever the interleaving and the batches.
Two things are not: events let go above the bound ``label.pending``, the oldest first, and records
of one event_id beyond MAX_LABELS_PER_EVENT and MAX_PREDICTIONS_PER_EVENT.  Both are counted.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from engine.contributions import Contributions, contributions_of, together
from engine.event_keys import Keys, texts_of
from engine.join_batches import LabelColumns, PredictionColumns
from engine.join_by_entry import EntryJoin
from engine.join_counts import JoinCounts
from engine.join_entry import Delta, JoinRules
from engine.join_simple import SimpleJoin, Watermarks
from engine.join_store import Clock, JoinStore
from engine.spec import Topic

Batch = tuple[Keys, PredictionColumns | LabelColumns]
"""What a batch has of one topic, in offset order."""


class Join:
    """Joins one model's predictions and labels."""

    def __init__(self, rules: JoinRules, store: JoinStore, pending: int, segments: int) -> None:
        """``pending`` is how many events may wait, ``segments`` how many a prediction has."""
        self.counts = JoinCounts()
        self._store = store
        self._rows = store.rows
        self._simple = None if self._rows is None else SimpleJoin(rules, self._rows)
        self._entries = EntryJoin(rules, store)
        self._pending = pending
        self._segments = segments
        self._now = Watermarks()

    def __len__(self) -> int:
        return len(self._store)

    def take(
        self,
        batch: Batch | None,
        watermarks_ms: Mapping[Clock, int | None],
        offsets: Mapping[Topic, int],
    ) -> Contributions:
        """Take in what a batch has of one topic; returns what that changes.

        ``watermarks_ms`` are the partition's after the batch, ``offsets`` the next ones to read.
        """
        self._hear(watermarks_ms)
        parts: list[Contributions] = []
        deltas: list[Delta] = []
        if batch is not None:
            keys, columns = self._take_simple(batch, parts)
            if len(keys):
                deltas += self._entries.take(texts_of(keys), columns.records())
        while due := self._due():
            deltas += self._entries.wake(due)
        self._forget_surplus()
        self._store.write({}, (), offsets)
        assert self.counts.add_up(), "a label got lost"
        if deltas:
            parts.append(contributions_of(deltas, self._segments))
        return together(parts, self._segments)

    def restored(self, watermarks_ms: Mapping[Clock, int | None]) -> None:
        """Look at what a restored store says nothing of."""
        self._hear(watermarks_ms)
        if self._simple is not None:
            self._simple.restored()
        self._entries.restored()

    def _hear(self, watermarks_ms: Mapping[Clock, int | None]) -> None:
        """Take the watermarks, which never go back, and who counts what."""
        labels_ms, predictions_ms = watermarks_ms.get("labels"), watermarks_ms.get("predictions")
        known = self._now
        self._now = Watermarks(
            known.labels_ms if labels_ms is None else max(known.labels_ms, labels_ms),
            known.predictions_ms
            if predictions_ms is None
            else max(known.predictions_ms, predictions_ms),
        )
        self._entries.now, self._entries.counts = self._now, self.counts

    def _take_simple(self, batch: Batch, parts: list[Contributions]) -> Batch:
        """Take in what is simple, as columns; gives the rest."""
        keys, columns = batch
        if self._simple is None:
            return batch
        if isinstance(columns, PredictionColumns):
            found, rest = self._simple.take_predictions(keys, columns, self._now, self.counts)
        else:
            found, rest = self._simple.take_labels(keys, columns, self._now, self.counts)
        parts += found
        left = np.flatnonzero(rest)
        return keys[left], columns.at(left)

    def _due(self) -> list[str]:
        """Keys of the entries to be looked at now; those that are simple were, then."""
        if self._simple is not None and self._rows is not None:
            return texts_of(self._rows.keys[self._simple.take_due(self._now, self.counts)])
        due = self._store.due
        keys = due("labels", self._now.labels_ms)
        return sorted(keys | due("predictions", self._now.predictions_ms))

    def _forget_surplus(self) -> None:
        """Let the oldest go above the bound."""
        surplus = len(self._store) - self._pending
        if surplus <= 0:
            return
        if self._simple is not None and self._rows is not None:
            others = self._simple.forget(surplus, self.counts)
            self._entries.forget(texts_of(self._rows.keys[others]))
        else:
            self._entries.forget(self._store.oldest(surplus))
