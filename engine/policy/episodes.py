"""Episodes out of the records of the topic ``alerts``: from the opening to the end.

Rule.  An episode is what carries one name (``episode``); its records in order are its steps.  It
is open from the end of the window that opened it, which is when it could be known, to the end of
the one that resolved it, or of the history.  Its severity is the worst that it was told with, its
reason that of the first record with that severity.  An episode that was muted in every step but its
end woke nobody and is told apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from engine.decide.episodes import RANKS
from engine.policy.reasons import Tree, features_of, of_alert
from engine.timestamps import rfc3339_to_ms

RESOLVED: Final = "resolved"
PAGED: Final = "CRITICAL"
HEARD: Final = ("WARNING", "CRITICAL")
"""Severities that somebody is told of when they come; INFO waits for the week's digest."""


@dataclass(frozen=True, slots=True)
class Step:
    """One record of an episode."""

    at_ms: int
    """End of the window that was told of."""
    state: str
    severity: str
    events: int
    muted: str
    """Why it was muted; empty where it was not."""
    why: str


@dataclass(frozen=True, slots=True)
class ToldEpisode:
    """One alert from its opening to its end."""

    episode: str
    rule: str
    cause: str
    window: str
    since_ms: int
    """Start of the first window of the episode."""
    steps: tuple[Step, ...]
    features: frozenset[str]
    """Named by its evidence."""

    @property
    def opened_ms(self) -> int:
        """When it was first told."""
        return self.steps[0].at_ms

    @property
    def resolved_ms(self) -> int | None:
        """When it ended; None of one that is open at the end of the history."""
        last = self.steps[-1]
        return last.at_ms if last.state == RESOLVED else None

    @property
    def open_steps(self) -> tuple[Step, ...]:
        """The steps in which it was open."""
        return tuple(step for step in self.steps if step.state != RESOLVED)

    @property
    def worst(self) -> Step:
        """The first step of the worst severity."""
        return max(self.open_steps, key=lambda step: RANKS.index(step.severity))

    @property
    def severity(self) -> str:
        """The worst severity."""
        return self.worst.severity

    @property
    def muted(self) -> bool:
        """Whether it woke nobody from first to last."""
        return all(step.muted for step in self.open_steps)

    @property
    def pages(self) -> int:
        """How often it became a page: told as CRITICAL, and not muted."""
        return sum(step.severity == PAGED and not step.muted for step in self.open_steps)

    @property
    def heard(self) -> bool:
        """Whether somebody was told of it when it came."""
        return any(step.severity in HEARD and not step.muted for step in self.open_steps)

    def until_ms(self, end_ms: int) -> int:
        """The end of the time in which it was open, ``end_ms`` being that of the history."""
        return end_ms if self.resolved_ms is None else self.resolved_ms

    def open_ms(self, end_ms: int) -> int:
        """How long it was open."""
        return max(0, self.until_ms(end_ms) - self.opened_ms)


def episodes_of(records: Iterable[Tree]) -> list[ToldEpisode]:
    """The episodes of alerts in the order in which they were told, by the time of opening."""
    told: dict[str, list[Tree]] = {}
    for record in records:
        told.setdefault(record["episode"], []).append(record)
    found = [_episode(name, steps) for name, steps in told.items()]
    return sorted(found, key=lambda e: (e.opened_ms, e.rule, e.cause, e.episode))


def _episode(name: str, records: list[Tree]) -> ToldEpisode:
    first = records[0]
    return ToldEpisode(
        name,
        first["rule"],
        first["cause"],
        first["window"],
        rfc3339_to_ms(first["since"]),
        tuple(_step(record) for record in records),
        frozenset().union(*map(features_of, records)),
    )


def _step(record: Tree) -> Step:
    muted = record.get("muted", {})
    return Step(
        rfc3339_to_ms(record["end"]),
        record["state"],
        record["severity"],
        record["events"],
        muted.get("reason", ""),
        of_alert(record),
    )
