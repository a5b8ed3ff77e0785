"""A share of the values in another unit, against a plain mixture of two samples."""

from __future__ import annotations

from typing import Final

import numpy as np
import pytest

from detectors.bins import quantile_edges
from detectors.unit_fit import LEAST_SHARE, distance, fit_unit, gains
from engine.unit_conversions import UNITS, conversions

ROWS: Final = 40_000


def cells(edges: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Counts of values by cell."""
    return np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)


def mixture(
    share: float, factor: float, offset: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Edges, reference counts, and counts of a window of which a share came in another unit."""
    rng = np.random.default_rng(4)
    known, values = rng.normal(50, 10, ROWS), rng.normal(50, 10, ROWS)
    other = rng.random(ROWS) < share
    edges = quantile_edges(known, 60)
    moved = np.where(other, factor * values + offset, values)
    return edges, cells(edges, known), cells(edges, moved)


@pytest.mark.parametrize("share", [0.2, 0.5, 1.0])
@pytest.mark.parametrize(("factor", "offset"), [(0.621371, 0.0), (1.8, 32.0), (10.0, 0.0), (-1, 0)])
def test_the_share_is_found_and_little_is_left(share: float, factor: float, offset: float) -> None:
    """Within three points, whatever the unit."""
    edges, reference, actual = mixture(share, factor, offset)
    fit = fit_unit(edges, reference, actual, factor, offset)
    assert fit.share == pytest.approx(share, abs=0.03)
    assert fit.unexplained < 0.03


def test_a_shift_is_no_other_unit() -> None:
    """Most of a move by one standard deviation is left by every unit."""
    edges, reference, actual = mixture(1.0, 1.0, 10.0)
    unmoved = distance(reference, actual)
    for factor, offset in conversions("km/h").values():
        assert fit_unit(edges, reference, actual, factor, offset).unexplained > unmoved / 3


def test_the_same_values_are_no_share_of_anything() -> None:
    """Nothing is explained where nothing is to be explained."""
    edges, reference, actual = mixture(0.0, 2.0, 0.0)
    assert fit_unit(edges, reference, actual, 2.0, 0.0).share < 0.02
    assert fit_unit(edges, reference, reference, 1.0, 0.0).share == 0.0


@pytest.mark.parametrize("unit", UNITS)
def test_units_lead_there_and_back(unit: str) -> None:
    """A value in another unit, converted back, is the value."""
    for other, (factor, offset) in conversions(unit).items():
        back, by = conversions(other)[unit]
        assert back * (factor * 17.0 + offset) + by == pytest.approx(17.0)
    assert conversions("parsec") == {}


def test_known_conversions() -> None:
    """A few that everybody knows."""
    factor, offset = conversions("fahrenheit")["celsius"]
    assert factor * 212 + offset == pytest.approx(100.0, abs=1e-3)
    assert conversions("mi")["km"] == (pytest.approx(1.609344), 0.0)
    assert conversions("mph")["km/h"][0] == pytest.approx(1.609344, rel=1e-5)


def test_gains_are_those_of_single_fits() -> None:
    """Row by row, by the best unit, of shares of a tenth or more."""
    rng = np.random.default_rng(6)
    edges, reference, _ = mixture(0.0, 1.0, 0.0)
    units = [*conversions("fahrenheit").values(), (10.0, 0.0), (-1.0, 0.0)]
    rows = [
        cells(edges, np.where(rng.random(900) < share, 1.8 * values + 32.0, values))
        for share in (0.0, 0.05, 0.4, 1.0)
        for values in (rng.normal(50, 10, 900), rng.normal(60, 10, 900))
    ]
    found = gains(edges, reference, np.array(rows), units)
    for row, gain in zip(rows, found.tolist(), strict=True):
        fits = [fit_unit(edges, reference, row, factor, offset) for factor, offset in units]
        known = [distance(reference, row) - f.unexplained for f in fits if f.share >= LEAST_SHARE]
        assert gain == pytest.approx(max([0.0, *known]), abs=1e-12)
    assert gains(edges, reference, np.array(rows), []).tolist() == [0.0] * len(rows)
