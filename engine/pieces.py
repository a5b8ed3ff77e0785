"""Parts of a snapshot that do not change any more, and so are written only once.

Theory.  Most of a state is counts of panes that are over: a window of a week over 1,000 features is
tens of megabytes, of which a few panes change between two snapshots.  A large enough block of
counts is a piece: it stands apart from the state, under the SHA-256 of its content, and the state
holds that digest in its place.  Whoever stores snapshots writes a piece when it is new and drops it
when no state names it any more.  A digest is also the check that a piece came back undamaged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from engine.panes import Counts, pack, unpack
from engine.snapshot import SnapshotError

MIN_PIECE_BYTES: Final = 2_048
"""Smaller blocks stand in the state itself: a record of their own would cost more than they do."""
_INLINE: Final = b"\x00"
_PIECE: Final = b"\x01"


class Packed:
    """Counts as bytes; the digest is computed once, and only of a piece."""

    __slots__ = ("content", "digest")

    def __init__(self, content: bytes) -> None:
        self.content = content
        large = len(content) >= MIN_PIECE_BYTES
        self.digest = hashlib.sha256(content).digest() if large else b""

    @classmethod
    def of(cls, counts: Counts) -> Packed:
        """Pack counts."""
        return cls(pack(counts))

    def counts(self, size: int) -> Counts:
        """The counts; engine.panes.PaneError when they are not of this size."""
        return unpack(self.content, size)


def is_stored(stored: bytes) -> bool:
    """Whether this is what stands in a state for a block."""
    return stored[:1] in {_INLINE, _PIECE}


def piece_named(stored: bytes) -> bytes | None:
    """The digest of the piece that a block in a state stands for; None when it is no piece."""
    return stored[1:] if stored[:1] == _PIECE else None


@dataclass
class PieceWriter:
    """Takes the blocks of a state that is being saved."""

    pieces: dict[bytes, bytes] = field(default_factory=dict)
    """Digest -> content."""

    def put(self, packed: Packed) -> bytes:
        """What stands in the state for the block."""
        if not packed.digest:
            return _INLINE + packed.content
        self.pieces[packed.digest] = packed.content
        return _PIECE + packed.digest

    def put_if(self, packed: Packed | None) -> bytes | None:
        """The same of a block that there may not be."""
        return None if packed is None else self.put(packed)


class PieceReader:
    """Gives the blocks of a state that is being restored."""

    def __init__(self, pieces: Mapping[bytes, bytes]) -> None:
        self._pieces = pieces

    def get(self, stored: bytes) -> Packed:
        """The block; SnapshotError when it is missing or damaged."""
        if stored[:1] == _INLINE:
            return Packed(stored[1:])
        digest = stored[1:]
        content = self._pieces.get(digest)
        if stored[:1] != _PIECE or content is None:
            raise SnapshotError(f"the piece {digest.hex()[:16]} is missing")
        packed = Packed(content)
        if packed.digest != digest:
            raise SnapshotError(f"the piece {digest.hex()[:16]} is damaged")
        return packed

    def get_if(self, stored: bytes | None) -> Packed | None:
        """The same of a block that there may not be."""
        return None if stored is None else self.get(stored)
