"""The judge of one model: pane records in; judgements, alerts and triggers out.

Theory.  Event time is the smallest watermark of all sources (data topics x partitions) that are not
idle; a source not heard of yet holds it back.  When it moves, everything that fell due is done in
the order in which it fell due, whatever the size of the step: so it does not matter how often the
tallies flush, how many workers there are, or what was read twice.

Due are, for each base pane, its on-time counts at its end and its amended ones at end + amend; for
each window, revision 0 at its end and revision 1 (if anything was amended) at end + amend.  At one
instant panes come before windows, revision 0 before revision 1, shorter windows before longer ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import orjson

from engine import judge_snapshot
from engine.decide.decisions import DecisionState, decide
from engine.effects import Publish
from engine.judgement import AlarmCount, Judged
from engine.layout import COUNTERS
from engine.merge import Merge
from engine.model import MonitoredModel
from engine.panes import PaneError, PaneRecord, decode, unpack
from engine.pieces import Packed, PieceReader
from engine.snapshot import Snapshot, SnapshotError
from engine.window_judging import WindowJudging
from engine.windows import WindowRing

Due = tuple[int, int, int, int]
"""(due time, step, window length, pane start or window end); the smallest comes first."""
_ROLL, _FINISH, _JUDGE, _REVISE = range(4)
JUDGED_AT_ONCE: Final = 16
"""Windows judged in one go: some tens of milliseconds at FEATURES_AT_ONCE / 16 features."""
FEATURES_AT_ONCE: Final = 320
"""Features judged in one go: a model of many has fewer windows judged before others get a turn."""


class Judge:
    """Judges one version of one model over all source partitions."""

    def __init__(
        self, model: MonitoredModel, partitions: int, *, resume: Snapshot | None = None
    ) -> None:
        """Start afresh or resume; SnapshotError when ``resume`` cannot be read.

        With a changed layout the counts start afresh and the decisions' memory is kept.
        """
        self.model = model
        self.fresh = False
        self.policy_changed = False
        """Whether the snapshot was made under another policy; counts and decisions are kept."""
        self.clock_ms: int | None = None
        self.decisions = DecisionState()
        self.latest: dict[str, Judged] = {}
        """Newest judged window by window name, for /metrics."""
        self.judged_windows = 0
        self.foreign_records = 0
        """Records of another layout: another version of the spec is still running somewhere."""
        self.totals = np.zeros(model.layout.latency.end, np.int64)
        """Cells up to the latency's, over everything that was ever in a window."""
        self._goal_ms: int | None = None
        self.moved_by_ms = -1
        """Kafka time of the record that last moved event time; -1 unknown."""
        self.late_counts = 0
        """Events that came after their pane was rolled up and are in no window."""
        self._judging = WindowJudging(model)
        self._merge = Merge(model, partitions)
        self._features = max(1, len(model.spec.features))
        self._first_event_ms: int | None = None
        size, season = model.layout.size, model.spec.season
        self._rings = {w.name: WindowRing(w, size, season) for w in model.spec.windows}
        if resume is not None:
            self._resume(judge_snapshot.read(resume), PieceReader(resume.pieces))

    def accept(self, value: bytes) -> list[Publish]:
        """Take one record of the panes topic and do all that follows; PaneError when it is none."""
        out = self.begin(value)
        while self.behind:
            out += self.go_on()
        return out

    def begin(self, value: bytes) -> list[Publish]:
        """Take one record and do the first part of what follows; while :attr:`behind`, the rest is
        done by :meth:`go_on`, so that a shell with other duties can see to them in between."""
        assert not self.behind, "what fell due before comes first"
        record = decode(value)
        if record.target != self.model.key or record.layout != self.model.layout.hash:
            self.foreign_records += 1
            return []
        if isinstance(record, PaneRecord):
            surplus = self._merge.hold(record, self.clock_ms)
            return self._tell_surplus(record, surplus) if surplus else []
        if not self._merge.mark(record):
            return []
        goal_ms = self._merge.event_time_ms()
        if goal_ms is None or (self.clock_ms is not None and goal_ms <= self.clock_ms):
            return []
        self._goal_ms = goal_ms
        self.moved_by_ms = record.moved_by_ms
        return self.go_on()

    @property
    def behind(self) -> bool:
        """Whether something is due that was not done yet."""
        return self._goal_ms is not None

    def go_on(self) -> list[Publish]:
        """Do what fell due, in order, and at most JUDGED_AT_ONCE windows of it, fewer where
        there are many features."""
        out: list[Publish] = []
        for _ in range(max(1, min(JUDGED_AT_ONCE, FEATURES_AT_ONCE // self._features))):
            due = self._next_window(out)
            if due is None:
                self.clock_ms, self._goal_ms = self._goal_ms, None
                break
            out += self._perform(due)
        return out

    def _next_window(self, out: list[Publish]) -> Due | None:
        """Give every pane that is due to the rings; the window that is due then, if any."""
        assert self._goal_ms is not None, "nothing is due"
        while True:
            due = min(self._candidates(), default=None)
            if due is None or due[0] > self._goal_ms:
                return None
            if due[1] in (_JUDGE, _REVISE):
                return due
            out += self._perform(due)

    def _tell_surplus(self, record: PaneRecord, surplus: int) -> list[Publish]:
        self.late_counts += surplus
        tree = {
            "model": self.model.spec.model,
            "version": self.model.spec.version,
            "partition": record.partition,
            "pane_start_ms": record.start_ms,
            "events": surplus,
        }
        return [Publish("late", self.model.spec.model.encode(), orjson.dumps(tree))]

    def _candidates(self) -> Iterator[Due]:
        """The next thing of each kind."""
        time = self.model.spec.time
        waiting, rolled = self._merge.open.next_waiting(), self._merge.open.next_rolled()
        if waiting is not None:
            yield (waiting + time.pane_ms, _ROLL, 0, waiting)
        if rolled is not None:
            yield (rolled + time.pane_ms + time.amend_ms, _FINISH, 0, rolled)
        for ring in self._rings.values():
            length = ring.rule.length_ms
            end = ring.next_end_ms(waiting)
            if end is not None:
                yield (end, _JUDGE, length, end)
            if ring.awaiting_revision:
                end = ring.awaiting_revision[0]
                yield (end + time.amend_ms, _REVISE, length, end)

    def _perform(self, due: Due) -> list[Publish]:
        at_ms, step, length, which = due
        if step == _ROLL:
            self._roll()
            return []
        if step == _FINISH:
            self._finish()
            return []
        ring = next(r for r in self._rings.values() if r.rule.length_ms == length)
        if step == _JUDGE:
            return self._judge(ring, which)
        ring.awaiting_revision.pop(0)
        amended = ring.was_amended(which)
        out = self._publish(self._window(ring, which, revision=1)) if amended else []
        ring.forget(at_ms, self.model.spec.time.amend_ms)
        return out

    def _roll(self) -> None:
        """Give the next pane's on-time counts to the rings.

        A pane that turns up only after event time passed its end has come late for revision 0,
        whatever its own source thought (it may have been declared idle): all of it is amendment.
        """
        start_ms, pane = self._merge.open.roll()
        size, end_ms = self.model.layout.size, start_ms + self.model.spec.time.pane_ms
        passed = self.clock_ms is not None and end_ms <= self.clock_ms
        on_time = np.zeros(size, np.int64) if passed else pane.on_time(size)
        pane.rolled = Packed.of(on_time)
        if self._first_event_ms is None and on_time[:COUNTERS].any():
            self._first_event_ms = start_ms
        self.totals += on_time[: len(self.totals)]
        for ring in self._rings.values():
            ring.add(start_ms, on_time, amended=False)

    def _finish(self) -> None:
        """Give what was amended to the rings and let the pane go."""
        start_ms, pane = self._merge.open.finish()
        remainder = pane.remainder(self.model.layout.size)
        self.totals += remainder[: len(self.totals)]
        for ring in self._rings.values():
            ring.add(start_ms, remainder, amended=True)
        self._merge.rolled_up.remember(start_ms, pane)

    def _judge(self, ring: WindowRing, end_ms: int) -> list[Publish]:
        judged = self._window(ring, end_ms, revision=0)
        ring.judged(end_ms, silent=judged.events == 0 and judged.is_disjoint)
        out = self._publish(judged)
        if judged.is_disjoint:
            out += decide(judged, self.decisions)
        return out

    def _window(self, ring: WindowRing, end_ms: int, *, revision: int) -> Judged:
        amended = revision == 1
        counts, slices = ring.total(end_ms, amended=amended)
        alarms: dict[str, dict[str, AlarmCount]] = {}
        layout = self.model.layout
        for name, first_cell in layout.alarms.items():
            for cell, column in enumerate(layout.numeric, first_cell):
                count = int(counts[cell])
                since = ring.first_with(cell, end_ms, amended=amended) if count else None
                alarms.setdefault(column.name, {})[name] = AlarmCount(count, since)
        first_event = self._first_event_ms if self._first_event_ms is not None else end_ms
        return self._judging.judge(ring.rule, end_ms, revision, counts, slices, alarms, first_event)

    def _publish(self, judged: Judged) -> list[Publish]:
        known = self.latest.get(judged.window.name)
        if known is None or known.end_ms <= judged.end_ms:
            self.latest[judged.window.name] = judged
        self.judged_windows += 1
        value = orjson.dumps(judged.as_tree(), option=orjson.OPT_SERIALIZE_NUMPY)
        return [Publish("judgements", self.model.spec.model.encode(), value)]

    @property
    def stale_records(self) -> int:
        """Records that said what was known, or that nobody is to say any more."""
        return self._merge.stale_records

    @property
    def open_pane_bytes(self) -> int:
        """Packed counts that wait for lagging sources, at most MAX_OPEN_PANE_BYTES."""
        return self._merge.open.bytes

    def snapshot(self) -> Snapshot:
        """State after everything accepted so far."""
        return judge_snapshot.save(
            layout=self.model.layout.hash,
            policy=self.model.policy_hash,
            decisions=self.decisions,
            clock_ms=self.clock_ms,
            first_event_ms=self._first_event_ms,
            merge=self._merge,
            rings=self._rings,
            late_counts=self.late_counts,
            judged_windows=self.judged_windows,
            totals=self.totals,
        )

    def _resume(self, snapshot: judge_snapshot.JudgeSnapshot, pieces: PieceReader) -> None:
        self.decisions = snapshot.decisions
        self.policy_changed = snapshot.policy != self.model.policy_hash
        if snapshot.layout != self.model.layout.hash:
            self.fresh = True
            return
        try:
            self._restore(snapshot, pieces)
        except PaneError as error:
            raise SnapshotError(f"counts that are not this layout's: {error}") from error

    def _restore(self, snapshot: judge_snapshot.JudgeSnapshot, pieces: PieceReader) -> None:
        """Put the counts of the same layout back."""
        snapshot.refuse_impossible_times()
        self.clock_ms = snapshot.clock_ms
        self.late_counts = snapshot.late_counts
        self.judged_windows = snapshot.judged_windows
        self._first_event_ms = snapshot.first_event_ms
        size = self.model.layout.size
        self.totals = unpack(snapshot.totals, len(self.totals))
        snapshot.restore_merge(self._merge, pieces, size)
        snapshot.restore_rings(self._rings, pieces, size)
        for ring in self._rings.values():
            end = ring.last_end_ms
            if end is not None:
                revised = end not in ring.awaiting_revision and ring.was_amended(end)
                self.latest[ring.rule.name] = self._window(ring, end, revision=int(revised))
