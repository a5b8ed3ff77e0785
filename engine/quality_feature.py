"""The checks of one feature of a window: rates of bad values, one value only, another unit.

Rule and floors are told in :mod:`engine.quality`, what hides among valid values in
:mod:`engine.quality_values`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from detectors.contract import P_VALUE_FLOOR
from detectors.decades import lies_on_one_side, rescaled_by, shift_p_value
from detectors.kernels import ABOVE_SUM, BELOW_SUM, INVALID, MISSING, OUT_OF_RANGE
from detectors.rate_shift import p_value
from engine.layout import CategoricalColumn, NumericColumn
from engine.measuring import mean_and_stddev
from engine.profile import CategoricalProfile, NumericProfile, OwnRate
from engine.quality_faults import MIN_VALUES, Fault
from engine.quality_values import ValueChecks

if TYPE_CHECKING:
    from engine.model import MonitoredModel
    from engine.panes import Counts
    from engine.spec import FeatureSpec, QualityRules

OUTLIER_DISTANCE: Final = 1.0


class Rates:
    """The numerators and denominators of one feature in a window."""

    def __init__(self, column: NumericColumn | CategoricalColumn, counts: Counts) -> None:
        cells = counts[column.start : column.start + column.values]
        self.valid = int(cells.sum())
        missing, invalid = (int(counts[column.extra(cell)]) for cell in (MISSING, INVALID))
        total = self.valid + missing + invalid
        self.hits = {"missing": (missing, total), "invalid": (invalid, total)}
        if isinstance(column, NumericColumn):
            outside = int(counts[column.extra(OUT_OF_RANGE)])
            self.hits["out_of_range"] = (outside, self.valid)
            self.hits["outlier"] = (int(cells[0] + cells[-1]), self.valid)
        else:
            self.hits["unseen"] = (int(cells[-1]), self.valid)

    def ratio(self, kind: str) -> float | None:
        """The rate of this kind; None where there is nothing to count."""
        hits, size = self.hits.get(kind, (0, 0))
        return hits / size if size else None


class FeatureChecks:
    """The checks of one feature in one window."""

    def __init__(
        self,
        model: MonitoredModel,
        rules: QualityRules,
        feature: FeatureSpec,
        window: str,
        alpha: float,
    ) -> None:
        self.rules, self.feature, self.alpha, self.window = rules, feature, alpha, window
        self.profile = model.profile.features[feature.name]
        self.own_rates = self.profile.rates.get(window, {})
        own = self.profile.own.get(window)
        self.worth = np.inf if own is None else own.worth
        self.timed = model.profile.made_by.start_ms is not None

    def rates(self, column: NumericColumn | CategoricalColumn, counts: Counts) -> Iterator[Fault]:
        """Every rate that is too high."""
        for kind, (hits, size) in Rates(column, counts).hits.items():
            reference = reference_rate(self.profile, self.feature, kind)
            if reference is None or not hits:
                continue
            if kind == "outlier" and not self._far(column, counts):
                continue
            if kind == "out_of_range" and not self._keeps_its_range(*reference):
                continue
            fault = self._rate(kind, hits, size, *reference)
            if fault is not None:
                yield fault

    def _rate(
        self, kind: str, hits: int, size: int, reference_hits: int, reference_size: int
    ) -> Fault | None:
        own = self.own_rates.get(kind, OwnRate(blocks=0, lower=0.0, upper=0.0, dispersion=1.0))
        expected = reference_hits / reference_size if reference_size else 0.0
        threshold = max(expected + float(getattr(self.rules, kind)), own.upper)
        rate, worth = hits / size, int(size / own.dispersion)
        if kind == "outlier":
            # Where no block has one, no dispersion says that all of an hour share one cloudburst.
            worth = int(min(worth, self.worth))
        if rate <= threshold or size < MIN_VALUES:
            return None
        chance = p_value(
            int(rate * worth),
            worth,
            int(reference_hits / own.dispersion),
            int(reference_size / own.dispersion),
            "greater",
        )
        return Fault(kind, rate, expected, threshold, chance) if chance <= self.alpha else None

    def _keeps_its_range(self, outside: int, valid: int) -> bool:
        """A range that the training data break themselves is no bound of what is valid."""
        return outside <= self.rules.out_of_range * valid

    def _far(self, column: NumericColumn | CategoricalColumn, counts: Counts) -> bool:
        """Whether the values beyond the extremes are OUTLIER_DISTANCE spans away on average."""
        assert isinstance(column, NumericColumn)
        low, high = float(column.edges[0]), float(column.edges[-1])
        below, above = int(counts[column.start]), int(counts[column.start + column.values - 1])
        away = 0.0
        if below:
            mean = column.center + column.step * (int(counts[column.extra(BELOW_SUM)]) / below)
            away += (low - mean) * below
        if above:
            mean = column.center + column.step * (int(counts[column.extra(ABOVE_SUM)]) / above)
            away += (mean - high) * above
        return away > OUTLIER_DISTANCE * (high - low) * (below + above)

    def numeric(self, column: NumericColumn, counts: Counts, decades: Counts) -> Iterator[Fault]:
        """One value only, or another unit."""
        profile = self.profile
        assert isinstance(profile, NumericProfile)
        cells = counts[column.start : column.start + column.values]
        occupied = np.flatnonzero(cells)
        varies = bool(np.count_nonzero(profile.counts) > 1)
        mean, stddev = mean_and_stddev(column, counts)
        if varies and len(occupied) == 1 and stddev == 0.0:
            yield from self._constant(int(cells[occupied[0]]), profile.counts[int(occupied[0])])
        if not self._is_usual(self.own_rates.get("rescaled")) and cells.sum() >= MIN_VALUES:
            yield from self._rescaled(float(cells.sum()), (mean, stddev), decades, varies=varies)

    def _rescaled(
        self, values: float, moments: tuple[float, float], decades: Counts, *, varies: bool
    ) -> Iterator[Fault]:
        profile = self.profile
        assert isinstance(profile, NumericProfile)
        size = float(np.hypot(profile.mean, profile.stddev if varies else 0.0))
        if not size > 0.0:
            return
        ratios = [float(np.hypot(*moments)) / size]
        if lies_on_one_side(profile.edges[0], profile.edges[-1]) and profile.mean:
            ratios.append(moments[0] / profile.mean)
        expected, floor = np.array(profile.decades, dtype=np.int64), self.rules.rescaled
        powers = (rescaled_by(expected, decades, ratio, floor) for ratio in ratios)
        power = next((found for found in powers if found is not None), None)
        chance = shift_p_value(expected, decades, min(values, self.worth))
        if power is not None and chance <= self.alpha:
            yield Fault("rescaled", power, 0.0, floor, chance)

    def hidden(self, column: NumericColumn, counts: Counts, decades: Counts) -> Iterator[Fault]:
        """What hides among valid values."""
        profile = self.profile
        assert isinstance(profile, NumericProfile)
        checks = ValueChecks(
            profile, self.feature, self.rules, self.window, self.alpha, self.worth, self.timed
        )
        yield from checks.faults(column, counts, decades)

    def one_category(self, column: CategoricalColumn, counts: Counts) -> Iterator[Fault]:
        """One listed category only, where the reference has several."""
        cells = counts[column.start : column.start + column.values]
        occupied = np.flatnonzero(cells)
        if len(occupied) != 1 or occupied[0] >= len(column.categories):
            return
        assert isinstance(self.profile, CategoricalProfile)
        if np.count_nonzero(self.profile.counts) > 1:
            cell = int(occupied[0])
            yield from self._constant(int(cells[cell]), self.profile.counts[cell])

    def _constant(self, values: int, reference_hits: int) -> Iterator[Fault]:
        own = self.own_rates.get("constant")
        worth = min(float(values), self.worth)
        if values < MIN_VALUES or self._is_usual(own):
            return
        share = (reference_hits + 0.5) / (sum(self.profile.counts) + 1.0)
        chance = max(P_VALUE_FLOOR, share ** (worth - 1.0))
        if chance <= self.alpha:
            yield Fault("constant", 1.0, share, 1.0, chance)

    def _is_usual(self, own: OwnRate | None) -> bool:
        """Whether the reference's blocks do so themselves; with times and no block of so many
        values nobody knows (the hour is the same all through five minutes)."""
        return self.timed if own is None else own.upper > 0.0


def reference_rate(
    profile: NumericProfile | CategoricalProfile, feature: FeatureSpec, kind: str
) -> tuple[int, int] | None:
    """Hits and size of the reference; None where it cannot say: its range was another one."""
    valid = sum(profile.counts)
    total = valid + profile.missing + profile.invalid
    if kind == "missing":
        return profile.missing, total
    if kind == "invalid":
        return profile.invalid, total
    if kind == "out_of_range":
        assert isinstance(profile, NumericProfile)
        if profile.range != (feature.low, feature.high):
            return None
        return profile.out_of_range, valid
    return 0, valid
