"""Figures over time, a lane each: what was, between what limits, and what was to be expected.

Rule.  Each lane has a scale of its own, written at its left, so that small figures are seen beside
large ones; it reaches as far as what is drawn in it.  The line is broken where a window has no
figure.  What was estimated is a line of dashes, the reference a line of dots, and the band is the
interval of the figure.  Windows that have a level above STABLE are marked by it: a ring is WATCH, a
square DRIFT.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Final

from streams.report.axis import LEFT, TimeAxis, plot
from streams.report.markup import Markup, tag
from streams.report.thinning import Part, parts
from streams.report.timeline import lane_name
from streams.report.wording import moment

LANE: Final = 92.0
PAD: Final = 12.0
ROOM: Final = 0.06
"""Of the scale that is left above and below."""
SHORT: Final = 60
"""Windows up to which each is a dot."""


@dataclass(frozen=True, slots=True)
class Spot:
    """One figure of one window."""

    start_ms: int
    end_ms: int
    value: float | None
    low: float | None = None
    high: float | None = None
    expected: float | None = None
    """What was estimated for it, or is usual in it."""
    level: str = ""


@dataclass(frozen=True, slots=True)
class Lane:
    """One figure over time."""

    name: str
    spots: Sequence[Spot]
    reference: float | None = None
    limits: tuple[float, ...] = ()
    written: Callable[[float], str] = "{:.4g}".format
    expects: str = "estimated"
    """How what was expected is called."""
    higher_is_worse: bool = True


def percent(value: float) -> str:
    """A share as a figure of a scale."""
    return f"{100 * value:.3g} %"


def series_plot(axis: TimeAxis, lanes: Sequence[Lane], label: str) -> Markup:
    """Lanes below each other; those without a figure are left out."""
    shown = [lane for lane in lanes if any(spot.value is not None for spot in lane.spots)]
    drawn: list[Markup] = []
    for number, lane in enumerate(shown):
        y = number * LANE
        drawn += [lane_name(lane.name, y + LANE / 2), *_lane(axis, lane, y)]
        edge = y + LANE
        drawn.append(tag("line", x1=0.0, x2=axis.x(axis.end_ms), y1=edge, y2=edge, class_="lane"))
    return plot(axis, len(shown) * LANE, label, *drawn)


def _scale(lane: Lane) -> tuple[float, float]:
    told = [
        value
        for spot in lane.spots
        for value in (spot.value, spot.low, spot.high, spot.expected)
        if value is not None and isfinite(value)
    ]
    told += [value for value in (lane.reference, *lane.limits) if value is not None]
    low, high = min(told), max(told)
    room = (high - low) * ROOM or abs(high) * ROOM or 1.0
    top = 1.0 if lane.written is percent and high <= 1 else high + room
    return (low - room if low < 0 else max(0.0, low - room)), min(top, high + room)


def _lane(axis: TimeAxis, lane: Lane, top: float) -> list[Markup]:
    low, high = _scale(lane)

    def y(value: float) -> float:
        share = (min(max(value, low), high) - low) / (high - low)
        return top + LANE - PAD - share * (LANE - 2 * PAD)

    sign = 1.0 if lane.higher_is_worse else -1.0
    there = [spot for spot in lane.spots if spot.value is not None]
    drawn = parts(there, lambda spot: sign * (spot.value or 0.0))
    right = axis.x(axis.end_ms)
    out = [
        tag("text", lane.written(high), x=LEFT - 8.0, y=top + PAD + 2.0, class_="bound"),
        tag("text", lane.written(low), x=LEFT - 8.0, y=top + LANE - PAD + 4.0, class_="bound"),
    ]
    if lane.reference is not None:
        at = y(lane.reference)
        out.append(tag("line", x1=LEFT, x2=right, y1=at, y2=at, class_="reference"))
    out += [
        tag("line", x1=LEFT, x2=right, y1=y(limit), y2=y(limit), class_="threshold")
        for limit in lane.limits
    ]
    for run in _runs(drawn):
        out += _run(axis, run, y)
    few = len(drawn) <= SHORT
    out += [_mark(axis, lane, part, y, few=few) for part in drawn]
    return out


def _runs(drawn: Sequence[Part[Spot]]) -> list[list[Part[Spot]]]:
    """Windows in a row that touch each other."""
    runs: list[list[Part[Spot]]] = []
    for part in drawn:
        if runs and runs[-1][-1].end_ms >= part.start_ms:
            runs[-1].append(part)
        else:
            runs.append([part])
    return runs


def _run(axis: TimeAxis, run: Sequence[Part[Spot]], y: Callable[[float], float]) -> list[Markup]:
    def places(named: Sequence[tuple[Part[Spot], float | None]]) -> str:
        return " ".join(
            f"{_x(axis, part):.1f},{y(value):.1f}" for part, value in named if value is not None
        )

    out = []
    if all(part.worst.low is not None and part.worst.high is not None for part in run):
        upper = [(part, part.worst.high) for part in run]
        lower = [(part, part.worst.low) for part in reversed(run)]
        out.append(tag("polygon", points=places([*upper, *lower]), class_="band"))
    expected = places([(part, part.worst.expected) for part in run])
    if " " in expected:
        out.append(tag("polyline", points=expected, class_="expected"))
    out.append(tag("polyline", points=places([(p, p.worst.value) for p in run]), class_="psi"))
    return out


def _x(axis: TimeAxis, part: Part[Spot]) -> float:
    """In the middle of its window."""
    return (axis.x(part.start_ms) + axis.x(part.end_ms)) / 2


def _mark(
    axis: TimeAxis, lane: Lane, part: Part[Spot], y: Callable[[float], float], *, few: bool
) -> Markup:
    spot = part.worst
    assert spot.value is not None, "others are left out"
    told = f"{lane.name} to {moment(spot.end_ms)}: {lane.written(spot.value)}"
    if spot.low is not None and spot.high is not None:
        told += f" ({lane.written(spot.low)} to {lane.written(spot.high)})"
    if spot.expected is not None:
        told += f", {lane.expects} {lane.written(spot.expected)}"
    told += f"; {spot.level}" if spot.level else ""
    x, at = _x(axis, part), y(spot.value)
    if spot.level == "DRIFT":
        mark = tag("rect", x=x - 3.5, y=at - 3.5, width=7.0, height=7.0, class_="over")
    elif spot.level == "WATCH":
        mark = tag("circle", cx=x, cy=at, r=3.6, class_="near")
    else:
        mark = tag("circle", cx=x, cy=at, r=2.0 if few else 0.8, class_="under")
    return tag("g", tag("title", f"{told}{part.note}"), mark)


def series_key(expects: str = "estimated without labels") -> Markup:
    """What lines and marks mean."""
    line = {"x1": 1.0, "x2": 27.0, "y1": 10.0, "y2": 10.0}
    samples = (
        (tag("polyline", points="1,13 14,6 27,10", class_="psi"), "as it was"),
        (tag("rect", x=1.0, y=4.0, width=26.0, height=12.0, class_="band"), "its interval"),
        (tag("line", **line, class_="expected"), expects),
        (tag("line", **line, class_="reference"), "in training"),
        (tag("circle", cx=14.0, cy=10.0, r=3.6, class_="near"), "WATCH"),
        (tag("rect", x=10.0, y=6.0, width=7.0, height=7.0, class_="over"), "DRIFT"),
    )
    return keys(samples)


def keys(samples: Sequence[tuple[Markup, str]]) -> Markup:
    """A line of samples with what each means."""
    return tag(
        "p",
        *(
            tag(
                "span",
                tag("svg", sample, width=28.0, height=20.0, aria_hidden="true"),
                f" {name}",
                class_="key",
            )
            for sample, name in samples
        ),
    )
