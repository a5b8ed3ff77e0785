"""A table found by key and by time against dictionaries, whatever was put in and taken out."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.key_table_kernel import (
    DUE_ROWS,
    NEVER,
    find_rows,
    mark_repeated,
    note_due,
    place_rows,
    take_due,
    take_out_rows,
)
from tests.detectors.test_kernels import jit_is_off
from tests.thoroughness import examples

ROWS = 16
KEYS = st.tuples(st.integers(0, 9), st.integers(0, 2))
"""Few first words, so that keys push each other on."""


@settings(max_examples=examples(300), deadline=None)
@given(steps=st.lists(st.tuples(st.booleans(), st.lists(KEYS, max_size=4)), max_size=20))
def test_rows_are_found_like_in_a_dictionary(
    steps: list[tuple[bool, list[tuple[int, int]]]],
) -> None:
    """After putting in and taking out in any order, also where keys stand in each other's way."""
    keys, index = np.zeros((ROWS, 2), np.uint64), np.zeros(2 * ROWS, np.int32)
    known: dict[tuple[int, int], int] = {}
    free = list(range(ROWS))
    for puts, wanted in steps:
        if puts:
            new = [key for key in dict.fromkeys(wanted) if key not in known][: len(free)]
            rows = np.array([free.pop() for _ in new], np.int64)
            for key, row in zip(new, rows.tolist(), strict=True):
                keys[row], known[key] = key, row
            place_rows(rows, keys, index)
        else:
            gone = [key for key in dict.fromkeys(wanted) if key in known]
            rows = np.array([known.pop(key) for key in gone], np.int64)
            take_out_rows(rows, keys, index)
            free += rows.tolist()
        every = [(first, second) for first in range(10) for second in range(3)]
        found = np.empty(len(every), np.int64)
        find_rows(np.array(every, np.uint64), keys, index, found)
        assert found.tolist() == [known.get(key, -1) for key in every]
    assert np.count_nonzero(index) == len(known)


@settings(max_examples=examples(100), deadline=None)
@given(wanted=st.lists(KEYS, max_size=20))
def test_keys_that_come_again_are_marked(wanted: list[tuple[int, int]]) -> None:
    """All of them, the first too."""
    repeated = np.zeros(len(wanted), np.bool_)
    mark_repeated(np.array(wanted, np.uint64).reshape(-1, 2), np.zeros(64, np.int32), repeated)
    times = Counter(wanted)
    assert repeated.tolist() == [times[key] > 1 for key in wanted]


@settings(max_examples=examples(100), deadline=None)
@given(
    steps=st.lists(
        st.tuples(
            st.lists(
                st.tuples(st.integers(0, 3 * DUE_ROWS - 2), st.integers(-5, 30)),
                max_size=6,
                unique_by=lambda pair: pair[0],
            ),
            st.integers(-6, 35),
        ),
        max_size=8,
    )
)
def test_what_is_due_is_taken_once(steps: list[tuple[list[tuple[int, int]], int]]) -> None:
    """All that is due and nothing else, over blocks of which the last is not full."""
    capacity = 3 * DUE_ROWS - 1
    due, earliest = np.full(capacity, NEVER, np.int64), np.full(3, NEVER, np.int64)
    known: dict[int, int] = {}
    for noted, to_ms in steps:
        rows = np.array([row for row, _ in noted], np.int64)
        note_due(rows, np.array([at for _, at in noted], np.int64), due, earliest)
        known.update(noted)
        found = np.empty(capacity, np.int64)
        count = take_due(to_ms, due, earliest, found)
        expected = sorted(row for row, at in known.items() if at <= to_ms)
        assert found[:count].tolist() == expected
        for row in expected:
            del known[row]


def test_the_kernels_ran_compiled() -> None:
    """All have a compiled signature after a call (or, announced, are plain functions)."""
    test_rows_are_found_like_in_a_dictionary()
    test_keys_that_come_again_are_marked()
    test_what_is_due_is_taken_once()
    for function in (
        find_rows, mark_repeated, note_due, place_rows, take_due, take_out_rows,
    ):  # fmt: skip
        assert bool(getattr(function, "nopython_signatures", [])) is not jit_is_off()
