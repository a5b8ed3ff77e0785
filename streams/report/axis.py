"""The time axis that all plots of a report share.

Rule.  All plots of a page have the same axis, so that what stands above each other is at the same
time.  It is wide enough for a screen and is scrolled on a telephone, where it would else be too
small to read.  Ticks stand at the first days of months, or at round hours and days of a shorter
history.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime
from typing import Final

from engine.durations import UNITS_MS
from streams.report.markup import Markup, tag
from streams.report.wording import day, moment

WIDTH: Final = 960.0
LEFT: Final = 190.0
RIGHT: Final = 14.0
TICKS_AT_MOST: Final = 10
FEWEST: Final = 2
"""Months from which ticks stand at months."""
STEPS_MS: Final = tuple(
    number * UNITS_MS[unit]
    for unit, numbers in (
        ("s", (1, 10)),
        ("m", (1, 5, 15, 30)),
        ("h", (1, 3, 6, 12)),
        ("d", (1, 2, 7, 14)),
    )
    for number in numbers
)
MONTHS: Final = 12
FEW_DAYS_MS: Final = 3 * 86_400_000
"""Below it ticks tell the hour as well."""
AXIS_HEIGHT: Final = 26.0


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """From event time to places on the page."""

    start_ms: int
    end_ms: int
    marks: tuple[tuple[int, str], ...] = ()
    """Times that are marked in every plot, each with what is to be told of it."""

    def x(self, ms: int) -> float:
        """Where a time stands; what is outside stands at the edge."""
        length = max(1, self.end_ms - self.start_ms)
        share = (min(max(ms, self.start_ms), self.end_ms) - self.start_ms) / length
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def ticks(self) -> list[int]:
        """The times that are written at the axis; none of a history that is shorter than all."""
        months = _months(self.start_ms, self.end_ms)
        if len(months) > FEWEST:
            return months[:: -(-len(months) // TICKS_AT_MOST)]
        for step in STEPS_MS:
            first = -(-self.start_ms // step) * step
            found = list(range(first, self.end_ms, step))
            if len(found) <= TICKS_AT_MOST:
                return found
        return months

    def grid(self, height: float) -> list[Markup]:
        """Lines at the ticks with their times below."""
        drawn = []
        short = self.end_ms - self.start_ms < FEW_DAYS_MS
        for ms in self.ticks():
            x = self.x(ms)
            drawn.append(tag("line", x1=x, x2=x, y1=0.0, y2=height, class_="grid"))
            told = moment(ms)[5:] if short else day(ms)
            drawn.append(tag("text", told, x=x, y=height + 16.0, class_="tick"))
        return drawn

    def lines(self, height: float) -> list[Markup]:
        """The marks, which stand before all that is drawn."""
        drawn = []
        for ms, told in self.marks:
            x = self.x(ms)
            line = tag("line", x1=x, x2=x, y1=0.0, y2=height, class_="marked")
            drawn.append(tag("g", tag("title", f"{moment(ms)} {told}"), line))
        return drawn


def _months(start_ms: int, end_ms: int) -> list[int]:
    """The first moments of the months within."""
    first = datetime.fromtimestamp(start_ms / 1000, UTC)
    year, month = first.year, first.month
    found: list[int] = []
    while year <= MAXYEAR:
        ms = int(datetime(year, month, 1, tzinfo=UTC).timestamp()) * 1000
        if ms >= end_ms:
            break
        if ms >= start_ms:
            found.append(ms)
        year, month = (year, month + 1) if month < MONTHS else (year + 1, 1)
    return found


def plot(axis: TimeAxis, height: float, label: str, *drawn: Markup) -> Markup:
    """A plot of so many pixels, with the axis below; ``label`` is read out to who cannot see it."""
    whole = height + AXIS_HEIGHT
    picture = tag(
        "svg",
        tag("title", label),
        *axis.grid(height),
        *drawn,
        *axis.lines(height),
        viewBox=f"0 0 {WIDTH:g} {whole:g}",
        width=WIDTH,
        height=whole,
        role="img",
    )
    return tag("div", picture, class_="wide", tabindex="0", role="region", aria_label=label)
