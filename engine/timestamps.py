"""Event time stamps: epoch milliseconds, or RFC 3339 text with a zone.

Rule.  Nothing is guessed.  A naive time, a day/month order, a two-digit year or a number of
seconds is rejected with its reason; see design decision 5 in ARCHITECTURE.md.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

OLDEST_MS: Final = 946_684_800_000
"""2000-01-01T00:00:00Z: anything before is a mistake (0, or seconds taken for milliseconds)."""
NEWEST_MS: Final = 32_503_680_000_000
"""3000-01-01T00:00:00Z: anything after is a mistake (microseconds, or nanoseconds), and the ends of
the windows that it would open could not be written as a date."""
AHEAD_OF_RECORD_MS: Final = 3_600_000
"""How far an event may be ahead of its Kafka record's time."""

_HOURS_OF_DAY: Final = 24
_MINUTES_OF_HOUR: Final = 60
_RFC3339: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)?", re.ASCII
)


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
