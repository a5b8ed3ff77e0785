"""The six dimensions of a monitored model over a period: how each went, window by window.

Rule.  Performance, data drift, prediction drift and quality have levels of their own in the
records.  Operations and business have none, only alerts: a window counts as WATCH where a WARNING
of theirs was open in it, as DRIFT where a CRITICAL one was, and as STABLE where there are figures
and no alert.  A dimension of which the records have nothing is absent, and is said to be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from engine.policy.episodes import ToldEpisode
from engine.review.points import DataPoint, Series

NAMES: Final = (
    "performance",
    "data drift",
    "prediction drift",
    "data quality",
    "operations",
    "business",
)
RULES: Final = {
    "performance": ("performance", "performance_chart", "service_level", "concept"),
    "data drift": ("psi_features",),
    "prediction drift": ("prediction",),
    "data quality": ("data_quality",),
    "operations": ("operations", "volume"),
    "business": ("business", "business_kpi", "outcomes"),
}
"""Dimension -> rules whose alerts are about it."""
ORDER: Final = ("UNKNOWN", "STABLE", "WATCH", "DRIFT")
OF_SEVERITY: Final = {"WARNING": "WATCH", "CRITICAL": "DRIFT"}


@dataclass(frozen=True, slots=True)
class Spot:
    """One window of a dimension."""

    start_ms: int
    end_ms: int
    level: str
    maintenance: str = ""


@dataclass(frozen=True, slots=True)
class Dimension:
    """One of the six over a period."""

    name: str
    window: str
    """Empty of an absent one."""
    spots: tuple[Spot, ...]

    @property
    def counts(self) -> Counter[str]:
        """Windows by level."""
        return Counter(spot.level for spot in self.spots)

    @property
    def now(self) -> str:
        """Level of the newest window."""
        return self.spots[-1].level if self.spots else ""

    @property
    def worst(self) -> str:
        """The worst level."""
        return max((spot.level for spot in self.spots), key=ORDER.index, default="")


def dimensions_of(series: Series, episodes: Sequence[ToldEpisode], to_ms: int) -> list[Dimension]:
    """All six, absent ones without spots."""
    view, points = series.decided
    performance = tuple(Spot(p.start_ms, p.end_ms, p.level, p.maintenance) for p in points)
    found = [Dimension("performance", view, performance)]
    window = series.data_window or ""
    levels = {
        "data drift": [_spot(p, p.data_level) for p in series.data if p.cells],
        "prediction drift": [
            _spot(p, p.prediction.get("level", "UNKNOWN")) for p in series.data if p.prediction
        ],
        "data quality": [
            _spot(p, p.quality.get("level", "UNKNOWN")) for p in series.data if p.quality
        ],
        "operations": _alerted(series.data, "operations", episodes, to_ms),
        "business": _alerted(series.data, "business", episodes, to_ms),
    }
    for name, spots in levels.items():
        found.append(Dimension(name, window if spots else "", tuple(spots)))
    return found


def _spot(point: DataPoint, level: str) -> Spot:
    return Spot(point.start_ms, point.end_ms, level, point.maintenance)


def _alerted(
    points: Sequence[DataPoint], name: str, episodes: Sequence[ToldEpisode], to_ms: int
) -> list[Spot]:
    about = [e for e in episodes if e.rule in RULES[name] and not e.muted]
    spots = []
    for point in points:
        if not (point.operations if name == "operations" else point.business):
            continue
        # An episode is known from the end of the window that opened it: that one is its first.
        open_in = [
            OF_SEVERITY.get(e.severity, "STABLE")
            for e in about
            if e.opened_ms <= point.end_ms and e.until_ms(to_ms + 1) > point.end_ms
        ]
        spots.append(_spot(point, max(open_in, key=ORDER.index, default="STABLE")))
    return spots
