"""What a look at a split tells: a judgement each, and a record of ``promotions`` of its stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from engine.canonical import content_hash
from engine.champion.cells import CHALLENGER, CHAMPION
from engine.champion.comparison import Comparison
from engine.champion.guards import Guarded
from engine.champion.users import UserCounts
from engine.comparison_rules import Stage
from engine.durations import format_duration
from engine.panes import Counts
from engine.timestamps import ms_to_rfc3339

SCHEMA: Final = 1


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

    def users_tree(self) -> dict[str, Any]:
        """Distinct users: of more than fit, those of a sample."""
        users = self.users
        return {
            "champion": users.champion,
            "challenger": users.challenger,
            "both": users.both,
            "sampled": 0.5**users.level,
            "events_without": users.unknown,
        }

    def versions_tree(self) -> list[dict[str, Any]]:
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


def split_tree(evidence: SplitEvidence) -> dict[str, Any]:
    """The judgement of a look."""
    comparison = evidence.comparison
    return {
        "schema": SCHEMA,
        "model": comparison.spec.model,
        "version": comparison.spec.version,
        "section": "split",
        "champion": comparison.rules.champion,
        "window": format_duration(comparison.rules.looks_ms),
        "start": ms_to_rfc3339(evidence.began_ms),
        "end": ms_to_rfc3339(evidence.end_ms),
        "revision": 0,
        **_body(evidence),
    }


def stage_tree(
    evidence: SplitEvidence, verdict: str, reasons: list[str], next_ms: int | None
) -> dict[str, Any]:
    """The record of a decision on a stage; ``next_ms`` is when the next one begins."""
    comparison = evidence.comparison
    rules = msgspec.to_builtins(comparison.rules)
    place = [comparison.spec.model, comparison.rules.champion, comparison.spec.version, "stage"]
    about = [
        *place, verdict, reasons, evidence.stage, ms_to_rfc3339(evidence.end_ms),
        comparison.layout.hash, rules,
    ]  # fmt: skip
    following: dict[str, Any] = {}
    if next_ms is not None:
        share = evidence.stages[evidence.stage + 1].share
        following = {"next": {"share": share, "from": ms_to_rfc3339(next_ms)}}
    return {
        "promotion_id": content_hash(about),
        "schema": SCHEMA,
        "kind": "stage",
        "model": comparison.spec.model,
        "champion": comparison.rules.champion,
        "challenger": comparison.spec.version,
        "from": ms_to_rfc3339(evidence.began_ms),
        "until": ms_to_rfc3339(evidence.end_ms),
        "decision": verdict,
        "reasons": reasons,
        "final": False,
        **_body(evidence),
        **following,
        "rules": rules,
        "spec": comparison.policy_hash,
        "layout": comparison.layout.hash,
    }


def _body(evidence: SplitEvidence) -> dict[str, Any]:
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
