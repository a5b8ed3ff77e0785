"""Columns of numbers as bytes of a state, as narrow as they can be told.

Rule.  Whole numbers are written less their smallest, in the fewest of 0, 1, 2, 4 or 8 bytes each;
all the same take none.  Reals of at most KINDS_TOLD kinds are written as the kinds and one byte
each, others as they are; bits are kept, also of NaN.  There is one way to write a column, and what
is no column is refused.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from engine.join_batches import Floats, Integers
from engine.snapshot import SnapshotError, Whole

KINDS_TOLD: Final = 256
FIRST_LOOK: Final = 1_024
"""More kinds among so many values, and the others need not be looked at."""
WIDTHS: Final = (0, 1, 2, 4, 8)
PackedIntegers = tuple[Whole, int, bytes]
"""Smallest, bytes of each, the others less that."""
PackedReals = tuple[bytes, bytes]
"""Kinds, and which of them each is; without the second, all are the one kind or the kinds are the
values."""
_REAL_BYTES: Final = 8


def pack_integers(values: Integers) -> PackedIntegers:
    """Write whole numbers, shape (n,), each within 2**62 of 0."""
    if not len(values):
        return 0, 0, b""
    low = int(values.min())
    span = int(values.max()) - low
    width = next(width for width in WIDTHS if span < 1 << (8 * width))
    if not width:
        return low, 0, b""
    return low, width, (values - low).astype(f"<u{width}").tobytes()


def unpack_integers(packed: PackedIntegers, count: int) -> Integers:
    """Read ``count`` whole numbers back; SnapshotError when they are none."""
    low, width, content = packed
    if width not in WIDTHS or len(content) != width * count:
        raise SnapshotError(f"{len(content)} bytes are no column of {count} numbers")
    if not width:
        return np.full(count, low, dtype=np.int64)
    found = np.frombuffer(content, dtype=f"<u{width}")
    if count and int(found.max()) > (1 << 62) - max(low, 0):
        raise SnapshotError("a column with a number that is too large")
    return found.astype(np.int64) + low


def pack_reals(values: Floats) -> PackedReals:
    """Write reals, shape (n,)."""
    bits = np.ascontiguousarray(values).view(np.int64)
    if len(np.unique(bits[:FIRST_LOOK])) <= KINDS_TOLD:
        kinds, codes = np.unique(bits, return_inverse=True)
        if len(kinds) <= 1:
            return kinds.astype("<i8").tobytes(), b""
        if len(kinds) <= min(KINDS_TOLD, len(bits) // 2):
            return kinds.astype("<i8").tobytes(), codes.astype(np.uint8).tobytes()
    return bits.astype("<i8").tobytes(), b""


def unpack_reals(packed: PackedReals, count: int) -> Floats:
    """Read ``count`` reals back; SnapshotError when they are none."""
    table, chosen = packed
    if len(table) % _REAL_BYTES:
        raise SnapshotError(f"{len(table)} bytes are no reals")
    kinds = np.frombuffer(table, dtype="<f8").astype(np.float64)
    if not chosen and len(kinds) == count:
        return kinds
    if not chosen and len(kinds) == 1:
        return np.full(count, kinds[0])
    codes = np.frombuffer(chosen, dtype=np.uint8)
    if len(codes) != count or not count or int(codes.max()) >= len(kinds):
        raise SnapshotError(f"no column of {count} reals")
    return kinds[codes]
