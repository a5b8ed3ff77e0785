"""Faults that hide among valid values: another unit, a default in place of nothing, one value again
and again.

Rule.  Each needs an effect, a shape that drift does not have, and significance.

``converted``  a share of the values came in another unit (:mod:`engine.unit_conversions`): the
mixture of the reference and itself in that unit leaves at most EXPLAINED of the distance, and mean
and root mean square are those of the mixture within MOMENTS_TOLERANCE (:mod:`detectors.unit_fit`),
or of powers of ten the mean within MEAN_TOLERANCE, where all values have one sign (for hundreds
and thousands within SIZE_TOLERANCE).
It must explain more than it does of one further block of the training data
(:mod:`engine.own_conversions`).
``zeros``  more zeros than the reference has, by the spec's floor and its own blocks.  Where the
reference has none and ends before zero, most of what lies beyond that end must be zeros: a cold
night brings -1 and 1 along, a default does not.
``repeated``  one narrow cell holds a larger share above the reference's than in any further block
of the training data by chance (Student's bound over its own blocks, shares as arcsines of their
roots), and is no hump: of the cells near it at most HUMP - 1 have more than BESIDE as much above
the reference's, one that is not narrow counting for two.  A feature that stood still for a part of
the window, at one value or at one for each of a few sources, or a default; a distribution that
became narrower, or counts that become fewer, bring their neighbours along.

Neither is looked for at a value that USUAL of the reference has: more of it is drift.

When they lie: a price that half of the customers really begin to pay, or a count that is nearly
always one of three values, is called repeated, free ones zeros; customers who really buy for ten
times as much are called converted.  A season in another unit that training did not know is drift,
because neither unit explains it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import stdtr

from detectors.contract import P_VALUE_FLOOR, FloatArray
from detectors.decades import SIZE_TOLERANCE, lies_on_one_side
from detectors.rate_shift import p_value
from detectors.unit_fit import LEAST_SHARE, distance, fit_unit
from engine.layout import NumericColumn
from engine.measuring import mean_and_stddev
from engine.own_conversions import CONVERTED, rate_name
from engine.own_repeats import FREEDOM, Mask, narrow_cells, root_of
from engine.panes import Counts
from engine.profile import NumericProfile, OwnRate
from engine.quality_faults import MIN_VALUES, Fault
from engine.spec import FeatureSpec, QualityRules
from engine.unit_conversions import SCALES, SIGN, conversions, signs_and_scales

EXPLAINED: Final = 1 / 3
"""A unit explains a window when what remains is at most this part of the distance."""
MOMENTS_TOLERANCE: Final = 0.2
"""Of the reference's root mean square, or of the mixture's, by which the moments may miss."""
MEAN_TOLERANCE: Final = 0.3
"""Of the mixture's mean, by which that of values of one sign may miss it: four times as much is far
from any mixture of once and ten times."""
FAR_SCALES: Final = frozenset({1e-3, 1e-2, 1e2, 1e3})
"""Powers of ten that no change of sizes looks like in the distribution: of these a mean within
SIZE_TOLERANCE decades is near enough."""
MIN_CONVERTED: Final = LEAST_SHARE
"""Also the least distance."""
MIN_REPEATED_VALUES: Final = 100
"""With fewer the fullest of many cells is large by chance alone."""
FOREIGN_ZEROS: Final = 0.8
"""Share of zeros among what lies beyond the reference's end on their side."""
USUAL: Final = 0.1
"""Share of the reference from which on a value is one of those that a feature has, no default."""
BESIDE: Final = 0.25
NEIGHBOURS: Final = 4
"""Cells with values that are looked at on either side of one that is repeated."""
HUMP: Final = 3
"""So many of them that rose with it are a hump: few features have four sources."""


@dataclass(frozen=True, slots=True)
class ValueChecks:
    """The checks of one numeric feature in windows of one length."""

    profile: NumericProfile
    feature: FeatureSpec
    rules: QualityRules
    window: str
    alpha: float
    worth: float
    """Independent values that such a window is worth; infinite where nobody knows."""
    timed: bool
    """Whether the training table had times."""

    def faults(self, column: NumericColumn, counts: Counts, decades: Counts) -> Iterator[Fault]:
        """Every one of a window's counts."""
        cells = counts[column.start : column.start + column.values]
        valid = int(cells.sum())
        if valid < MIN_VALUES or not sum(self.profile.counts):
            return
        zeros = self._zeros(column, cells, valid - int(decades.sum()))
        # A thousandth of anything is as good as zero, so zeros are no unit as well.
        converted = None if zeros is not None else self._converted(column, counts, cells)
        for fault in (zeros, self._repeated(column, cells), converted):
            if fault is not None:
                yield fault

    def _zeros(self, column: NumericColumn, cells: Counts, zeros: int) -> Fault | None:
        valid, then = int(cells.sum()), sum(self.profile.counts)
        then_zeros = then - sum(self.profile.decades)
        if zeros <= 0 or then_zeros > USUAL * then:
            return None
        own = self.profile.rates.get(self.window, {}).get("zeros")
        beyond = self._beyond(column, cells)
        foreign = beyond is not None and zeros >= FOREIGN_ZEROS * beyond and not then_zeros
        if own is None:
            if self.timed and not foreign:
                return None
            own = OwnRate(blocks=0, lower=0.0, upper=0.0, dispersion=1.0)
        expected = then_zeros / then if then else 0.0
        rate, threshold = zeros / valid, max(expected + self.rules.zeros, own.upper)
        worth = valid / own.dispersion if foreign else min(valid / own.dispersion, self.worth)
        if rate <= threshold:
            return None
        hits, size = int(rate * int(worth)), int(worth)
        before = (int(then_zeros / own.dispersion), int(then / own.dispersion))
        chance = p_value(hits, size, *before, "greater")
        if chance > self.alpha:
            return None
        return Fault("zeros", rate, expected, threshold, chance)

    def _beyond(self, column: NumericColumn, cells: Counts) -> int | None:
        """Values beyond the end of the reference that lies before zero; None where zero is
        within."""
        if column.edges[0] > 0.0:
            return int(cells[0])
        return int(cells[-1]) if column.edges[-1] <= 0.0 else None

    def _repeated(self, column: NumericColumn, cells: Counts) -> Fault | None:
        known, valid = np.array(self.profile.counts, dtype=np.int64), int(cells.sum())
        expected, narrow = known / known.sum(), narrow_cells(column.edges, known)
        looked_at = narrow & (expected <= USUAL)
        if valid < MIN_REPEATED_VALUES or not looked_at.any():
            return None
        excess = cells / valid - expected
        cell = int(np.argmax(np.where(looked_at, excess, -1.0)))
        above, threshold = float(excess[cell]), self.rules.repeated
        if above <= threshold or _rose_beside(excess, known + cells, narrow, cell) >= HUMP:
            return None
        chance = self._chance_of_repeats(above, valid, int(cells[cell]), cell, int(narrow.sum()))
        if chance is None or chance > self.alpha:
            return None
        observed, usual = float(cells[cell]) / valid, float(expected[cell])
        return Fault("repeated", observed, usual, usual + threshold, max(P_VALUE_FLOOR, chance))

    def _chance_of_repeats(
        self, above: float, valid: int, hits: int, cell: int, cells: int
    ) -> float | None:
        own = self.profile.own.get(self.window)
        if own is None or own.repeat_mean is None or own.repeat_spread is None:
            if self.timed:
                return None
            then = sum(self.profile.counts)
            chance = p_value(hits, valid, self.profile.counts[cell], then, "greater")
            return min(1.0, cells * chance)
        spread = max(own.repeat_spread, 0.5 / float(np.sqrt(valid)))
        away = (float(root_of(above)) - own.repeat_mean) / spread
        freedom = min(FREEDOM, own.blocks - 1)
        return float(stdtr(freedom, -away / float(np.sqrt(1.0 + 1.0 / own.blocks))))

    def _converted(self, column: NumericColumn, counts: Counts, cells: Counts) -> Fault | None:
        reference = np.array(self.profile.counts, dtype=np.int64)
        unmoved = distance(reference, cells)
        worth = min(float(cells.sum()), self.worth)
        chance = min(1.0, 2.0 * float(np.exp(-2.0 * worth * unmoved * unmoved)))
        if unmoved < MIN_CONVERTED or chance > self.alpha or self.profile.stddev <= 0.0:
            return None
        best: tuple[float, float] | None = None
        moments = mean_and_stddev(column, counts)
        for factor, offset, usual in self._units():
            fit = fit_unit(column.edges, reference, cells, factor, offset)
            if fit.share < MIN_CONVERTED or fit.unexplained > EXPLAINED * unmoved:
                continue
            if unmoved - fit.unexplained <= usual:
                continue
            if self._has_moments(moments, fit.share, factor, offset) and (
                best is None or fit.unexplained < best[0]
            ):
                best = fit.unexplained, factor
        if best is None:
            return None
        return Fault("converted", best[1], 1.0, MIN_CONVERTED, max(P_VALUE_FLOOR, chance))

    def _units(self) -> Iterator[tuple[float, float, float]]:
        """Factor, offset, and what such units explain of the training data's own blocks."""
        rates = self.profile.rates.get(self.window, {})
        own = rates.get("rescaled")
        is_usual = self.timed if own is None else own.upper > 0.0
        unscaled = is_usual or "rescaled" in self.feature.unchecked
        usual = self._explained_of_blocks(CONVERTED)
        if usual is not None:
            low, high = self.profile.edges[0], self.profile.edges[-1]
            for factor, offset in signs_and_scales(low, high):
                if factor == SIGN or not unscaled:
                    yield factor, offset, usual
        usual = self._explained_of_blocks(rate_name(self.feature.unit))
        if usual is not None:
            for factor, offset in conversions(self.feature.unit).values():
                yield factor, offset, usual

    def _explained_of_blocks(self, name: str) -> float | None:
        """None where nobody knows: times, and too few blocks of this length or another unit."""
        own = self.profile.rates.get(self.window, {}).get(name)
        if own is None:
            return None if self.timed else 0.0
        return own.upper

    def _has_moments(
        self, moments: tuple[float, float], share: float, factor: float, offset: float
    ) -> bool:
        """Whether mean and root mean square are those of the mixture; of powers of ten of values on
        one side of zero, the mean alone, about: of few values with a heavy tail neither is
        near."""
        mean, square = self.profile.mean, self.profile.mean**2 + self.profile.stddev**2
        moved = factor * mean + offset
        moved_square = factor**2 * self.profile.stddev**2 + moved**2
        size = float(np.sqrt((1.0 - share) * square + share * moved_square))
        found = float(np.hypot(*moments))
        near = MOMENTS_TOLERANCE * size
        wanted = (1.0 - share) * mean + share * moved
        if abs(found - size) <= near and abs(moments[0] - wanted) <= near:
            return True
        low, high = self.profile.edges[0], self.profile.edges[-1]
        if factor not in SCALES or not lies_on_one_side(low, high):
            return False
        if factor in FAR_SCALES:
            ratio = moments[0] / wanted if wanted else 0.0
            return ratio > 0.0 and abs(float(np.log10(ratio))) <= SIZE_TOLERANCE
        return abs(moments[0] - wanted) <= MEAN_TOLERANCE * abs(wanted)


def _rose_beside(excess: FloatArray, values: Counts, narrow: Mask, cell: int) -> int:
    """How many of the NEIGHBOURS on either side of a narrow cell that have values, in the window or
    the reference, have more than BESIDE of its excess, twice those that are not narrow; all of
    shape (cells,)."""
    filled = np.flatnonzero(values)
    at = int(np.searchsorted(filled, cell))
    around = filled[max(0, at - NEIGHBOURS) : at + 1 + NEIGHBOURS]
    rose = around[excess[around] > BESIDE * excess[cell]]
    return 2 * len(rose) - int(np.count_nonzero(narrow[rose])) - 1
