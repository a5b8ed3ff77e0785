"""How many events a model usually sees in each hour of the week.

Rule.  The count of an hour of the week is divided by how often that hour occurs between the hour of
the first event and the hour of the last, so a training span of any length gives means.  An hour
that the span never has is not zero: it gets the mean of the same hour on the other days, or of all
hours where no day has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from engine.durations import UNITS_MS

HOURS_OF_WEEK: Final = 168
_EPOCH_HOUR_OF_WEEK: Final = 72
"""1970-01-01T00:00Z was a Thursday; Monday 00:00 UTC is 0."""


def hour_of_week(ts_ms: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Hour of the week of each time, from 0 on Monday 00:00 UTC."""
    return (ts_ms // UNITS_MS["h"] + _EPOCH_HOUR_OF_WEEK) % HOURS_OF_WEEK


def volume_by_hour_of_week(ts_ms: npt.NDArray[np.int64]) -> tuple[float, ...]:
    """Mean events per hour of the week, 168 of them; ``ts_ms`` has shape (events,), events > 0."""
    events = np.bincount(hour_of_week(ts_ms), minlength=HOURS_OF_WEEK)
    first, last = (int(end) // UNITS_MS["h"] for end in (ts_ms.min(), ts_ms.max()))
    weeks, left_over = divmod(last - first + 1, HOURS_OF_WEEK)
    occurs = np.full(HOURS_OF_WEEK, weeks)
    occurs[(first + _EPOCH_HOUR_OF_WEEK + np.arange(left_over)) % HOURS_OF_WEEK] += 1
    by_day = (7, 24)
    same_hour = events.reshape(by_day).sum(axis=0), occurs.reshape(by_day).sum(axis=0)
    overall = float(events.sum() / occurs.sum())
    hour_means = np.where(same_hour[1] > 0, same_hour[0] / np.maximum(same_hour[1], 1), overall)
    means = np.where(occurs > 0, events / np.maximum(occurs, 1), np.tile(hour_means, 7))
    return tuple(means.tolist())


def expected_events(volume: Sequence[float], start_ms: int, end_ms: int) -> float:
    """Events expected in [start, end) from the mean per hour of week (168, Monday first, UTC)."""
    total, at = 0.0, start_ms
    while at < end_ms:
        hour = at // UNITS_MS["h"]
        until = min(end_ms, (hour + 1) * UNITS_MS["h"])
        total += volume[(hour + _EPOCH_HOUR_OF_WEEK) % HOURS_OF_WEEK] * (
            (until - at) / UNITS_MS["h"]
        )
        at = until
    return total
