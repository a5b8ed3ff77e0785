"""Times, durations and counts as a policy report writes them.

Rule.  Times are UTC to the minute; to the second where the minute does not say all.  Durations are
in days and hours, or in the two largest units that they have.
"""

from __future__ import annotations

from typing import Final

from engine.durations import UNITS_MS
from engine.timestamps import ms_to_rfc3339

_UNITS: Final = ("d", "h", "m", "s")


def moment(ms: int) -> str:
    """``2013-06-06 00:00``."""
    text = ms_to_rfc3339(ms).rstrip("Z").replace("T", " ")
    return text.removesuffix(":00") if len(text) == len("2013-06-06 00:00:00") else text


def day(ms: int) -> str:
    """``2013-06-06``."""
    return ms_to_rfc3339(ms)[:10]


def spell(ms: int) -> str:
    """``7d``, ``1d 12h``, ``5m``; ``0s`` of nothing."""
    parts = []
    for unit in _UNITS:
        count, ms = divmod(ms, UNITS_MS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0s"


def several(count: int, noun: str) -> str:
    """``1 alert``, ``2 alerts``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
