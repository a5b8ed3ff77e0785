"""Points of a calendar in event time: the first of a quarter at two o'clock in Berlin.

Rule.  A period of the calendar (a day, an ISO week, a month, a quarter, a year, in local time) has
exactly one point, at a day and a time of the clock on the wall.  A time that the clock skips in
spring is as much later as it skips (02:30 becomes 03:30); one that it strikes twice in autumn is
the first.  So there is one point a period, whatever the clock does, and points never go back.  A
day that the calendar leaves out (Apia had no 30 December 2011) is no period: its point would be
that of the day after.

Days of a month are 1 to 28: every month has them.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

from engine.retraining_rules import Schedule
from engine.time_zones import time_zone

WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAYS_OF_WEEK: Final = 7
_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def newest_point_ms(schedule: Schedule, until_ms: int) -> int:
    """The newest point that is not after ``until_ms``."""
    return _point_ms(schedule, _newest(schedule, until_ms))


def next_point_ms(schedule: Schedule, after_ms: int) -> int:
    """The first point after ``after_ms``."""
    return _point_ms(schedule, _newest(schedule, after_ms) + 1)


def count_points(schedule: Schedule, after_ms: int, until_ms: int) -> int:
    """Points in (after, until]."""
    after, until = _newest(schedule, after_ms), _newest(schedule, until_ms)
    return sum(not _is_left_out(schedule, number) for number in range(after + 1, until + 1))


def quarter_start_ms(zone: str, at_ms: int) -> int:
    """Start of the quarter of the calendar that a time is in."""
    return newest_point_ms(Schedule(every="quarter", time_zone=zone), at_ms)


def local_text(zone: str, at_ms: int) -> str:
    """``2026-10-01T02:00+02:00``, as the clock on the wall says it."""
    return _local(zone, at_ms).isoformat(timespec="minutes")


def _local(zone: str, at_ms: int) -> datetime:
    return (_EPOCH + at_ms * _MILLISECOND).astimezone(time_zone(zone))


def _newest(schedule: Schedule, until_ms: int) -> int:
    """Number of the newest period whose point is not after ``until_ms``."""
    number = _period(schedule, _local(schedule.time_zone, until_ms).date()) + 1
    while _point_ms(schedule, number) > until_ms:
        number -= 1
    return number


def _is_left_out(schedule: Schedule, number: int) -> bool:
    """Whether a period is a day that the calendar of the zone does not have."""
    if schedule.every != "day":
        return False
    return _local(schedule.time_zone, _point_ms(schedule, number)).toordinal() != number


def _period(schedule: Schedule, day: date) -> int:
    """Number of the period of a local day; 0001-01-01 was a Monday."""
    if schedule.every == "day":
        return day.toordinal()
    if schedule.every == "week":
        return (day.toordinal() - 1) // _DAYS_OF_WEEK
    return (12 * day.year + day.month - 1) // _MONTHS[schedule.every]


def _point_ms(schedule: Schedule, number: int) -> int:
    if schedule.every == "day":
        day = date.fromordinal(number)
    elif schedule.every == "week":
        day = date.fromordinal(_DAYS_OF_WEEK * number + schedule.day)
    else:
        year, month = divmod(number * _MONTHS[schedule.every], 12)
        day = date(year, month + 1, schedule.day)
    hour, minute = divmod(schedule.at_minute, 60)
    zone = time_zone(schedule.time_zone)
    local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
    return (local.astimezone(UTC) - _EPOCH) // _MILLISECOND
