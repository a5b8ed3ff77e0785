"""The change of a mean loss taken apart: against a plain twin, and on changes of one kind."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.conditional_shift import CellLosses, Decomposition, decompose, shares_of
from tests.thoroughness import examples

CELLS = 4
cells = st.lists(
    st.integers(0, 50).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))),
    min_size=CELLS,
    max_size=CELLS,
)


def losses(counted: list[tuple[int, int]]) -> CellLosses:
    """Cells of (events, wrong ones)."""
    counts, hits = np.array(counted, np.int64).reshape(-1, 2).T
    return shares_of(counts, hits)


def plain(then: list[tuple[int, int]], now: list[tuple[int, int]]) -> dict[str, float]:
    """Every part by its formula, one cell at a time."""
    n, m = sum(c for c, _ in then), sum(c for c, _ in now)
    before = sum(h for _, h in then) / n
    after = sum(h for _, h in now) / m
    mix = -before
    conditional = unseen = noise = unseen_share = 0.0
    for (was, wrong_then), (is_now, wrong_now) in zip(then, now, strict=True):
        share = is_now / m
        if not was:
            mix += share * before
            unseen_share += share
            unseen += wrong_now / m - share * before
            continue
        rate = wrong_then / was
        mix += share * rate
        if is_now:
            conditional += share * (wrong_now / is_now - rate)
            for wrong, size in ((wrong_then, was), (wrong_now, is_now)):
                p = (wrong + 0.5) / (size + 1)
                noise += share * share * p * (1 - p) / size
    return {
        "before": before,
        "after": after,
        "mix": mix,
        "conditional": conditional,
        "unseen": unseen,
        "unseen_share": unseen_share,
        "error": math.sqrt(noise),
    }


@settings(max_examples=examples(200), deadline=None, database=None)
@given(then=cells, now=cells)
def test_the_parts_are_those_of_the_twin_and_add_up(
    then: list[tuple[int, int]], now: list[tuple[int, int]]
) -> None:
    """Also where a cell is empty on a side."""
    found = decompose(losses(then), losses(now))
    if not sum(c for c, _ in then) or not sum(c for c, _ in now):
        assert found is None
        return
    assert found is not None
    total = found.mix.value + found.conditional.value + found.unseen
    assert total == pytest.approx(found.after - found.before, abs=1e-12)
    told = {
        "before": found.before,
        "after": found.after,
        "mix": found.mix.value,
        "conditional": found.conditional.value,
        "unseen": found.unseen,
        "unseen_share": found.unseen_share,
        "error": found.conditional.error,
    }
    assert told == pytest.approx(plain(then, now), abs=1e-12)


def both(then: list[tuple[int, int]], now: list[tuple[int, int]]) -> Decomposition:
    """Of two sides with events."""
    found = decompose(losses(then), losses(now))
    assert found is not None
    return found


def test_another_mix_alone_is_no_conditional_change() -> None:
    """The same shares of wrong ones in each cell."""
    found = both([(900, 90), (100, 50)], [(500, 50), (500, 250)])
    assert found.conditional.value == 0.0
    assert found.mix.value == pytest.approx(0.30 - 0.14)
    assert found.mix.bounds(3.0)[0] > 0.0


def test_the_same_mix_with_more_wrong_is_all_conditional() -> None:
    """In one cell of two."""
    found = both([(900, 90), (100, 50)], [(900, 180), (100, 50)])
    assert found.mix.value == pytest.approx(0.0, abs=1e-15)
    assert found.conditional.value == pytest.approx(0.09)
    assert found.conditional.bounds(3.0)[0] > 0.0


def test_the_error_of_the_conditional_part_is_what_chance_does() -> None:
    """The standard deviation over draws of the same rates is what is told."""
    random = np.random.default_rng(1)
    rates, sizes = np.array([0.02, 0.1, 0.4]), np.array([500, 300, 200])
    drawn = []
    for _ in range(400):
        then, now = (random.binomial(sizes, rates) for _ in range(2))
        found = decompose(shares_of(sizes, then), shares_of(sizes, now))
        assert found is not None
        drawn.append((found.conditional.value, found.conditional.error))
    values, errors = np.array(drawn).T
    assert values.std() == pytest.approx(errors.mean(), rel=0.1)
    assert abs(values.mean()) < 4 * values.std() / 20


def test_cells_of_other_shapes_are_refused() -> None:
    """By a line that says which."""
    with pytest.raises(ValueError, match="cells of shapes"):
        decompose(losses([(1, 0)]), losses([(1, 0), (2, 1)]))
