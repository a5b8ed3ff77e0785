"""Schedule: retraining at a point of the calendar, whatever the data say.

Rule.  A point asks in the disjoint window of the rule's length that it falls in, (start, end]; one
that fell where nothing was examined (no data at all, or maintenance) in the first window after.  Of
several the newest asks, and how many it stands for is told.  A window whose data are bad, or that
has none, holds the point: it asks in the first sound window, at most ``within`` after that of the
point, and is told as expired after that.  It is no alert: nothing is wrong.

A retraining of the cool-down before the point is as good as the scheduled one, so the point is
skipped then, and told (:mod:`engine.decide.asking`).
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from engine.calendar_points import count_points, local_text, newest_point_ms
from engine.decide.asking import SCHEDULED
from engine.decide.contract import Finding
from engine.decide.facts import bad_data
from engine.decide.history import History
from engine.judgement import Judged
from engine.retraining_rules import Schedule
from engine.timestamps import ms_to_rfc3339

SECTION: Final = "retraining"
NAME: Final = "schedule"


def examine(judged: Judged, history: History) -> Finding | None:
    """Whether a point is due with this window."""
    rule = judged.model.spec.retraining.schedule
    if rule is None or judged.window.name != rule.window:
        return None
    examined_ms = history.examined_ms or judged.start_ms
    history.examined_ms = judged.end_ms
    points = count_points(rule, examined_ms, judged.end_ms)
    if points:
        history.due_ms = newest_point_ms(rule, judged.end_ms)
    if not history.due_ms:
        return Finding("quiet", SCHEDULED, alerts=False)
    observed = _observed(rule, history.due_ms, points)
    if judged.end_ms - history.due_ms > rule.within_ms + judged.window.length_ms:
        history.due_ms = 0
        return Finding("held", "expired", "", observed, alerts=False)
    bad = bad_data(judged)
    if bad:
        return Finding("held", "bad_data", "", {**observed, "bad": bad[:10]}, alerts=False)
    parameters = {**msgspec.to_builtins(rule), "point": ms_to_rfc3339(history.due_ms)}
    history.due_ms = 0
    threshold = {"every": rule.every}
    return Finding("trigger", SCHEDULED, "", observed, threshold, parameters, alerts=False)


def _observed(rule: Schedule, point_ms: int, points: int) -> dict[str, Any]:
    observed: dict[str, Any] = {
        "point": ms_to_rfc3339(point_ms),
        "local": local_text(rule.time_zone, point_ms),
        "time_zone": rule.time_zone,
    }
    if points > 1:
        observed["points"] = points
    return observed
