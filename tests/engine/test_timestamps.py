"""Time stamps: RFC 3339 with a zone or nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import timestamps
from engine.timestamps import (
    AT_ONCE,
    NEWEST_MS,
    OLDEST_MS,
    TimestampError,
    ms_to_rfc3339,
    rfc3339_to_ms,
    texts_to_ms,
)
from tests.thoroughness import examples

QUICK = settings(max_examples=examples(100), deadline=None, database=None)


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


def one_by_one(texts: list[str]) -> tuple[list[int], dict[int, str]]:
    """What the reading of single texts says of a column."""
    ms, reasons = [0] * len(texts), {}
    for i, text in enumerate(texts):
        try:
            ms[i] = rfc3339_to_ms(text)
        except TimestampError as error:
            reasons[i] = str(error)
    return ms, reasons


def agreed(texts: list[str]) -> dict[int, str]:
    """The reasons of a column, which is read at once as it is one by one."""
    ms, reasons = texts_to_ms(texts)
    assert (ms.tolist(), reasons) == one_by_one(texts)
    return reasons


def near(last: int, digits: int) -> st.SearchStrategy[str]:
    """Mostly a number that a clock shows, often its ends, at times one beyond."""
    numbers = st.integers(0, last) | st.sampled_from([0, 1, last, last + 1, 10**digits - 1])
    return numbers.map(lambda number: f"{number:0{digits}d}")


FRACTIONS = st.sampled_from(
    ["", ".123", ".000", ".999", ".123456", ".123456789", ".5", ".", ".1234567890"]
)
ZONES = st.sampled_from(["Z", "Z", "Z", "z", "", "+00:00", "+00:00", "-00:00", "+01:30", "+24:00"])
CLOCKS = st.builds(
    "{}-{}-{}{}{}:{}:{}{}{}".format,
    st.sampled_from(["2012", "2013", "1900", "2000", "1969"]) | near(9999, 4),
    near(12, 2),
    near(31, 2),
    st.sampled_from("TTTTt "),
    near(23, 2),
    near(59, 2),
    near(59, 2),
    FRACTIONS,
    ZONES,
)
SPOILERS = st.sampled_from("/:;?-+ .0a\u0663\uff11\u00e9\U0001f600\n\x00") | st.characters()
SPOILED = st.builds(
    lambda text, at, by: text[: at % len(text)] + by + text[at % len(text) + 1 :],
    CLOCKS,
    st.integers(0, 40),
    SPOILERS,
)


@settings(QUICK, max_examples=examples(200))
@given(
    texts=st.lists(CLOCKS | CLOCKS | SPOILED | st.text(max_size=35), max_size=12), seconds=CLOCKS
)
def test_a_column_is_read_as_its_texts(texts: list[str], seconds: str) -> None:
    """Whatever stands in a column, and beside whatever, time and reason are the text's own."""
    usual = ["2013-01-07T10:00:00Z", "2013-01-07T10:00:00.123Z", "2013-01-07T10:00:00.123456+00:00"]
    agreed(texts)
    agreed([*texts, seconds] * AT_ONCE)
    agreed([*usual * AT_ONCE, *texts, seconds])


@pytest.mark.parametrize("tail", ["T23:59:59Z", "T00:00:00.001Z"])
def test_the_calendar_of_a_column_is_that_of_its_texts(tail: str) -> None:
    """Month lengths, leap years and the ends of the calendar, at once as one by one."""
    years = (0, 1, 4, 1600, 1900, 1969, 1970, 1999, 2000, 2023, 2024, 2100, 2400, 9999)
    days = product(years, range(14), (0, 1, 2, *range(27, 34), 99))
    reasons = agreed([f"{year:04d}-{month:02d}-{day:02d}{tail}" for year, month, day in days])
    assert set(reasons.values()) == {"bad_timestamp"}


@pytest.mark.parametrize("width", range(19, 40))
def test_a_column_of_one_width_holds_any_text(width: int) -> None:
    """Nothing is taken for a time because it has the width of one."""
    kinds = [
        "\u0662" * width,
        "\ud800" * width,
        "\xff" * width,
        "1" * width,
        "?" * width,
        "-" * width,
    ]
    assert set(agreed(kinds * AT_ONCE).values()) == {"bad_timestamp"}


@pytest.mark.parametrize(
    "text",
    [
        "2013-01-07T10:00:00Z",
        "2013-01-07T10:00:00.123Z",
        "2013-01-07T10:00:00.123456Z",
        "2013-01-07T10:00:00.123456789Z",
        "2013-01-07T10:00:00+00:00",
        "2013-01-07T10:00:00.123+00:00",
        "2013-01-07T10:00:00.123456+00:00",
    ],
)
def test_many_usual_texts_are_read_at_once(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the one that is no time costs a reading of its own."""
    expected = rfc3339_to_ms(text)
    asked = []

    def single(odd: str) -> int:
        asked.append(odd)
        raise TimestampError("bad_timestamp")

    monkeypatch.setattr(timestamps, "rfc3339_to_ms", single)
    odd = text.replace("-07", "-37")
    ms, reasons = texts_to_ms([*[text] * AT_ONCE, odd])
    assert ms.tolist() == [expected] * AT_ONCE + [0]
    assert (reasons, asked) == ({AT_ONCE: "bad_timestamp"}, [odd])
