"""Choices out of a fuzzer's bytes: the same bytes always give the same choices.

Rule.  Bytes are taken from the front, and an exhausted input answers zero, so that every input has
a meaning, and cutting or changing one byte changes one choice.  The first of several choices should
be the usual one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

T = TypeVar("T")
_LONG: Final = 0xFF
"""A length byte of this value means that a second byte is added to it."""


class Draw:
    """Reads choices off the front of some bytes."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def exhausted(self) -> bool:
        """Whether every byte was read."""
        return self._at >= len(self._data)

    def byte(self) -> int:
        """0 to 255."""
        at = self._at
        if at >= len(self._data):
            return 0
        self._at = at + 1
        return self._data[at]

    def below(self, bound: int) -> int:
        """0 to bound - 1; ``bound`` is at most 256."""
        return self.byte() % bound

    def number(self) -> int:
        """A signed number of eight bytes."""
        return int.from_bytes(self.bytes(8), "little", signed=True)

    def pick(self, choices: Sequence[T]) -> T:
        """One of them."""
        return choices[self.byte() % len(choices)]

    def bytes(self, count: int) -> bytes:
        """The next bytes, fewer at the end."""
        taken = self._data[self._at : self._at + count]
        self._at += len(taken)
        return taken

    def chunk(self) -> bytes:
        """Bytes behind a byte that says how many, 0 to 510."""
        count = self.byte()
        return self.bytes(count + self.byte() if count == _LONG else count)

    def rest(self) -> bytes:
        """All that is left."""
        return self.bytes(len(self._data))


def chunk(data: bytes) -> bytes:
    """What :meth:`Draw.chunk` reads as ``data``, for seeds."""
    if len(data) < _LONG:
        return bytes([len(data)]) + data
    if len(data) > 2 * _LONG:
        raise ValueError(f"{len(data)} bytes are more than a chunk holds")
    return bytes([_LONG, len(data) - _LONG]) + data
