"""An estimator's state, damaged or made up under a right seal: refused, or a bank that works on.

The kernels index by what the state says without checks, so a state that no stream makes must never
reach them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import numpy as np

from detectors import adwin
from detectors.contract import ForeignSnapshotError
from detectors.sealing import fingerprint, seal, unseal
from tests.fuzz.draw import Draw
from tests.fuzz.target import holds

RUNS: Final = 300_000
MAX_BYTES: Final = 200
INSTRUMENTED: Final = ("detectors",)
WORDS: Final = ()
STREAMS: Final = 2
_RAW: Final = 0xF0
_ODD: Final = (0, 1, -1, 2, 5, 6, 7, 31, 32, 33, 1 << 40, (1 << 63) - 1, -(1 << 63))
_REALS: Final = (0.0, 1.0, -1.0, 2.0, 63.0, 1e308, float("inf"), float("nan"), 5e-324)


def columns(rows: int, shift: float = 0.0) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Values for both streams, the second of which moves."""
    random = np.random.default_rng(6)
    found = random.normal(size=(STREAMS, rows))
    found[1, rows // 2 :] += shift
    return found


def prepare() -> Callable[[bytes], None]:
    """A bank that has seen some values, as a tree to be changed."""
    params = adwin.Params()
    owner = fingerprint("adwin", adwin.VERSION, params, STREAMS)
    bank = adwin.build(params, STREAMS)
    bank.advance(columns(150))
    body = unseal(owner, bank.snapshot())
    tree: list[Any] = msgspec.msgpack.decode(body)
    more = columns(300, shift=4.0)

    def execute(data: bytes) -> None:
        draw = Draw(data)
        changed = list(tree)
        for _ in range(1 + draw.below(3)):
            change(changed, draw)
        inside = draw.chunk() if draw.byte() >= _RAW else msgspec.msgpack.encode(changed)
        try:
            found = adwin.build(params, STREAMS, resume=seal(owner, inside))
        except ForeignSnapshotError as error:
            holds(str(error), "a refusal without a reason")
            return
        held = found.snapshot()
        holds(adwin.build(params, STREAMS, resume=held).snapshot() == held, "it does not come back")
        found.advance(more)
        again = found.snapshot()
        adwin.build(params, STREAMS, resume=again)

    return execute


def change(tree: list[Any], draw: Draw) -> None:
    """Put another number, length or value into the state."""
    place = draw.below(len(tree))
    how = draw.below(4)
    held = tree[place]
    if not isinstance(held, bytes) or len(held) % 8 or how == 3:
        tree[place] = draw.pick(_ODD) if draw.byte() < _RAW else draw.chunk()
    elif how == 0 and held:
        numbers = np.frombuffer(held, "<i8").copy()
        numbers[draw.byte() % len(numbers)] = draw.pick(_ODD)
        tree[place] = numbers.tobytes()
    elif how == 1 and held:
        reals = np.frombuffer(held, "<f8").copy()
        reals[draw.byte() % len(reals)] = draw.pick(_REALS)
        tree[place] = reals.tobytes()
    else:
        tree[place] = held[: 8 * draw.byte()] + draw.chunk()


def seeds() -> Mapping[str, bytes]:
    """One change of every kind in every field."""
    return {
        f"change {how} of {field}": bytes([0, field, how, at, at])
        for how in range(4)
        for field in range(6)
        for at in range(3)
    }
