"""Two specs over the same history, side by side.

Rule.  Episodes of one rule and cause that overlap in time, from the start of their first windows
to their ends, are the same finding; so a finding may be one episode here and two there.  What has
no counterpart is in one of the two only.  Triggers are the same when rule, cause and window end
are.  The first difference is the earliest record that only one of the two told, or told otherwise.
Exchanging the two exchanges the sides and nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from engine.policy.episodes import ToldEpisode
from engine.policy.history import PolicyHistory, ToldTrigger

Side = Literal["A", "B", "both"]
_Member = tuple[int, int, int, ToldEpisode]
"""(since, until, side, episode) of one episode of either."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding, as the two told it."""

    rule: str
    cause: str
    a: tuple[ToldEpisode, ...]
    b: tuple[ToldEpisode, ...]

    @property
    def side(self) -> Side:
        """Who told it."""
        if self.a and self.b:
            return "both"
        return "A" if self.a else "B"

    @property
    def since_ms(self) -> int:
        """Start of the first window of either."""
        return min(episode.since_ms for episode in (*self.a, *self.b))


@dataclass(frozen=True, slots=True)
class Request:
    """One request to retrain, and who made it."""

    side: Side
    trigger: ToldTrigger


@dataclass(frozen=True, slots=True)
class Told:
    """One record, as far as two specs can agree on it."""

    at_ms: int
    what: str
    """``alert`` or ``trigger``."""
    rule: str
    cause: str
    state: str
    severity: str
    muted: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that the two said, side by side."""

    findings: tuple[Finding, ...]
    requests: tuple[Request, ...]
    first_difference: tuple[int, tuple[Told, ...], tuple[Told, ...]] | None
    """When, and what only A and only B told then; None where they told the same."""

    def count(self, side: Side, rule: str | None = None) -> int:
        """Findings of one side, of one rule or of all."""
        return sum(f.side == side and rule in {None, f.rule} for f in self.findings)


def compare(a: PolicyHistory, b: PolicyHistory) -> Comparison:
    """Both side by side; each episode is in one finding."""
    keys = sorted({(e.rule, e.cause) for e in (*a.episodes, *b.episodes)})
    findings = [finding for key in keys for finding in _findings(key, a, b)]
    findings.sort(key=lambda f: (f.since_ms, f.rule, f.cause))
    return Comparison(tuple(findings), tuple(_requests(a, b)), _first_difference(a, b))


def _findings(key: tuple[str, str], a: PolicyHistory, b: PolicyHistory) -> list[Finding]:
    """What is connected by overlaps between the two is one finding."""
    end_ms = max(a.end_ms, b.end_ms)
    members = [
        (episode.since_ms, episode.until_ms(end_ms), side, episode)
        for side, history in enumerate((a, b))
        for episode in history.episodes
        if (episode.rule, episode.cause) == key
    ]
    over: list[list[_Member]] = []
    open_groups: list[list[_Member]] = []
    for member in sorted(members, key=lambda m: m[:3]):
        over += [g for g in open_groups if max(m[1] for m in g) <= member[0]]
        linked, others = [member], []
        for group in (g for g in open_groups if max(m[1] for m in g) > member[0]):
            if any(_overlaps(member, other) for other in group):
                linked = group + linked
            else:
                others.append(group)
        open_groups = [*others, linked]
    return [Finding(*key, _of(group, 0), _of(group, 1)) for group in over + open_groups]


def _overlaps(one: _Member, other: _Member) -> bool:
    """Whether two episodes of different sides have time in common."""
    return one[2] != other[2] and one[0] < other[1] and other[0] < one[1]


def _of(group: Sequence[_Member], side: int) -> tuple[ToldEpisode, ...]:
    return tuple(episode for _, _, each, episode in group if each == side)


def _requests(a: PolicyHistory, b: PolicyHistory) -> list[Request]:
    """All triggers by time; those that both made, once."""
    of_a = {(t.at_ms, t.rule, t.cause): t for t in a.triggers}
    of_b = {(t.at_ms, t.rule, t.cause): t for t in b.triggers}
    found = []
    for key in sorted(of_a.keys() | of_b.keys()):
        side: Side = "both" if key in of_a and key in of_b else "A" if key in of_a else "B"
        found.append(Request(side, of_a[key] if key in of_a else of_b[key]))
    return found


def _told(history: PolicyHistory) -> Counter[Told]:
    alerts = [
        Told(s.at_ms, "alert", e.rule, e.cause, s.state, s.severity, s.muted)
        for e in history.episodes
        for s in e.steps
    ]
    triggers = [Told(t.at_ms, "trigger", t.rule, t.cause, "", "", "") for t in history.triggers]
    return Counter(alerts + triggers)


def _first_difference(
    a: PolicyHistory, b: PolicyHistory
) -> tuple[int, tuple[Told, ...], tuple[Told, ...]] | None:
    only_a, only_b = _told(a) - _told(b), _told(b) - _told(a)
    if not only_a and not only_b:
        return None
    at_ms = min(told.at_ms for told in (*only_a, *only_b))
    return (at_ms, _then(only_a, at_ms), _then(only_b, at_ms))


def _then(told: Counter[Told], at_ms: int) -> tuple[Told, ...]:
    now = [each for each in told.elements() if each.at_ms == at_ms]
    return tuple(sorted(now, key=lambda t: (t.what, t.rule, t.cause, t.state, t.severity)))
