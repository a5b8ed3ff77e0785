"""Event volume against the profile's same hours of the week.

Rule.  More than ``factor`` times the expected asks for retraining (the population changed); less
than ``1/factor`` is an operations alert and never a trigger, because missing data teach nothing.
A window that began before the first event, or of which too few events are expected, is not judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from engine.decide.contract import Finding
from engine.decide.history import History
from engine.judgement import Judged

NAME: Final = "volume"
MIN_EXPECTED_EVENTS: Final = 30.0
"""Below this many expected events a factor of two is chance."""
HOURS_OF_WEEK: Final = 168
_HOUR_MS: Final = 3_600_000
_MONDAY_HOURS: Final = 72
"""1970-01-01 00:00 UTC was Thursday, 72 hours into the week."""


def expected_events(volume: Sequence[float], start_ms: int, end_ms: int) -> float:
    """Events expected in [start, end) from the mean per hour of week (168, Monday first, UTC)."""
    total, at = 0.0, start_ms
    while at < end_ms:
        hour = at // _HOUR_MS
        until = min(end_ms, (hour + 1) * _HOUR_MS)
        total += volume[(hour + _MONDAY_HOURS) % HOURS_OF_WEEK] * ((until - at) / _HOUR_MS)
        at = until
    return total


def examine(judged: Judged, history: History) -> Finding | None:
    """Whether the rule holds with this window."""
    rule, volume = judged.model.spec.retraining.volume, judged.model.profile.volume
    if rule is None or not volume or judged.window.name != rule.window:
        return None
    expected = expected_events(volume, judged.start_ms, judged.end_ms)
    enough = expected >= MIN_EXPECTED_EVENTS and judged.start_ms >= judged.first_event_ms
    ratio = judged.events / expected if expected else 0.0
    high = enough and ratio > rule.factor
    count = history.note(judged.end_ms, judged.window.length_ms, rule.of_last, held=high)
    if not enough:
        return None
    observed = {"events": judged.events, "expected": expected, "ratio": ratio}
    threshold = {"factor": rule.factor}
    parameters = msgspec.to_builtins(rule)
    if high and count >= rule.at_least:
        return Finding("trigger", "volume", "volume", observed, threshold, parameters)
    if ratio < 1 / rule.factor:
        return Finding("operations", "volume_low", "", observed, threshold, parameters)
    return Finding("quiet", "volume")
