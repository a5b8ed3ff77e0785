"""The level of the data section, window by window: a lane for each length of window.

Rule.  A level is told by height as well as by colour: UNKNOWN is a line, STABLE low, WATCH half as
high as DRIFT.  A window under maintenance, which no rule examined, is hatched over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from engine.policy.history import PolicyHistory, ToldWindow
from streams.report.axis import TimeAxis, plot
from streams.report.markup import Markup, tag
from streams.report.thinning import Part, parts
from streams.report.timeline import lane_name
from streams.report.wording import moment

LANE: Final = 40.0
HEIGHTS: Final = {"UNKNOWN": 1.5, "STABLE": 7.0, "WATCH": 18.0, "DRIFT": 34.0}


def level_plot(axis: TimeAxis, histories: Sequence[PolicyHistory]) -> Markup:
    """The levels of one spec or two."""
    drawn, lanes = [], 0
    for history in histories:
        for window in history.model.spec.windows:
            y = (lanes + 1) * LANE
            name = f"windows of {window.name}"
            name = f"{history.title}: {name}" if len(histories) > 1 else name
            drawn.append(lane_name(name, y - LANE / 2))
            told = [w for w in history.windows if w.name == window.name]
            drawn += [_bar(axis, part, y) for part in parts(told, _badness)]
            drawn.append(tag("line", x1=0.0, x2=axis.x(axis.end_ms), y1=y, y2=y, class_="lane"))
            lanes += 1
    return plot(axis, lanes * LANE, "level of the data section by window", *drawn)


def _badness(window: ToldWindow) -> float:
    return HEIGHTS[window.data_level]


def _bar(axis: TimeAxis, part: Part[ToldWindow], y: float) -> Markup:
    window = part.worst
    left, height = axis.x(part.start_ms), HEIGHTS[window.data_level]
    width = max(0.5, axis.x(part.end_ms) - left - 0.5)
    note = f"; maintenance: {window.maintenance}" if window.maintenance else ""
    told = (
        f"{window.name} to {moment(window.end_ms)}: {window.data_level}, "
        f"{window.events:,} events{note}{part.note}"
    )
    kind = f"level-{window.data_level.lower()}{' maintained' if window.maintenance else ''}"
    bar = tag("rect", x=left, y=y - height, width=width, height=height, class_=kind)
    return tag("g", tag("title", told), bar)


def level_key() -> Markup:
    """What colours and heights mean."""
    return tag(
        "p",
        *(
            tag(
                "span",
                tag(
                    "svg",
                    tag(
                        "rect",
                        x=1.0,
                        y=20.0 - height / 2,
                        width=12.0,
                        height=height / 2,
                        class_=f"level-{name.lower()}",
                    ),
                    width=14.0,
                    height=20.0,
                ),
                f" {name}",
                class_="key",
            )
            for name, height in HEIGHTS.items()
        ),
    )
