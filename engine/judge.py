"""The judge of one model: pane records in; judgements, alerts and triggers out.

Rule.  Each plane of the model (:mod:`engine.planes`) has an event time of its own; when a mark
moves it, the windows that fell due are judged in the order in which they fell due
(:mod:`engine.plane_flow`).  Alerts and triggers follow from revision 0 of the data plane and of the
plane that performance is judged by.  Planes do not wait for each other: of each one the order of
judgements is a function of the logs, how the planes' judgements fall between each other is not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import orjson

from engine import judge_snapshot, tenure
from engine.bad_labels import bad_of
from engine.bad_spells import checked, earlier_faults, note
from engine.concept_judging import LossWindow
from engine.decide import operations, requests
from engine.decide.decisions import Decide, DecisionState, decide
from engine.decide.silence import Silences
from engine.effects import Publish
from engine.judgement import Judged
from engine.latest import LatestWindows
from engine.loss_history import forget_foreign_histories
from engine.model import MonitoredModel
from engine.pane_judge import PaneJudge
from engine.panes import Counts, Forwarded, PaneError, TermRecord, decode
from engine.performance_charts import forget_foreign_charts
from engine.performance_judging import (
    JudgedPerformance,
    PerformanceJudging,
    charted,
    is_deciding,
)
from engine.pieces import PieceReader
from engine.plane_flow import DueWindow, PlaneFlow
from engine.planes import DATA, PERFORMANCE
from engine.quiet import maintenance_in
from engine.snapshot import Snapshot, SnapshotError
from engine.window_judging import WindowJudging, alarms_in
from engine.windows import WindowRing

JUDGED_AT_ONCE: Final = 16
"""Windows judged in one go: some tens of milliseconds at FEATURES_AT_ONCE / 16 features."""
FEATURES_AT_ONCE: Final = 320
"""Features judged in one go: a model of many has fewer windows judged before others get a turn."""


class Judge(PaneJudge):
    """Judges one version of one model over all source partitions."""

    takes_answers = True

    def __init__(
        self, model: MonitoredModel, partitions: int, *, resume: Snapshot | None = None
    ) -> None:
        """Start afresh or resume; SnapshotError when ``resume`` cannot be read.

        With a changed layout the counts start afresh and the decisions' memory is kept.
        """
        super().__init__(model.key, model.layout.hash, model.spec, model.planes, partitions)
        self.model = model
        self.decisions = DecisionState()
        self._latest = LatestWindows()
        self.latest_performance: dict[tuple[str, str], JudgedPerformance] = {}
        """Newest judged window by plane's and window's name, for /metrics."""
        self.decide: Decide = decide
        """Who decides on a window; a replay that decides again later puts its memory here."""
        self.expects_answers = False
        """Whether somebody reads the triggers, so that one without an answer is late."""
        self._judging = WindowJudging(model)
        self._performing = PerformanceJudging(model)
        self._silences = Silences(model)
        self.data = self.flows[DATA]
        self._features = max(1, len(model.spec.features))
        if resume is not None:
            self._resume(judge_snapshot.read(resume), PieceReader(resume.pieces))

    @property
    def latest(self) -> dict[str, Judged]:
        """Newest judged window by window name, for /metrics."""
        return self._latest.all()

    @property
    def clock_ms(self) -> int | None:
        """Event time of the data plane."""
        return self.data.clock_ms

    @property
    def totals(self) -> Counts:
        """The data plane's cells up to the latency's, over everything that was in a window."""
        return self.data.totals

    def _told(self, record: Forwarded) -> list[Publish]:
        return requests.receive(self.decisions.requests, self.model.spec, record)

    def _serve(self, record: TermRecord) -> list[Publish]:
        out = tenure.serve(self.model, self.decisions, self.flows, record)
        self._let_go_when_over()
        return out

    @property
    def is_over(self) -> bool:
        """Whether nothing of its version is judged any more."""
        return self.decisions.tenure.over

    def _is_timed_by(self, moved: set[int]) -> bool:
        return DATA in moved

    def go_on(self) -> list[Publish]:
        """Do what fell due, in order, and at most JUDGED_AT_ONCE windows of it, fewer where
        there are many features."""
        out: list[Publish] = []
        left = max(1, min(JUDGED_AT_ONCE, FEATURES_AT_ONCE // self._features))
        for flow in self.flows.values():
            while left and flow.behind:
                due = flow.next_window(
                    tenure.limit_ms(self.model, self.decisions.tenure, flow.plane)
                )
                behind_ms = flow.clock_ms if due is None else due.due_ms - 1
                out += tenure.end_behind(self.model, self.decisions, flow.plane, behind_ms)
                out += self._silent(flow, behind_ms)
                if due is not None:
                    left -= 1
                    out += self._revise(flow, due) if due.revision else self._judge(flow, due)
        if not self.behind:
            self._let_go_when_over()
        return out

    def _silent(self, flow: PlaneFlow, behind_ms: int | None) -> list[Publish]:
        if flow is self.data or not is_deciding(self.model, flow.plane):
            return []
        silences = self._silences.until(flow, behind_ms, self.data.first_event_ms)
        return [said for each in silences for said in self.decide(each, self.decisions)]

    def _let_go_when_over(self) -> None:
        """Forget every window where the term is over, and so is the time of its labels."""
        if not tenure.spend(self.model, self.decisions.tenure, self.flows):
            return
        for number, flow in self.flows.items():
            self.flows[number] = PlaneFlow(self.model.key, flow.plane, self._marks)
        self.data = self.flows[DATA]
        self._latest, self.latest_performance = LatestWindows(), {}

    def _judge(self, flow: PlaneFlow, due: DueWindow) -> list[Publish]:
        if flow is not self.data:
            measured = self._performance(flow, due.ring, due.end_ms, revision=0)
            if measured.is_decided:
                bad = bad_of(measured, self.decisions.spells)
                measured = replace(
                    measured, bad=bad.features, bad_share=bad.share, bad_labelled=bad.labelled
                )
            flow.judged(due, silent=measured.events == 0 and measured.is_disjoint)
            examined = tenure.examines(self.decisions.tenure, measured)
            out: list[Publish] = []
            if examined and (measured.is_decided or measured.concept):
                measured = charted(measured, self.decisions.charts)
                out = self.decide(measured, self.decisions)
            out += self._close(measured) if measured.is_decided else []
            return self._publish_performance(measured) + out
        judged = self._window(due.ring, due.end_ms, revision=0)
        flow.judged(due, silent=judged.events == 0 and judged.is_disjoint)
        note(self.decisions.spells, judged)
        out = self._publish(judged)
        if tenure.examines(self.decisions.tenure, judged):
            out += self.decide(judged, self.decisions)
        return out + self._close(judged)

    def _close(self, judged: Judged | JudgedPerformance) -> list[Publish]:
        known, episodes = self.decisions.requests, self.decisions.episodes
        return requests.close(known, judged, episodes, expected=self.expects_answers)

    def knows(self, value: bytes) -> bool:
        """Whether a forwarded control record is about something that this judge said."""
        return requests.knows(self.decisions.requests, decode(value))

    def _maintained(self, judged: Judged | JudgedPerformance) -> bool:
        return maintenance_in(self.model.spec, judged.start_ms, judged.end_ms) is not None

    def _revise(self, flow: PlaneFlow, due: DueWindow) -> list[Publish]:
        out: list[Publish] = []
        place = (due.ring, due.end_ms)
        if due.ring.was_amended(due.end_ms) and flow is self.data:
            out = self._publish(self._window(*place, revision=1))
        elif due.ring.was_amended(due.end_ms):
            out = self._publish_performance(self._performance(flow, *place, revision=1))
        flow.revised(due)
        return out

    def _performance(
        self, flow: PlaneFlow, ring: WindowRing, end_ms: int, *, revision: int
    ) -> JudgedPerformance:
        counts, _ = ring.total(end_ms, amended=revision == 1)
        judging, since_ms = self._performing.concept, flow.first_event_ms
        judged = self._performing.judge(flow.plane, ring.rule, end_ms, revision, counts, since_ms)
        if judging is None or flow.plane.number != PERFORMANCE or self._maintained(judged):
            return judged
        complete = not judged.incomplete
        window = LossWindow(ring, end_ms, revision, counts, flow.alarms, complete)
        return replace(judged, concept=judging.judge(window, self.decisions.losses))

    def _publish_performance(self, judged: JudgedPerformance) -> list[Publish]:
        place = (judged.plane.name, judged.window.name)
        known = self.latest_performance.get(place)
        if known is None or known.end_ms <= judged.end_ms:
            self.latest_performance[place] = judged
        self.judged_windows += 1
        value = orjson.dumps(judged.as_tree())
        return [Publish("judgements", self.model.spec.model.encode(), value)]

    def _window(self, ring: WindowRing, end_ms: int, *, revision: int) -> Judged:
        return self._read(ring, end_ms, revision=revision)()

    def _read(self, ring: WindowRing, end_ms: int, *, revision: int) -> Callable[[], Judged]:
        """Read all that a window's judgement is made of; the call then makes it, at any time."""
        amended = revision == 1
        counts, slices = ring.total(end_ms, amended=amended)
        alarms = alarms_in(self.model.layout, ring, counts, end_ms, amended=amended)
        spec, spells = self.model.spec, checked(self.decisions.spells, self.model.spec)
        earlier = earlier_faults(
            spells,
            spec.windows,
            ring.rule,
            end_ms,
            lambda start, end: maintenance_in(spec, start, end) is not None,
        )
        first_event = end_ms if (known := self.data.first_event_ms) is None else known
        history, rule = self.decisions.histories.get(operations.NAME), ring.rule
        usual = operations.usual_of(self.model, history, rule.name, end_ms)

        def judged() -> Judged:
            found = self._judging.judge(rule, end_ms, revision, counts, slices, alarms, first_event)
            return replace(found, usual=usual, earlier=earlier) if usual or earlier else found

        return judged

    def _publish(self, judged: Judged) -> list[Publish]:
        self._latest.put(judged)
        self.judged_windows += 1
        value = orjson.dumps(judged.as_tree(), option=orjson.OPT_SERIALIZE_NUMPY)
        return [Publish("judgements", self.model.spec.model.encode(), value)]

    def snapshot(self) -> Snapshot:
        """State after everything accepted so far."""
        return judge_snapshot.save(
            layout=self.model.layout.hash,
            policy=self.model.policy_hash,
            decisions=self.decisions,
            marks=self._marks,
            flows=self.flows,
            late_counts=self.late_counts,
            judged_windows=self.judged_windows,
        )

    def _resume(self, snapshot: judge_snapshot.JudgeSnapshot, pieces: PieceReader) -> None:
        self.decisions = snapshot.decisions
        forget_foreign_charts(self.decisions.charts, self.model.spec)
        forget_foreign_histories(self.decisions.losses, [w.name for w in self.model.spec.windows])
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
        judge_snapshot.refuse_times(snapshot.planes.values(), snapshot.marks.values())
        self.late_counts = snapshot.late_counts
        self.judged_windows = snapshot.judged_windows
        self._marks.held = dict(snapshot.marks)
        judge_snapshot.restore_planes(snapshot.planes, self.flows, pieces)
        for flow in self.flows.values():
            for name, ring in flow.rings.items():
                if (end := ring.last_end_ms) is None:
                    continue
                revision = int(end not in ring.awaiting_revision and ring.was_amended(end))
                if flow is self.data:
                    self._latest.recall(name, self._read(ring, end, revision=revision))
                else:
                    judged = self._performance(flow, ring, end, revision=revision)
                    self.latest_performance[flow.plane.name, name] = judged
