"""The plots of the six dimensions of one version over a period."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from engine.measures import HIGHER_IS_WORSE, SHARES
from engine.review.meaning import judged_measures
from engine.review.points import DataPoint, PerformancePoint, Series
from streams.report.axis import TimeAxis
from streams.report.markup import Markup
from streams.report.series_plot import Lane, Spot, percent, series_key, series_plot

MEASURES: Final = 6
FIGURES: Final = 6
"""Lanes of one plot."""
RATIO: Final = "{:.3g} x".format


def performance_plot(axis: TimeAxis, points: Sequence[PerformancePoint], label: str) -> Markup:
    """The judged measures with interval, estimate and reference."""
    lanes = [_measure(name, points) for name in judged_measures(points)[:MEASURES]]
    return Markup(series_key() + series_plot(axis, lanes, label))


def _measure(name: str, points: Sequence[PerformancePoint]) -> Lane:
    spots = []
    for point in points:
        low, high = point.part("intervals").get(name, (None, None))
        levels = point.part("levels").get(name, {})
        spots.append(
            Spot(
                point.start_ms,
                point.end_ms,
                point.measures.get(name),
                low,
                high,
                point.part("estimated").get(name),
                levels.get("level", ""),
            )
        )
    baselines = [p.part("baseline")[name] for p in points if name in p.part("baseline")]
    return Lane(
        name,
        spots,
        baselines[-1] if baselines else None,
        written=percent if name in SHARES else "{:.4g}".format,
        higher_is_worse=name in HIGHER_IS_WORSE,
    )


def prediction_plot(axis: TimeAxis, series: Series) -> Markup:
    """Score and decisions."""
    points = [p for p in series.data if p.prediction]
    usual = [p.prediction.get("positive_rate_expected") for p in points]
    psi = _lane("PSI of the score", points, "prediction", "psi_corrected", least=0.0)
    lanes = [
        psi,
        _lane("mean of the score", points, "prediction", "mean"),
        Lane(
            "positive decisions",
            _spots(points, "prediction", "positive_rate"),
            next((u for u in reversed(usual) if u is not None), None),
            written=percent,
        ),
    ]
    return series_plot(axis, lanes, "score and decisions, window by window")


def operations_plot(axis: TimeAxis, series: Series) -> Markup:
    """Volume, errors and latency."""
    points = [p for p in series.data if p.operations and p.events]
    volume = Lane("predictions", _volume(points), written="{:,.0f}".format, expects="usual")
    latency = Lane(
        "latency, 95 of 100 (ms)",
        [
            Spot(p.start_ms, p.end_ms, p.operations.get("latency_ms", {}).get("0.95"))
            for p in points
        ],
    )
    errors = Lane("errors", _spots(points, "operations", "error_rate"), written=percent)
    lanes = [volume, errors, latency]
    return series_plot(axis, [lane for lane in lanes if _says(lane)], "volume, errors and latency")


def _says(lane: Lane) -> bool:
    """Whether there is anything but zeros."""
    return any(spot.value for spot in lane.spots)


def _volume(points: Sequence[DataPoint]) -> list[Spot]:
    return [
        Spot(
            p.start_ms,
            p.end_ms,
            float(p.events),
            expected=p.operations.get("events_expected"),
        )
        for p in points
    ]


def quality_plot(axis: TimeAxis, series: Series) -> Markup | None:
    """The highest missing share of the features that have faults; None without one."""
    names: dict[str, int] = {}
    for point in series.data:
        for name in point.quality.get("features", {}):
            names[name] = names.get(name, 0) + 1
    most = sorted(names, key=lambda name: (-names[name], name))[:FIGURES]
    lanes = []
    for name in most:
        spots = [
            Spot(
                p.start_ms,
                p.end_ms,
                p.cells[name].missing,
                level="WATCH" if name in p.quality.get("features", {}) else "",
            )
            for p in series.data
            if name in p.cells
        ]
        lane = Lane(f"{name} missing", spots, written=percent)
        if _says(lane):
            lanes.append(lane)
    label = "missing values of features with faults; windows with a fault are marked"
    return series_plot(axis, lanes, label) if lanes else None


def business_plot(axis: TimeAxis, series: Series) -> Markup:
    """The figures of the business, each with where it was beyond its limit."""
    points = [p for p in series.data if p.business]
    names = dict.fromkeys(
        name for p in points for name, value in p.business.items() if isinstance(value, int | float)
    )
    lanes = []
    for name in list(names)[:FIGURES]:
        spots = []
        for p in points:
            broken = {one["figure"] for one in p.business.get("broken_limits", ())}
            value = p.business.get(name)
            spots.append(Spot(p.start_ms, p.end_ms, value, level="DRIFT" if name in broken else ""))
        written = percent if name.endswith("rate") else "{:.4g}".format
        lanes.append(Lane(name.replace("_", " "), spots, written=written))
    return series_plot(axis, lanes, "figures of the business, window by window")


def _lane(
    name: str, points: Sequence[DataPoint], section: str, key: str, least: float | None = None
) -> Lane:
    return Lane(name, _spots(points, section, key, least))


def _spots(
    points: Sequence[DataPoint], section: str, key: str, least: float | None = None
) -> list[Spot]:
    spots = []
    for point in points:
        tree = getattr(point, section)
        value = tree.get(key)
        if value is not None and least is not None:
            value = max(least, value)
        level = tree.get("level", "") if key.startswith("psi") else ""
        spots.append(Spot(point.start_ms, point.end_ms, value, level=level))
    return spots
