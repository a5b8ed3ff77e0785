"""The judge of a comparison: pane records of its two versions in, judgements and promotions out.

Rule.  Planes, clocks and windows are those of every judge (:mod:`engine.judge`).  A look at the
arms falls due by the predictions' clock, the look at the matches of the same time ``maturity``
later; the second one decides, on the counts of both up to its end.  Only revision 0 is read: what
is amended moves no decision.  Where every source of predictions is idle, the labels' clock draws
that of the arms along: what was said by then is all that there is.

Where one of the versions serves no more, looks end with the time of its labels.

After a promotion the comparison goes on for as long again, from nothing, on the events behind it:
where the fresh champion does significantly worse than its predecessor, which must go on answering,
``rollback`` is told.
"""

from __future__ import annotations

from typing import Final

import orjson

from engine.champion.cells import ARMS, ARMS_SIZE, CHALLENGER, PAIRS, nothing
from engine.champion.comparison import Comparison
from engine.champion.deciding import Decision, decide_look
from engine.champion.evidence import Evidence, judgement_tree, promotion_tree
from engine.champion.guards import check_guards
from engine.champion.judge_snapshot import ComparisonSnapshot, read, save
from engine.champion.measuring import measure
from engine.champion.split_judging import SplitJudging
from engine.champion.state import ComparisonState
from engine.comparison_rules import Mode
from engine.effects import Publish
from engine.pane_checks import refuse_impossible_term
from engine.pane_judge import PaneJudge
from engine.panes import Counts, PaneError, PaneRecord, TermRecord, pack, unpack
from engine.pieces import PieceReader
from engine.plane_flow import DueWindow, PlaneFlow
from engine.planes import DATA
from engine.snapshot import Snapshot, SnapshotError
from engine.terms import kept_ms

JUDGED_AT_ONCE: Final = 16
"""Windows judged in one go, so that others get a turn."""
MAX_WAITING_LOOKS: Final = 1_000
"""Looks at the arms that wait for their labels; where these stand still the oldest go together."""


class ComparisonJudge(PaneJudge):
    """Judges one comparison over all source partitions."""

    def __init__(
        self, comparison: Comparison, partitions: int, *, resume: Snapshot | None = None
    ) -> None:
        """Start afresh or resume; SnapshotError when ``resume`` cannot be read."""
        of = comparison
        super().__init__(of.key, of.layout.hash, of.spec, of.planes, partitions)
        self.comparison = comparison
        self.state = ComparisonState()
        self._split_users()
        if resume is not None:
            self._resume(read(resume), PieceReader(resume.pieces))

    def _split_users(self) -> None:
        shadow = self.comparison.rules.mode == "shadow"
        self.split = None if shadow else SplitJudging(self.comparison, self.state.split)

    def go_on(self) -> list[Publish]:
        """Do what fell due, the arms first, and at most JUDGED_AT_ONCE windows of it."""
        out: list[Publish] = []
        left = JUDGED_AT_ONCE
        for number, flow in self.flows.items():
            while left and flow.behind:
                due = flow.next_window(self._limit_ms(flow))
                if due is None:
                    out += self._over(flow)
                    continue
                left -= 1
                if due.revision:
                    flow.revised(due)
                    continue
                counts, _ = due.ring.total(due.end_ms, amended=False)
                if number == DATA:
                    out += self._arms(due, counts, flow.users)
                else:
                    out += self._matches(due, counts)
                flow.judged(due, silent=not counts.any())
            if flow.behind:  # the matches read what the arms counted up to their time
                break
        return out

    def _serve(self, record: TermRecord) -> list[Publish]:
        """Take until when both versions serve; one of a lower stamp was outdated when written."""
        refuse_impossible_term(record.term)
        if record.target == self.comparison.key and record.term.stamp >= self.state.term.stamp:
            self.state.term = record.term
        return []

    def _limit_ms(self, flow: PlaneFlow) -> int | None:
        """Where event time of a plane stops for good; None while both versions serve."""
        until_ms = self.state.term.until_ms
        kept = kept_ms(self.comparison.spec) - (flow.plane.maturity_ms or 0)
        return None if until_ms is None else until_ms + kept

    def _is_of_interest(self, record: PaneRecord) -> bool:
        """What the champion said before both answered is nothing of the comparison: whether it was
        counted hangs on when a tally learned that there is one."""
        first_ms = self.state.first_ms
        return first_ms is not None and record.start_ms >= first_ms

    def _drawn_along(self) -> set[int]:
        """The arms, as far as their matches are looked at."""
        goals_ms = [flow.goal_ms for flow in self.flows.values() if flow.goal_ms is not None]
        return {DATA} if goals_ms and self.flows[DATA].catch_up(max(goals_ms)) else set()

    def _over(self, flow: PlaneFlow) -> list[Publish]:
        """Resolve what is told of the split where the predictions' time stops for good."""
        limit_ms, clock_ms = self._limit_ms(flow), flow.clock_ms
        if self.split is None or flow.plane.number != DATA or limit_ms is None:
            return []
        return self.split.end(limit_ms) if clock_ms is not None and clock_ms >= limit_ms else []

    def _arms(self, due: DueWindow, counts: Counts, users: list[bytes]) -> list[Publish]:
        """Note what the arms did between two looks, from the first in which both answered."""
        if not counts.any():
            return []
        if self.state.phase == "over":
            return self._note_split(due.end_ms, counts, users)
        if self.state.began_ms is None:
            if not _both_answered(counts, self.comparison.rules.mode):
                return [] if self.split is None else self.split.alone(due.end_ms, counts, users)
            self._begin(due.end_ms)
        waiting = self.state.waiting
        if due.end_ms > (self.state.began_ms or 0):
            waiting[due.end_ms] = pack(counts)
        if len(waiting) > MAX_WAITING_LOOKS:
            first, second = sorted(waiting)[:2]
            together = unpack(waiting.pop(first), ARMS_SIZE) + unpack(waiting[second], ARMS_SIZE)
            waiting[second] = pack(together)
        return self._note_split(due.end_ms, counts, users)

    def _begin(self, end_ms: int) -> None:
        """Begin with the look that ends then, in which both answered first; of a split behind it:
        somewhere within it the router began, and who came before could get the champion only."""
        start_ms = self.state.first_ms = end_ms - self.comparison.rules.looks_ms
        self.state.began_ms = start_ms
        if self.split is not None:
            self.split.open(start_ms)
            self.state.began_ms = end_ms

    def _note_split(self, end_ms: int, counts: Counts, users: list[bytes]) -> list[Publish]:
        return [] if self.split is None else self.split.note(end_ms, counts, users)

    def _matches(self, due: DueWindow, counts: Counts) -> list[Publish]:
        """Look at everything up to the end of a window of matches."""
        state, comparison = self.state, self.comparison
        out = self._look_at_users(due.end_ms)
        self._begin_stage(due.end_ms)
        arms = _unpacked(state.arms, ARMS_SIZE)
        for end_ms in sorted(end for end in state.waiting if end <= due.end_ms):
            arms += unpack(state.waiting.pop(end_ms), ARMS_SIZE)
        if state.phase == "over" or state.began_ms is None or due.end_ms <= state.began_ms:
            return out
        matches = _unpacked(state.matches, comparison.matches.size) + counts
        state.arms, state.matches = pack(arms), pack(matches)
        return out + self._decide(due.end_ms, arms, matches, state.began_ms)

    def _look_at_users(self, end_ms: int) -> list[Publish]:
        """Judge the split by all that is known before the look at labels that ends then: of a pause
        in which nobody came there are no looks to wait for."""
        state = self.state
        if self.split is None or state.phase != "comparing" or state.began_ms is None:
            return []
        return self.split.decided(end_ms - self.comparison.rules.looks_ms, final=False)

    def _begin_stage(self, end_ms: int) -> None:
        """Compare from nothing where a later stage of the split is in force by now."""
        state = self.state
        if self.split is None or state.phase != "comparing" or state.began_ms is None:
            return
        start_ms = end_ms - self.comparison.rules.looks_ms
        began_ms = self.split.began_ms(start_ms) if self.split.stage_of(start_ms) else None
        if began_ms is None or began_ms <= state.began_ms:
            return
        state.began_ms, state.arms, state.matches = began_ms, b"", b""
        state.looks.clear()
        state.waiting = {end: held for end, held in state.waiting.items() if end > began_ms}

    def _decide(self, end_ms: int, arms: Counts, matches: Counts, began_ms: int) -> list[Publish]:
        state, comparison = self.state, self.comparison
        rules, business = comparison.rules, comparison.spec.business
        approved = None if business is None else business.approved
        measured = measure(rules, comparison.matches, matches)
        guards = check_guards(rules.guards, comparison.matches, arms, matches, approved)
        elapsed_ms = end_ms - began_ms
        split = self.split if state.phase == "comparing" else None
        held = () if split is None else split.holds_back(end_ms, int(arms[CHALLENGER]))
        decision = decide_look(rules, state.looks, end_ms, elapsed_ms, measured, guards, held)
        if decision.look is not None:
            state.looks.append(decision.look)
        evidence = Evidence(
            comparison, state.phase, began_ms, end_ms, len(state.looks), arms, measured, guards,
            decision, None if split is None else split.as_tree(end_ms),
        )  # fmt: skip
        told = judgement_tree(evidence)
        state.newest = orjson.dumps(told)
        self.judged_windows += 1
        key = comparison.spec.model.encode()
        out = [Publish("judgements", key, state.newest)]
        out += [Publish("promotions", key, orjson.dumps(tree)) for tree in self._say(evidence)]
        self._move_on(end_ms, decision)
        return out if split is None else out + split.decided(end_ms, final=decision.final)

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
        self._split_users()
        self.late_counts, self.judged_windows = snapshot.late_counts, snapshot.judged_windows


def _both_answered(counts: Counts, mode: Mode) -> bool:
    """Whether both versions were there: with the same events, or of a split with their own."""
    return bool(counts[PAIRS] if mode == "shadow" else counts[:ARMS].all())


def _unpacked(held: bytes, size: int) -> Counts:
    return unpack(held, size) if held else nothing(size)
