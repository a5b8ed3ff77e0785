"""Points of the calendar, where the clock on the wall jumps, and one a period whatever it does."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.calendar_points import (
    count_points,
    local_text,
    newest_point_ms,
    next_point_ms,
    quarter_start_ms,
)
from engine.retraining_rules import Schedule
from engine.time_zones import TimeZoneError, time_zone
from engine.timestamps import ms_to_rfc3339, rfc3339_to_ms
from tests.thoroughness import examples

EVERY = ("day", "week", "month", "quarter", "year")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")


def points(schedule: Schedule, start: str, count: int) -> list[str]:
    """So many points after a time."""
    found, at_ms = [], rfc3339_to_ms(start)
    for _ in range(count):
        at_ms = next_point_ms(schedule, at_ms)
        found.append(ms_to_rfc3339(at_ms))
    return found


def test_quarters_keep_the_hour_of_the_wall() -> None:
    """Two o'clock in Berlin is one o'clock UTC in winter and midnight in summer."""
    schedule = Schedule(every="quarter", at_minute=120, time_zone="Europe/Berlin")
    assert points(schedule, "2026-01-01T00:00:00Z", 4) == [
        "2026-01-01T01:00:00Z",
        "2026-04-01T00:00:00Z",
        "2026-07-01T00:00:00Z",
        "2026-10-01T00:00:00Z",
    ]


def test_an_hour_that_is_skipped_is_an_hour_later() -> None:
    """At 02:30 on 29 March 2026 it is 03:30 in Berlin."""
    schedule = Schedule(every="day", at_minute=150, time_zone="Europe/Berlin")
    found = points(schedule, "2026-03-28T12:00:00Z", 2)
    assert found == ["2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"]
    assert local_text("Europe/Berlin", rfc3339_to_ms(found[0])) == "2026-03-29T03:30+02:00"


def test_an_hour_that_strikes_twice_is_the_first() -> None:
    """02:30 on 25 October 2026 comes twice in Berlin and is one point."""
    schedule = Schedule(every="day", at_minute=150, time_zone="Europe/Berlin")
    found = points(schedule, "2026-10-24T12:00:00Z", 2)
    assert found == ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]


def test_a_day_that_is_left_out_has_no_point() -> None:
    """Apia went from 29 to 31 December 2011: one point in those two days, and a week keeps its
    own."""
    before, after = (rfc3339_to_ms(f"2011-12-{day}T00:00:00Z") for day in (29, 31))
    daily = Schedule(every="day", at_minute=120, time_zone="Pacific/Apia")
    found = points(daily, "2011-12-29T00:00:00Z", 3)
    assert found == ["2011-12-29T12:00:00Z", "2011-12-30T12:00:00Z", "2011-12-31T12:00:00Z"]
    assert local_text("Pacific/Apia", rfc3339_to_ms(found[1])) == "2011-12-31T02:00+14:00"
    assert count_points(daily, before, after) == 2
    friday = Schedule(every="week", day=5, at_minute=120, time_zone="Pacific/Apia")
    assert points(friday, "2011-12-29T00:00:00Z", 1) == ["2011-12-30T12:00:00Z"]
    assert count_points(friday, before, after) == 1


def test_other_periods() -> None:
    """A Friday, the fifteenth of a month, the second of January."""
    friday = Schedule(every="week", day=5)
    assert points(friday, "2026-11-27T00:00:00Z", 2) == [
        "2026-12-04T00:00:00Z",
        "2026-12-11T00:00:00Z",
    ]
    assert points(Schedule(every="month", day=15), "2026-01-15T00:00:00Z", 1) == [
        "2026-02-15T00:00:00Z"
    ]
    assert points(Schedule(every="year", day=2), "2026-01-15T00:00:00Z", 1) == [
        "2027-01-02T00:00:00Z"
    ]


@settings(max_examples=examples(60), deadline=None, database=None)
@given(
    every=st.sampled_from(EVERY),
    zone=st.sampled_from(ZONES),
    minute=st.integers(0, 24 * 60 - 1),
    day=st.integers(1, 7),
    cuts=st.lists(st.integers(0, 900 * 86_400_000), min_size=2, max_size=30),
)
def test_one_point_a_period_whatever_the_cuts(
    every: str, zone: str, minute: int, day: int, cuts: list[int]
) -> None:
    """Time cut into stretches (after, until] holds each point in one of them; points go forward and
    the newest of a time is the one before the next."""
    schedule = Schedule(every=every, day=day, at_minute=minute, time_zone=zone)  # type: ignore[arg-type]
    start = rfc3339_to_ms("2025-01-01T00:00:00Z")
    ends = sorted({start + cut for cut in cuts})
    whole = count_points(schedule, ends[0], ends[-1])
    parts = [count_points(schedule, a, b) for a, b in pairwise(ends)]
    assert sum(parts) == whole
    for at_ms in ends:
        newest, following = newest_point_ms(schedule, at_ms), next_point_ms(schedule, at_ms)
        assert newest <= at_ms < following
        assert newest_point_ms(schedule, following) == following
        assert newest_point_ms(schedule, following - 1) == newest


def test_a_quarter_begins_with_the_local_day() -> None:
    """The last hours of September in UTC are October in Berlin."""
    at_ms = rfc3339_to_ms("2026-09-30T23:00:00Z")
    assert ms_to_rfc3339(quarter_start_ms("UTC", at_ms)) == "2026-07-01T00:00:00Z"
    assert ms_to_rfc3339(quarter_start_ms("Europe/Berlin", at_ms)) == "2026-09-30T22:00:00Z"


@pytest.mark.parametrize(
    "name", ["Europe/Berlinn", "../etc/passwd", "/usr/share/zoneinfo/UTC", "CEST9", "localtime", ""]
)
def test_what_is_no_zone(name: str) -> None:
    """It is refused, and no path is one."""
    with pytest.raises(TimeZoneError, match="IANA"):
        time_zone(name)
