"""Event volume against the profile's same hours of the week.

Rule.  More than ``factor`` times the expected asks for retraining (the population changed); less
than ``1/factor`` is an operations alert and never a trigger, because missing data teach nothing.
Where the profile knows how counts swing, either must be significant as well.  A window that began
the first event, or of which too few events are expected, is not judged; one whose records are bad
(told twice, say) holds a request back, and that is told.
"""

from __future__ import annotations

from typing import Final

import msgspec

from detectors.contract import P_VALUE_FLOOR
from engine.decide.contract import Finding, not_confirmed
from engine.decide.history import History
from engine.judgement import Judged

SECTION: Final = "retraining"
NAME: Final = "volume"
MIN_EXPECTED_EVENTS: Final = 30.0
"""Below this many expected events a factor of two is chance."""


def examine(judged: Judged, history: History) -> Finding | None:
    """Whether the rule holds with this window."""
    rule = judged.model.spec.retraining.volume
    if rule is None or not judged.model.profile.volume or judged.window.name != rule.window:
        return None
    found = judged.volume()
    enough = found is not None and found.expected >= MIN_EXPECTED_EVENTS
    ratio = found.ratio if found is not None else 0.0
    chance = found.p_value if found is not None else None
    sure = chance is None or chance <= max(P_VALUE_FLOOR, judged.alpha)
    sound = judged.quality is None or not judged.quality.records
    many = enough and sure and ratio > rule.factor
    high = many and sound
    count = history.note(judged.end_ms, judged.window.length_ms, rule.of_last, held=high)
    if found is None or not enough:
        return None
    observed = {"events": judged.events, "expected": found.expected, "ratio": ratio}
    if chance is not None:
        observed["p_value"] = chance
    threshold = {"factor": rule.factor}
    parameters = msgspec.to_builtins(rule)
    if high and count >= rule.at_least:
        return Finding("trigger", "volume", "volume", observed, threshold, parameters)
    if sure and ratio < 1 / rule.factor:
        return Finding("operations", "volume_low", "", observed, threshold, parameters)
    if many and not sound:
        return Finding("held", "bad_data", "", observed, threshold, parameters)
    return not_confirmed("volume", held=bool(high))
