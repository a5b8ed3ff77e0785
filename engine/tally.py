"""The tally of one source partition: batches of records in, pane records and snapshots out.

Rule.  One tally serves partition p of all input topics and counts every model.  Its state is a
function of the records below ``covered`` alone; records below it that come again go into the
duplicate filters only.  The order of a checkpoint is the shell's duty: ``flush`` and wait for
delivery, then ``snapshot`` and wait for delivery, and only then may ``covered`` be committed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from engine import tally_snapshot
from engine.champion.comparison_tally import missing_comparisons, take_pairs
from engine.dead_letters import carry
from engine.decode import Decoder
from engine.decoded import Decoded
from engine.effects import OutputTopic, Publish
from engine.event_keys import misrouted
from engine.join_store import InMemory, Keeping
from engine.joining import Joining
from engine.model import MonitoredModel
from engine.model_tally import ModelTally, new_state
from engine.outcomes import Outcomes
from engine.pane_telling import mark_of, pane_record
from engine.panes import AnyRecord, PaneError, Stamp, encode
from engine.pieces import PieceReader, PieceWriter
from engine.read_ahead import labels_run_ahead
from engine.records import RecordBatch
from engine.snapshot import Snapshot, SnapshotError
from engine.spec import Topic
from engine.tally_snapshot import ModelSnapshot, TallySnapshot
from engine.terms import Term
from engine.version_register import VersionRegister

MAX_ABSENT_MODELS: Final = 100
"""Models whose state is kept though this run was not told of them; the longest silent go."""
TOPICS: Final[tuple[Topic, ...]] = ("features", "predictions", "labels")


class Tally:
    """Counts partition ``partition`` of ``partitions`` for the given models."""

    def __init__(
        self,
        partition: int,
        partitions: int,
        models: Sequence[MonitoredModel],
        *,
        resume: Snapshot | None = None,
        generation: int = 0,
        keeping: Keeping | None = None,
        terms: Mapping[str, Term] | None = None,
    ) -> None:
        """Start afresh or resume; SnapshotError when ``resume`` cannot be read.

        ``keeping`` holds what waits for labels; by default all of it is in memory and the snapshot.
        ``terms`` say from when until when each ``model@version`` serves, without end by default.
        Counts of a model whose layout changed start afresh; :attr:`fresh` names it.
        """
        self.partition = partition
        self.covered: dict[Topic, int] = {}
        self.outcomes = Outcomes()
        self.fresh: list[str] = []
        self.heard: set[str] = set()
        """``model@version`` of the models that had a record in the last batch."""
        self._partitions = partitions
        self._keeping = keeping or InMemory()
        self._versions = VersionRegister(self._keeping)
        self._models = self._versions.tallies
        self._absent: dict[str, tuple[ModelSnapshot, dict[bytes, bytes]]] = {}
        """State of models that this run was not told of (a broken spec file, say): kept as it is,
        so that their counts are there when they come back."""
        self._foreseen: tuple[RecordBatch, Decoded] | None = None
        self._epoch, self._generation, self._seq = max(1, generation), generation, 0
        held = None if resume is None else tally_snapshot.read(resume)
        if held is not None:
            self._versions.over = dict(held.over)
        self._take_on(models, terms or {})
        if resume is not None and held is not None:
            self._resume(held, resume.pieces)

    def learn(self, models: Sequence[MonitoredModel], terms: Mapping[str, Term]) -> None:
        """Count these models from the next record on, and no others; their terms as they are now.

        What was kept of one that comes back goes on where it was.
        """
        if not self._versions.knows(models, terms):
            self._versions.keep({model.key for model in models})
            self._take_on(models, terms)
        for key in self._absent.keys() & self._models.keys():
            held, pieces = self._absent.pop(key)
            self._restore(key, held, pieces)

    def _take_on(self, models: Sequence[MonitoredModel], terms: Mapping[str, Term]) -> None:
        self._versions.terms = terms
        for model in self._versions.wanted(models):
            self._versions.put(ModelTally(model, new_state(model, self._keeping)))
        for comparing in missing_comparisons(self._versions.models(), self._models, self._keeping):
            self._versions.put(comparing)
        self._decoders = {topic: Decoder(self._versions.models(), topic) for topic in TOPICS}
        self._foreseen = None

    def strange(self, batch: RecordBatch) -> set[str]:
        """Versions in a batch that are not counted, of models of which another version is."""
        return self._versions.strange(self._decode(batch))

    def _decode(self, batch: RecordBatch) -> Decoded:
        """The batch in columns; once, though it is looked at before it is accepted."""
        if self._foreseen is None or self._foreseen[0] is not batch:
            self._foreseen = batch, self._decoders[batch.topic].decode(batch)
        return self._foreseen[1]

    @property
    def reread_records(self) -> int:
        """How many records before ``covered`` the duplicate filters want to read again."""
        return max((t.model.spec.duplicates_last for t in self._models.values()), default=0)

    @property
    def joinings(self) -> dict[str, Joining]:
        """The joins by ``model@version``, of models that have one."""
        return {key: t.state.joining for key, t in self._models.items() if t.state.joining}

    @property
    def joined(self) -> set[tuple[str, str]]:
        """``model@version`` and layout of all models that join, also of those kept unheard of."""
        layouts = {key: self._models[key].model.layout.hash for key in self.joinings}
        layouts |= {key: held.layout for key, (held, _) in self._absent.items() if held.joining}
        return set(layouts.items())

    @property
    def open_cells(self) -> int:
        """Cells of the panes that are held open, over all models."""
        return sum(tally.open_cells for tally in self._models.values())

    def labels_ahead(self, *, held: bool) -> bool:
        """Whether labels are read too far ahead; ``held`` is whether they wait already."""
        for tally in self._models.values():
            state, room = tally.state, tally.model.spec.label.pending
            waiting = 0 if state.joining is None else state.joining.join.counts.waiting
            if labels_run_ahead(waiting, state.newest_ms, room, held=held):
                return True
        return False

    def accept(self, batch: RecordBatch) -> list[Publish]:
        """Count a batch; returns its dead letters and late records, in offset order."""
        self.heard = set()
        start = self.covered.get(batch.topic, -1)
        if batch.offsets and batch.offsets[0] < start:
            batch = self._remember(batch, start)
        if not batch.offsets:
            return []
        decoded = self._decode(batch)
        self._foreseen = None
        self.outcomes.read(batch.topic, len(batch))
        late = self._count(batch, decoded)
        self._note(batch.topic, decoded)
        self.covered[batch.topic] = batch.offsets[-1] + 1
        letters: list[tuple[int, OutputTopic, str]] = [
            (row, "dead-letters", reason) for row, reason in decoded.rejected
        ]
        letters += [(row, "late", "late") for row in late]
        return [carry(batch, row, to, reason) for row, to, reason in sorted(letters)]

    def read_on_from(self, topic: Topic, offset: int) -> None:
        """Go on at this offset: what stood before it is gone, or is another topic's."""
        self.covered[topic] = offset

    def _remember(self, batch: RecordBatch, start: int) -> RecordBatch:
        """Read the covered head of a batch into the filters; returns the rest."""
        cut = int(np.searchsorted(batch.offsets, start))
        head = batch.part(slice(0, cut))
        offsets = np.array(head.offsets, dtype=np.int64)
        if self.reread_records:
            for events in self._decoders[batch.topic].decode(head).events:
                self._models[events.model.key].remember(batch.topic, events, offsets[events.rows])
        return batch.part(slice(cut, None))

    def _count(self, batch: RecordBatch, decoded: Decoded) -> list[int]:
        """Hand each model its events; returns the rows that came too late."""
        topic, outcomes = batch.topic, self.outcomes
        offsets = np.array(batch.offsets, dtype=np.int64)
        beats = self._versions.beats(topic, decoded)
        late: list[int] = []
        for events in decoded.events:
            key = events.model.key
            tally = self._models[key]
            self.heard.add(key)
            fate = tally.accept(
                topic, events, offsets[events.rows], beats.get(key, []), batch.timestamps_ms[-1]
            )
            if not events.ends_records:
                continue
            late += events.rows[fate.late].tolist()
            outcomes.end(topic, "tallied", int(fate.tallied.sum()))
            outcomes.end(topic, "duplicate", int(fate.duplicate.sum()))
            outcomes.end(topic, "late", int(fate.late.sum()))
            outcomes.count_late(key, int(fate.late.sum()))
            outcomes.misrouted += misrouted(events.ids, self.partition, self._partitions)
        self.heard |= take_pairs(self._versions.comparisons(), batch, decoded, offsets, beats)
        for key in [key for key, found in beats.items() if found and key not in self.heard]:
            self.heard.add(key)
            for _, ts_ms in beats[key]:
                self._models[key].beat(topic, ts_ms, batch.timestamps_ms[-1])
        return late

    def _note(self, topic: Topic, decoded: Decoded) -> None:
        self.outcomes.reject(topic, [reason for _, reason in decoded.rejected])
        self.outcomes.shadow(topic, [name for _, name in decoded.shadows])
        self.outcomes.end(topic, "heartbeat", len(decoded.heartbeats))
        self.outcomes.end(topic, "offline", len(decoded.offline))
        assert self.outcomes.ended(topic) == self.outcomes.records[topic], "a record got lost"

    def declare_idle(self, topic: Topic, key: str) -> None:
        """Tell the judge of ``key`` not to wait for this source: it was read to its end and is
        silent.  The next record of the model ends that."""
        tally = self._models[key]
        if topic in tally.clock_topics() and topic not in tally.state.idle:
            tally.state.idle.add(topic)
            tally.state.moved = True

    def watermarks_ms(self) -> dict[str, dict[Topic, int | None]]:
        """Watermark per ``model@version`` and topic."""
        return {
            key: {topic: tally.watermark_ms(topic) for topic in tally.clock_topics()}
            for key, tally in self._models.items()
        }

    def flush(self) -> list[Publish]:
        """Its term, dirty panes, then one mark, per model that has news; repeats are harmless."""
        out: list[Publish] = []
        for tally in self._models.values():
            records: list[AnyRecord] = []
            for plane, panes in tally.open_panes():
                for start in sorted(start for start, pane in panes.items() if pane.dirty):
                    panes[start].dirty = False
                    pane = (plane, start, panes[start])
                    records.append(pane_record(tally, self.partition, self._stamp(), *pane))
            if records or tally.state.moved:
                tally.state.moved = False
                records[:0] = self._versions.untold(tally.model.key)
                records.append(mark_of(tally, self.partition, self._stamp(), self.covered))
            key = tally.model.spec.model.encode()
            out += [Publish("panes", key, encode(record)) for record in records]
            tally.drop_final_panes()
        if self._versions.let_go():
            self._take_on((), self._versions.terms)
        return out

    def _stamp(self) -> Stamp:
        self._seq += 1
        return (self._epoch, self._generation, self._seq)

    def snapshot(self) -> Snapshot:
        """State after everything accepted so far; write it only after ``flush`` was delivered."""
        pieces = PieceWriter()
        models = {key: held for key, (held, _) in self._absent.items()}
        for _, kept in self._absent.values():
            pieces.pieces.update(kept)
        for key, tally in self._models.items():
            models[key] = ModelSnapshot.of(tally.model.layout.hash, tally.state, pieces)
        told = (self.partition, self._epoch, self.covered, self.outcomes, models)
        whole = TallySnapshot(*told, self._keeping.holds, dict(sorted(self._versions.over.items())))
        return tally_snapshot.save(whole, pieces)

    def _resume(self, snapshot: TallySnapshot, pieces: Mapping[bytes, bytes]) -> None:
        """Continue from a snapshot under a higher epoch; every open pane is told again."""
        if snapshot.partition != self.partition:
            raise SnapshotError(f"of partition {snapshot.partition}, not {self.partition}")
        self._epoch = max(snapshot.epoch + 1, self._generation)
        self.covered = dict(snapshot.covered)
        self.outcomes, self._keeping.holds = snapshot.outcomes, snapshot.holds
        for key, held in snapshot.models.items():
            if key not in self._models:
                self._absent[key] = (held, held.pieces_in(pieces))
            else:
                self._restore(key, held, pieces)
        self._forget_absent()

    def _restore(self, key: str, held: ModelSnapshot, pieces: Mapping[bytes, bytes]) -> None:
        tally = self._models[key]
        if held.layout != tally.model.layout.hash:
            self.fresh.append(key)
            return
        try:
            held.restore(tally.state, tally.model, PieceReader(pieces))
        except PaneError as error:
            raise SnapshotError(f"counts that are not {key}'s: {error}") from error

    def _forget_absent(self) -> None:
        """Keep MAX_ABSENT_MODELS of them."""
        kept = {key: held.newest_ms.values() for key, (held, _) in self._absent.items()}
        order = sorted((max(newest, default=0), key) for key, newest in kept.items())
        for _, key in order[:-MAX_ABSENT_MODELS]:
            del self._absent[key]
            self.outcomes.late_by_model.pop(key, None)
