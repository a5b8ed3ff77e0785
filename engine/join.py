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
    anchor_ms,
    first_orphan_ms,
    move,
    predicted,
    sort_out,
)
from engine.join_store import CLOCKS, Clock, JoinStore, Kept
from engine.snapshot import SnapshotError
from engine.spec import Topic

_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder(Entry).decode
EMPTY: Final = Entry()
NOTHING: Final = Sorted([], [], [])
"""What an entry was that there was not."""
Wait = tuple[Clock, int]
"""Which watermark must reach what before something can leave."""
_NEVER: Final = -(1 << 62)


class Join:
    """Joins one model's predictions and labels."""

    def __init__(self, rules: JoinRules, store: JoinStore, pending: int) -> None:
        """``pending`` is how many events may wait."""
        self.counts = JoinCounts()
        self._rules = rules
        self._store = store
        self._pending = pending
        self._watermarks: dict[Clock, int] = dict.fromkeys(CLOCKS, _NEVER)

    def __len__(self) -> int:
        return len(self._store)

    def take(
        self,
        records: Sequence[tuple[str, Prediction]] | Sequence[tuple[str, Label]],
        watermarks_ms: Mapping[Clock, int | None],
        offsets: Mapping[Topic, int],
    ) -> list[Delta]:
        """Take in what a batch has of one topic, in offset order; returns what that changes.

        ``watermarks_ms`` are the partition's after the batch, ``offsets`` the next ones to read.
        """
        self._watermarks = {
            name: max(known, _NEVER if (ms := watermarks_ms.get(name)) is None else ms)
            for name, known in self._watermarks.items()
        }
        deltas: list[Delta] = []
        read: Sequence[tuple[str, Prediction | Label]] = records
        keyed = self._store.keyed(read)
        changed = self._fetch(key for key, _ in keyed)
        before = {key: self._before(entry) for key, entry in changed.items()}
        for key, record in keyed:
            entry = changed[key]
            if isinstance(record, Prediction):
                changed[key] = self._with_prediction(entry, record)
            else:
                changed[key] = self._with_label(entry, record)
        self._change(changed, before, deltas)
        self._settle(deltas, offsets)
        assert self.counts.add_up(), "a label got lost"
        return deltas

    def restored(self, watermarks_ms: Mapping[Clock, int | None]) -> None:
        """Look at what a restored store says nothing of; SnapshotError when it is no entry."""
        for name, ms in watermarks_ms.items():
            self._watermarks[name] = _NEVER if ms is None else ms
        for key, content in self._store.unscheduled():
            entry = _decoded(content)
            now = sort_out(entry, self._rules)
            self._schedule(key, entry, now, [self._waits_for(chain) for chain in now.chains])

    def _fetch(self, keys: Iterable[str]) -> dict[str, Entry]:
        wanted = list(dict.fromkeys(keys))
        found = zip(wanted, self._store.get_many(wanted), strict=True)
        return {key: EMPTY if content is None else _decoded(content) for key, content in found}

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

    def _change(
        self, changed: Mapping[str, Entry], before: Mapping[str, Sorted], deltas: list[Delta]
    ) -> None:
        """Write changed entries; add the difference of what they contribute to ``deltas``."""
        puts: dict[str, Kept] = {}
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

    def _wake(self, woken: Mapping[str, Entry], deltas: list[Delta]) -> None:
        """Look at entries that nothing came for; only ``negative_after`` changes what they add."""
        if self._rules.negative_after_ms is not None:
            self._change(woken, {key: self._before(e) for key, e in woken.items()}, deltas)
            return
        left = {}
        for key, entry in woken.items():
            kept = self._left(key, entry, sort_out(entry, self._rules))
            if kept is not entry:
                left[key] = kept
        self._write({}, left)

    def _left(self, key: str, entry: Entry, now: Sorted) -> Entry:
        """What stays of an entry; noted is when to look at that again."""
        waits = [self._waits_for(chain) for chain in now.chains]
        kept = self._trim(entry, now, waits)
        if kept.predictions or kept.labels:
            same = kept is entry
            self._schedule(key, kept, now if same else sort_out(kept, self._rules), waits)
        return kept

    def _write(self, puts: dict[str, Kept], left: Mapping[str, Entry]) -> None:
        deletes = []
        for key, entry in left.items():
            if entry.predictions or entry.labels:
                puts[key] = (anchor_ms(entry), _ENCODE(entry))
            else:
                deletes.append(key)
        self._store.write(puts, deletes, {})

    def _keep_fresh(
        self, key: str, entry: Entry, puts: dict[str, Kept], deltas: list[Delta]
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
        puts[key] = (made.ts_ms, _ENCODE(entry))
        self._store.schedule("labels", waits[1], key)
        return True

    def _assume(self, entry: Entry) -> Entry:
        """Close the predictions that the labels' watermark has passed by negative_after."""
        after_ms = self._rules.negative_after_ms
        if after_ms is None:
            return entry
        limit_ms = self._watermarks["labels"] - after_ms
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
        latest_ms = self._watermarks["predictions"] - self._rules.prediction_amend_ms
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
        if self._watermarks["labels"] < labels_ms:
            return "labels", labels_ms
        repeats_ms = made_ms + rules.repeat_ms + rules.prediction_amend_ms + 1
        if self._watermarks["predictions"] < repeats_ms:
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

    def _settle(self, deltas: list[Delta], offsets: Mapping[Topic, int]) -> None:
        """Look at the entries that the watermarks have reached, then at the bound."""
        while True:
            keys: set[str] = set()
            for clock, watermark_ms in self._watermarks.items():
                keys |= self._store.due(clock, watermark_ms)
            if not keys:
                break
            woken = {
                key: entry
                for key, entry in self._fetch(sorted(keys)).items()
                if entry.predictions or entry.labels
            }
            self._wake(woken, deltas)
        surplus = len(self._store) - self._pending
        if surplus > 0:
            self._forget(self._store.oldest(surplus))
        self._store.write({}, (), offsets)

    def _forget(self, keys: Sequence[str]) -> None:
        """Let entries go before their time; what they contributed stays."""
        for entry in self._fetch(keys).values():
            pending = sort_out(entry, self._rules).fates.count("pending")
            if pending:
                self.counts.move("pending", -pending)
                self.counts.move("expired", pending)
        self.counts.forgotten += len(keys)
        self._store.write({}, keys, {})


def _decoded(content: bytes) -> Entry:
    """An entry read back; SnapshotError when it is none."""
    try:
        return _DECODE(content)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SnapshotError(f"not an entry of a join: {error}") from error
