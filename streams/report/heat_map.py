"""The heat map of data drift: a row for each feature, a column for each window.

Rule.  A cell tells PSI in thresholds by its lightness, and by its colour what came of it: only what
is over its threshold and significant as well is WATCH or DRIFT.  A cross marks bad data in it.  Of
more windows than there is room for the worst of so many in a row is drawn; of more features those
that were furthest over their thresholds, and the others are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from engine.review.points import Cell, DataPoint
from streams.report.axis import TimeAxis, plot
from streams.report.markup import Markup, tag
from streams.report.series_plot import keys
from streams.report.thinning import Part, parts
from streams.report.timeline import lane_name
from streams.report.wording import moment

ROW: Final = 18.0
COLUMNS: Final = 120
ROWS: Final = 40
"""Features that are drawn."""
HALF: Final = 0.5
KINDS: Final = (
    ("cell-low", "below half of the threshold"),
    ("cell-high", "below it"),
    ("cell-over", "over it, not significant"),
    ("cell-watch", "WATCH"),
    ("cell-drift", "DRIFT"),
    ("cell-none", "nothing to say"),
)


@dataclass(frozen=True, slots=True)
class _Place:
    """A feature's cell in its window."""

    start_ms: int
    end_ms: int
    cell: Cell


def ranked(points: Sequence[DataPoint]) -> list[str]:
    """The features, those that were furthest over their thresholds first."""
    highest: dict[str, float] = {}
    for point in points:
        for name, cell in point.cells.items():
            highest[name] = max(highest.get(name, 0.0), cell.ratio)
    return sorted(highest, key=lambda name: (-highest[name], name))


def heat_map(axis: TimeAxis, points: Sequence[DataPoint], features: Sequence[str]) -> Markup:
    """The rows of these features, the first one on top."""
    drawn: list[Markup] = []
    for number, name in enumerate(features[:ROWS]):
        y = number * ROW
        drawn.append(lane_name(name, y + ROW / 2))
        row = [_Place(p.start_ms, p.end_ms, p.cells[name]) for p in points if name in p.cells]
        drawn += [_cell(axis, name, part, y) for part in parts(row, _badness, COLUMNS)]
    label = "PSI of the features in thresholds, window by window"
    return plot(axis, min(len(features), ROWS) * ROW, label, *drawn)


def _badness(place: _Place) -> float:
    order = ("UNKNOWN", "STABLE", "WATCH", "DRIFT").index(place.cell.level)
    return 1e6 * max(0, order - 1) + min(place.cell.ratio, 1e5)


def kind_of(cell: Cell) -> str:
    """How a cell looks."""
    if cell.psi is None:
        return "cell-none"
    if cell.level in {"WATCH", "DRIFT"}:
        return f"cell-{cell.level.lower()}"
    if cell.ratio > 1:
        return "cell-over"
    return "cell-high" if cell.ratio >= HALF else "cell-low"


def _cell(axis: TimeAxis, name: str, part: Part[_Place], y: float) -> Markup:
    cell = part.worst.cell
    left = axis.x(part.start_ms)
    width = max(1.0, axis.x(part.end_ms) - left - 0.6)
    told = f"{name} to {moment(part.worst.end_ms)}: {cell.level}"
    if cell.psi is not None:
        told += f", PSI {max(0.0, cell.psi):.3f}, threshold {cell.threshold:.3f}"
    if cell.faults:
        told += f", bad data: {', '.join(cell.faults)}"
    shown = [tag("title", f"{told}{part.note}")]
    box = {"x": left, "y": y + 1.0, "width": width, "height": ROW - 2.0}
    shown.append(tag("rect", **box, class_=kind_of(cell)))
    if cell.faults:
        x, middle = left + width / 2, y + ROW / 2
        shown.append(tag("path", d=f"M{x - 3:.1f} {middle - 3:.1f}l6 6m0 -6l-6 6", class_="fault"))
    return tag("g", *shown)


def heat_key() -> Markup:
    """What colours and crosses mean."""
    box = {"x": 6.0, "y": 3.0, "width": 16.0, "height": 14.0}
    samples = [(tag("rect", **box, class_=kind), name) for kind, name in KINDS]
    samples.append((tag("path", d="M11 7l6 6m0 -6l-6 6", class_="fault"), "bad data"))
    return keys(samples)
