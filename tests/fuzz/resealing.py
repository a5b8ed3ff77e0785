"""Snapshots of a tally and a judge changed inside and sealed again, so that their checksum holds.

Rule.  Whatever is inside: SnapshotError, or a state that says of itself what a further restore says
of it too, and that works on.  A snapshot changed from outside is refused, or it is the very same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final

import msgspec

from engine.judge import Judge
from engine.snapshot import FORMAT, Snapshot, SnapshotError
from engine.tally import Tally
from tests.fuzz.draw import Draw
from tests.fuzz.target import holds
from tests.fuzz.tree_edits import edited

Resume = Callable[[Snapshot], Tally | Judge]
_HEAD: Final = len(b"LSHR") + 1 + 32
_FROM_OUTSIDE: Final = 0xE0
_RAW_BODY: Final = 0xD0


def sealed(body: bytes) -> bytes:
    """An envelope with a right checksum around anything."""
    return b"LSHR" + bytes([FORMAT]) + hashlib.sha256(body).digest() + body


def changed_inside(sound: Snapshot, draw: Draw, tree: Any, cells: int) -> Snapshot:  # noqa: ANN401
    """The snapshot with its state or its pieces changed."""
    how = draw.byte()
    if how >= _FROM_OUTSIDE:
        at = (draw.byte() | draw.byte() << 8) % (len(sound.state) + 1)
        return Snapshot(sound.state[:at] + draw.chunk() + sound.state[at + 1 :], sound.pieces)
    if how >= _RAW_BODY:
        return Snapshot(sealed(draw.rest()), sound.pieces)
    pieces = dict(sound.pieces)
    if how & 7 == 1 and pieces:
        digest = draw.pick(sorted(pieces))
        kept = pieces.pop(digest)
        if how & 8:
            pieces[digest] = kept[:-1] + draw.chunk()
    body = msgspec.msgpack.encode(edited(tree, draw, cells))
    return Snapshot(sealed(body), pieces)


def check(
    resume: Resume, sound: Snapshot, cells: int, work_on: Callable[[Any], None]
) -> Callable[[bytes], None]:
    """An execution over a sound snapshot; ``work_on`` gives the restored state something to do."""
    tree: Any = msgspec.msgpack.decode(sound.state[_HEAD:], strict=False)
    again = resume(sound).snapshot()

    def execute(data: bytes) -> None:
        draw = Draw(data)
        outside = data[:1] >= bytes([_FROM_OUTSIDE])
        changed = changed_inside(sound, draw, tree, cells)
        try:
            state = resume(changed)
        except SnapshotError as error:
            holds(str(error), "a refusal without a reason")
            return
        held = state.snapshot()
        if outside:
            holds(held == again, "damage passes for a sound state")
        else:
            twice = resume(held).snapshot()
            holds(resume(held).snapshot() == twice, "the state does not come back")
            work_on(resume(held))

    return execute
