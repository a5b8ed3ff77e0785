"""Every kernel equals its plain twin, on every kind of value, and really ran compiled."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kafka.partitioner.default import murmur2 as client_murmur2

from detectors import adwin_kernel, kernels
from detectors.kernels import (
    ABOVE_SUM,
    BELOW_SUM,
    CATEGORICAL_EXTRA,
    FIXED_POINT_CLIP,
    NUMERIC_EXTRA,
    SQUARES_BITS,
    SQUARES_HIGH,
    SQUARES_LOW,
    SUM,
    categorical_cells,
    numeric_cells,
)
from tests.detectors import naive
from tests.thoroughness import examples

ANNOUNCED = "LONGSHORE_TESTS_WITHOUT_JIT"

wild = st.one_of(
    st.floats(-100, 100),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, 5e-324, 1.7e308, -1.7e308]),
)
edge_lists = st.lists(
    st.floats(-100, 100).map(lambda edge: edge + 0.0), min_size=1, max_size=70, unique=True
).map(sorted)


def jit_is_off() -> bool:
    """Whether the environment switches compilation off."""
    return os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")


def test_compilation_is_not_switched_off_unannounced() -> None:
    """A run without compilation compares Python with itself: it must be asked for by name."""
    assert not jit_is_off() or os.environ.get(ANNOUNCED) == "1", (
        f"NUMBA_DISABLE_JIT is set: the kernels are not tested; set {ANNOUNCED}=1 if that is meant"
    )


def test_kernels_ran_compiled() -> None:
    """After a call each kernel has a compiled signature (or, announced, is a plain function)."""
    counts = np.zeros((1, numeric_cells(2)), np.int64)
    one, zero, slots = np.ones(1), np.zeros(1), np.zeros(1, np.int32)
    starts, first = np.array([0, 2]), np.zeros(1, np.int64)
    kernels.tally_numeric(
        np.zeros((1, 1)), slots, np.array([0.0, 1.0]), starts, first, counts, zero, one, -one, one
    )
    kernels.tally_codes(np.zeros((1, 1), np.int32), slots, first, counts)
    kernels.murmur2_partitions(np.zeros(3, np.uint8), np.array([3]), 2)
    adwin_kernel.advance_columns(
        np.zeros((0, 1)), np.zeros((0, 2, 3)), np.zeros((0, 2, 3)), np.zeros((0, 2), np.int64),
        np.zeros((0, 3)), np.zeros((0, 4), np.int64), 0.1, 1, 1.0, 1.0,
        np.zeros((0, 2), np.int64), np.zeros((0, 2), np.int64), np.zeros((0, 2, 2)),
        np.zeros(0, np.int64),
    )  # fmt: skip
    for function in (
        kernels.tally_numeric,
        kernels.tally_codes,
        kernels.murmur2_partitions,
        adwin_kernel.advance_columns,
    ):
        signatures = getattr(function, "nopython_signatures", [])
        assert bool(signatures) is not jit_is_off(), function


@settings(max_examples=examples(100), deadline=None)
@given(data=st.data(), features=st.integers(1, 3), rows=st.integers(0, 40))
def test_tally_numeric_equals_its_twin(data: st.DataObject, features: int, rows: int) -> None:
    """Any values, any slots, features side by side: cell for cell as counted one by one."""
    edges = [data.draw(edge_lists) for _ in range(features)]
    columns = data.draw(
        st.lists(st.lists(wild, min_size=rows, max_size=rows), min_size=features, max_size=features)
    )
    slots = data.draw(st.lists(st.integers(-1, 2), min_size=rows, max_size=rows))
    center, step = data.draw(st.floats(-10, 10)), data.draw(st.floats(1e-3, 10))
    low, high = data.draw(st.sampled_from([(-math.inf, math.inf), (-5.0, 5.0), (0.0, math.inf)]))
    sizes = [numeric_cells(len(own)) for own in edges]
    starts = np.cumsum([0, *sizes])
    counts = np.zeros((3, starts[-1]), np.int64)
    before = np.array(columns, np.float64).reshape(features, rows)
    given_columns = before.copy()

    kernels.tally_numeric(
        given_columns,
        np.array(slots, np.int32),
        np.concatenate([np.array(own, np.float64) for own in edges]),
        np.cumsum([0, *map(len, edges)]),
        starts[:-1],
        counts,
        np.full(features, center),
        np.full(features, step),
        np.full(features, low),
        np.full(features, high),
    )

    expected = np.zeros_like(counts)
    for feature, own in enumerate(edges):
        part = expected[:, starts[feature] : starts[feature + 1]]
        for row, slot in enumerate(slots):
            if slot >= 0:
                part[slot] += naive.tally_one(columns[feature][row], own, center, step, low, high)
    np.testing.assert_array_equal(counts, expected)
    np.testing.assert_array_equal(given_columns, before)


@pytest.mark.parametrize("edges", [1, 2, 3, 7, 8, 60, 61, 64, 65, 200])
def test_tally_numeric_places_values_on_and_beside_every_edge(edges: int) -> None:
    """A value on an edge is in the cell above it, the next smaller double in the one below, also
    when a column is longer than a block of the search."""
    own = np.cumsum(np.random.default_rng(edges).exponential(size=edges))
    values = np.concatenate([own, np.nextafter(own, -np.inf), np.full(600, own[-1])])
    counts = np.zeros((1, numeric_cells(edges)), np.int64)
    kernels.tally_numeric(
        values[np.newaxis], np.zeros(values.size, np.int32), own, np.array([0, edges]),
        np.zeros(1, np.int64), counts, np.zeros(1), np.ones(1), np.full(1, -np.inf),
        np.full(1, np.inf),
    )  # fmt: skip
    due = np.full(edges + 1, 2)
    due[0], due[-1] = 1, 601
    np.testing.assert_array_equal(counts[0, : edges + 1], due)


def test_sums_are_clipped_at_their_named_bounds() -> None:
    """The largest doubles count with the clip, so no number of them can overflow a cell early."""
    values = np.array([[-1.7e308, 1.7e308, 1.7e308]])
    counts = np.zeros((1, numeric_cells(1)), np.int64)
    kernels.tally_numeric(
        values, np.zeros(3, np.int32), np.zeros(1), np.array([0, 1]), np.zeros(1, np.int64), counts,
        np.zeros(1), np.full(1, 1e-3), np.full(1, -np.inf), np.full(1, np.inf),
    )  # fmt: skip
    extra = counts[0, 2:]
    assert extra[SUM] == FIXED_POINT_CLIP
    squares = (int(extra[SQUARES_HIGH]) << SQUARES_BITS) + int(extra[SQUARES_LOW])
    assert squares == 3 * FIXED_POINT_CLIP**2
    assert (extra[BELOW_SUM], extra[ABOVE_SUM]) == (-FIXED_POINT_CLIP, 2 * FIXED_POINT_CLIP)


def test_cell_layout_is_what_the_contract_says() -> None:
    """Numeric: E + 1 value cells and 8; categorical: C + 2 value cells and 2."""
    assert (NUMERIC_EXTRA, CATEGORICAL_EXTRA) == (8, 2)
    assert (numeric_cells(61), categorical_cells(5)) == (70, 9)


@settings(max_examples=examples(50), deadline=None)
@given(
    codes=st.lists(st.lists(st.integers(-1, 6), min_size=9, max_size=9), min_size=1, max_size=3),
    slots=st.lists(st.integers(-1, 1), min_size=9, max_size=9),
)
def test_tally_codes_equals_its_twin(codes: list[list[int]], slots: list[int]) -> None:
    """Each code adds one to its own cell; a negative code or slot adds nothing."""
    starts = np.arange(len(codes)) * 7
    counts = np.zeros((2, 7 * len(codes)), np.int64)
    kernels.tally_codes(np.array(codes, np.int32), np.array(slots, np.int32), starts, counts)
    expected = np.zeros_like(counts)
    for feature, column in enumerate(codes):
        for code, slot in zip(column, slots, strict=True):
            if code >= 0 and slot >= 0:
                expected[slot, 7 * feature + code] += 1
    np.testing.assert_array_equal(counts, expected)


@settings(max_examples=examples(100), deadline=None)
@given(keys=st.lists(st.binary(max_size=40), max_size=20), partitions=st.integers(1, 1000))
def test_partitions_equal_the_twin_and_kafkas_client(keys: list[bytes], partitions: int) -> None:
    """Each key goes where kafka-python and the definition send it."""
    found = kernels.murmur2_partitions(
        np.frombuffer(b"".join(keys), np.uint8),
        np.cumsum([len(key) for key in keys], dtype=np.int64),
        partitions,
    )
    assert found.dtype == np.int32
    assert found.tolist() == [(naive.murmur2(key) & 0x7FFFFFFF) % partitions for key in keys]
    assert found.tolist() == [(client_murmur2(key) & 0x7FFFFFFF) % partitions for key in keys]
