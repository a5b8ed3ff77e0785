"""What a history's alerts add up to, and what they would have cost.

Rule.  Episodes are counted by rule and worst severity; muted ones woke nobody and stand apart.  A
page is an episode that became CRITICAL; Alertmanager repeats it and groups it, which is not counted
here.  The time open of several episodes at once counts once.  Costs are what the user says that a
retraining and an alert cost: without a figure there is a count and no cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.decide.episodes import RANKS
from engine.policy.episodes import ToldEpisode
from engine.policy.history import PolicyHistory, covered_ms, per_month


@dataclass(frozen=True, slots=True)
class Sum:
    """Episodes of one rule and severity."""

    rule: str
    severity: str
    muted: bool
    episodes: int
    pages: int
    per_month: float
    open_ms: int
    share: float
    """Of the history in which any of them was open."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Counts, and what they cost where the user said so."""

    retrainings: int
    retraining_cost: float | None
    """All of them, in the unit of the figure given."""
    alerts: int
    """Episodes that somebody was told of when they came: WARNING or CRITICAL, not muted."""
    alert_minutes: float | None


def sums(history: PolicyHistory) -> list[Sum]:
    """A line for each rule and severity, muted ones last."""
    groups: dict[tuple[bool, int, str], list[ToldEpisode]] = {}
    for episode in history.episodes:
        place = (episode.muted, -RANKS.index(episode.severity), episode.rule)
        groups.setdefault(place, []).append(episode)
    return [_sum(history, members) for _, members in sorted(groups.items())]


def _sum(history: PolicyHistory, members: Sequence[ToldEpisode]) -> Sum:
    first, end_ms = members[0], history.end_ms
    open_ms = covered_ms([(e.opened_ms, e.until_ms(end_ms)) for e in members])
    return Sum(
        first.rule,
        first.severity,
        first.muted,
        len(members),
        sum(episode.pages for episode in members),
        per_month(len(members), history.length_ms),
        open_ms,
        open_ms / history.length_ms if history.length_ms > 0 else 0.0,
    )


def costs(
    history: PolicyHistory, retraining_cost: float | None, alert_minutes: float | None
) -> Costs:
    """Retrainings and alerts, times what the user says that one costs."""
    retrainings = len(history.triggers)
    alerts = sum(episode.heard for episode in history.episodes)
    return Costs(
        retrainings,
        None if retraining_cost is None else retrainings * retraining_cost,
        alerts,
        None if alert_minutes is None else alerts * alert_minutes,
    )
