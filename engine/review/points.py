"""The judged windows of one version in a period, as a report shows them.

Rule.  The numbers are those of the records, each under its own name; nothing is computed again.
Of a feature only what its row of a heat map needs is kept of every window, and its bins only of the
window in which it was furthest over its threshold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from engine.review.index import COHORTS, DATA, Tree
from engine.review.scope import Scope
from engine.timestamps import rfc3339_to_ms

AT_LEAST: Final = 1e-9
NOT_MEASURES: Final = frozenset({"labelled", "predictions", "labelled_ratio", "significance"})
EMPTY: Final[Tree] = {}


class Cell(NamedTuple):
    """One feature in one window."""

    level: str
    psi: float | None
    """Bias-corrected; None where there is none."""
    threshold: float
    p_value: float | None
    missing: float
    """Share of the events."""
    faults: tuple[str, ...]
    """Kinds of bad data in it, of the window or of a part of it."""

    @property
    def ratio(self) -> float:
        """PSI in thresholds; 0 where there is none."""
        return 0.0 if self.psi is None else max(0.0, self.psi) / max(AT_LEAST, self.threshold)


@dataclass(frozen=True, slots=True)
class DataPoint:
    """One judged window of the data."""

    start_ms: int
    end_ms: int
    events: int
    level: str
    data_level: str
    cells: Mapping[str, Cell]
    prediction: Tree
    estimated: Tree
    quality: Tree
    operations: Tree
    business: Tree
    maintenance: str


@dataclass(frozen=True, slots=True)
class PerformancePoint:
    """One judged window of performance, of one view."""

    start_ms: int
    end_ms: int
    section: Tree
    maintenance: str

    @property
    def labelled(self) -> int:
        """Predictions with a label."""
        return int(self.section.get("labelled", 0))

    @property
    def level(self) -> str:
        """Of a view that is not judged UNKNOWN."""
        return str(self.section.get("level", "UNKNOWN"))

    @property
    def measures(self) -> dict[str, float]:
        """Measures by name, as realized."""
        return {
            name: float(value)
            for name, value in self.section.items()
            if isinstance(value, float | int)
            and not isinstance(value, bool)
            and name not in NOT_MEASURES
        }

    def part(self, name: str) -> Tree:
        """A part of the section; empty where it is absent."""
        found: Tree = self.section.get(name, EMPTY)
        return found


class WorstBins(NamedTuple):
    """The bins of a feature in the window in which it was furthest over its threshold."""

    end_ms: int
    cell: Cell
    verdict: Tree


@dataclass(slots=True)
class Series:
    """What was judged of one version."""

    version: str
    data_window: str | None
    performance_window: str | None
    cohort_windows: dict[str, str] = field(default_factory=dict)
    """``cohorts/MATURITY`` -> its window."""
    data: list[DataPoint] = field(default_factory=list)
    performance: list[PerformancePoint] = field(default_factory=list)
    cohorts: dict[str, list[PerformancePoint]] = field(default_factory=dict)
    worst: dict[str, WorstBins] = field(default_factory=dict)
    identities: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    """(hash of the spec, hash of the profile) -> first and last end of a window that has them."""
    conventions: Tree = field(default_factory=dict)
    """Of the newest window of the data."""
    newest_ms: int = -1
    """Its end."""
    comparisons: list[Tree] = field(default_factory=list)
    """Looks at a comparison in which it is the challenger."""
    splits: list[Tree] = field(default_factory=list)
    used: set[tuple[str, str, str, str]] = field(default_factory=set)

    @property
    def decided(self) -> tuple[str, list[PerformancePoint]]:
        """The view of performance that has levels, and its window: by arrival, or a cohort; where
        none has, by arrival, or else the first cohort."""
        views = [(self.performance_window or "", self.performance)]
        views += [(window, self.cohorts.get(n, [])) for n, window in self.cohort_windows.items()]
        there = [view for view in views if view[1]]
        judged = [view for view in there if any(point.part("levels") for point in view[1])]
        return next(iter(judged or there), ("", []))

    def add(self, scope: Scope, record: Tree) -> None:
        """Take a judgement of this version that belongs to the period."""
        end_ms = rfc3339_to_ms(record["end"])
        if not scope.has(end_ms) or record["revision"]:
            return
        section = record.get("section", DATA)
        name = "/".join((COHORTS, *record[COHORTS])) if section == COHORTS else section
        key = (name, record["window"], record["end"], record["start"])
        if key in self.used:
            return
        self.used.add(key)
        self._identify(record, end_ms)
        start_ms = rfc3339_to_ms(record["start"])
        if section == "comparison":
            self.comparisons.append(record)
        elif section == "split":
            self.splits.append(record)
        elif end_ms % (end_ms - start_ms):
            return
        elif name == DATA and record["window"] == self.data_window:
            self._add_data(record, start_ms, end_ms)
        elif section == "performance" and record["window"] == self.performance_window:
            self.performance.append(_performance(record, record["performance"]))
        elif self.cohort_windows.get(name) == record["window"]:
            (view,) = record[COHORTS].values()
            self.cohorts.setdefault(name, []).append(_performance(record, view))

    def _identify(self, record: Tree, end_ms: int) -> None:
        identity = (str(record.get("spec", "")), str(record.get("profile", "")))
        if not all(identity):
            return
        first, last = self.identities.get(identity, (end_ms, end_ms))
        self.identities[identity] = (min(first, end_ms), max(last, end_ms))

    def _add_data(self, record: Tree, start_ms: int, end_ms: int) -> None:
        cells = {}
        for name, verdict in record["features"].items():
            cell = _cell(verdict)
            cells[name] = cell
            before = self.worst.get(name)
            further = before is None or (cell.ratio, -end_ms) > (before.cell.ratio, -before.end_ms)
            if "bins" in verdict and further:
                self.worst[name] = WorstBins(end_ms, cell, verdict)
        if end_ms > self.newest_ms:
            self.newest_ms = end_ms
            self.conventions = record.get("conventions", EMPTY)
        self.data.append(
            DataPoint(
                start_ms,
                end_ms,
                record["events"],
                record["level"],
                record["data"]["level"],
                cells,
                record.get("prediction", EMPTY),
                record.get("estimated", EMPTY),
                record.get("quality", EMPTY),
                record.get("operations", EMPTY),
                record.get("business", EMPTY),
                record.get("maintenance", {}).get("reason", ""),
            )
        )

    def in_order(self) -> Series:
        """The same with everything in the order of time."""
        self.data.sort(key=lambda point: point.end_ms)
        self.performance.sort(key=lambda point: point.end_ms)
        for points in self.cohorts.values():
            points.sort(key=lambda point: point.end_ms)
        for looks in (self.comparisons, self.splits):
            looks.sort(key=lambda look: rfc3339_to_ms(look["end"]))
        return self


def _cell(verdict: Tree) -> Cell:
    missing = verdict["missing"]
    every = verdict["events"] + missing + verdict["invalid"]
    faults = (*verdict.get("quality_fault", ()), *verdict.get("quality_fault_earlier", ()))
    return Cell(
        verdict["level"],
        verdict.get("psi_corrected"),
        verdict.get("psi_threshold", 0.0),
        verdict.get("psi_p_value"),
        missing / every if missing else 0.0,
        tuple(dict.fromkeys(faults)),
    )


def _performance(record: Tree, view: Tree) -> PerformancePoint:
    return PerformancePoint(
        rfc3339_to_ms(record["start"]),
        rfc3339_to_ms(record["end"]),
        {**view, **({"business": record["business"]} if "business" in record else {})},
        record.get("maintenance", {}).get("reason", ""),
    )


def collect(judgements: Iterable[Tree], scope: Scope, series: Mapping[str, Series]) -> None:
    """Give each version's series what belongs to it."""
    for record in judgements:
        one = series.get(record["version"]) if record["model"] == scope.model else None
        if one is not None:
            one.add(scope, record)
    for one in series.values():
        one.in_order()
