"""How many events a model usually sees in each hour of the week.

Rule.  The count of an hour of the week is divided by how often that hour occurs between the hour of
the first event and the hour of the last, so a training span of any length gives means.  An hour
that the span never has is not zero: it gets the mean of the same hour on the other days, or of all
hours where no day has it.

Event counts swing by more than Poisson's law allows.  By how much, at the length of each window, is
Pearson's chi-square of the counts of the training table's own blocks over its degrees of freedom:
the blocks less the means that were fitted to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from engine.durations import UNITS_MS
from engine.spec import WindowRule

HOURS_OF_WEEK: Final = 168
_WEEK_MS: Final = 7 * UNITS_MS["d"]
MIN_FREEDOM: Final = 5
"""Degrees of freedom below which blocks say nothing of how a window's count swings."""
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


def volume_dispersion(
    ts_ms: npt.NDArray[np.int64], windows: Sequence[WindowRule]
) -> dict[str, float]:
    """Window name -> variance of the blocks' counts over Poisson's, at least 1; ``ts_ms`` has shape
    (events,), events > 0.  A window of which there are too few blocks is left out."""
    volume = np.array(volume_by_hour_of_week(ts_ms))
    first_ms, last_ms = int(ts_ms.min()), int(ts_ms.max())
    first_hour, last_hour = first_ms // UNITS_MS["h"], last_ms // UNITS_MS["h"] + 1
    hours = np.arange(first_hour, last_hour + 1)
    rates = volume[(hours[:-1] + _EPOCH_HOUR_OF_WEEK) % HOURS_OF_WEEK]
    upto = np.concatenate(([0.0], np.cumsum(rates)))
    found = {}
    for window in windows:
        start, end = -(-first_ms // window.length_ms), (last_ms + 1) // window.length_ms
        if end <= start:
            continue
        edges_ms = np.arange(start, end + 1) * window.length_ms
        expected = np.diff(np.interp(edges_ms / UNITS_MS["h"], hours, upto))
        inside = (ts_ms >= edges_ms[0]) & (ts_ms < edges_ms[-1])
        counts = np.bincount(ts_ms[inside] // window.length_ms - start, minlength=end - start)
        usable = expected > 0.0
        phase_ms = max(window.length_ms, UNITS_MS["h"])
        phases_ms = edges_ms[:-1][usable] // phase_ms * phase_ms % _WEEK_MS
        freedom = int(usable.sum()) - len(np.unique(phases_ms))
        if freedom >= MIN_FREEDOM:
            off = np.square(counts[usable] - expected[usable]) / expected[usable]
            found[window.name] = max(1.0, float(off.sum()) / freedom)
    return found


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
