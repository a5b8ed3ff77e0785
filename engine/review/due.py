"""What is due at the end of a period: answers, reviews, retraining by the calendar, open alerts.

Rule.  A date that has passed by the end of the period is overdue.  Deadlines need the spec; without
it what waits is told without one.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.alert_rules import Maintenance, Mute
from engine.calendar_points import next_point_ms
from engine.policy.episodes import HEARD
from engine.review.scope import Scope
from engine.review.told import Told
from engine.spec import Spec
from engine.timestamps import ms_to_rfc3339, rfc3339_to_ms


@dataclass(frozen=True, slots=True)
class Due:
    """One thing to be done."""

    what: str
    about: str
    by_ms: int | None
    """None where there is no date."""
    overdue: bool


def due_of(scope: Scope, told: Told, spec: Spec | None) -> list[Due]:
    """All of it, by date, what has none behind."""
    found = _answers(scope, told, spec)
    for episode in told.episodes:
        if episode.resolved_ms is None and episode.severity in HEARD:
            about = f"{episode.rule}/{episode.cause}, {episode.severity}: {episode.worst.why}"
            about = _of_version(scope, told.versions[episode.episode], about)
            found.append(Due("an alert is open", about, None, overdue=False))
    if spec is not None:
        found += _of_spec(scope, spec)
    return sorted(found, key=lambda due: (due.by_ms is None, due.by_ms or 0, due.what, due.about))


def _answers(scope: Scope, told: Told, spec: Spec | None) -> list[Due]:
    found = []
    for request in told.waiting():
        within_ms, what = None, "a retraining that failed is to be tried again, or rejected"
        rules = None if spec is None else spec.retraining
        if request.state == "requested":
            what = "a retraining trigger has no answer"
            within_ms = None if rules is None else rules.answer_within_ms
        elif request.state == "accepted":
            what = "a retraining was accepted and has made no model"
            within_ms = None if rules is None else rules.ready_within_ms
        by_ms = None if within_ms is None else request.told.at_ms + within_ms
        asked = ms_to_rfc3339(request.told.at_ms)[:10]
        about = f"{request.told.rule} of {asked}, {request.trigger_id}"
        about = _of_version(scope, str(request.record["version"]), about)
        found.append(Due(what, about, by_ms, by_ms is not None and by_ms <= scope.to_ms))
    return found


def _of_version(scope: Scope, version: str, about: str) -> str:
    """With its version, where the period has several."""
    return about if len(scope.versions) == 1 else f"version {version}, {about}"


def _of_spec(scope: Scope, spec: Spec) -> list[Due]:
    found = []
    review = spec.inventory.next_review
    if review is not None:
        by_ms = rfc3339_to_ms(f"{review}T00:00:00Z")
        overdue = by_ms <= scope.to_ms
        found.append(Due("the model is to be reviewed", spec.inventory.owner, by_ms, overdue))
    schedule = spec.retraining.schedule
    if schedule is not None:
        by_ms = next_point_ms(schedule, scope.to_ms)
        about = f"every {schedule.every}"
        found.append(Due("retraining by the calendar", about, by_ms, overdue=False))
    quiet: list[Maintenance | Mute] = [*spec.alerts.maintenance, *spec.alerts.mutes]
    found += [
        Due("a quiet time ends", each.reason, each.until_ms, overdue=False)
        for each in quiet
        if each.from_ms < scope.to_ms < each.until_ms
    ]
    return found
