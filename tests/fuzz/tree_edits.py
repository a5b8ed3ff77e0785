"""Edits of a tree of plain values, drawn by a fuzzer: a sound state with something wrong inside.

Theory.  A state behind a checksum, or packed counts inside a record, are never reached by changing
bytes.  So the tree itself is changed (a value, an item more or less, two items exchanged, counts
that no tally makes) and sealed again as its writer would.
"""

from __future__ import annotations

import copy
from typing import Any, Final
from zlib import crc32

import numpy as np

from engine.panes import CHECKSUM_BYTES, pack
from engine.timestamps import NEWEST_MS
from tests.engine.models import START
from tests.fuzz.draw import Draw

ODD_VALUES: Final[tuple[Any, ...]] = (
    None,
    0,
    1,
    -1,
    7,
    START,
    START + 10_000,
    START + 1,
    NEWEST_MS,
    1 << 31,
    1 << 48,
    (1 << 63) - 1,
    -(1 << 63),
    (1 << 64) - 1,
    True,
    0.5,
    float("nan"),
    float("inf"),
    "",
    "predictions",
    "adwin",
    "m@v1",
    "\u0000",
    b"",
    b"\x00",
    b"\x01",
    b"\x01" + b"\xaa" * 32,
    [],
    [1, 2],
    {},
    {"predictions": 1},
    {1: b""},
)
ODD_CELLS: Final = (0, 1, -1, 1 << 20, 1 << 48, (1 << 48) + 1, (1 << 63) - 1, -(1 << 63))
MAX_EDITS: Final = 4
_HOW: Final = 8


def edited(tree: Any, draw: Draw, cells: int) -> Any:  # noqa: ANN401 - plain values
    """A copy with one to MAX_EDITS changes; ``cells`` is the usual size of counts."""
    top = [copy.deepcopy(tree)]
    for _ in range(1 + draw.below(MAX_EDITS)):
        _edit(top, draw, cells)
    return top[0]


def _edit(top: list[Any], draw: Draw, cells: int) -> None:
    """Walk down by choice and change what stands there."""
    holder: Any = top
    place: Any = 0
    while isinstance(holder[place], (list, dict)) and holder[place]:
        step = draw.byte()
        if step >= 0xF8:
            break
        holder = holder[place]
        places = list(holder) if isinstance(holder, dict) else range(len(holder))
        place = places[step % len(places)]
    how = draw.below(_HOW)
    if how <= 2:
        holder[place] = copy.deepcopy(draw.pick(ODD_VALUES))
    elif how == 3:
        _nudge(holder, place, draw)
    elif how == 4:
        holder[place] = counts(draw, cells)
    elif how == 5 and holder is not top:
        del holder[place]
    elif how == 6:
        _put(holder, copy.deepcopy(holder[place]), draw)
    elif how == 7:
        holder[place] = draw.chunk()


def _nudge(holder: Any, place: Any, draw: Draw) -> None:  # noqa: ANN401
    """Change a value a little, as its type allows."""
    value = holder[place]
    if type(value) is int:
        value += draw.pick((1, -1, 10_000, -10_000, 60_000, 1 << 40, -(1 << 40)))
        value = min(max(value, -(1 << 63)), (1 << 64) - 1)  # what msgpack can hold
    elif isinstance(value, bytes):
        at = draw.byte() % (len(value) + 1)
        value = value[:at] + draw.pick((b"", b"\x00", b"\xff")) + value[at + 1 :]
    elif isinstance(value, str):
        value += draw.pick(("x", "@", "\u00e9", "9" * 200))
    elif type(value) is bool:
        value = not value
    elif value is None:
        value = START
    holder[place] = value


def _put(holder: Any, value: Any, draw: Draw) -> None:  # noqa: ANN401
    """One item more."""
    if isinstance(holder, dict):
        key = draw.pick(ODD_VALUES)
        usual = next(iter(holder), None)
        if isinstance(key, (list, dict)) or type(key) is not type(usual):
            key = usual
        holder[key] = value
    else:
        holder.insert(draw.below(len(holder) + 1) if len(holder) < 256 else 0, value)


def counts(draw: Draw, cells: int) -> bytes:
    """Packed counts: of the usual size or not, with cells that no tally makes, or runs that nobody
    writes behind a sound checksum; inline marker or not."""
    marker = draw.pick((b"\x00", b""))
    if draw.below(4) == 0:
        runs = draw.bytes(draw.below(16))
        return marker + runs + crc32(runs, cells).to_bytes(CHECKSUM_BYTES, "little")
    size = max(0, cells + draw.pick((0, 0, 0, 1, -1, -cells)))
    values = np.zeros(size, dtype=np.int64)
    for _ in range(draw.below(3)):
        if size:
            values[draw.byte() % size] = draw.pick(ODD_CELLS)
    return marker + pack(values)
