"""Columns come back from their bytes, and take no more of them than they must."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.packed_columns import (
    PackedIntegers,
    PackedReals,
    pack_integers,
    pack_reals,
    unpack_integers,
    unpack_reals,
)
from engine.snapshot import SnapshotError
from tests.thoroughness import examples

LARGEST = 1 << 61


@settings(max_examples=examples(300), deadline=None)
@given(st.lists(st.integers(0, 300) | st.integers(-LARGEST, LARGEST), max_size=30))
def test_whole_numbers_read_back(numbers: list[int]) -> None:
    """Any, none included."""
    packed = pack_integers(np.array(numbers, np.int64))
    assert unpack_integers(packed, len(numbers)).tolist() == numbers


@settings(max_examples=examples(300), deadline=None)
@given(st.lists(st.sampled_from([0.0, -0.0, 1.0, math.nan]) | st.floats(), max_size=30))
def test_reals_read_back(numbers: list[float]) -> None:
    """To the bit: NaN, both zeros and infinities too."""
    values = np.array(numbers, np.float64)
    found = unpack_reals(pack_reals(values), len(numbers))
    assert found.tobytes() == values.tobytes()


def test_columns_are_narrow() -> None:
    """Times of one hour take four bytes, labels one, and what is always the same none."""
    times_ms = np.arange(1_000, dtype=np.int64) * 3_600 + 1_700_000_000_000
    assert pack_integers(times_ms)[1] == 4
    assert pack_integers(np.full(1_000, 7, np.int64)) == (7, 0, b"")
    kinds, codes = pack_reals(np.arange(1_000) % 2 * 1.0)
    assert (len(kinds), len(codes)) == (16, 1_000)
    assert pack_reals(np.full(1_000, math.nan))[1] == b""
    assert len(pack_reals(np.random.default_rng(1).random(5_000))[0]) == 40_000


@pytest.mark.parametrize(
    "packed",
    [(0, 3, bytes(6)), (0, 2, bytes(3)), (0, 0, b"x"), (0, -1, b""), (1, 8, b"\xff" * 16)],
)
def test_no_whole_numbers_are_refused(packed: PackedIntegers) -> None:
    """A width that there is not, too few bytes, too many, or too large a number."""
    with pytest.raises(SnapshotError):
        unpack_integers(packed, 2)


@pytest.mark.parametrize(
    "packed",
    [(bytes(7), b""), (b"", b""), (bytes(24), b""), (bytes(8), b"\0\1"), (bytes(8), b"\0")],
)
def test_no_reals_are_refused(packed: PackedReals) -> None:
    """Cut short, none at all, too many, or of a kind that there is not."""
    with pytest.raises(SnapshotError):
        unpack_reals(packed, 2)
