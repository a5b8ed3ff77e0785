"""Which model is in trouble: six dimensions of each, and an order in which to look.

Rule.  A dimension is as bad as the worst of two things: the level of the newest window of each
length, and the severity of its open alerts.  Windows that end long before the model's newest one do
not count, so a version that was replaced, or a length that is not judged any more, is not red for
ever.  Retraining that is due or overdue is trouble of the model, and of no dimension.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from engine.timestamps import ms_to_rfc3339
from streams.web.entries import Entry
from streams.web.history import ModelHistory

DIMENSIONS: Final = ("performance", "data", "prediction", "quality", "operations", "business")
DIMENSION_OF_RULE: Final = {
    "performance": "performance",
    "performance_chart": "performance",
    "concept": "performance",
    "psi_features": "data",
    "data_quality": "quality",
    "volume": "operations",
    "operations": "operations",
    "service_level": "operations",
    "business": "business",
    "business_kpi": "business",
    "outcomes": "business",
}
LEVELS: Final = ("UNKNOWN", "STABLE", "WATCH", "DRIFT")
SEVERITIES: Final = ("INFO", "WARNING", "CRITICAL")
STALE_WINDOWS: Final = 3
"""A series whose newest window ended so many of its lengths before the model's newest is over."""


@dataclass
class Dimension:
    """One of the six, of one version."""

    level: str | None = None
    """None where nothing is measured."""
    window: str = ""
    """The window that the level is of."""
    reason: str = ""
    """Why it is UNKNOWN, where the record says so."""
    alerts: int = 0
    severity: str | None = None

    def see(self, level: str, window: str, reason: str = "") -> None:
        """The newest window of a length says so."""
        if self.level is None or LEVELS.index(level) > LEVELS.index(self.level):
            self.level, self.window, self.reason = level, window, reason

    def alarm(self, severity: str) -> None:
        """An alert of it is open."""
        self.alerts += 1
        if self.severity is None or SEVERITIES.index(severity) > SEVERITIES.index(self.severity):
            self.severity = severity

    @property
    def trouble(self) -> int:
        """0 nothing known, 1 well, 2 to be watched, 3 in trouble."""
        of_level = {None: 0, "UNKNOWN": 0, "STABLE": 1, "WATCH": 2, "DRIFT": 3}[self.level]
        of_alert = {None: 0, "INFO": 1, "WARNING": 2, "CRITICAL": 3}[self.severity]
        return max(of_level, of_alert)

    def as_tree(self) -> dict[str, Any]:
        """As the interface tells it."""
        return {
            "level": self.level,
            "window": self.window,
            "reason": self.reason,
            "alerts": self.alerts,
            "severity": self.severity,
            "trouble": self.trouble,
        }


@dataclass
class Standing:
    """How one version stands."""

    model: str
    version: str
    dimensions: dict[str, Dimension] = field(
        default_factory=lambda: {name: Dimension() for name in DIMENSIONS}
    )
    end_ms: int = -1
    events: float | None = None
    drifted: list[str] = field(default_factory=list)
    features: int = 0
    requests: int = 0
    """Triggers told."""
    open_alerts: int = 0
    worst: str | None = None

    @property
    def rank(self) -> tuple[int, int, int, int]:
        """The larger, the sooner one should look."""
        troubles = [one.trouble for one in self.dimensions.values()]
        severity = -1 if self.worst is None else SEVERITIES.index(self.worst)
        return max(severity, 0), troubles.count(3), troubles.count(2), self.open_alerts

    def as_tree(self) -> dict[str, Any]:
        """As the interface tells it."""
        return {
            "model": self.model,
            "version": self.version,
            "end": None if self.end_ms < 0 else ms_to_rfc3339(self.end_ms),
            "events": self.events,
            "features": self.features,
            "drifted": self.drifted,
            "dimensions": {name: one.as_tree() for name, one in self.dimensions.items()},
            "open_alerts": self.open_alerts,
            "severity": self.worst,
            "triggers": self.requests,
            "rank": list(self.rank),
        }


MAX_DRIFTED_TOLD: Final = 5


def standing(kept: ModelHistory, at_ms: int | None = None) -> Standing:
    """How a version stands now, or stood when event time was ``at_ms``."""
    told = Standing(kept.model, kept.version)
    newest = _newest(kept, at_ms)
    told.end_ms = max((entry.at_ms for entry, _ in newest), default=-1)
    data: Entry | None = None
    for entry, length_ms in newest:
        if entry.at_ms + STALE_WINDOWS * length_ms < told.end_ms or entry.series is None:
            continue
        for name, level in (entry.levels or {}).items():
            if level in LEVELS:
                told.dimensions[name].see(level, entry.series.window, _reason(entry, level))
        if not entry.series.section and (data is None or entry.at_ms > data.at_ms):
            data = entry
    if data is not None:
        _of_features(told, data)
    for alert in open_alerts(kept, at_ms):
        severity = alert.get("severity", "")
        if severity not in SEVERITIES:
            continue
        told.open_alerts += 1
        if told.worst is None or SEVERITIES.index(severity) > SEVERITIES.index(told.worst):
            told.worst = severity
        dimension = DIMENSION_OF_RULE.get(alert.get("rule", ""))
        if dimension is not None:
            told.dimensions[dimension].alarm(severity)
    triggers = kept.of_kind("trigger")
    told.requests = sum(at_ms is None or one.at_ms <= at_ms for one in triggers)
    return told


def _reason(entry: Entry, level: str) -> str:
    """What hides most measures of a window of performance that is UNKNOWN."""
    if level != "UNKNOWN" or entry.series is None or not entry.series.section:
        return ""
    verdicts = orjson.loads(entry.row)["verdicts"].values()
    found = Counter(one["reason"] for one in verdicts if "reason" in one)
    return max(sorted(found), key=found.__getitem__, default="")


def _newest(kept: ModelHistory, at_ms: int | None) -> list[tuple[Entry, int]]:
    """The newest window of each series and its length; cohorts, which repeat it later, left out."""
    found = []
    for series, windows in kept.windows.items():
        if series.section not in ("", "performance"):
            continue
        entry = windows.latest
        if at_ms is not None:
            last = windows.between(0, at_ms, 1)
            entry = last[0] if last else None
        if entry is not None:
            found.append((entry, length_ms(series.window)))
    return found


def length_ms(window: str) -> int:
    """The length of a window by its name, such as ``5m``; 0 for what is none."""
    units = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
    number, unit = window[:-1], window[-1:]
    return int(number) * units[unit] if number.isdecimal() and unit in units else 0


def _of_features(told: Standing, data: Entry) -> None:
    row = orjson.loads(data.features)
    told.events = orjson.loads(data.row).get("events")
    names = data.names
    told.features = len(names)
    over = [
        (psi or 0.0, name)
        for name, letter, psi in zip(names, row["levels"], row["psi"], strict=True)
        if letter == "D"
    ]
    told.drifted = [name for _, name in sorted(over, reverse=True)[:MAX_DRIFTED_TOLD]]


def open_alerts(kept: ModelHistory, at_ms: int | None = None) -> list[Mapping[str, str]]:
    """The last record of each episode that is open, in brief."""
    last: dict[str, Mapping[str, str]] = {}
    for entry in kept.of_kind("alert"):
        if at_ms is not None and entry.at_ms > at_ms:
            break
        alert = entry.alert or {}
        last[alert.get("episode", "")] = alert
    return [alert for alert in last.values() if alert.get("state") != "resolved"]


def by_trouble(kept: Iterable[ModelHistory]) -> list[Standing]:
    """All of them, the one to look at first before the others."""
    found = [standing(one) for one in kept]
    return sorted(found, key=lambda one: (*(-n for n in one.rank), one.model, one.version))
