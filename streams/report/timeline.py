"""The timeline: a lane for each rule and cause, a bar for each episode, marks for triggers.

Rule.  Severity is told three ways, so that it reads in grey as well: by colour, by height and by
pattern (CRITICAL is solid, WARNING hatched, INFO an outline).  What is muted is a dashed line.  Of
two specs each lane is there twice, A above B.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from engine.policy.episodes import Step, ToldEpisode
from engine.policy.history import PolicyHistory
from streams.report.axis import LEFT, TimeAxis, plot
from streams.report.markup import Markup, tag
from streams.report.wording import moment

LANE: Final = 26.0
HEIGHTS: Final = {"CRITICAL": 18.0, "WARNING": 13.0, "INFO": 8.0}
LEAST_WIDTH: Final = 3.0
MARK: Final = 6.0
LONGEST_NAME: Final = 28
"""Characters of a lane's name that find room; the whole stands in its title."""


def timeline(axis: TimeAxis, histories: Sequence[PolicyHistory]) -> Markup:
    """Episodes and triggers of one spec or two."""
    keys = sorted({(e.rule, e.cause) for h in histories for e in h.episodes})
    lanes: list[tuple[str, list[Markup]]] = []
    for rule, cause in keys:
        for history in histories:
            bars = [
                bar
                for episode in history.episodes
                if (episode.rule, episode.cause) == (rule, cause)
                for bar in _bars(axis, episode, history.end_ms)
            ]
            name = rule if cause == rule else f"{rule}/{cause}"
            lanes.append((_named(history, name, histories), bars))
    for history in histories:
        marks = [_mark(axis, t.at_ms, f"{moment(t.at_ms)} {t.why}") for t in history.triggers]
        lanes.append((_named(history, "retraining triggers", histories), marks))
    drawn = []
    for number, (name, bars) in enumerate(lanes):
        y = number * LANE
        drawn += [lane_name(name, y + LANE / 2), tag("g", *bars, transform=f"translate(0 {y:g})")]
        drawn.append(tag("line", x1=0.0, x2=axis.x(axis.end_ms), y1=y, y2=y, class_="lane"))
    height = len(lanes) * LANE
    return plot(axis, height, "episodes by rule and cause, and retraining triggers", *drawn)


def _named(history: PolicyHistory, name: str, histories: Sequence[PolicyHistory]) -> str:
    return f"{history.title}: {name}" if len(histories) > 1 else name


def lane_name(name: str, middle: float) -> Markup:
    """A name at the left of a lane, cut where it finds no room."""
    shown = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
    return tag("text", tag("title", name), shown, x=LEFT - 8.0, y=middle + 4.0, class_="name")


def _bars(axis: TimeAxis, episode: ToldEpisode, end_ms: int) -> list[Markup]:
    """A piece for each severity that the episode had."""
    steps = episode.open_steps
    ends = [later.at_ms for _, later in pairwise(steps)] + [episode.until_ms(end_ms)]
    return [_bar(axis, episode, step, until_ms) for step, until_ms in zip(steps, ends, strict=True)]


def _bar(axis: TimeAxis, episode: ToldEpisode, step: Step, until_ms: int) -> Markup:
    left, height = axis.x(step.at_ms), HEIGHTS[step.severity]
    kind = f"{step.severity.lower()}{' muted' if step.muted else ''}"
    muted = f", muted: {step.muted}" if step.muted else ""
    told = (
        f"{episode.rule}/{episode.cause} {step.severity}{muted}, {moment(step.at_ms)} to "
        f"{moment(until_ms)}: {step.why}"
    )
    return tag(
        "g",
        tag("title", told),
        tag(
            "rect",
            x=left,
            y=(LANE - height) / 2,
            width=max(LEAST_WIDTH, axis.x(until_ms) - left),
            height=height,
            class_=kind,
        ),
    )


def _mark(axis: TimeAxis, at_ms: int, told: str) -> Markup:
    """A triangle that stands on its time."""
    x, y = axis.x(at_ms), LANE / 2 + MARK
    path = f"M{x:.1f} {y:.1f}l{-MARK:g} {-2 * MARK:g}h{2 * MARK:g}z"
    return tag("g", tag("title", told), tag("path", d=path, class_="trigger"))


def patterns() -> Markup:
    """The hatching of WARNING, which the page has once for all plots, and the same for a key."""
    hatch = tag(
        "pattern",
        tag("rect", width=6.0, height=6.0, class_="hatch-ground"),
        tag("line", x1=0.0, y1=0.0, x2=0.0, y2=6.0, class_="hatch-line"),
        id="hatch",
        width=6.0,
        height=6.0,
        patternUnits="userSpaceOnUse",
        patternTransform="rotate(45)",
    )
    return tag("svg", tag("defs", hatch), width=0.0, height=0.0, aria_hidden="true", class_="defs")


def key() -> Markup:
    """What colours, heights and patterns mean."""
    parts = []
    for name, height in HEIGHTS.items():
        sample = tag(
            "rect", x=1.0, y=(20 - height) / 2, width=26.0, height=height, class_=name.lower()
        )
        parts.append((sample, name))
    parts.append(
        (tag("rect", x=1.0, y=4.0, width=26.0, height=13.0, class_="warning muted"), "muted")
    )
    triangle = f"M14 16l{-MARK:g} {-2 * MARK:g}h{2 * MARK:g}z"
    parts.append((tag("path", d=triangle, class_="trigger"), "retraining trigger"))
    return tag(
        "p",
        *(
            tag("span", tag("svg", sample, width=28.0, height=20.0), f" {name}", class_="key")
            for sample, name in parts
        ),
    )
