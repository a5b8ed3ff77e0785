"""The term of a version as its judge knows it, and how it ends.

Rule.  A term comes as a record of the topic ``panes``, in the order of the judge's own log, and is
part of its snapshot: so a judge that is restored acts at the same place, whoever read the topic
``models`` when.  What ends with the term ends when event time passes it: behind the last window
that ends within it, before the first that ends later.  Alerts that are open are resolved, and
requests that are open are ended, with the reason.

Planes do not wait for each other (:mod:`engine.judge`), so each ends what came of it when its own
time comes.  A cohort's time is that at which its labels are complete: what they say of a version
when another one serves already is judged and shown, and wakes nobody.

Who served when, and why no longer, is on record: the judge tells ``audit`` when it hears of a term,
and when event time comes to its beginning and its end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec
import orjson

from engine.alert_rules import RETRAINING_ALERTS
from engine.canonical import content_hash
from engine.decide.asking import HELD
from engine.decide.episodes import RUNBOOK, SCHEMA, Episodes
from engine.decide.request_state import end_requests
from engine.decide.requests import OF_LABELS
from engine.decide.rules import reads_performance, rules
from engine.decide.waiting import WITH_LABELS
from engine.effects import Publish
from engine.judgement import Judged
from engine.model import MonitoredModel
from engine.pane_checks import refuse_impossible_term
from engine.panes import TermRecord, encode
from engine.performance_judging import JudgedPerformance
from engine.planes import DATA, PERFORMANCE, Plane
from engine.quiet import maintenance_in
from engine.spec_performance import ARRIVAL
from engine.terms import FOR_EVER, Term, kept_ms
from engine.timestamps import ms_to_rfc3339

if TYPE_CHECKING:
    from engine.decide.decisions import DecisionState
    from engine.plane_flow import PlaneFlow

AUDIT_KIND: Final = "term"
"""Of the records of ``audit`` that tell of terms."""
_KINDS: Final = ("data", "performance")


class Tenure(msgspec.Struct):
    """What a judge remembers of its version's term."""

    term: Term = FOR_EVER
    ended: list[str] = msgspec.field(default_factory=list)
    """Which episodes were ended with it: those of ``data``, of ``performance``."""
    over: bool = False
    """Whether its windows were let go: nothing of it is judged any more."""
    begun: bool = False
    """Whether it was told that it serves."""

    def take(self, term: Term) -> bool:
        """Take a term; whether it says anything new.  One of a lower stamp was outdated when it
        was written."""
        if term.stamp < self.term.stamp or term.is_like(self.term):
            return False
        if term.until_ms != self.term.until_ms:
            self.ended, self.over = [], False
        if term.from_ms != self.term.from_ms:
            self.begun = False
        self.term = term
        return True

    def begins(self, at_ms: int | None) -> bool:
        """Whether event time of the data has come to its beginning; says so once."""
        from_ms, until_ms = self.term.from_ms, self.term.until_ms
        if self.begun or from_ms is None or at_ms is None or at_ms < from_ms:
            return False
        self.begun = until_ms is None or from_ms < until_ms
        return self.begun

    @property
    def has_ended(self) -> bool:
        """Whether event time of the data has passed it."""
        return _KINDS[0] in self.ended


def term_record(model: str, key: str, term: Term) -> Publish:
    """What tells the judge of ``key`` (``model@version``) its term."""
    return Publish("panes", model.encode(), encode(TermRecord(key, term)))


def kind_of(model: MonitoredModel, plane: Plane) -> str | None:
    """Whose episodes end when this plane passes the term; None of a view that decides nothing."""
    if plane.number == DATA:
        return _KINDS[0]
    rules_of_performance = model.spec.performance
    by = ARRIVAL if rules_of_performance is None else rules_of_performance.by
    view = ARRIVAL if plane.number == PERFORMANCE else plane.name
    return _KINDS[1] if view == by else None


def serve(
    model: MonitoredModel, state: DecisionState, flows: Mapping[int, PlaneFlow], record: TermRecord
) -> list[Publish]:
    """Take the term of this version; what of it event time has passed already is done at once.

    engine.panes.PaneError for one that no worker can have written.
    """
    refuse_impossible_term(record.term)
    if record.target != model.key or not state.tenure.take(record.term):
        return []
    found = (end_behind(model, state, flow.plane, flow.clock_ms) for flow in flows.values())
    heard = _told(model, record.term, "heard", None)
    return [heard, *(said for what in found for said in what)]


def end_behind(
    model: MonitoredModel, state: DecisionState, plane: Plane, at_ms: int | None
) -> list[Publish]:
    """Where event time ``at_ms`` of the plane is behind the term, resolve what is open of the rules
    that read it, once; the state is changed in place.  When the term begins is told as well."""
    tenure, episodes = state.tenure, state.episodes
    kind = kind_of(model, plane)
    known_ms = None if at_ms is None else _known_ms(plane, at_ms)
    if kind == _KINDS[0] and tenure.begins(at_ms):
        return [
            _told(model, tenure.term, "begins", tenure.term.from_ms),
            *end_behind(model, state, plane, at_ms),
        ]
    if kind is None or kind in tenure.ended or not tenure.term.is_over(known_ms):
        return []
    tenure.ended.append(kind)
    of_labels = kind == _KINDS[1]
    # One that is retired at once has no time of its own: it ends where its events are.
    end_ms = tenure.term.until_ms or at_ms or 0
    out = [_told(model, tenure.term, "ends", end_ms)] if kind == _KINDS[0] else []
    end_requests(state.requests, reason_of(tenure.term), end_ms, of_labels=of_labels)
    if of_labels or model.performance is None:
        state.retraining.waiting.clear()
    ending = [
        key
        for key in sorted(episodes)
        if (model.performance is not None and _is_of_labels(key)) == of_labels
    ]
    return out + [_resolved(model, tenure.term, key, episodes, end_ms) for key in ending]


def _known_ms(plane: Plane, at_ms: int) -> int:
    """When in event time all is known of what a plane says of ``at_ms``."""
    return at_ms + (plane.maturity_ms or 0)


def _is_of_labels(key: str) -> bool:
    """Whether an episode (``rule/cause``) follows from windows of performance."""
    rule, cause = key.split("/", 1)
    if rule == RETRAINING_ALERTS:
        return cause.endswith(OF_LABELS)
    if rule == HELD:
        name = cause.split("/", 1)[0]
        return name.endswith(WITH_LABELS) or _is_of_labels(f"{name}/")
    module = rules().get(rule)
    return module is not None and reads_performance(module)


def reason_of(term: Term) -> str:
    """Why a term ended, in words."""
    return f"superseded by {term.successor}" if term.successor else "retired"


def examines(tenure: Tenure, judged: Judged | JudgedPerformance) -> bool:
    """Whether rules look at a window: those that tile time, within the term and known within it,
    without maintenance."""
    known_ms = judged.end_ms
    if isinstance(judged, JudgedPerformance):
        known_ms = _known_ms(judged.plane, judged.end_ms)
    if not (judged.is_disjoint and tenure.term.covers(judged.start_ms, known_ms)):
        return False
    return maintenance_in(judged.model.spec, judged.start_ms, judged.end_ms) is None


def limit_ms(model: MonitoredModel, tenure: Tenure, plane: Plane) -> int | None:
    """Where event time of a plane stops for good: what falls due behind it is nothing of the term,
    however large the step was that its clock made.  None where the term goes on."""
    until_ms = tenure.term.until_ms
    return None if until_ms is None else until_ms + kept_ms(model.spec) - (plane.maturity_ms or 0)


def spend(model: MonitoredModel, tenure: Tenure, flows: Mapping[int, PlaneFlow]) -> bool:
    """Whether all that could still come of the term has come now, in every plane: then it is
    over."""
    if tenure.over or tenure.term.until_ms is None or not tenure.has_ended:
        return False
    tenure.over = all(
        flow.clock_ms is not None and flow.clock_ms >= limit
        for flow in flows.values()
        if (limit := limit_ms(model, tenure, flow.plane)) is not None
    )
    return tenure.over


def _told(model: MonitoredModel, term: Term, change: str, at_ms: int | None) -> Publish:
    """The audit record of a term that was ``heard`` of, or that ``begins`` or ``ends`` at an event
    time."""
    tree: dict[str, Any] = {
        "schema": SCHEMA,
        "kind": AUDIT_KIND,
        "model": model.spec.model,
        "version": model.spec.version,
        "change": change,
    }
    for name, time_ms in (
        ("at", at_ms),
        ("effective_from", term.from_ms),
        ("until", term.until_ms or None),
    ):
        if time_ms is not None:
            tree[name] = ms_to_rfc3339(time_ms)
    if term.until_ms is not None:
        tree["reason"] = reason_of(term)
    tree["stamp"] = term.stamp
    return Publish("audit", model.spec.model.encode(), orjson.dumps(tree))


def _resolved(
    model: MonitoredModel, term: Term, key: str, episodes: Episodes, end_ms: int
) -> Publish:
    episode = episodes.pop(key)
    rule, cause = key.split("/", 1)
    end = ms_to_rfc3339(end_ms)
    tree = {
        "alert_id": content_hash([episode.episode, "resolved"]),
        "schema": SCHEMA,
        "episode": episode.episode,
        "model": model.spec.model,
        "version": model.spec.version,
        "severity": episode.severity,
        "rule": rule,
        "cause": cause,
        "state": "resolved",
        "since": ms_to_rfc3339(episode.since_ms),
        "window": "",
        "end": end,
        "events": 0,
        "evidence": {"observed": {"reason": reason_of(term), "effective_from": end}},
        "runbook": model.spec.alerts.runbook or f"{RUNBOOK}#{rule}",
    }
    return Publish("alerts", model.spec.model.encode(), orjson.dumps(tree))
