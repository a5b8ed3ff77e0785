"""What was told in a period: episodes, requests to retrain with their answers, decisions, terms.

Rule.  A record that is there twice is one.  An episode of which only the end is there (its topic
has not kept the beginning) is counted and not shown, because nobody can say when it began.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from engine.policy.episodes import RESOLVED, ToldEpisode, episodes_of
from engine.policy.history import ToldTrigger, triggers_of
from engine.retraining_results import AUDIT_KIND
from engine.review.index import Tree
from engine.review.scope import Scope
from engine.tenure import AUDIT_KIND as TERM_KIND
from engine.timestamps import rfc3339_to_ms

REQUESTED: Final = "requested"
PAGING: Final = frozenset({"WARNING", "CRITICAL"})
OPENING: Final = frozenset({"open", "escalated"})


@dataclass(frozen=True, slots=True)
class Request:
    """A trigger, whole, with all that was answered to it by the end of the period."""

    told: ToldTrigger
    record: Tree
    answers: tuple[Tree, ...]

    @property
    def trigger_id(self) -> str:
        """Its identity."""
        return str(self.record["trigger_id"])

    @property
    def state(self) -> str:
        """What became of it: what the newest answer that was taken says."""
        taken = [answer["status"] for answer in self.answers if answer["taken"]]
        return str(taken[-1]) if taken else REQUESTED


@dataclass(slots=True)
class Told:
    """All of it, in the order of event time."""

    episodes: list[ToldEpisode] = field(default_factory=list)
    """Those that were open at any time within the period, as they were known at its end."""
    versions: dict[str, str] = field(default_factory=dict)
    """Episode -> the version that it is of."""
    requests: list[Request] = field(default_factory=list)
    """Those of the period, and before it those without an end."""
    promotions: list[Tree] = field(default_factory=list)
    terms: list[Tree] = field(default_factory=list)
    """From the beginning of the records to the end of the period."""
    pages: int = 0
    """Alerts that somebody heard at once."""
    endings: int = 0
    """Episodes that ended in the period and whose beginning is not in the records."""

    def ended(self, scope: Scope) -> list[ToldEpisode]:
        """Episodes that ended in the period."""
        return [e for e in self.episodes if e.resolved_ms is not None and scope.has(e.resolved_ms)]

    def begun(self, scope: Scope) -> list[ToldEpisode]:
        """Episodes that opened in the period."""
        return [e for e in self.episodes if scope.has(e.opened_ms)]

    def asked(self, scope: Scope) -> list[Request]:
        """Requests of the period."""
        return [request for request in self.requests if scope.has(request.told.at_ms)]

    def waiting(self) -> list[Request]:
        """Requests that nobody has ended."""
        return [r for r in self.requests if r.state not in {"ready", "rejected"}]


def told_of(
    scope: Scope,
    alerts: Iterable[Tree],
    triggers: Iterable[Tree],
    promotions: Iterable[Tree],
    audit: Iterable[Tree],
) -> Told:
    """What belongs to a period, of the records of the four topics."""
    told = Told()
    _add_alerts(told, scope, alerts)
    lines = [line for line in audit if line["model"] == scope.model]
    known: dict[str, Tree] = {}
    for record in triggers:
        if record["model"] == scope.model and record["version"] in scope.versions:
            known.setdefault(record["trigger_id"], record)
    answers = _answers(scope, lines)
    for record in known.values():
        (one,) = triggers_of([record])
        request = Request(one, record, tuple(answers.get(record["trigger_id"], ())))
        if scope.has(one.at_ms) or (one.at_ms <= scope.from_ms and request in _open([request])):
            told.requests.append(request)
    told.requests.sort(key=lambda r: (r.told.at_ms, r.told.rule, r.trigger_id))
    decided = {line["promotion_id"]: line for line in promotions if line["model"] == scope.model}
    told.promotions = sorted(
        (line for line in decided.values() if scope.has(rfc3339_to_ms(line["until"]))),
        key=lambda line: (rfc3339_to_ms(line["until"]), line["promotion_id"]),
    )
    told.terms = _terms(scope, lines)
    return told


def _open(requests: list[Request]) -> list[Request]:
    return [request for request in requests if request.state not in {"ready", "rejected"}]


def _add_alerts(told: Told, scope: Scope, alerts: Iterable[Tree]) -> None:
    seen: set[str] = set()
    records = []
    for record in alerts:
        if record["model"] != scope.model or record["version"] not in scope.versions:
            continue
        end_ms = rfc3339_to_ms(record["end"])
        if end_ms > scope.to_ms or record["alert_id"] in seen:
            continue
        seen.add(record["alert_id"])
        records.append(record)
        told.versions[record["episode"]] = record["version"]
        if scope.has(end_ms) and record["state"] in OPENING and record["severity"] in PAGING:
            told.pages += "muted" not in record
    opened = {record["episode"] for record in records if record["state"] != RESOLVED}
    told.endings = len(
        {
            record["episode"]
            for record in records
            if record["episode"] not in opened and scope.has(rfc3339_to_ms(record["end"]))
        }
    )
    episodes = episodes_of(record for record in records if record["episode"] in opened)
    told.episodes = [episode for episode in episodes if scope.shows(episode)]


def _answers(scope: Scope, lines: list[Tree]) -> dict[str, list[Tree]]:
    """Trigger -> what was answered to it and acted by the end of the period, in the order of the
    topic."""
    found: dict[str, list[Tree]] = {}
    for line in lines:
        if line["kind"] != AUDIT_KIND:
            continue
        if "at" in line and rfc3339_to_ms(line["at"]) > scope.to_ms:
            continue
        known = found.setdefault(line["trigger_id"], [])
        if line not in known:
            known.append(line)
    return found


def _terms(scope: Scope, lines: list[Tree]) -> list[Tree]:
    found: list[Tree] = []
    for line in lines:
        at_ms = rfc3339_to_ms(line["at"]) if "at" in line else scope.to_ms
        if line["kind"] == TERM_KIND and at_ms <= scope.to_ms and line not in found:
            found.append(line)
    return sorted(found, key=lambda line: (line.get("at", ""), line["version"], line["stamp"]))
