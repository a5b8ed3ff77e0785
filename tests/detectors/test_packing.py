"""Counts come back from their bytes, which are those that a plain loop writes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from detectors.packing_kernel import (
    BYTES_A_CELL,
    BYTES_BESIDES,
    DAMAGED,
    pack_cells,
    unpack_cells,
)
from tests.detectors.test_kernels import jit_is_off

LOWEST, HIGHEST = -(1 << 63), (1 << 63) - 1
cell_lists = st.lists(
    st.one_of(st.just(0), st.integers(-3, 300), st.integers(LOWEST, HIGHEST)), max_size=60
)


def packed(cells: list[int]) -> bytes:
    """What the kernel writes, in as little room as it is promised."""
    room = np.full(len(cells) * BYTES_A_CELL + BYTES_BESIDES, 0xAA, np.uint8)
    return room[: pack_cells(np.array(cells, np.int64), room)].tobytes()


def unpacked(data: bytes, size: int) -> list[int] | None:
    """What the kernel reads; None when it refuses."""
    cells = np.zeros(size, np.int64)
    refused = unpack_cells(np.frombuffer(data, np.uint8), cells) == DAMAGED
    return None if refused else cells.tolist()


def varint(number: int) -> bytes:
    """Base 128, lowest first."""
    low, rest = number % 128, number // 128
    return bytes([low]) if rest == 0 else bytes([low + 128]) + varint(rest)


def plainly_packed(cells: list[int]) -> bytes:
    """The same by splitting a list."""
    out, zeros, run = b"", 0, list[int]()
    for cell in [*cells, 0]:
        if cell:
            run.append(cell)
        elif run:
            signed = b"".join(varint(2 * c if c > 0 else -2 * c - 1) for c in run)
            out += varint(zeros) + varint(len(run)) + signed
            zeros, run = 1, []
        else:
            zeros += 1
    return out


@given(cell_lists)
@example([])
@example([0, 0, 0])
@example([LOWEST, 0, HIGHEST, -1, 1])
@example([HIGHEST] * 40)
@example([0] * 200 + [1] * 200)
@example([0, 5] * 30)
def test_cells_are_written_and_read_as_by_a_plain_loop(cells: list[int]) -> None:
    """Every whole number of 64 bits, in runs of every kind, also none at all."""
    data = packed(cells)
    assert data == plainly_packed(cells)
    assert unpacked(data, len(cells)) == cells


@given(st.binary(max_size=40), st.integers(0, 12))
@example(b"\x00\x01" + b"\xff" * 9 + b"\x01", 1)
def test_what_is_read_is_what_would_be_written(data: bytes, size: int) -> None:
    """Bytes are refused, or are the only ones for their cells."""
    cells = unpacked(data, size)
    assert cells is None or packed(cells) == data


def test_a_wide_pane_of_few_events_is_small() -> None:
    """What is zero takes no room."""
    cells = np.zeros(65_000, np.int64)
    cells[::65] = 1
    assert len(packed(cells.tolist())) == 3 * 1_000


@pytest.mark.parametrize("function", [pack_cells, unpack_cells])
def test_the_kernels_ran_compiled(function: object) -> None:
    """After a call there is a compiled signature."""
    packed([1]), unpacked(b"", 1)
    assert jit_is_off() or getattr(function, "signatures", [])
