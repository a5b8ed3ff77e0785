"""Which windows can page at all, told of many at once.

Rule.  What is left out here cannot page, by the engine's own rules: a feature needs a corrected PSI
over the bound *and* over what its own blocks reach, and a p-value of at most the share of the whole
window (:mod:`engine.discoveries` calls nothing moved above that); a fault of the data needs a rate
above the reference's by the spec's floor, one single value, or decimal exponents that moved.  The
effects are computed for all windows together (:func:`engine.own_blocks.psi_rows`, which is PSI as
:mod:`detectors.psi` has it); p-values and faults of those that are left by the engine itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc

from detectors import psi
from detectors.decade_kernel import DECADES
from detectors.kernels import INVALID, MISSING, OUT_OF_RANGE
from engine.layout import CategoricalColumn, NumericColumn
from engine.levels import comparison_share, significance
from engine.measuring import Bands, Comparer
from engine.model import MonitoredModel
from engine.own_blocks import psi_rows
from engine.profile import NumericProfile
from engine.quality import QualityChecks
from engine.quality_feature import reference_rate
from engine.seasonal_mix import mix_slices
from engine.spec import FeatureSpec
from engine.window_judging import least_values

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
ABOVE: Final = 0.20


@dataclass(frozen=True, slots=True)
class Screened:
    """Windows of one length."""

    may_page: Mask
    """Shape (windows,)."""
    over: Mask
    """Windows with a feature whose PSI, as it is, is over ABOVE: fixed thresholds."""
    unlikely: Mask
    """Windows with a feature whose PSI has a nominal p-value below 0.05."""


class Screen:
    """Screens windows of one model."""

    def __init__(self, model: MonitoredModel) -> None:
        spec = model.spec
        assert spec.quality is not None, "the quality of the data is among what can page"
        self._model = model
        params = psi.Params(spec.pseudo_count)
        self._features = [
            (
                feature,
                model.layout.column(feature.name),
                Comparer(
                    model.layout.column(feature.name),
                    model.profile.features[feature.name],
                    {"psi": psi},
                    {"psi": params},
                    least=least_values(model.profile),
                ),
            )
            for feature in spec.features
        ]
        self._checks = {
            feature.name: QualityChecks(_only(model, feature), spec.quality)
            for feature in spec.features
        }
        self._numeric = {column.name: i for i, column in enumerate(model.layout.numeric)}

    def screen(self, window: str, counts: IntArray, slices: IntArray) -> Screened:
        """Screen windows of one length, counts of shape (windows, layout.size), slices of shape
        (windows, slices)."""
        spec = self._model.spec
        rule = spec.window(window)
        alpha = comparison_share(spec, rule)
        bands = Bands(spec.psi_watch, spec.psi_drift, alpha)
        may = np.zeros(len(counts), dtype=np.bool_)
        over, unlikely = may.copy(), may.copy()
        sure = significance(spec, rule)
        for feature, column, comparer in self._features:
            value, corrected, chance = self._psi(feature, column, counts, slices)
            over |= value > ABOVE
            unlikely |= chance < 0.05
            own = self._model.profile.features[feature.name].own.get(window)
            floor = max(ABOVE, 0.0 if own is None else own.q99)
            for place in np.flatnonzero((corrected > floor) & ~may).tolist():
                verdict = comparer.verdict(counts[place], slices[place], window, bands)
                may[place] = verdict.chance is not None and verdict.chance <= alpha * len(
                    self._features
                )
            bad = self._may_be_bad(feature, column, counts) & ~may
            for place in np.flatnonzero(bad).tolist():
                may[place] = self._checks[feature.name].check(counts[place], window, {}, sure).bad
        return Screened(may, over, unlikely)

    def _psi(
        self,
        feature: FeatureSpec,
        column: NumericColumn | CategoricalColumn,
        counts: IntArray,
        slices: IntArray,
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """PSI as it is, corrected, and its nominal p-value; 0, 0 and 1 without values."""
        profile = self._model.profile.features[feature.name]
        expected = np.array(profile.counts, dtype=np.float64)[np.newaxis]
        if profile.slices:
            expected = mix_slices(np.array(profile.slices), slices)
        actual = counts[:, column.start : column.start + column.values].astype(np.float64)
        if isinstance(profile, NumericProfile):
            merged = np.zeros((column.values, max(profile.coarse) + 1))
            merged[np.arange(column.values), profile.coarse] = 1.0
            expected, actual = expected @ merged, actual @ merged
        expected = np.broadcast_to(expected, actual.shape)
        n, m = actual.sum(axis=1), expected.sum(axis=1)
        known = (n > 0) & (m > 0)
        value, corrected, chance = np.zeros(len(n)), np.zeros(len(n)), np.ones(len(n))
        if known.any():
            found = psi_rows(expected[known], actual[known], self._model.spec.pseudo_count)
            size = (n * m)[known] / (n + m)[known]
            freedom = ((expected > 0) | (actual > 0))[known].sum(axis=1) - 1
            value[known], corrected[known] = found, found - freedom / size
            chance[known] = np.where(freedom > 0, chdtrc(np.maximum(freedom, 1), found * size), 1.0)
        return value, corrected, chance

    def _may_be_bad(
        self, feature: FeatureSpec, column: NumericColumn | CategoricalColumn, counts: IntArray
    ) -> Mask:
        """Where an effect is large enough to be a fault of the data, significant or not."""
        rules = self._model.spec.quality
        assert rules is not None, "as above"
        profile = self._model.profile.features[feature.name]
        cells = counts[:, column.start : column.start + column.values]
        valid = cells.sum(axis=1)
        missing, invalid = counts[:, column.extra(MISSING)], counts[:, column.extra(INVALID)]
        total = valid + missing + invalid
        rates = {"missing": (missing, total), "invalid": (invalid, total)}
        if isinstance(column, NumericColumn):
            rates["outlier"] = cells[:, 0] + cells[:, -1], valid
            rates["out_of_range"] = counts[:, column.extra(OUT_OF_RANGE)], valid
        else:
            rates["unseen"] = cells[:, -1], valid
        found = (np.count_nonzero(cells, axis=1) == 1) & (valid > 0)
        for kind, (hits, size) in rates.items():
            known = reference_rate(profile, feature, kind)
            if known is not None:
                expected = known[0] / known[1] if known[1] else 0.0
                found |= hits > (expected + float(getattr(rules, kind))) * size
        if isinstance(profile, NumericProfile):
            first = self._model.layout.decades + DECADES * self._numeric[feature.name]
            decades = counts[:, first : first + DECADES]
            usual = np.array(profile.decades) / max(1, sum(profile.decades))
            shares = decades / np.maximum(1, decades.sum(axis=1))[:, np.newaxis]
            found |= np.abs(shares - usual).sum(axis=1) / 2.0 >= rules.rescaled * 0.999
        return found


def _only(model: MonitoredModel, feature: FeatureSpec) -> MonitoredModel:
    """The model with a single feature to check; its layout and profile are those of all."""
    return replace(model, spec=msgspec.structs.replace(model.spec, features=(feature,)))
