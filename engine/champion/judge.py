"""The judge of a comparison: pane records of its two versions in, judgements and promotions out.

Rule.  Planes, clocks and windows are those of every judge (:mod:`engine.judge`).  A look at the
arms falls due by the predictions' clock, the look at the matches of the same time ``maturity``
later; the second one decides, on the counts of both up to its end.  Only revision 0 is read: what
is amended moves no decision.

After a promotion the comparison goes on for as long again, from nothing, on the events behind it:
where the fresh champion does significantly worse than its predecessor, which must go on answering,
``rollback`` is told.
"""

from __future__ import annotations

import orjson

from engine.champion.cells import ARMS, ARMS_SIZE, PAIRS, nothing
from engine.champion.comparison import Comparison
from engine.champion.deciding import Decision, decide_look
from engine.champion.evidence import Evidence, judgement_tree, promotion_tree
from engine.champion.guards import check_guards
from engine.champion.judge_snapshot import ComparisonSnapshot, read, save
from engine.champion.measuring import measure
from engine.champion.state import ComparisonState
from engine.effects import Publish
from engine.late_counts import surplus_record
from engine.marks import Marks
from engine.panes import Counts, Forwarded, PaneError, PaneRecord, decode, pack, unpack
from engine.pieces import PieceReader
from engine.plane_flow import DueWindow, PlaneFlow
from engine.planes import DATA
from engine.snapshot import Snapshot, SnapshotError

JUDGED_AT_ONCE = 16


class ComparisonJudge:
    """Judges one comparison over all source partitions."""

    def __init__(
        self, comparison: Comparison, partitions: int, *, resume: Snapshot | None = None
    ) -> None:
        """Start afresh or resume; SnapshotError when ``resume`` cannot be read."""
        self.comparison = comparison
        self.fresh = False
        """Whether a snapshot was of another layout: the comparison begins anew."""
        self.policy_changed = False
        self.state = ComparisonState()
        self.judged_windows = 0
        self.foreign_records = 0
        self.moved_by_ms = -1
        """Kafka time of the record that last moved event time; -1 unknown."""
        self.late_counts = 0
        self._marks = Marks(partitions)
        self.flows = {
            plane.number: PlaneFlow(comparison.key, plane, self._marks)
            for plane in comparison.planes
        }
        if resume is not None:
            self._resume(read(resume), PieceReader(resume.pieces))

    @property
    def behind(self) -> bool:
        """Whether something is due that was not done yet."""
        return any(flow.behind for flow in self.flows.values())

    @property
    def open_pane_bytes(self) -> int:
        """Packed counts of the fullest plane that wait for lagging sources."""
        return max(flow.merge.open.bytes for flow in self.flows.values())

    @property
    def stale_records(self) -> int:
        """Records that said what was known."""
        return self._marks.stale_records

    takes_answers = False

    def knows(self, value: bytes) -> bool:
        """Whether a control record is about something that was said here: it never is."""
        del value
        return False

    def accept(self, value: bytes) -> list[Publish]:
        """Take one record of the panes topic and do all that follows; PaneError when it is none."""
        out = self.begin(value)
        while self.behind:
            out += self.go_on()
        return out

    def begin(self, value: bytes) -> list[Publish]:
        """Take one record and do the first part of what follows."""
        assert not self.behind, "what fell due before comes first"
        record = decode(value)
        own = (self.comparison.key, self.comparison.layout.hash)
        if isinstance(record, Forwarded) or (record.target, record.layout) != own:
            self.foreign_records += 1
            return []
        if isinstance(record, PaneRecord):
            flow = self.flows.get(record.plane)
            if flow is None:
                raise PaneError(f"a pane of plane {record.plane}")
            surplus = flow.hold(record)
            self.late_counts += surplus
            return [surplus_record(self.comparison.spec, record, surplus)] if surplus else []
        if not self._marks.take(record):
            return []
        moved = [flow.advance() for flow in self.flows.values()]
        if not any(moved):
            return []
        self.moved_by_ms = record.moved_by_ms
        return self.go_on()

    def go_on(self) -> list[Publish]:
        """Do what fell due, the arms first, and at most JUDGED_AT_ONCE windows of it."""
        out: list[Publish] = []
        left = JUDGED_AT_ONCE
        for number, flow in self.flows.items():
            while left and flow.behind:
                due = flow.next_window()
                if due is None:
                    continue
                left -= 1
                if due.revision:
                    flow.revised(due)
                    continue
                counts, _ = due.ring.total(due.end_ms, amended=False)
                if number == DATA:
                    self._arms(due, counts)
                else:
                    out += self._matches(due, counts)
                flow.judged(due, silent=not counts.any())
            if flow.behind:  # the matches read what the arms counted up to their time
                break
        return out

    def _arms(self, due: DueWindow, counts: Counts) -> None:
        """Note what the arms did between two looks, from the first in which both answered."""
        if not counts.any() or self.state.phase == "over":
            return
        if self.state.began_ms is None:
            shadow = self.comparison.rules.mode == "shadow"
            if not (counts[PAIRS] if shadow else counts[:ARMS].min()):
                return
            self.state.began_ms = due.end_ms - self.comparison.rules.looks_ms
        self.state.waiting[due.end_ms] = pack(counts)

    def _matches(self, due: DueWindow, counts: Counts) -> list[Publish]:
        """Look at everything up to the end of a window of matches."""
        state, comparison = self.state, self.comparison
        arms = _unpacked(state.arms, ARMS_SIZE)
        for end_ms in sorted(end for end in state.waiting if end <= due.end_ms):
            arms += unpack(state.waiting.pop(end_ms), ARMS_SIZE)
        if state.phase == "over" or state.began_ms is None:
            return []
        matches = _unpacked(state.matches, comparison.matches.size) + counts
        state.arms, state.matches = pack(arms), pack(matches)
        return self._decide(due.end_ms, arms, matches, state.began_ms)

    def _decide(self, end_ms: int, arms: Counts, matches: Counts, began_ms: int) -> list[Publish]:
        state, comparison = self.state, self.comparison
        rules, business = comparison.rules, comparison.spec.business
        approved = None if business is None else business.approved
        measured = measure(rules, comparison.matches, matches)
        guards = check_guards(rules.guards, comparison.matches, arms, matches, approved)
        elapsed_ms = end_ms - began_ms
        decision = decide_look(
            rules, state.looks, end_ms, elapsed_ms, measured, guards, split_sound=True
        )
        if decision.look is not None:
            state.looks.append(decision.look)
        evidence = Evidence(
            comparison, state.phase, began_ms, end_ms, len(state.looks), arms, measured, guards,
            decision,
        )  # fmt: skip
        told = judgement_tree(evidence)
        state.newest = orjson.dumps(told)
        self.judged_windows += 1
        key = comparison.spec.model.encode()
        out = [Publish("judgements", key, state.newest)]
        out += [Publish("promotions", key, orjson.dumps(tree)) for tree in self._say(evidence)]
        self._move_on(end_ms, decision)
        return out

    def _say(self, evidence: Evidence) -> list[dict[str, object]]:
        """What of a look goes to ``promotions``: every change of the decision, once."""
        state, decision = self.state, evidence.decision
        if state.phase == "watching":
            if decision.reasons != ("worse",):
                return []
            said = "rollback"
        else:
            said = " ".join((decision.verdict, *decision.reasons, "final" * decision.final))
            if said == state.told:
                return []
        state.told = said
        state.promoted += 1
        return [promotion_tree(evidence)]

    def _move_on(self, end_ms: int, decision: Decision) -> None:
        """What comes behind a final decision."""
        if not decision.final:
            return
        promoted = self.state.phase == "comparing" and decision.verdict == "PROMOTE"
        if self.state.phase == "watching" and decision.verdict == "PROMOTE":
            return  # still better: there is nothing to bring back, and the watch goes on
        self.state.phase = "watching" if promoted else "over"
        self.state.looks.clear()
        self.state.arms, self.state.matches = b"", b""
        self.state.began_ms = end_ms if promoted else None
        if not promoted:
            self.state.waiting.clear()

    def snapshot(self) -> Snapshot:
        """State after everything accepted so far."""
        return save(
            self.comparison, self.state, self._marks, self.flows, self.late_counts,
            self.judged_windows,
        )  # fmt: skip

    def _resume(self, snapshot: ComparisonSnapshot, pieces: PieceReader) -> None:
        self.policy_changed = snapshot.policy != self.comparison.policy_hash
        if snapshot.layout != self.comparison.layout.hash:
            self.fresh = True
            return
        try:
            snapshot.restore(self.comparison, self._marks, self.flows, pieces)
        except PaneError as error:
            raise SnapshotError(f"counts that are not this layout's: {error}") from error
        self.state = snapshot.state
        self.late_counts, self.judged_windows = snapshot.late_counts, snapshot.judged_windows


def _unpacked(held: bytes, size: int) -> Counts:
    return unpack(held, size) if held else nothing(size)
