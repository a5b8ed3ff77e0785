"""Event time stamps: epoch milliseconds, or RFC 3339 text with a zone.

Rule.  Nothing is guessed.  A naive time, a day/month order, a two-digit year or a number of
seconds is rejected with its reason; see design decision 5 in ARCHITECTURE.md.

Theory.  Producers write one or two forms of fixed width.  Many texts of one form are a matrix of
characters, read column by column; whatever it does not vouch for is read by itself, so that one
rule decides what is a time and what the reason is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import numpy as np
import numpy.typing as npt

OLDEST_MS: Final = 946_684_800_000
"""2000-01-01T00:00:00Z: anything before is a mistake (0, or seconds taken for milliseconds)."""
NEWEST_MS: Final = 32_503_680_000_000
"""3000-01-01T00:00:00Z: anything after is a mistake (microseconds, or nanoseconds), and the ends of
the windows that it would open could not be written as a date."""
AHEAD_OF_RECORD_MS: Final = 3_600_000
"""How far an event may be ahead of its Kafka record's time."""

_HOURS_OF_DAY: Final = 24
_MINUTES_OF_HOUR: Final = 60
_SECONDS_OF_MINUTE: Final = 60
_RFC3339: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)?", re.ASCII
)
_DIGIT: Final = "d"
_SECONDS: Final = "dddd-dd-ddTdd:dd:dd"
_ZERO: Final = ord("0")
_FORMS: Final = {
    len(form): np.frombuffer(form.encode(), dtype=np.uint8)
    for zone in ("Z", "+00:00")
    for fraction in ("", ".ddd", ".dddddd", ".ddddddddd")
    if len(form := f"{_SECONDS}{fraction}{zone}") <= len("2026-11-23T18:04:05.123456+00:00")
}
"""The usual forms by their width, no two of one width."""
AT_ONCE: Final = 16
"""Fewer texts of one form than this are as quickly read one by one."""

Int64 = npt.NDArray[np.int64]


class TimestampError(ValueError):
    """A time stamp is rejected; the text is the reason's name."""


def rfc3339_to_ms(text: str) -> int:
    """Epoch milliseconds of an RFC 3339 time (fractions below a millisecond are cut off).

    Raises TimestampError("naive_timestamp") without a zone and ("bad_timestamp") otherwise.
    """
    found = _RFC3339.fullmatch(text)
    if found is None:
        raise TimestampError("bad_timestamp")
    *numbers, fraction, zone = found.groups()
    if zone is None:
        raise TimestampError("naive_timestamp")
    try:
        whole = datetime(*(int(n) for n in numbers), tzinfo=UTC)  # type: ignore[arg-type, misc]
    except ValueError as error:
        raise TimestampError("bad_timestamp") from error
    ms = int(whole.timestamp()) * 1000 + int((fraction or "0").ljust(3, "0")[:3])
    if zone not in "Zz":
        sign, hours, minutes = zone[0], int(zone[1:3]), int(zone[4:6])
        if hours >= _HOURS_OF_DAY or minutes >= _MINUTES_OF_HOUR:
            raise TimestampError("bad_timestamp")
        shift_ms = (hours * 60 + minutes) * 60_000
        ms += shift_ms if sign == "-" else -shift_ms
    return ms


def ms_to_rfc3339(ms: int) -> str:
    """``2026-11-23T18:04:05.123Z``; without the fraction when it is zero."""
    seconds, fraction = divmod(ms, 1000)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{fraction:03d}Z" if fraction else f"{text}Z"


def texts_to_ms(texts: Sequence[str]) -> tuple[Int64, dict[int, str]]:
    """Epoch ms of many times, shape (n,), and the reason by row where one is none (it is 0 there).

    Says of every text what :func:`rfc3339_to_ms` says of it.
    """
    ms = np.zeros(len(texts), dtype=np.int64)
    unread = np.ones(len(texts), dtype=np.bool_)
    widths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    for width, form in _FORMS.items() if len(texts) >= AT_ONCE else ():
        if np.count_nonzero(widths == width) < AT_ONCE:
            continue
        rows = np.flatnonzero(widths == width)
        chosen = texts if len(rows) == len(texts) else [texts[i] for i in rows.tolist()]
        # "replace": one "?" for each character that is none of ASCII keeps the width
        joined = np.frombuffer("".join(chosen).encode("ascii", "replace"), dtype=np.uint8)
        found, good = _fixed_form(np.ascontiguousarray(joined.reshape(-1, width).T), form)
        ms[rows[good]] = found[good]
        unread[rows[good]] = False
    reasons: dict[int, str] = {}
    for i in np.flatnonzero(unread).tolist():
        try:
            ms[i] = rfc3339_to_ms(texts[i])
        except TimestampError as error:
            reasons[i] = str(error)
    return ms, reasons


def _fixed_form(
    characters: npt.NDArray[np.uint8], form: npt.NDArray[np.uint8]
) -> tuple[Int64, npt.NDArray[np.bool_]]:
    """Epoch ms, shape (n,), of the texts in the columns, shape (width, n), and which are times of
    this form; the others' numbers mean nothing."""
    is_digit = form == ord(_DIGIT)
    digits = characters - np.uint8(_ZERO)  # below "0" wraps round to more than 9
    good = np.all(characters[~is_digit] == form[~is_digit][:, None], axis=0)
    good &= np.all(digits[is_digit] <= 9, axis=0)  # noqa: PLR2004 - the last digit

    def number(start: int, end: int) -> Int64:
        value = np.zeros(digits.shape[1], dtype=np.int64)
        for place in range(start, end):
            value = value * 10 + digits[place]
        return value

    year, month, day = number(0, 4), number(5, 7), number(8, 10)
    hour, minute, second = number(11, 13), number(14, 16), number(17, 19)
    months = (year - 1970) * 12 + (month - 1)
    first, following = _days_before(months), _days_before(months + 1)
    good &= (year >= 1) & (month >= 1) & (month <= 12)  # noqa: PLR2004 - December
    good &= (day >= 1) & (day <= following - first)
    good &= (hour < _HOURS_OF_DAY) & (minute < _MINUTES_OF_HOUR) & (second < _SECONDS_OF_MINUTE)
    hours = (first + day - 1) * _HOURS_OF_DAY + hour
    ms = ((hours * _MINUTES_OF_HOUR + minute) * _SECONDS_OF_MINUTE + second) * 1000
    if form[len(_SECONDS)] == ord("."):
        ms += number(len(_SECONDS) + 1, len(_SECONDS) + 4)
    return ms, good


def _days_before(months: Int64) -> Int64:
    """Days from 1970-01-01 to the first of a month that is counted from 1970-01."""
    days: Int64 = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return days
