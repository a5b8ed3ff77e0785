"""Distinct users of either version, of a split: exact up to a bound, a sample of them beyond it.

Rule.  A user is the salted 64-bit digest of an event's ``unit``, and is kept with the arms that it
was seen in.  Of more users than fit, those stay whose digest ends in ``level`` zeros, the smallest
level at which they fit (adaptive sampling: Wegman 1984, analysed by Flajolet 1990): a sample of
users, not of events, and drawn without looking at the arm.  So of any two sets the union is that of
all their events, whatever was counted where and in which order, and its shares are as good as
those of everybody for telling whether the split is the promised one.

The salt is the comparison's, so that neither are digests those of anybody else's, nor is the sample
tied to whatever hash the traffic was split by.  No id is kept, and none is told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from engine.panes import PaneError
from engine.snapshot import Whole

MAX_LOOK_USERS: Final = 4_096
"""Users that a source partition keeps of one look."""
MAX_SPLIT_USERS: Final = 32_768
"""Users that are kept of a comparison."""
HIGHEST_LEVEL: Final = 48
"""Ends of so many zeros: more users than there are people."""
ANY_ARM: Final = 3
DIGEST_BYTES: Final = 8
SALT_BYTES: Final = 64
"""As many as BLAKE2b takes."""
Digests = npt.NDArray[np.uint64]


class UserCounts(NamedTuple):
    """Users of a sample by where they were seen."""

    champion: int
    """With the champion only."""
    challenger: int
    both: int
    level: int
    """One of 2 ** level users is in the sample."""
    unknown: int
    """Events that told no user."""


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    level: Whole
    unknown: Whole
    digests: bytes
    arms: bytes


_DECODE: Final = msgspec.msgpack.Decoder(_Packed).decode


def digests_of(units: Sequence[object] | None, salt: bytes, count: int) -> Digests:
    """A digest each, shape (count,); 0, which no user has, where an event tells none."""
    if units is None:
        return np.zeros(count, np.uint64)
    key = salt[:SALT_BYTES]
    found = b"".join(
        hashlib.blake2b(
            unit.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES, key=key
        ).digest()
        if isinstance(unit, str) and unit
        else bytes(DIGEST_BYTES)
        for unit in units
    )
    return np.frombuffer(found, "<u8").astype(np.uint64)


class Users:
    """A set of users, of at most ``room`` of them."""

    def __init__(
        self,
        room: int,
        level: int = 0,
        unknown: int = 0,
        digests: Digests | None = None,
        arms: npt.NDArray[np.uint8] | None = None,
    ) -> None:
        """Nobody yet, or those of a set that was sound."""
        self.level = level
        self.unknown = unknown
        self._room = room
        self._digests: Digests = np.empty(0, np.uint64) if digests is None else digests
        self._arms = np.empty(0, np.uint8) if arms is None else arms

    @property
    def kept(self) -> int:
        """How many users are kept."""
        return len(self._digests)

    def add(self, digests: Digests, arms: npt.NDArray[np.int64]) -> None:
        """Events of users, shape (n,); ``arms`` are 0 or 1 each."""
        known = digests > 0
        self.unknown += int(len(known) - known.sum())
        self._join(digests[known], (1 << arms[known]).astype(np.uint8))

    def merge(self, other: Users) -> None:
        """The users of another set as well."""
        self.unknown += other.unknown
        self.level = max(self.level, other.level)
        self._join(other._digests, other._arms)

    def counts(self) -> UserCounts:
        """How many there are."""
        by_arms = np.bincount(self._arms, minlength=ANY_ARM + 1).tolist()
        return UserCounts(by_arms[1], by_arms[2], by_arms[ANY_ARM], self.level, self.unknown)

    def pack(self) -> bytes:
        """As bytes, equal sets as equal ones."""
        held = (self._digests.astype("<u8").tobytes(), self._arms.tobytes())
        return msgspec.msgpack.encode(_Packed(self.level, self.unknown, *held))

    def _join(self, digests: Digests, arms: npt.NDArray[np.uint8]) -> None:
        together = np.concatenate([self._digests, digests])
        places = np.argsort(together, kind="stable")
        together, arms = together[places], np.concatenate([self._arms, arms])[places]
        firsts = np.flatnonzero(np.diff(together, prepend=np.uint64(0)) > 0)
        if len(firsts):
            arms = np.bitwise_or.reduceat(arms, firsts)
        self._digests, self._arms = together[firsts], arms
        self._thin_out()
        while len(self._digests) > self._room and self.level < HIGHEST_LEVEL:
            self.level += 1
            self._thin_out()

    def _thin_out(self) -> None:
        kept = _is_sampled(self._digests, self.level)
        self._digests, self._arms = self._digests[kept], self._arms[kept]


def unpack_users(data: bytes, room: int) -> Users:
    """Read a set back; PaneError when it is none of at most ``room`` users."""
    try:
        held = _DECODE(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise PaneError(f"no set of users: {error}") from error
    count = len(held.arms)
    if len(held.digests) != count * DIGEST_BYTES or count > room:
        raise PaneError(f"a set of {count} users in {len(held.digests)} bytes")
    if not 0 <= held.level <= HIGHEST_LEVEL or held.unknown < 0:
        raise PaneError(f"a set of users at level {held.level}")
    digests = np.frombuffer(held.digests, "<u8").astype(np.uint64)
    arms = np.frombuffer(held.arms, np.uint8).copy()
    if count and not (
        (digests[1:] > digests[:-1]).all()
        and digests[0] > 0
        and _is_sampled(digests, held.level).all()
        and 0 < arms.min() <= arms.max() <= ANY_ARM
    ):
        raise PaneError("a set of users that no tally makes")
    return Users(room, held.level, held.unknown, digests, arms)


def refuse_impossible_users(packed: bytes, *, told: bool) -> None:
    """PaneError for what no tally writes beside a pane; ``told`` is whether it tells users."""
    if packed and not told:
        raise PaneError("users of what is no split")
    if packed:
        unpack_users(packed, MAX_LOOK_USERS)


def union_of(packed: Iterable[bytes], rooms: int, room: int) -> Users:
    """The union of packed sets, each of at most ``rooms`` users, in a set of ``room``."""
    found = Users(room)
    for data in filter(None, packed):
        found.merge(unpack_users(data, rooms))
    return found


def _is_sampled(digests: Digests, level: int) -> npt.NDArray[np.bool_]:
    kept: npt.NDArray[np.bool_] = digests & np.uint64((1 << level) - 1) == 0
    return kept
