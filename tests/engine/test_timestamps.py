"""Time stamps: RFC 3339 with a zone or nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.timestamps import NEWEST_MS, OLDEST_MS, TimestampError, ms_to_rfc3339, rfc3339_to_ms

QUICK = settings(max_examples=100, deadline=None, database=None)


@QUICK
@given(ms=st.integers(0, NEWEST_MS))
def test_there_and_back(ms: int) -> None:
    """Every millisecond has one text, and the text that millisecond."""
    assert rfc3339_to_ms(ms_to_rfc3339(ms)) == ms


@QUICK
@given(
    moment=st.datetimes(datetime(2000, 1, 1), datetime(2999, 12, 31)),  # noqa: DTZ001
    minutes=st.integers(-23 * 60 - 59, 23 * 60 + 59),
)
def test_zones_are_taken_off(moment: datetime, minutes: int) -> None:
    """As Python's own reading says; what is below a millisecond is cut off, not rounded."""
    zoned = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert rfc3339_to_ms(zoned.isoformat()) == (zoned - epoch) // timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2000-01-01T00:00:00Z", OLDEST_MS),
        ("2000-01-01t00:00:00z", OLDEST_MS),
        ("2000-01-01 01:00:00+01:00", OLDEST_MS),
        ("1999-12-31T23:00:00.000-01:00", OLDEST_MS),
        ("2000-01-01T00:00:00.123456789Z", OLDEST_MS + 123),
        ("2000-01-01T00:00:00.1Z", OLDEST_MS + 100),
        ("2000-01-01T00:00:00.9999Z", OLDEST_MS + 999),
    ],
)
def test_what_is_read(text: str, ms: int) -> None:
    """The forms that RFC 3339 allows."""
    assert rfc3339_to_ms(text) == ms


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2013-01-07T10:00:00", "naive_timestamp"),
        ("2013-01-07 10:00:00.5", "naive_timestamp"),
        ("", "bad_timestamp"),
        ("1357552800000", "bad_timestamp"),
        ("2013-01-07", "bad_timestamp"),
        ("2013-01-07T10:00Z", "bad_timestamp"),
        ("13-01-07T10:00:00Z", "bad_timestamp"),
        ("2013-13-07T10:00:00Z", "bad_timestamp"),
        ("2013-02-29T10:00:00Z", "bad_timestamp"),
        ("2013-01-07T24:00:00Z", "bad_timestamp"),
        ("2013-01-07T10:00:60Z", "bad_timestamp"),
        ("2013-01-07T10:00:00+01:60", "bad_timestamp"),
        ("2013-01-07T10:00:00+0100", "bad_timestamp"),
        ("2013-01-07T10:00:00 Z", "bad_timestamp"),
        (" 2013-01-07T10:00:00Z", "bad_timestamp"),
        ("2013-01-07T10:00:00Z\n", "bad_timestamp"),
        ("0000-01-07T10:00:00Z", "bad_timestamp"),
        ("\u0662\u0660\u0661\u0663-01-07T10:00:00Z", "bad_timestamp"),
    ],
)
def test_what_is_refused(text: str, reason: str) -> None:
    """Nothing is guessed; a missing zone has a reason of its own because it is so common."""
    with pytest.raises(TimestampError) as error:
        rfc3339_to_ms(text)
    assert str(error.value) == reason
