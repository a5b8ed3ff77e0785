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
``zeros``, ``repeated``, ``converted``  of valid values: :mod:`engine.quality_values`.
``stale``  the estimator of that name alarmed: an unchanged value over too many events in a row.
``duplicates``, ``freshness``  of the predictions as records: read before, or older than the spec
allows.  Such a window is held back as a whole: nobody knows whom the records stand for.

When it lies: a population that really became ten times as large is called rescaled, and a category
that is honestly new is called unseen.  See docs/quality-of-data.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from detectors.contract import P_VALUE_FLOOR
from detectors.decade_kernel import DECADES
from detectors.rate_shift import limit_p_value
from engine.layout import EVENTS, PREDICTIONS, NumericColumn
from engine.levels import Level
from engine.quality_faults import FAULTS, MIN_VALUES, Fault
from engine.quality_feature import FeatureChecks

if TYPE_CHECKING:
    from engine.model import MonitoredModel
    from engine.panes import Counts
    from engine.spec import QualityRules


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
            checks = FeatureChecks(self._model, self._rules, feature, window, alpha)
            faults = list(checks.rates(column, counts))
            if isinstance(column, NumericColumn):
                first = self._model.layout.decades + DECADES * self._place[feature.name]
                faults += checks.numeric(column, counts, counts[first : first + DECADES])
                faults += checks.hidden(column, counts, counts[first : first + DECADES])
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
