"""The events of a window against those of the profile's same hours of the week.

Rule.  The ratio is the effect.  Its chance is that of two Poisson rates (conditional on all events,
:func:`detectors.rate_tests.poisson_test`), the reference's known from as many weeks as it has, and
both held at counts / dispersion, because real counts swing by more than Poisson's law.  Without
blocks enough to know the dispersion there is no p-value: Poisson's own would call every busy
morning an anomaly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from detectors.rate_tests import poisson_test
from engine.durations import UNITS_MS
from engine.layout import PREDICTIONS
from engine.profile_volume import expected_events

if TYPE_CHECKING:
    from engine.model import MonitoredModel
    from engine.panes import Counts
    from engine.spec import WindowRule

MIN_WEEKS: Final = 1.0
"""Of a shorter reference every hour was seen once."""


@dataclass(frozen=True, slots=True)
class Volume:
    """How many events there are, and how many there usually are."""

    expected: float
    ratio: float
    p_value: float | None
    """None where the reference does not say how counts of this length swing."""


def volume(
    model: MonitoredModel, counts: Counts, window: WindowRule, end_ms: int, first_event_ms: int
) -> Volume | None:
    """None without a profile of hours, or for a window that began before the first event."""
    profile, start_ms = model.profile, end_ms - window.length_ms
    if not profile.volume or start_ms < first_event_ms:
        return None
    expected = expected_events(profile.volume, start_ms, end_ms)
    events = int(counts[: PREDICTIONS + 1].max())
    if expected <= 0.0 or not np.isfinite(expected):
        return None
    chance = None
    dispersion = profile.volume_dispersion.get(window.name)
    made = profile.made_by
    if dispersion is not None and made.start_ms is not None and made.end_ms is not None:
        weeks = max(MIN_WEEKS, (made.end_ms - made.start_ms) / (7 * UNITS_MS["d"]))
        usual = round(expected * weeks / dispersion)
        chance = float(poisson_test(round(events / dispersion), 1.0, usual, weeks, "either"))
    return Volume(expected, events / expected, chance)
