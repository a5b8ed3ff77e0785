"""What other units explain of blocks that came in none, and what a window is held against then."""

from __future__ import annotations

from typing import Final

import numpy as np

from detectors.unit_fit import cumulative, distance, fit_unit
from engine.own_conversions import CONVERTED, FOLDS, bound_of, own_conversions, rate_name
from engine.profile import NumericProfile
from engine.reference_table import ReferenceTable
from engine.unit_conversions import SCALES, SIGN, conversions, signs_and_scales
from tests.engine.reference_tables import DAY, MONDAY, profile_of, spec_of

WINDY: Final = (14.0, 7.0)
"""Miles an hour on windy days and on calm ones; a half of it in m/s is as calm."""


def table(days: int = 40, a_day: int = 200) -> ReferenceTable:
    """Wind: calm on every fifth day."""
    random = np.random.default_rng(3)
    rows = days * a_day
    ts_ms = MONDAY + np.arange(rows, dtype=np.int64) * (DAY // a_day)
    usual = np.where(ts_ms // DAY % 5 == 0, WINDY[1], WINDY[0])
    return ReferenceTable(
        rows=rows,
        numeric={"x": np.round(usual * random.weibull(2.2, rows), 2)},
        categorical={},
        score=random.random(rows),
        decision=None,
        ts_ms=ts_ms,
    )


def profile(unit: str = "mph") -> NumericProfile:
    """Of that wind in this unit."""
    said = f", unit: {unit}" if unit else ""
    found = profile_of(table(), spec_of(f"x: {{type: numeric{said}}}")).features["x"]
    assert isinstance(found, NumericProfile)
    return found


def test_blocks_are_fitted_without_their_time() -> None:
    """Each day, four in a stretch of FOLDS, against the others: as plain loops have it."""
    known, values = profile(), table().numeric["x"].reshape(40, 200)
    edges, counts = np.array(known.edges), np.array(known.counts)
    cells = (np.searchsorted(edges, day, side="right") for day in values)
    days = [np.bincount(cell, minlength=len(counts)) for cell in cells]
    for name, units in (
        (CONVERTED, signs_and_scales(float(edges[0]), float(edges[-1]))),
        (rate_name("mph"), tuple(conversions("mph").values())),
    ):
        gains = []
        for number, day in enumerate(days):
            fold = number // (40 // FOLDS) * (40 // FOLDS)
            rest = counts - np.sum(days[fold : fold + 40 // FOLDS], axis=0)
            fits = [fit_unit(edges, rest, day, *unit) for unit in units]
            away = distance(rest, day)
            gains.append(max([0.0, *(away - f.unexplained for f in fits if f.share >= 0.1)]))
        rate = known.rates["1d"][name]
        assert rate.blocks == 40
        assert abs(rate.upper - bound_of(np.array(gains))) < 1e-9
    assert known.rates["1d"][rate_name("mph")].upper > 0.2
    assert rate_name("mph") not in profile("").rates["1d"]
    assert "1h" in known.rates
    assert rate_name("mph") not in known.rates["1h"], "an hour has too few values"


def test_the_bound_holds_one_further_block() -> None:
    """Of eight normal blocks one in a thousand lies above; never below the largest of them, and of
    two blocks nothing is told from chance."""
    random = np.random.default_rng(8)
    drawn = random.normal(0.1, 0.02, (20_000, 9))
    above = np.mean([row[8] > bound_of(row[:8]) for row in drawn])
    assert 0.0002 < above < 0.002
    assert bound_of(np.array([0.0] * 40 + [0.7])) == 0.7
    assert bound_of(np.array([0.1, 0.3])) == 1.0


def test_too_little_to_say() -> None:
    """One block, or nothing beside the blocks of a fold, is none."""
    edges = np.linspace(0.0, 9.0, 10)
    one = np.arange(11, dtype=np.int64)[np.newaxis] + 1
    assert own_conversions(one, edges, one[0], "m") == {}
    assert own_conversions(one[:0], edges, one[0], "m") == {}
    two = np.concatenate((one, one))
    found = own_conversions(two, edges, two.sum(axis=0), "m")
    assert set(found) == {CONVERTED, rate_name("m")}
    assert found[CONVERTED].upper == 0.0
    assert cumulative(one[0])[-1] < 1.0


def test_the_sign_is_looked_for_on_one_side_of_zero() -> None:
    """Elsewhere a mean that crosses zero is its own mirror image."""
    assert signs_and_scales(0.0, 5.0)[-1] == (SIGN, 0.0)
    assert signs_and_scales(-5.0, 0.0)[-1] == (SIGN, 0.0)
    assert len(signs_and_scales(-1.0, 5.0)) == len(SCALES)
