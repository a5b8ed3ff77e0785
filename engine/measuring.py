"""Measuring one column of a window against its reference: every discovered statistic at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.contract import Measure, Sample
from detectors.kernels import (
    ABOVE_SUM,
    BELOW_SUM,
    INVALID,
    MISSING,
    SQUARES_BITS,
    SQUARES_HIGH,
    SQUARES_LOW,
    SUM,
)
from engine.layout import CategoricalColumn, NumericColumn
from engine.levels import Level, feature_level, noise
from engine.panes import Counts
from engine.profile import FeatureProfile, NumericProfile, OwnBlocks
from engine.seasonal_mix import mix_slices


@dataclass(frozen=True, slots=True)
class Bands:
    """The floors and the significance that one window's comparisons are held against."""

    watch: float
    drift: float
    alpha: float
    """Of one comparison, however small."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One column of one window."""

    name: str
    level: Level
    events: int
    """Valid values."""
    missing: int
    invalid: int
    measures: dict[str, Measure]
    sample: Sample
    threshold: float
    """The DRIFT floor that applied."""
    own_floor: float
    """What the reference's own blocks of this length reach; 0 when it has none."""
    watch_floor: float
    """The WATCH floor that applied."""

    @property
    def psi(self) -> float:
        """Bias-corrected PSI; NaN without events."""
        return self.measures["psi"].more.get("corrected", np.nan)

    def over(self, above: float, alpha: float) -> bool:
        """Whether PSI is significantly over ``above`` (and over the own-block floor)."""
        floor = max(above, self.own_floor)
        return self.chance is not None and self.chance <= alpha and self.psi > floor

    @property
    def chance(self) -> float | None:
        """The p-value of PSI, below the floor of those that are told too; None without events."""
        return self.measures["psi"].chance

    def at(self, alpha: float) -> Verdict:
        """The same at another significance."""
        psi = self.measures["psi"]
        return replace(
            self, level=_level(psi, self.sample, alpha, self.watch_floor, self.threshold)
        )


class Comparer:
    """Compares one column with its reference."""

    def __init__(
        self,
        column: NumericColumn | CategoricalColumn,
        profile: FeatureProfile,
        statistics: Mapping[str, ModuleType],
        params: Mapping[str, Any],
        *,
        least: int = 0,
    ) -> None:
        """``least`` is how many values a window needs to be called moved."""
        self.column = column
        self._least = least
        kind = "numeric" if isinstance(profile, NumericProfile) else "categorical"
        self._profile = profile
        self._statistics = {n: m for n, m in statistics.items() if kind in m.APPLIES_TO}
        self._params = params
        self._expected = np.array(profile.counts, dtype=np.float64)
        self._slices = np.array(profile.slices, dtype=np.float64)
        if isinstance(profile, NumericProfile):
            self._coarse = np.array(profile.coarse, dtype=np.int64)
            self._edges = np.array(profile.edges, dtype=np.float64)
        else:
            self._coarse = np.arange(len(self._expected), dtype=np.int64)
            self._edges = np.empty(0)

    def verdict(self, counts: Counts, slices: Counts, window: str, bands: Bands) -> Verdict:
        """Judge this column of a window's counts."""
        column = self.column
        own = self._profile.own.get(window)
        sample = self._sample(counts, slices, own)
        measures = {
            name: module.measure(sample, self._params[name])
            for name, module in self._statistics.items()
        }
        events = int(sample.actual.sum())
        if events < self._least:
            measures["psi"] = replace(measures["psi"], chance=None)
        floor = own.q99 if own is not None else 0.0
        watch, drift = max(bands.watch, floor), max(bands.drift, floor)
        return Verdict(
            column.name,
            _level(measures["psi"], sample, bands.alpha, watch, drift),
            events,
            int(counts[column.extra(MISSING)]),
            int(counts[column.extra(INVALID)]),
            measures,
            sample,
            drift,
            floor,
            watch,
        )

    def _sample(self, counts: Counts, slices: Counts, own: OwnBlocks | None) -> Sample:
        column = self.column
        actual = counts[column.start : column.start + column.values]
        expected = self._expected
        if len(self._slices):
            expected = mix_slices(self._slices, slices)
        size = None
        if own is not None:
            n, m = float(actual.sum()), float(expected.sum())
            size = min(own.worth, n * m / (n + m)) if n and m else None
        if not isinstance(self._profile, NumericProfile) or not isinstance(column, NumericColumn):
            return Sample(expected, actual, self._coarse, self._edges, effective_size=size)
        return Sample(
            expected,
            actual,
            self._coarse,
            self._edges,
            self._profile.stddev,
            (np.nan, _tail_mean(column, counts, BELOW_SUM, 0)),
            (np.nan, _tail_mean(column, counts, ABOVE_SUM, column.values - 1)),
            size,
        )


def _level(psi: Measure, sample: Sample, alpha: float, watch: float, drift: float) -> Level:
    if psi.chance is None:
        return "UNKNOWN"
    n, m = float(sample.actual.sum()), float(sample.expected.sum())
    return feature_level(
        corrected=psi.more["corrected"],
        p_value=psi.chance,
        noise_psi=noise(alpha, int(psi.more["bins"]), n * m / (n + m)),
        alpha=alpha,
        watch=watch,
        drift=drift,
    )


def _tail_mean(column: NumericColumn, counts: Counts, sum_cell: int, value_cell: int) -> float:
    n = counts[column.start + value_cell]
    if n == 0:
        return np.nan
    return column.center + column.step * float(counts[column.extra(sum_cell)]) / float(n)


def mean_and_stddev(column: NumericColumn, counts: Counts) -> tuple[float, float]:
    """Mean and population standard deviation from the fixed-point sums; NaN of no values."""
    n = int(counts[column.start : column.start + column.values].sum())
    if n == 0:
        return np.nan, np.nan
    total = int(counts[column.extra(SUM)])
    high, low = int(counts[column.extra(SQUARES_HIGH)]), int(counts[column.extra(SQUARES_LOW)])
    squares = (high << SQUARES_BITS) + low
    # Whole numbers to the last step: the difference of two large squares keeps all its digits.
    variance = (n * squares - total * total) / (n * n)
    return column.center + column.step * (total / n), column.step * float(np.sqrt(variance))


def quantiles(
    column: NumericColumn, counts: Counts, wanted: tuple[float, ...]
) -> npt.NDArray[np.float64]:
    """Quantiles from the cells, linear within a cell; values beyond the ends count as the ends."""
    cells = counts[column.start : column.start + column.values]
    inner = cells[1:-1].copy()
    inner[0] += cells[0]
    inner[-1] += cells[-1]
    upto = np.cumsum(inner)
    if upto[-1] == 0:
        return np.full(len(wanted), np.nan)
    found = np.empty(len(wanted))
    for position, share in enumerate(wanted):
        target = share * float(upto[-1])
        cell = int(np.searchsorted(upto, max(target, 0.5)))
        inside = (target - float(upto[cell] - inner[cell])) / float(inner[cell])
        low, high = column.edges[cell], column.edges[cell + 1]
        found[position] = low + max(0.0, inside) * (high - low)
    return found
