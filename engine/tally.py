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

from detectors.kernels import murmur2_partitions
from engine import tally_snapshot
from engine.champion.comparison_tally import Comparing
from engine.dead_letters import carry
from engine.decode import Decoder
from engine.decoded import Decoded
from engine.effects import OutputTopic, Publish
from engine.event_keys import joined_texts
from engine.join_store import InMemory, Keeping
from engine.joining import Joining
from engine.model import MonitoredModel
from engine.model_tally import ModelTally, new_state
from engine.open_pane import OpenPane
from engine.outcomes import Outcomes
from engine.panes import Mark, PaneError, PaneRecord, Stamp, encode
from engine.pieces import PieceReader, PieceWriter
from engine.planes import Plane
from engine.read_ahead import labels_run_ahead
from engine.records import RecordBatch
from engine.snapshot import Snapshot, SnapshotError
from engine.spec import Topic
from engine.tally_snapshot import ModelSnapshot, TallySnapshot

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
    ) -> None:
        """Start afresh or resume; SnapshotError when ``resume`` cannot be read.

        ``keeping`` holds what waits for labels; by default all of it is in memory and the snapshot.
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
        self._models = {m.key: ModelTally(m, new_state(m, self._keeping)) for m in models}
        self._comparing = Comparing(models, self._keeping)
        self._models |= self._comparing.tallies
        self._versions: dict[str, list[ModelTally]] = {}
        for tally in self._models.values():
            self._versions.setdefault(tally.model.spec.model, []).append(tally)
        self._absent: dict[str, tuple[ModelSnapshot, dict[bytes, bytes]]] = {}
        """State of models that this run was not told of (a broken spec file, say): kept as it is,
        so that their counts are there when they come back."""
        self._decoders = {topic: Decoder(models, topic) for topic in TOPICS}
        self._epoch, self._generation, self._seq = max(1, generation), generation, 0
        if resume is not None:
            self._resume(tally_snapshot.read(resume), resume.pieces)

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
        decoded = self._decoders[batch.topic].decode(batch)
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
        beats: dict[str, list[tuple[int, int]]] = {}
        for row, name, ts_ms in decoded.heartbeats:
            beats.setdefault(name, []).append((row, ts_ms))
        late: list[int] = []
        for events in decoded.events:
            tally = self._models[events.model.key]
            name = tally.model.spec.model
            self.heard.add(tally.model.key)
            fate = tally.accept(
                topic, events, offsets[events.rows], beats.get(name, []), batch.timestamps_ms[-1]
            )
            if not events.ends_records:
                continue
            late += events.rows[fate.late].tolist()
            outcomes.end(topic, "tallied", int(fate.tallied.sum()))
            outcomes.end(topic, "duplicate", int(fate.duplicate.sum()))
            outcomes.end(topic, "late", int(fate.late.sum()))
            self._count_late(tally.model.key, int(fate.late.sum()))
            self._count_misrouted(events.ids)
        self.heard |= self._comparing.accept(batch, decoded, offsets, beats)
        for name, found in beats.items():
            for tally in self._versions[name]:
                if tally.model.key not in self.heard:
                    self.heard.add(tally.model.key)
                    for _, ts_ms in found:
                        tally.beat(topic, ts_ms, batch.timestamps_ms[-1])
        return late

    def _count_late(self, key: str, late: int) -> None:
        if late:
            self.outcomes.late_by_model[key] = self.outcomes.late_by_model.get(key, 0) + late

    def _count_misrouted(self, ids: Sequence[str]) -> None:
        """Records whose event_id belongs to another partition: their labels would not find them."""
        home = murmur2_partitions(*joined_texts(ids), self._partitions)
        self.outcomes.misrouted += int((home != self.partition).sum())

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
        """Dirty panes, then one mark, per model that has news; cumulative: repeats are harmless."""
        out: list[Publish] = []
        for tally in self._models.values():
            records: list[PaneRecord | Mark] = []
            for plane, panes in tally.open_panes():
                for start in sorted(start for start, pane in panes.items() if pane.dirty):
                    panes[start].dirty = False
                    records.append(self._pane_record(tally, plane, start, panes[start]))
            if records or tally.state.moved:
                tally.state.moved = False
                records.append(self._mark(tally))
            key = tally.model.spec.model.encode()
            out += [Publish("panes", key, encode(record)) for record in records]
            tally.drop_final_panes()
        return out

    def _stamp(self) -> Stamp:
        self._seq += 1
        return (self._epoch, self._generation, self._seq)

    def _pane_record(
        self, tally: ModelTally, plane: Plane, start_ms: int, pane: OpenPane
    ) -> PaneRecord:
        on_time, amended = pane.pack()
        return PaneRecord(
            tally.model.key,
            tally.model.layout.hash,
            self.partition,
            self._stamp(),
            start_ms,
            on_time.content,
            None if amended is None else amended.content,
            plane.number,
            tally.alarms(plane, start_ms),
            b"" if pane.users is None else pane.users.pack(),
        )

    def _mark(self, tally: ModelTally) -> Mark:
        return Mark(
            tally.model.key,
            tally.model.layout.hash,
            self.partition,
            self._stamp(),
            {topic: tally.watermark_ms(topic) for topic in tally.clock_topics()},
            tuple(sorted(tally.state.idle)),
            dict(self.covered),
            tally.state.moved_by_ms,
        )

    def snapshot(self) -> Snapshot:
        """State after everything accepted so far; write it only after ``flush`` was delivered."""
        pieces = PieceWriter()
        models = {key: held for key, (held, _) in self._absent.items()}
        for _, kept in self._absent.values():
            pieces.pieces.update(kept)
        for key, tally in self._models.items():
            models[key] = ModelSnapshot.of(tally.model.layout.hash, tally.state, pieces)
        told = (self.partition, self._epoch, self.covered, self.outcomes, models)
        return tally_snapshot.save(TallySnapshot(*told, holds=self._keeping.holds), pieces)

    def _resume(self, snapshot: TallySnapshot, pieces: Mapping[bytes, bytes]) -> None:
        """Continue from a snapshot under a higher epoch; every open pane is told again."""
        if snapshot.partition != self.partition:
            raise SnapshotError(f"of partition {snapshot.partition}, not {self.partition}")
        self._epoch = max(snapshot.epoch + 1, self._generation)
        self.covered = dict(snapshot.covered)
        self.outcomes, self._keeping.holds = snapshot.outcomes, snapshot.holds
        for key, held in snapshot.models.items():
            tally = self._models.get(key)
            if tally is None:
                self._absent[key] = (held, held.pieces_in(pieces))
            elif held.layout != tally.model.layout.hash:
                self.fresh.append(key)
            else:
                try:
                    held.restore(tally.state, tally.model, PieceReader(pieces))
                except PaneError as error:
                    raise SnapshotError(f"counts that are not {key}'s: {error}") from error
        self._forget_absent()

    def _forget_absent(self) -> None:
        """Keep MAX_ABSENT_MODELS of them."""

        def newest(key: str) -> tuple[int, str]:
            return max(self._absent[key][0].newest_ms.values(), default=0), key

        for key in sorted(self._absent, key=newest)[:-MAX_ABSENT_MODELS]:
            del self._absent[key]
            self.outcomes.late_by_model.pop(key, None)
