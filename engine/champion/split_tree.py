"""What a look at a split tells: a judgement each, and a record of ``promotions`` of its stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.champion.cells import CHALLENGER, CHAMPION
from engine.champion.comparison import Comparison
from engine.champion.guards import Guarded
from engine.champion.telling import Tree, judgement_of, promotion_of
from engine.champion.users import UserCounts
from engine.comparison_rules import Stage
from engine.panes import Counts
from engine.timestamps import ms_to_rfc3339


@dataclass(frozen=True, slots=True)
class SplitEvidence:
    """All that a look at a split was judged on, since its stage began."""

    comparison: Comparison
    stages: Sequence[Stage]
    stage: int
    """Number of the one in force, from 0."""
    began_ms: int
    end_ms: int
    arms: Counts
    users: UserCounts
    p_value: float
    mismatch: bool
    guards: Sequence[Guarded]

    @property
    def share(self) -> float:
        """That the challenger is to get."""
        return self.stages[self.stage].share

    def users_tree(self) -> Tree:
        """Distinct users: of more than fit, those of a sample."""
        users = self.users
        return {
            "champion": users.champion,
            "challenger": users.challenger,
            "both": users.both,
            "sampled": 0.5**users.level,
            "events_without": users.unknown,
        }

    def versions_tree(self) -> list[Tree]:
        """Either version with the share of users that it was to get and did."""
        rules, users = self.comparison.rules, self.users
        total = users.champion + users.challenger
        told = (
            (rules.champion, users.champion, 1.0 - self.share),
            (self.comparison.spec.version, users.challenger, self.share),
        )
        return [
            {
                "version": version,
                "users": count,
                "expected": share,
                "observed": count / total if total else None,
            }
            for version, count, share in told
        ]

    def short_of(self) -> list[str]:
        """Why the stage is not passed; empty where it is."""
        rule, users = self.stages[self.stage], self.users
        young = short_of_stage(rule, self.end_ms - self.began_ms, int(self.arms[CHALLENGER]))
        short = {
            "no_users": not users.champion + users.challenger,
            "sample_ratio": self.mismatch,
        }
        held_back = [f"guard:{each.metric}" for each in self.guards if not each.held]
        return [*young, *(name for name, is_so in short.items() if is_so), *held_back]


def short_of_stage(rule: Stage, lasted_ms: int, challengers: int) -> list[str]:
    """What a stage lacks that has lasted so long, with so many events of the challenger."""
    short = {"stage_time": lasted_ms < rule.least_ms, "stage_events": challengers < rule.events}
    return [name for name, is_so in short.items() if is_so]


def split_tree(evidence: SplitEvidence) -> Tree:
    """The judgement of a look."""
    span = (evidence.began_ms, evidence.end_ms)
    return judgement_of(evidence.comparison, "split", *span, _body(evidence))


def stage_tree(
    evidence: SplitEvidence, verdict: str, reasons: list[str], next_ms: int | None
) -> Tree:
    """The record of a decision on a stage; ``next_ms`` is when the next one begins."""
    following: Tree = {}
    if next_ms is not None:
        share = evidence.stages[evidence.stage + 1].share
        following = {"next": {"share": share, "from": ms_to_rfc3339(next_ms)}}
    said = {"decision": verdict, "reasons": reasons, "final": False}
    about = [verdict, reasons, evidence.stage]
    span = (evidence.began_ms, evidence.end_ms)
    body = {**said, **_body(evidence), **following}
    return promotion_of(evidence.comparison, "stage", about, *span, body)


def _body(evidence: SplitEvidence) -> Tree:
    arms = evidence.arms
    return {
        "mode": "split",
        "share": evidence.share,
        "stage": evidence.stage + 1,
        "stages": len(evidence.stages),
        "events": {"champion": int(arms[CHAMPION]), "challenger": int(arms[CHALLENGER])},
        "users": evidence.users_tree(),
        "sample_ratio": {
            "held": not evidence.mismatch,
            "p_value": evidence.p_value,
            "significance": evidence.comparison.rules.share_significance,
        },
        "guards": [guarded.as_tree() for guarded in evidence.guards],
    }
