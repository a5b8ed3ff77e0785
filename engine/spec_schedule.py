"""The calendar in the section ``retraining`` of a spec: time zone, schedule and budget.

Rule.  What names a place in the calendar is checked against it when the spec is read; ``day`` is a
day of the week where the schedule is weekly, else one of the month that every month has.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Literal

from engine.calendar_points import WEEKDAYS
from engine.durations import UNITS_MS
from engine.retraining_rules import RetrainingBudget, Schedule
from engine.spec_faults import did_you_mean
from engine.spec_fields import Fields
from engine.time_zones import UTC_NAME, TimeZoneError, time_zone

MAX_TRIGGERS_A_QUARTER: Final = 1_000
LAST_DAY: Final = 28
"""The last day that every month has."""
_EVERY: Final[tuple[Literal["day", "week", "month", "quarter", "year"], ...]] = (
    *("day", "week", "month", "quarter", "year"),
)
_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)


def read_time_zone(section: Fields) -> str:
    """``time_zone``: an IANA name that this machine knows."""
    name = section.text("time_zone", UTC_NAME)
    try:
        time_zone(name)
    except TimeZoneError as error:
        if section.sound("time_zone"):
            section.fault("time_zone", str(error))
        return UTC_NAME
    return name


def read_schedule(
    section: Fields, zone: str, read_window: Callable[[Fields], str]
) -> Schedule | None:
    """``schedule``; None without it.  ``read_window`` chooses the window that asks."""
    if section.nothing("schedule") or not section.has("schedule"):
        section.know("schedule")
        return None
    fields = section.section("schedule")
    every = fields.choice("every", None, _EVERY)
    at_minute, day = _read_clock(fields), 1
    if every == "week":
        day = 1 + WEEKDAYS.index(_read_weekday(fields))
    elif every != "day":
        day = fields.whole("day", 1, 1, LAST_DAY)
    elif fields.has("day"):
        fields.fault("day", "every day is meant: leave it out")
    window = read_window(fields)
    within_ms = fields.duration("within", 7 * UNITS_MS["d"])
    fields.know("day")
    fields.close()
    return Schedule(
        every=every,
        day=day,
        at_minute=at_minute,
        time_zone=zone,
        window=window,
        within_ms=within_ms,
    )


def _read_clock(fields: Fields) -> int:
    meant = 'a time of day such as "02:00"'
    written = fields.scalar("at", meant)
    if written is None:
        return 0
    found = _CLOCK.fullmatch(written.text)
    if found is None:
        fields.fault("at", f"must be {meant}, not {written.text[:40]!r}")
        return 0
    return 60 * int(found[1]) + int(found[2])


def _read_weekday(fields: Fields) -> str:
    written = fields.scalar("day", "a day of the week")
    if written is None:
        return WEEKDAYS[0]
    name = written.text.lower()
    if name in WEEKDAYS:
        return name
    hint = did_you_mean(name, WEEKDAYS)
    fields.fault("day", f"must be one of {', '.join(WEEKDAYS)}, not {written.text[:40]!r}{hint}")
    return WEEKDAYS[0]


def read_budget(section: Fields, *, data: bool, performance: bool) -> RetrainingBudget | None:
    """``budget``; None without it.  ``data`` and ``performance`` say whether there is a rule of
    either that may ask; half of it is for either where there are both."""
    if section.nothing("budget") or not section.has("budget"):
        section.know("budget")
        return None
    fields = section.section("budget")
    if not fields.has("per_quarter"):
        fields.fault("per_quarter", "is required: how many requests a quarter may have")
    most = fields.whole("per_quarter", 1, 1, MAX_TRIGGERS_A_QUARTER)
    usual = most // 2 if data and performance else most if performance else 0
    of_labels = fields.whole("performance", usual, 0, MAX_TRIGGERS_A_QUARTER)
    shared = data and performance and not fields.has("performance")
    if fields.sound("per_quarter", "performance") and of_labels > most:
        fields.fault("performance", f"is a part of per_quarter, which is {most}")
    elif fields.sound("per_quarter") and shared and most == 1:
        fields.fault(
            "per_quarter",
            "one cannot be shared: say performance: 1 or performance: 0, whether it is for the "
            "rule on performance or for those on data",
        )
    fields.close()
    return RetrainingBudget(per_quarter=most, performance=of_labels)
