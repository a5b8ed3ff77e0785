"""The join of events one by one: their entries are read, changed and written whole.

Rule.  Whatever is no simple case (:mod:`engine.join_simple`) comes here, and everything does where
entries are not kept as columns.  What an entry contributes and when it leaves is said by
:mod:`engine.join_entry` and at the head of :mod:`engine.join`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from engine.join_counts import JoinCounts
from engine.join_entry import (
    MAX_LABELS_PER_EVENT,
    MAX_PREDICTIONS_PER_EVENT,
    Chain,
    Delta,
    Entry,
    JoinRules,
    Label,
    Prediction,
    Sorted,
    first_orphan_ms,
    move,
    predicted,
    sort_out,
)
from engine.join_simple import Watermarks
from engine.join_store import Clock, JoinStore

EMPTY: Final = Entry()
NOTHING: Final = Sorted([], [], [])
"""What an entry was that there was not."""
Wait = tuple[Clock, int]
"""Which watermark must reach what before something can leave."""


class EntryJoin:
    """Joins one model's predictions and labels, an entry at a time."""

    def __init__(self, rules: JoinRules, store: JoinStore) -> None:
        self.now = Watermarks()
        """Set before anything else is called."""
        self.counts = JoinCounts()
        """The same."""
        self._rules = rules
        self._store = store

    def take(self, keys: Sequence[str], records: Sequence[Prediction | Label]) -> list[Delta]:
        """Take in records of one topic under their keys, in offset order; returns what that
        changes."""
        changed = self._fetch(keys)
        before = {key: self._before(entry) for key, entry in changed.items()}
        for key, record in zip(keys, records, strict=True):
            entry = changed[key]
            if isinstance(record, Prediction):
                changed[key] = self._with_prediction(entry, record)
            else:
                changed[key] = self._with_label(entry, record)
        return self._change(changed, before)

    def wake(self, keys: Iterable[str]) -> list[Delta]:
        """Look at entries that nothing came for; only ``negative_after`` changes what they add."""
        found = self._fetch(keys).items()
        woken = {key: entry for key, entry in found if entry.predictions or entry.labels}
        if self._rules.negative_after_ms is not None:
            return self._change(woken, {key: self._before(e) for key, e in woken.items()})
        left = {}
        for key, entry in woken.items():
            kept = self._left(key, entry, sort_out(entry, self._rules))
            if kept is not entry:
                left[key] = kept
        self._write({}, left)
        return []

    def forget(self, keys: Sequence[str]) -> None:
        """Let entries go before their time; what they contributed stays."""
        for entry in self._fetch(keys).values():
            pending = sort_out(entry, self._rules).fates.count("pending")
            if pending:
                self.counts.move("pending", -pending)
                self.counts.move("expired", pending)
        self.counts.forgotten += len(keys)
        self._store.write({}, keys, {})

    def restored(self) -> None:
        """Look at what a restored store says nothing of."""
        for key, entry in self._store.unscheduled():
            now = sort_out(entry, self._rules)
            self._schedule(key, entry, now, [self._waits_for(chain) for chain in now.chains])
        self._store.write({}, (), {})

    def _fetch(self, keys: Iterable[str]) -> dict[str, Entry]:
        wanted = list(dict.fromkeys(keys))
        found = zip(wanted, self._store.get_many(wanted), strict=True)
        return {key: entry or EMPTY for key, entry in found}

    def _before(self, entry: Entry) -> Sorted:
        """What an entry was before it changes."""
        if entry is EMPTY:
            return NOTHING
        return sort_out(entry, self._rules)

    def _with_prediction(self, entry: Entry, record: Prediction) -> Entry:
        near = self._rules.repeat_ms
        known = entry.predictions
        if len(known) >= MAX_PREDICTIONS_PER_EVENT or any(
            abs(record.ts_ms - p.ts_ms) <= near for p in known
        ):
            self.counts.repeats += 1
            return entry
        return Entry((*known, record), entry.labels)

    def _with_label(self, entry: Entry, record: Label) -> Entry:
        self.counts.labels += 1
        if len(entry.labels) >= MAX_LABELS_PER_EVENT:
            self.counts.move("duplicate", 1)
            return entry
        return Entry(entry.predictions, (*entry.labels, record))

    def _change(self, changed: Mapping[str, Entry], before: Mapping[str, Sorted]) -> list[Delta]:
        """Write changed entries; returns the difference of what they contribute."""
        deltas: list[Delta] = []
        puts: dict[str, Entry] = {}
        left: dict[str, Entry] = {}
        for key, held in changed.items():
            was = before[key]
            if was is NOTHING and self._keep_fresh(key, held, puts, deltas):
                continue
            entry = self._assume(held)
            now = sort_out(entry, self._rules)
            self.counts.change(was.fates, now.fates)
            move(was.chains, now.chains, self._rules, deltas)
            left[key] = self._left(key, entry, now)
        self._write(puts, left)
        return deltas

    def _left(self, key: str, entry: Entry, now: Sorted) -> Entry:
        """What stays of an entry; noted is when to look at that again."""
        waits = [self._waits_for(chain) for chain in now.chains]
        kept = self._trim(entry, now, waits)
        if kept.predictions or kept.labels:
            same = kept is entry
            self._schedule(key, kept, now if same else sort_out(kept, self._rules), waits)
        return kept

    def _write(self, puts: dict[str, Entry], left: Mapping[str, Entry]) -> None:
        deletes = []
        for key, entry in left.items():
            if entry.predictions or entry.labels:
                puts[key] = entry
            else:
                deletes.append(key)
        self._store.write(puts, deletes, {})

    def _keep_fresh(
        self, key: str, entry: Entry, puts: dict[str, Entry], deltas: list[Delta]
    ) -> bool:
        """Keep a first prediction that waits for its labels, which is what nearly every prediction
        does; whether this was one."""
        if entry.labels or len(entry.predictions) != 1:
            return False
        (made,) = entry.predictions
        waits = self._waits_for(Chain(made))
        if waits is None or waits[0] != "labels":
            return False
        deltas += predicted(made, self._rules)
        puts[key] = entry
        self._store.schedule("labels", waits[1], key)
        return True

    def _assume(self, entry: Entry) -> Entry:
        """Close the predictions that the labels' watermark has passed by negative_after."""
        after_ms = self._rules.negative_after_ms
        if after_ms is None:
            return entry
        limit_ms = self.now.labels_ms - after_ms
        closed = []
        for chain in sort_out(entry, self._rules).chains:
            known = chain.labels
            assumed = known[0].assumed if known else chain.prediction.ts_ms < limit_ms
            if assumed != chain.prediction.assumed:
                closed.append(msgspec.structs.replace(chain.prediction, assumed=assumed))
            else:
                closed.append(chain.prediction)
        return Entry(tuple(closed), entry.labels)

    def _trim(self, entry: Entry, sorted_out: Sorted, waits: Sequence[Wait | None]) -> Entry:
        """The entry without what no admissible record can touch any more."""
        if None not in waits and -1 not in sorted_out.owners:
            return entry
        over = [wait is None for wait in waits]
        latest_ms = self.now.predictions_ms - self._rules.prediction_amend_ms
        labels = []
        for label, owner in zip(entry.labels, sorted_out.owners, strict=True):
            if owner >= 0:
                if not over[owner]:
                    labels.append(label)
            elif label.ts_ms + self._rules.ttl_ms < latest_ms:
                self.counts.move("pending", -1)
                self.counts.move("expired", 1)
            else:
                labels.append(label)
        if len(labels) == len(entry.labels) and not any(over):
            return entry
        kept = (p for p, gone in zip(entry.predictions, over, strict=True) if not gone)
        return Entry(tuple(kept), tuple(labels))

    def _waits_for(self, chain: Chain) -> Wait | None:
        """Which watermark must reach what before a chain can leave; None when it can."""
        rules = self._rules
        made_ms = chain.prediction.ts_ms
        if chain.labels:
            labels_ms = chain.reach_ms
        elif rules.negative_after_ms is not None:
            labels_ms = made_ms + rules.negative_after_ms + 1
        else:
            labels_ms = made_ms + rules.ttl_ms + rules.label_amend_ms + 1
        if self.now.labels_ms < labels_ms:
            return "labels", labels_ms
        repeats_ms = made_ms + rules.repeat_ms + rules.prediction_amend_ms + 1
        if self.now.predictions_ms < repeats_ms:
            return "predictions", repeats_ms
        return None

    def _schedule(
        self, key: str, entry: Entry, sorted_out: Sorted, waits: Iterable[Wait | None]
    ) -> None:
        """Note when to look at an entry again."""
        wakes = {wait for wait in waits if wait is not None}
        if -1 in sorted_out.owners:
            rules, oldest_ms = self._rules, first_orphan_ms(entry, sorted_out)
            wakes.add(("predictions", oldest_ms + rules.ttl_ms + rules.prediction_amend_ms + 1))
        for clock, at_ms in wakes:
            self._store.schedule(clock, at_ms, key)
