"""PSI of the features that alerts named, window by window, each with its threshold.

Rule.  Each feature has a scale of its own, on which the threshold stands at the same height in all:
a feature that is twice over its threshold looks it.  What is beyond four thresholds stands at the
top, as a triangle.  Above the threshold points are filled squares, below it small rings.  A bound
that a model shares with thousands of features is no plot: of many the highest are shown, and the
others are named.
"""

from __future__ import annotations

from typing import Final

from engine.policy.history import PolicyHistory, ToldWindow
from streams.report.axis import LEFT, TimeAxis, plot
from streams.report.markup import Markup, tag
from streams.report.thinning import Part, parts
from streams.report.timeline import lane_name
from streams.report.wording import moment

SHOWN: Final = 20
"""Features with a plot."""
LANE: Final = 76.0
PAD: Final = 8.0
TOP: Final = 4.0
"""Thresholds at the top of a lane."""
AT_LEAST: Final = 1e-9


def psi_plot(axis: TimeAxis, history: PolicyHistory) -> Markup:
    """A lane for each feature."""
    shown = shown_features(history)
    drawn: list[Markup] = []
    for number, feature in enumerate(shown):
        y = number * LANE
        drawn += [lane_name(feature, y + LANE / 2 - 8.0), *_lane(axis, history, feature, y)]
        drawn.append(
            tag("line", x1=0.0, x2=axis.x(axis.end_ms), y1=y + LANE, y2=y + LANE, class_="lane")
        )
    label = f"PSI in windows of {history.psi_window} of the features that alerts named"
    return plot(axis, len(shown) * LANE, label, *drawn)


def shown_features(history: PolicyHistory) -> list[str]:
    """Those of the highest PSI over their threshold, in the order of the spec."""
    named = [name for name in history.alerted_features if _points(history, name)]
    height = {
        name: max(w.psi[name] for w in _points(history, name))
        / max(AT_LEAST, history.psi_threshold(name))
        for name in named
    }
    highest = set(sorted(named, key=lambda name: (-height[name], name))[:SHOWN])
    return [name for name in named if name in highest]


def left_out(history: PolicyHistory) -> list[str]:
    """Features that alerts named and that have no plot."""
    shown = set(shown_features(history))
    return [name for name in history.alerted_features if name not in shown]


def _points(history: PolicyHistory, feature: str) -> list[ToldWindow]:
    return [w for w in history.windows if w.name == history.psi_window and feature in w.psi]


def _lane(axis: TimeAxis, history: PolicyHistory, feature: str, y: float) -> list[Markup]:
    threshold = max(AT_LEAST, history.psi_threshold(feature))
    low = y + LANE - PAD

    def height(psi: float) -> float:
        share = min(max(psi / threshold, 0.0), TOP) / TOP
        return low - share * (LANE - 2 * PAD)

    bound = height(threshold)
    right = axis.x(axis.end_ms)
    drawn = parts(_points(history, feature), lambda window: window.psi[feature])
    places = [(axis.x(p.worst.end_ms), height(p.worst.psi[feature])) for p in drawn]
    return [
        tag("line", x1=LEFT, x2=right, y1=bound, y2=bound, class_="threshold"),
        tag("text", f"over {threshold:.2f}", x=LEFT - 8.0, y=bound + 4.0, class_="bound"),
        tag("polyline", points=" ".join(f"{x:.1f},{v:.1f}" for x, v in places), class_="psi"),
        *(_point(x, v, p, feature, threshold) for (x, v), p in zip(places, drawn, strict=True)),
    ]


def _point(x: float, y: float, part: Part[ToldWindow], feature: str, threshold: float) -> Markup:
    psi = part.worst.psi[feature]
    told = f"{feature} to {moment(part.worst.end_ms)}: PSI {max(0.0, psi):.3f}{part.note}"
    if psi > TOP * threshold:
        mark = tag("path", d=f"M{x:.1f} {y - 5:.1f}l-4 8h8z", class_="over")
    elif psi > threshold:
        mark = tag("rect", x=x - 3.0, y=y - 3.0, width=6.0, height=6.0, class_="over")
    else:
        mark = tag("circle", cx=x, cy=y, r=2.2, class_="under")
    return tag("g", tag("title", told), mark)
