"""Bad data is not drift: what is wrong with the values of a window, feature by feature.

Rule.  A fault needs an effect AND significance.  The effect is a rate above the reference's own by
the spec's floor and above what one further block of the reference reaches by chance; significance
is Fisher's exact test at the size that the window is worth (:mod:`detectors.rate_shift`) against
the model's share of the false-alarm budget, divided among the kinds of fault.

``outlier``  values beyond the reference's extremes that lie, on average, OUTLIER_DISTANCE of the
reference's whole span outside them: nearer ones are a distribution that moved, which is drift.
``out_of_range``  only where the reference keeps its range itself, but for the spec's floor.
``constant``  one single value in a window where the reference varies; its chance is the share of
that value's bin to the power of (n - 1); never where a block of the reference was constant itself.
``rescaled``  decimal exponents moved by k as a whole (:mod:`detectors.decades`); never where a
block of the reference passes for rescaled itself, as the hours of a night do.
``stale``  the estimator of that name alarmed: an unchanged value over too many events in a row.
``duplicates``, ``freshness``  of the predictions as records: read before, or older than the spec
allows.  Such a window is held back as a whole: nobody knows whom the records stand for.

When it lies: a population that really became ten times as large is called rescaled, and a category
that is honestly new is called unseen.  See docs/quality-of-data.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from detectors.contract import P_VALUE_FLOOR
from detectors.decade_kernel import DECADES
from detectors.decades import rescaled_by, shift_p_value
from detectors.kernels import ABOVE_SUM, BELOW_SUM, INVALID, MISSING, OUT_OF_RANGE
from detectors.rate_shift import limit_p_value, p_value
from engine.layout import EVENTS, PREDICTIONS, CategoricalColumn, NumericColumn
from engine.levels import Level
from engine.measuring import mean_and_stddev
from engine.profile import CategoricalProfile, NumericProfile, OwnRate
from engine.quality_faults import FAULTS

if TYPE_CHECKING:
    from engine.model import MonitoredModel
    from engine.panes import Counts
    from engine.spec import FeatureSpec, QualityRules

MIN_VALUES: Final = 30
"""A window worth fewer says nothing about a rate of some hundredths."""
OUTLIER_DISTANCE: Final = 1.0


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a feature in a window."""

    kind: str
    observed: float
    """A rate; the power of ten of ``rescaled``, the alarms of ``stale``."""
    expected: float
    threshold: float
    p_value: float | None


@dataclass(frozen=True, slots=True)
class Quality:
    """What is wrong in a window."""

    faults: Mapping[str, tuple[Fault, ...]]
    """Only of features that have any."""
    records: tuple[Fault, ...] = ()
    """Of the predictions as records, whatever their features: too many read twice, or too old."""
    known: bool = True
    """Whether the window had events enough to say that nothing is wrong."""

    @property
    def bad(self) -> bool:
        """Whether anything is."""
        return bool(self.faults) or bool(self.records)

    @property
    def level(self) -> Level:
        """Bad data are WATCH and never DRIFT."""
        if self.bad:
            return "WATCH"
        return "STABLE" if self.known else "UNKNOWN"

    def holds_back(self, feature: str) -> bool:
        """Whether what this feature's values show is not to be called drift."""
        return feature in self.faults or bool(self.records)


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


class QualityChecks:
    """Checks the windows of one model."""

    def __init__(self, model: MonitoredModel, rules: QualityRules) -> None:
        self._model = model
        self._rules = rules
        self._place = {column.name: i for i, column in enumerate(model.layout.numeric)}

    def check(self, counts: Counts, window: str, stale: Mapping[str, int], alpha: float) -> Quality:
        """What is wrong in a window's counts; ``stale`` has the alarms of that estimator by
        feature, ``alpha`` is the significance of one comparison."""
        alpha = max(P_VALUE_FLOOR, alpha / len(FAULTS))
        found: dict[str, tuple[Fault, ...]] = {}
        for feature in self._model.spec.features:
            column = self._model.layout.column(feature.name)
            checks = _Feature(self._model, self._rules, feature, window, alpha)
            faults = list(checks.rates(column, counts))
            if isinstance(column, NumericColumn):
                first = self._model.layout.decades + DECADES * self._place[feature.name]
                faults += checks.numeric(column, counts, counts[first : first + DECADES])
                alarms = stale.get(feature.name, 0)
                if alarms:
                    faults.append(Fault("stale", alarms, 0.0, 0.0, None))
            else:
                faults += checks.one_category(column, counts)
            kept = tuple(fault for fault in faults if fault.kind not in feature.unchecked)
            if kept:
                found[feature.name] = kept
        enough = max(int(counts[EVENTS]), int(counts[PREDICTIONS])) >= MIN_VALUES
        return Quality(found, tuple(self._records(counts, alpha)), enough)

    def _records(self, counts: Counts, alpha: float) -> Iterator[Fault]:
        """More of the predictions read twice, or too old, than the spec allows, significantly:
        P(X >= hits) at its own limit."""
        layout, rules = self._model.layout, self._rules
        repeated = int(counts[layout.duplicates])
        shares = {"duplicates": (repeated, repeated + int(counts[PREDICTIONS]), rules.duplicates)}
        if rules.freshness_ms is not None:
            column = layout.freshness
            cells = counts[column.start : column.start + column.values]
            first_old = int(np.searchsorted(column.edges, rules.freshness_ms)) + 1
            old = int(cells[first_old:].sum())
            shares["freshness"] = old, int(cells.sum()), rules.stale_records
        for kind, (hits, size, limit) in shares.items():
            if hits and size >= MIN_VALUES and hits / size > limit:
                chance = limit_p_value(hits, size, limit, "greater")
                if chance <= alpha:
                    yield Fault(kind, hits / size, 0.0, limit, chance)


class _Feature:
    """The checks of one feature in one window."""

    def __init__(
        self,
        model: MonitoredModel,
        rules: QualityRules,
        feature: FeatureSpec,
        window: str,
        alpha: float,
    ) -> None:
        self.rules, self.feature, self.alpha = rules, feature, alpha
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
        if rate <= threshold or worth < MIN_VALUES:
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
        varies = np.count_nonzero(profile.counts) > 1
        mean, stddev = mean_and_stddev(column, counts)
        if varies and len(occupied) == 1 and stddev == 0.0:
            yield from self._constant(int(cells[occupied[0]]), profile.counts[int(occupied[0])])
        own = self.own_rates.get("rescaled")
        if self._is_usual(own):
            return
        worth = min(float(cells.sum()), self.worth)
        size = float(np.hypot(profile.mean, profile.stddev if varies else 0.0))
        if worth >= MIN_VALUES and size > 0.0:
            expected = np.array(profile.decades, dtype=np.int64)
            ratio = float(np.hypot(mean, stddev)) / size
            power = rescaled_by(expected, decades, ratio, self.rules.rescaled)
            chance = shift_p_value(expected, decades, worth)
            if power is not None and chance <= self.alpha:
                yield Fault("rescaled", power, 0.0, self.rules.rescaled, chance)

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
        if worth < MIN_VALUES or self._is_usual(own):
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
