"""Events per hour of the week: means over the hours that the training span really has."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.profile_volume import hour_of_week, volume_by_hour_of_week
from tests.engine.reference_tables import DAY, HOUR, MONDAY
from tests.thoroughness import examples


def test_the_week_starts_on_monday_in_utc() -> None:
    """Monday 00:00 is hour 0, Sunday 23:00 hour 167."""
    times = np.array([MONDAY, MONDAY + HOUR - 1, MONDAY + 7 * DAY - 1, 0])
    assert hour_of_week(times).tolist() == [0, 0, 167, 72]


@settings(max_examples=examples(40), deadline=None)
@given(st.integers(0, 400 * 24), st.integers(1, 400), st.lists(st.integers(0, 10**9), max_size=40))
def test_means_equal_a_plain_count(first: int, hours: int, offsets: list[int]) -> None:
    """Each hour's events over how often that hour lies in the span, partial weeks included."""
    start = MONDAY + first * HOUR
    span = hours * HOUR
    times = [start + 5, start + span - 1, *(start + offset % span for offset in offsets)]
    volume = volume_by_hour_of_week(np.array(times, dtype=np.int64))
    seen: dict[int, int] = {}
    events: dict[int, int] = {}
    for hour in range(hours):
        seen[weekly(start + hour * HOUR)] = seen.get(weekly(start + hour * HOUR), 0) + 1
    for ts in times:
        events[weekly(ts)] = events.get(weekly(ts), 0) + 1
    assert len(volume) == 168
    for hour, occurs in seen.items():
        assert volume[hour] == pytest.approx(events.get(hour, 0) / occurs, rel=1e-12)


def weekly(ts_ms: int) -> int:
    """Hour of the week by the calendar."""
    when = datetime.fromtimestamp(ts_ms / 1000, UTC)
    return when.weekday() * 24 + when.hour


def test_an_hour_that_never_came_is_not_zero() -> None:
    """It takes the mean of that hour on other days, or of all hours where no day has it."""
    times = MONDAY + np.concatenate([np.arange(0, 2 * HOUR, HOUR // 4), [DAY]])
    volume = volume_by_hour_of_week(times.astype(np.int64))
    assert volume[:2] == (4.0, 4.0)
    assert volume[2] == 0.0
    assert (volume[24], volume[48]) == (1.0, 2.5)
    assert volume[49] == 4.0
    single = volume_by_hour_of_week(np.array([MONDAY, MONDAY + 1], dtype=np.int64))
    assert set(single) == {2.0}
