"""Is the split the promised one, and may the canary grow: judged of users, before any label.

Rule.  A look at the split counts the distinct users of either version since its stage began
(:mod:`engine.champion.users`), the first one with the second look.  Those seen with both are told
and left out.  Their ratio is held against the stage's share by an e-value that may be looked at as
often as one likes (:mod:`detectors.sample_ratio`); of the samples that a growing crowd is thinned
out to, each is worth half of the one before, so that all of them together err at most at
``share_significance``.  What was found stays: those who were compared until then are not who they
were to be.

A split that nobody begins: where only one version has users, the promised share is held against
all or nothing as well, from the second look on and when ``settle`` has passed.  Its alert is over
when both have users, and holds nothing back: what is compared are those who come from then on.

Stages.  A stage is passed when it has lasted and has seen events enough, its split is sound and
every guard holds that needs no label.  The next one begins ``settle`` later, in event time: until
then users are on their way, and count nowhere.  What labels say decides by itself
(:mod:`engine.champion.judge`): a challenger that is worse is rejected in any stage, and promoted
only in the last one.

Order.  A look at T is due when all looks at labels up to T less the maturity less one look are
decided, or no further one comes before the one that is decided now: each is decided by all looks
at users up to its maturity.  A final decision of a look at E ends the split at E plus the maturity
(in whole looks).
So which looks there are is a function of the logs, whichever of their topics was read ahead.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import orjson

from detectors.sample_ratio import MismatchEvidence, log_e_value
from engine.alert_rules import SPLIT_ALERTS as RULE
from engine.champion.cells import ARMS, ARMS_SIZE, CHALLENGER, CHAMPION, nothing
from engine.champion.comparison import Comparison
from engine.champion.guards import OF_LABELS, Guarded, check_guards
from engine.champion.split_look import SplitLook
from engine.champion.split_state import SplitState
from engine.champion.split_tree import SplitEvidence, short_of_stage, split_tree, stage_tree
from engine.champion.users import MAX_LOOK_USERS, MAX_SPLIT_USERS, UserCounts, union_of
from engine.comparison_rules import Stage
from engine.decide.contract import Finding
from engine.decide.episodes import follow
from engine.effects import Publish
from engine.panes import Counts, pack, unpack

MAX_WAITING_SPLIT_LOOKS: Final = 1_000
"""Looks at a split that wait for decisions on labels; where these stand still the oldest go
together."""


class SplitJudging:
    """The split of one comparison."""

    def __init__(self, comparison: Comparison, state: SplitState) -> None:
        self.comparison = comparison
        self.state = state
        rules = comparison.rules
        self._look_ms = rules.looks_ms
        self._known_ms = rules.maturity_ms // rules.looks_ms * rules.looks_ms
        self._stages = rules.stages or (Stage(share=rules.share or 0.5),)

    def note(self, end_ms: int, arms: Counts, users: list[bytes]) -> list[Publish]:
        """Take what a look of the predictions' clock counted; ``users`` are by partition."""
        state = self.state
        if state.opened_ms is None or _is_past(state, end_ms):
            return self.end(end_ms)
        found = union_of(users, MAX_LOOK_USERS, MAX_SPLIT_USERS)
        state.waiting[end_ms] = (pack(arms), found.pack())
        if len(state.waiting) > MAX_WAITING_SPLIT_LOOKS:
            first, second = sorted(state.waiting)[:2]
            held = [state.waiting.pop(first), state.waiting[second]]
            together = unpack(held[0][0], ARMS_SIZE) + unpack(held[1][0], ARMS_SIZE)
            both = union_of([each for _, each in held], MAX_SPLIT_USERS, MAX_SPLIT_USERS)
            state.waiting[second] = (pack(together), both.pack())
        return self.go_on()

    def alone(self, end_ms: int, arms: Counts, users: list[bytes]) -> list[Publish]:
        """Take a look in which one version alone answered, before any in which both did."""
        state = self.state
        if state.alone_ms is None:
            state.alone_ms = end_ms  # somewhere in this look it began to be counted
            return []
        found = union_of([state.alone, *users], MAX_SPLIT_USERS, MAX_SPLIT_USERS)
        state.alone = found.pack()
        counts, rules = found.counts(), self.comparison.rules
        highest = MismatchEvidence(state.log_e).after(_log_e(counts, self._stages[0].share))
        state.log_e = highest.highest
        waited = end_ms - state.alone_ms >= rules.settle_ms
        evidence = SplitEvidence(
            self.comparison, self._stages, 0, state.alone_ms, end_ms, arms, counts,
            highest.p_value, waited and highest.p_value <= rules.share_significance, (),
        )  # fmt: skip
        return self._alert(evidence)

    def open(self, start_ms: int) -> None:
        """Begin with the look that starts then, and count users from the next one on: somewhere in
        the first one the router began, and who came before could get the champion only."""
        self.state.opened_ms = start_ms
        self.state.starts_ms = [start_ms + self._look_ms]
        self.state.alone, self.state.alone_ms, self.state.log_e = b"", None, 0.0

    def decided(self, end_ms: int, *, final: bool) -> list[Publish]:
        """Go on after a look at labels was decided."""
        state = self.state
        state.decided_ms = end_ms
        if final:
            state.ends_ms = end_ms + self._known_ms
        return self.go_on()

    def go_on(self) -> list[Publish]:
        """Judge every look that is due."""
        state, out = self.state, list[Publish]()
        for end_ms in sorted(state.waiting):
            if _is_past(state, end_ms):
                state.waiting.clear()
                return out + self.end(end_ms)
            assert state.opened_ms is not None, "there was a first look"
            before_ms = end_ms - self._known_ms - self._look_ms
            if state.opened_ms < before_ms and state.decided_ms < before_ms:
                break
            arms, users = state.waiting.pop(end_ms)
            out += self._judge(end_ms, unpack(arms, ARMS_SIZE), users)
        return out

    def stage_of(self, start_ms: int) -> int:
        """Number of the stage in force in the look that starts then, from 0."""
        begun = [at_ms for at_ms in self.state.starts_ms if at_ms <= start_ms]
        return max(0, len(begun) - 1)

    def began_ms(self, start_ms: int) -> int | None:
        """When that stage began; None before the first."""
        return max((at for at in self.state.starts_ms if at <= start_ms), default=None)

    def holds_back(self, end_ms: int, challengers: int) -> list[str]:
        """Why nobody is to be promoted at a look at labels, until which the challenger had so many
        events.

        A mismatch holds it whenever it was found: looks at users are ahead by the maturity of
        labels, always by as much, and their alert was told before this look is decided.
        """
        stage = self.stage_of(end_ms - self._look_ms)
        state, found = self.state, list[str]()
        if state.mismatch_ms is not None:
            found.append(RULE)
        if state.seen_ms.get(stage, end_ms + 1) > end_ms:
            found.append("no_users")
        rule, began_ms = self._stages[stage], self.began_ms(end_ms - self._look_ms)
        if stage + 1 < len(self._stages):
            found.append(f"stage:{rule.share:g}")
        elif self.comparison.rules.stages:
            found += short_of_stage(rule, end_ms - (began_ms or end_ms), challengers)
        return found

    def as_tree(self, end_ms: int) -> dict[str, Any]:
        """What a look at labels tells of the split."""
        stage = self.stage_of(end_ms - self._look_ms)
        return {
            "share": self._stages[stage].share,
            "stage": stage + 1,
            "stages": len(self._stages),
            "sample_ratio": self.state.mismatch_ms is None,
        }

    def _judge(self, end_ms: int, arms: Counts, users: bytes) -> list[Publish]:
        state, comparison = self.state, self.comparison
        if end_ms - self._look_ms < state.starts_ms[-1]:
            return []  # users are on their way to the next stage
        stage = len(state.starts_ms) - 1
        total = arms + (unpack(state.arms, ARMS_SIZE) if state.arms else nothing(ARMS_SIZE))
        known = union_of([state.users, users], MAX_SPLIT_USERS, MAX_SPLIT_USERS)
        state.arms, state.users = pack(total), known.pack()
        counts = known.counts()
        highest = MismatchEvidence(state.log_e).after(_log_e(counts, self._stages[stage].share))
        state.log_e = highest.highest
        if state.mismatch_ms is None and highest.p_value <= comparison.rules.share_significance:
            state.mismatch_ms = end_ms
        if counts.champion + counts.challenger:
            state.seen_ms.setdefault(stage, end_ms)
        guards = self._guards(total)
        evidence = SplitEvidence(
            comparison, self._stages, stage, state.starts_ms[-1], end_ms, total, counts,
            highest.p_value, state.mismatch_ms is not None, guards,
        )  # fmt: skip
        out = self._alert(evidence)
        state.newest = orjson.dumps(split_tree(evidence))
        key = comparison.spec.model.encode()
        return [*out, Publish("judgements", key, state.newest), *self._stage(evidence)]

    def _guards(self, arms: Counts) -> list[Guarded]:
        comparison, business = self.comparison, self.comparison.spec.business
        rules = {
            name: guard for name, guard in comparison.rules.guards.items() if name not in OF_LABELS
        }
        approved = None if business is None else business.approved
        unlabelled = nothing(comparison.matches.size)
        return check_guards(rules, comparison.matches, arms, unlabelled, approved)

    def _alert(self, evidence: SplitEvidence) -> list[Publish]:
        finding = Finding("quiet", RULE)
        if evidence.mismatch:
            finding = Finding(
                "notice",
                RULE,
                observed={"users": evidence.users_tree(), "p_value": evidence.p_value},
                threshold={"p_value": self.comparison.rules.share_significance},
                evidence=evidence.versions_tree(),
                severity="WARNING",
            )
        events = int(evidence.arms[:ARMS].sum())
        look = SplitLook(self.comparison, evidence.end_ms, events)
        return follow(RULE, look, finding, self.state.episodes)

    def _stage(self, evidence: SplitEvidence) -> list[Publish]:
        """Pass the stage, or tell why not where that changed; nothing of the last one."""
        state, rules = self.state, self.comparison.rules
        if evidence.stage + 1 >= len(self._stages):
            return []
        reasons = evidence.short_of()
        verdict = "HOLD" if reasons else "PROMOTE"
        said = " ".join((str(evidence.stage), verdict, *reasons))
        if said == state.told:
            return []
        state.told = said
        state.promoted += 1
        next_ms = evidence.end_ms + rules.settle_ms if verdict == "PROMOTE" else None
        tree = stage_tree(evidence, verdict, reasons, next_ms)
        if next_ms is not None:
            state.starts_ms.append(next_ms)
            state.arms, state.users = b"", b""
            state.log_e, state.mismatch_ms = 0.0, None
        return [Publish("promotions", self.comparison.spec.model.encode(), orjson.dumps(tree))]

    def end(self, end_ms: int) -> list[Publish]:
        """Resolve what is open: there is no split any more that could be another one."""
        if not self.state.episodes:
            return []
        look = SplitLook(self.comparison, end_ms, 0)
        return follow(RULE, look, Finding("quiet", RULE), self.state.episodes, off=True)


def _is_past(state: SplitState, end_ms: int) -> bool:
    return state.ends_ms is not None and end_ms > state.ends_ms


def _log_e(counts: UserCounts, share: float) -> float:
    """Evidence against the share, weighted by the sample that it is of."""
    seen = np.array([counts[CHAMPION], counts[CHALLENGER]], dtype=np.int64)
    found = float(log_e_value(seen, (1.0 - share, share)))
    return found - (counts.level + 1) * math.log(2.0)
