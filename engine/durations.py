"""Durations as people write them: ``250ms 10s 5m 1h 7d``, and nothing else.

Rule.  A duration is a whole number and one unit.  ``1h30m``, ``1.5h`` and a bare ``60`` are
refused, because two people read them differently.  A duration prints in the largest unit that
divides it, so equal durations have one name: ``60s``, ``1m`` and ``60000ms`` are all ``1m``.
"""

from __future__ import annotations

import re
from typing import Final

UNITS_MS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
MAX_DURATION_MS: Final = 3_660 * UNITS_MS["d"]
"""Ten years: anything longer is a slip of the keyboard."""

_DURATION: Final = re.compile(r"(\d{1,15})(ms|s|m|h|d)", re.ASCII)


class DurationError(ValueError):
    """A text is not a duration; the message says what to write."""


def parse_duration(text: str) -> int:
    """Milliseconds of a duration such as ``10s``.

    Raises DurationError when it is not a whole number and a unit, or is over MAX_DURATION_MS.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise DurationError(
            f"{text[:40]!r} is not a duration: write a whole number and one unit of "
            "ms, s, m, h, d, such as 10s or 7d"
        )
    duration_ms = int(found[1]) * UNITS_MS[found[2]]
    if duration_ms > MAX_DURATION_MS:
        raise DurationError(f"{text} is longer than {format_duration(MAX_DURATION_MS)}")
    return duration_ms


def format_duration(duration_ms: int) -> str:
    """``duration_ms`` (>= 0) in the largest unit that divides it; zero is ``0s``.

    Raises DurationError when it is negative.
    """
    if duration_ms < 0:
        raise DurationError(f"a duration is not negative: {duration_ms} ms")
    if duration_ms == 0:
        return "0s"
    dividing = (name for name, size in UNITS_MS.items() if duration_ms % size == 0)
    unit = max(dividing, key=UNITS_MS.__getitem__)
    return f"{duration_ms // UNITS_MS[unit]}{unit}"
