"""Levels in lanes: one lane for each dimension of a model, a bar for each window.

Rule.  As :mod:`streams.report.level_plot`: a level is told by height as well as by colour.  A lane
of which there is nothing says so in its place.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.review.dimensions import ORDER, Dimension, Spot
from streams.report.axis import LEFT, TimeAxis, plot
from streams.report.level_plot import HEIGHTS, LANE
from streams.report.markup import Markup, tag
from streams.report.thinning import Part, parts
from streams.report.timeline import lane_name
from streams.report.wording import moment


def lane_plot(axis: TimeAxis, dimensions: Sequence[Dimension], label: str) -> Markup:
    """The levels of some dimensions, one below the other."""
    drawn = []
    for number, dimension in enumerate(dimensions):
        y = (number + 1) * LANE
        named = f"{dimension.name} ({dimension.window})" if dimension.window else dimension.name
        drawn.append(lane_name(named, y - LANE / 2))
        if dimension.spots:
            drawn += [_bar(axis, dimension, part, y) for part in parts(dimension.spots, _badness)]
        else:
            drawn.append(tag("text", "not in the records", x=LEFT + 6.0, y=y - 8.0, class_="none"))
        drawn.append(tag("line", x1=0.0, x2=axis.x(axis.end_ms), y1=y, y2=y, class_="lane"))
    return plot(axis, len(dimensions) * LANE, label, *drawn)


def _badness(spot: Spot) -> float:
    return ORDER.index(spot.level)


def _bar(axis: TimeAxis, dimension: Dimension, part: Part[Spot], y: float) -> Markup:
    spot = part.worst
    left, height = axis.x(part.start_ms), HEIGHTS[spot.level]
    width = max(0.5, axis.x(part.end_ms) - left - 0.5)
    note = f"; maintenance: {spot.maintenance}" if spot.maintenance else ""
    told = f"{dimension.name} to {moment(spot.end_ms)}: {spot.level}{note}{part.note}"
    kind = f"level-{spot.level.lower()}{' maintained' if spot.maintenance else ''}"
    bar = tag("rect", x=left, y=y - height, width=width, height=height, class_=kind)
    return tag("g", tag("title", told), bar)
