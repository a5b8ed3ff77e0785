"""Bins: what quantile edges with atoms and the coarse merge promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.bins import coarse_merge, quantile_edges
from tests.detectors import naive
from tests.detectors.samples import cell_counts
from tests.thoroughness import examples

reference_values = st.one_of(
    st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=200),
    st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=200),
    st.lists(st.sampled_from([0.0, -0.0, 5e-324, -5e-324, 1.0]), min_size=1, max_size=50),
    st.integers(0, 10**6).map(
        lambda seed: np.random.default_rng(seed).exponential(size=700).round(1).tolist()
    ),
)


@settings(max_examples=examples(200), deadline=None)
@given(values=reference_values, fine_bins=st.integers(1, 80))
def test_edges_hold_the_reference_and_give_atoms_their_own_bin(
    values: list[float], fine_bins: int
) -> None:
    """Strictly increasing; nothing of the reference below or above; a value with more than a bin's
    share is alone in its bin; no bin that holds several values has more than two bins' shares."""
    array = np.array(values)
    edges = quantile_edges(array, fine_bins)
    assert bool(np.all(np.diff(edges) > 0))
    assert 2 <= edges.size <= 2 * fine_bins + 2
    assert edges[0] == array.min()
    assert edges[-1] == np.nextafter(array.max(), np.inf)
    counts = cell_counts(array, edges)
    assert (counts[0], counts[-1], counts.sum()) == (0, 0, array.size)
    distinct, repeats = np.unique(array + 0.0, return_counts=True)
    cells = np.searchsorted(edges, distinct, side="right")
    for value, repeat, cell in zip(distinct, repeats, cells, strict=True):
        if repeat * fine_bins > array.size:
            assert edges[cell - 1] == value
            assert edges[cell] == np.nextafter(value, np.inf)
    heavy = repeats * fine_bins > array.size
    for cell in np.unique(cells[~heavy]):
        assert counts[cell] <= 3 * math.ceil(array.size / fine_bins)


@settings(max_examples=examples(50), deadline=None)
@given(values=reference_values, fine_bins=st.integers(1, 80), seed=st.integers(0, 99))
def test_edges_depend_on_the_values_and_not_on_their_order(
    values: list[float], fine_bins: int, seed: int
) -> None:
    """Shuffled, the same reference gives the same bytes."""
    shuffled = np.random.default_rng(seed).permutation(values)
    one, other = quantile_edges(np.array(values), fine_bins), quantile_edges(shuffled, fine_bins)
    assert one.tobytes() == other.tobytes()


def test_distinct_values_fall_into_equal_bins() -> None:
    """6,000 distinct values and 60 bins: 100 in each."""
    values = np.random.default_rng(2).normal(size=6000)
    counts = cell_counts(values, quantile_edges(values, 60))
    assert counts[1:-1].tolist() == [100] * 60


def test_a_zero_inflated_feature_keeps_its_resolution() -> None:
    """Half zeros: one bin for zero, and about half of the bins for the rest."""
    values = np.concatenate([np.zeros(3000), np.random.default_rng(3).exponential(size=3000)])
    counts = cell_counts(values, quantile_edges(values, 60))
    filled = counts[counts > 0]
    assert filled[0] == 3000
    assert filled.size == 31
    assert filled[1:].max() <= 101


@pytest.mark.parametrize(
    ("values", "edges"),
    [
        ([5.0], [5.0, 5.000000000000001]),
        ([-0.0, 0.0], [0.0, 5e-324]),
        ([0.0, 1.0], [0.0, 5e-324, 1.0, 1.0000000000000002]),
        ([7.0] * 1000, [7.0, 7.000000000000001]),
    ],
)
def test_tiny_references(values: list[float], edges: list[float]) -> None:
    """One value, one value twice, two values, a constant."""
    assert quantile_edges(np.array(values), 60).tolist() == edges


@pytest.mark.parametrize(
    ("values", "fine_bins", "fault"),
    [
        ([], 60, "without values"),
        ([1.0, math.nan], 60, "not finite"),
        ([1.0, math.inf], 60, "not finite"),
        ([-math.inf, 1.0], 60, "not finite"),
        ([1.7976931348623157e308], 60, "largest double"),
        ([1.0], 0, "fine_bins"),
    ],
)
def test_what_cannot_be_binned_is_refused(values: list[float], fine_bins: int, fault: str) -> None:
    """The message says what is at fault."""
    with pytest.raises(ValueError, match=fault):
        quantile_edges(np.array(values), fine_bins)


def test_sixty_equal_fine_bins_merge_into_deciles() -> None:
    """Six fine bins each, below and above apart."""
    coarse = coarse_merge(np.array([0, *[100] * 60, 0]), 10)
    assert coarse.tolist() == [0, *np.repeat(np.arange(1, 11), 6).tolist(), 11]


@settings(max_examples=examples(100), deadline=None)
@given(
    inner=st.lists(st.sampled_from([0, 0, 1, 2, 5, 30, 100]), min_size=1, max_size=10),
    outer=st.tuples(st.integers(0, 5), st.integers(0, 5)),
    bins=st.integers(1, 6),
)
def test_merge_is_the_cheapest_of_all(inner: list[int], outer: tuple[int, int], bins: int) -> None:
    """No division into at most ``bins`` groups comes closer to equal shares; groups run on without
    gaps, and the outer cells stand alone."""
    coarse = coarse_merge(np.array([outer[0], *inner, outer[1]]), bins)
    assert coarse.dtype == np.int64
    steps = np.diff(coarse)
    assert coarse[0] == 0
    assert set(steps.tolist()) <= {0, 1}
    assert (steps[0], steps[-1]) == (1, 1)
    assert coarse[-1] <= bins + 1
    starts = [0, *(np.flatnonzero(steps[1:-1]) + 1).tolist()]
    cost = naive.merge_cost(inner, starts, bins)
    assert math.isclose(cost, naive.cheapest_merge(inner, bins), abs_tol=1e-9)


def test_atoms_leave_fewer_groups() -> None:
    """A heavy atom is a group of its own and the little that is left is not cut up further."""
    coarse = coarse_merge(np.array([0, 900, *[10] * 10, 0]), 10)
    assert coarse.tolist() == [0, 1, *[2] * 10, 3]
    rare = coarse_merge(np.array([0, 996, 1, 1, 2, 0]), 10)
    assert rare.tolist() == [0, 1, 2, 2, 2, 3]


@pytest.mark.parametrize(("counts", "bins"), [([1, 2], 10), ([1, 2, 3], 0)])
def test_a_merge_of_nothing_is_refused(counts: list[int], bins: int) -> None:
    """There is an inner cell and at least one bin."""
    with pytest.raises(ValueError, match=r"inner cell|bins"):
        coarse_merge(np.array(counts), bins)
