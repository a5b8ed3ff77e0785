"""Event volume against the profile's same hours of the week.

Rule.  More than ``factor`` times the expected asks for retraining (the population changed); less
than ``1/factor`` is an operations alert and never a trigger, because missing data teach nothing.
A window that began before the first event, or of which too few events are expected, is not judged.
"""

from __future__ import annotations

from typing import Final

import msgspec

from engine.decide.contract import Finding
from engine.decide.history import History
from engine.judgement import Judged
from engine.profile_volume import expected_events

SECTION: Final = "retraining"
NAME: Final = "volume"
MIN_EXPECTED_EVENTS: Final = 30.0
"""Below this many expected events a factor of two is chance."""


def examine(judged: Judged, history: History) -> Finding | None:
    """Whether the rule holds with this window."""
    rule, volume = judged.model.spec.retraining.volume, judged.model.profile.volume
    if rule is None or not volume or judged.window.name != rule.window:
        return None
    expected = expected_events(volume, judged.start_ms, judged.end_ms)
    enough = expected >= MIN_EXPECTED_EVENTS and judged.start_ms >= judged.first_event_ms
    ratio = judged.events / expected if expected else 0.0
    sound = judged.quality is None or not judged.quality.records
    high = enough and sound and ratio > rule.factor
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
