"""Decimal exponents: the kernel against its twin, and rescalings told from drift."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.decade_kernel import DECADES, tally_decades
from detectors.decades import (
    decade_tables,
    lies_on_one_side,
    lowest_decade,
    rescaled_by,
    shift_p_value,
)
from tests.detectors import naive_quality
from tests.thoroughness import examples

DECADE_OF, FOLLOWING = decade_tables()
wild = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.integers(-307, 308).map(lambda d: float(f"1e{d}")),
    st.integers(-307, 308).map(lambda d: -math.nextafter(float(f"1e{d}"), 0.0)),
    st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, 2.2e-308, 9.999, 10.0]),
)


def counted(columns: np.ndarray, slots: list[int], lowest: list[int]) -> np.ndarray:
    """The kernel's counts of two slots, one cell in front."""
    counts = np.zeros((2, 1 + DECADES * len(columns)), np.int64)
    tally_decades(
        columns, columns.view(np.int64), np.array(slots, np.int32), DECADE_OF, FOLLOWING,
        np.array(lowest, np.int64), 1, counts,
    )  # fmt: skip
    return counts


@settings(max_examples=examples(200), deadline=None)
@given(rows=st.lists(st.tuples(wild, wild, st.integers(-1, 1)), max_size=30))
def test_the_kernel_equals_its_twin(rows: list[tuple[float, float, int]]) -> None:
    """Cell for cell, on powers of ten, beside them, and where there is no exponent."""
    columns = np.array([[a for a, _, _ in rows], [b for _, b, _ in rows]], np.float64)
    slots = [slot for _, _, slot in rows]
    expected = np.zeros((2, 1 + 2 * DECADES), np.int64)
    for feature, low in enumerate((-7, 3)):
        for value, slot in zip(columns[feature].tolist(), slots, strict=True):
            cell = naive_quality.decade_cell(value, low, DECADES)
            if slot >= 0 and cell is not None:
                expected[slot, 1 + feature * DECADES + cell] += 1
    np.testing.assert_array_equal(counted(columns, slots, [-7, 3]), expected)


def histogram(values: np.ndarray, low: int) -> np.ndarray:
    """Decades of one column."""
    return counted(np.ascontiguousarray(values[np.newaxis]), [0] * len(values), [low])[0, 1:]


def ratio(values: np.ndarray, reference: np.ndarray) -> float:
    """Root mean square over the reference's."""
    return float(np.sqrt(np.mean(values**2) / np.mean(reference**2)))


LAWS = {
    "normal": lambda rng, n: rng.normal(50, 10, n),
    "lognormal": lambda rng, n: rng.lognormal(3, 0.8, n),
    "uniform": lambda rng, n: rng.uniform(0, 100, n),
    "both signs": lambda rng, n: rng.normal(0, 4, n),
    "whole": lambda rng, n: rng.poisson(3, n).astype(float),
}


@pytest.mark.parametrize("law", list(LAWS))
@pytest.mark.parametrize("power", [-3, -2, -1, 0, 1, 2, 3])
def test_units_are_told(law: str, power: int) -> None:
    """Every power of ten is found and named; values as they were are no rescaling."""
    rng = np.random.default_rng(7)
    reference, window = LAWS[law](rng, 20_000), LAWS[law](rng, 500) * 10.0**power
    low = lowest_decade(reference)
    expected, actual = histogram(reference, low), histogram(window, low)
    found = rescaled_by(expected, actual, ratio(window, reference), 0.3)
    assert found == (power or None)
    if power:
        assert shift_p_value(expected, actual, 500) <= 1e-6


@pytest.mark.parametrize("factor", [1.5, 3.0, 4.0, 30.0])
def test_drift_is_no_rescaling(factor: float) -> None:
    """A mean that moves by a factor that is no power of ten, or a shape that changes, is drift."""
    rng = np.random.default_rng(8)
    reference = rng.normal(50, 10, 20_000)
    low = lowest_decade(reference)
    for window in (rng.normal(50 * factor, 10, 500), rng.normal(50 * factor, 10 * factor, 500)):
        found = rescaled_by(
            histogram(reference, low), histogram(window, low), ratio(window, reference), 0.3
        )
        assert found is None


def test_nothing_is_said_of_nothing() -> None:
    """No values, or zeros only, have no exponent."""
    empty = np.zeros(DECADES, np.int64)
    assert rescaled_by(empty, empty, math.nan, 0.3) is None
    assert shift_p_value(empty, empty, 10) == 1.0
    assert lowest_decade(np.zeros(4)) == -7


@pytest.mark.parametrize(
    ("low", "high", "one"),
    [(0.0, 3.0, True), (1.0, 3.0, True), (-3.0, 0.0, True), (-1.0, 3.0, False), (0.0, 0.0, False)],
)
def test_values_of_one_sign(low: float, high: float, *, one: bool) -> None:
    """Nothing but zeros have no mean to speak of."""
    assert lies_on_one_side(low, high) is one
