"""What one spec said over one history: its windows, episodes, triggers and PSI.

Rule.  The history reaches from the start of the first judged window that has events, by the
windows that begin last, to the end of the last; a window is counted once, as first judged
(revision 0), and only where windows tile time.  Shares and rates are of this length.  PSI is kept
of the features that alerts named, in the windows of the rule on PSI, each with the threshold that
the rule held it against.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from engine.model import MonitoredModel
from engine.policy.episodes import ToldEpisode
from engine.policy.reasons import Tree, of_trigger, way_of
from engine.policy.terms import ToldTerm
from engine.timestamps import rfc3339_to_ms

MONTH_MS: Final = 30 * 86_400_000


@dataclass(frozen=True, slots=True)
class ToldWindow:
    """One judged window of the data."""

    name: str
    start_ms: int
    end_ms: int
    events: int
    data_level: str
    maintenance: str
    """Why no rule examined it; empty where rules did."""
    psi: dict[str, float]
    """Corrected PSI of the features that are followed."""


@dataclass(frozen=True, slots=True)
class ToldTrigger:
    """One request to retrain."""

    at_ms: int
    rule: str
    cause: str
    window: str
    events: int
    cooldown_until_ms: int
    why: str
    way: str = ""
    """The questions that led to what is recommended, with their answers."""


@dataclass(frozen=True)
class PolicyHistory:
    """All that a spec said over a history."""

    title: str
    """How it is called where two are compared."""
    model: MonitoredModel
    windows: tuple[ToldWindow, ...]
    episodes: tuple[ToldEpisode, ...]
    triggers: tuple[ToldTrigger, ...]
    terms: tuple[ToldTerm, ...] = ()
    """When its version began and ceased to serve."""

    @cached_property
    def start_ms(self) -> int:
        """Start of the history, by the shortest windows: the first of the long ones begins long
        before there was anything; 0 of an empty one."""
        firsts: dict[str, int] = {}
        for window in self.windows:
            if window.events:
                start_ms = firsts.get(window.name, window.start_ms)
                firsts[window.name] = min(start_ms, window.start_ms)
        return max(firsts.values(), default=0)

    @cached_property
    def end_ms(self) -> int:
        """End of the history; 0 of an empty one."""
        told = [w.end_ms for w in self.windows if w.events]
        told += [step.at_ms for episode in self.episodes for step in episode.steps]
        return max([*told, *(t.at_ms for t in self.triggers)], default=0)

    @property
    def length_ms(self) -> int:
        """Length of the history."""
        return self.end_ms - self.start_ms

    @property
    def psi_window(self) -> str:
        """The window whose PSI is followed."""
        rule = self.model.spec.retraining.psi_features
        return self.model.spec.windows[-1].name if rule is None else rule.window

    def psi_threshold(self, feature: str) -> float:
        """What a feature's PSI must be over: the rule's bound, or what the training period reached
        by itself."""
        spec = self.model.spec
        rule = spec.retraining.psi_features
        above = spec.psi_drift if rule is None else rule.above
        own = self.model.profile.features[feature].own.get(self.psi_window)
        return above if own is None else max(above, own.q99)

    @property
    def alerted_features(self) -> list[str]:
        """The features that alerts named, in the order of the spec."""
        named: set[str] = set().union(*(e.features for e in self.episodes))
        return [f.name for f in self.model.spec.features if f.name in named]


def windows_of(records: Iterable[Tree], followed: Collection[str]) -> list[ToldWindow]:
    """The first judgements of the data's windows that tile time, with the PSI of the features
    ``followed``."""
    found = []
    for record in records:
        if record["revision"] or "section" in record:
            continue
        start_ms, end_ms = rfc3339_to_ms(record["start"]), rfc3339_to_ms(record["end"])
        if end_ms % (end_ms - start_ms):
            continue
        features = record["features"]
        psi = {n: features[n]["psi_corrected"] for n in followed if _has_psi(features.get(n))}
        found.append(
            ToldWindow(
                record["window"],
                start_ms,
                end_ms,
                record["events"],
                record["data"]["level"],
                record.get("maintenance", {}).get("reason", ""),
                psi,
            )
        )
    return found


def _has_psi(verdict: Tree | None) -> bool:
    return verdict is not None and "psi_corrected" in verdict


def triggers_of(records: Iterable[Tree]) -> list[ToldTrigger]:
    """The triggers in the order of event time."""
    found = [
        ToldTrigger(
            rfc3339_to_ms(record["window"]["end"]),
            record["rule"],
            record["cause"],
            record["window"]["name"],
            record["window"]["events"],
            rfc3339_to_ms(record["cooldown_until"]),
            of_trigger(record),
            way_of(record),
        )
        for record in records
    ]
    return sorted(found, key=lambda trigger: (trigger.at_ms, trigger.rule, trigger.cause))


def per_month(count: int, length_ms: int) -> float:
    """How many of these are in 30 days, where so many are in a history of this length."""
    return count * MONTH_MS / length_ms if length_ms > 0 else 0.0


def covered_ms(spans: Sequence[tuple[int, int]]) -> int:
    """How long any of these spans of time lasts: what overlaps counts once."""
    total, reached = 0, None
    for start, end in sorted(spans):
        begin = start if reached is None else max(start, reached)
        total += max(0, end - begin)
        reached = end if reached is None else max(reached, end)
    return total
