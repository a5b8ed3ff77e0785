"""Time zones of the calendar by their IANA names.

Rule.  The rules of a zone are data of the machine (its tz database, or the package ``tzdata`` where
it has none).  They are read once, when a spec that names the zone is read, and kept: nothing that
is decided later opens a file.  Workers with databases that differ about a zone would place a point
of its calendar differently, as they would round a logarithm differently; keep them alike.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

UTC_NAME: Final = "UTC"
_NAME: Final = re.compile(r"[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,3}", re.ASCII)
_NO_PLACES: Final = frozenset({"Factory"})


class TimeZoneError(ValueError):
    """A name is no time zone here; the message says what to write."""


@cache
def time_zone(name: str) -> ZoneInfo:
    """The zone of an IANA name such as ``Europe/Berlin``; TimeZoneError when there is none."""
    if _NAME.fullmatch(name) and name not in _NO_PLACES:
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
    raise TimeZoneError(
        f"{name[:60]!r} is no time zone of this machine: give an IANA name such as Europe/Berlin "
        "(a machine without a tz database needs the package tzdata)"
    )
