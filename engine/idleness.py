"""When a silent source may be called idle.

Rule.  Silence alone proves nothing: the reader may be behind, or the broker out of reach.  A source
is idle only when it was read past the end offset noted when the silence began, the idle time-out
has passed since, and the end is still where it was.  It is declared once per silence; the next
record ends it.  Time is an argument (any monotonic clock, milliseconds).
"""

from __future__ import annotations

from typing import Literal

Step = Literal["wait", "note-end", "confirm-end"]


class Silence:
    """The silence of one source (one partition of one input topic)."""

    __slots__ = ("_declared", "_idle_ms", "_noted_at_ms", "_noted_end")

    def __init__(self, idle_ms: int) -> None:
        self._idle_ms = idle_ms
        self._noted_end: int | None = None
        self._noted_at_ms = 0
        self._declared = False

    def broken(self) -> None:
        """A record came."""
        self._noted_end = None
        self._declared = False

    def step(self, position: int, now_ms: int) -> Step:
        """What is needed next: nothing, the end offset to begin with, or the end to confirm.

        ``position`` is the next offset that will be read.
        """
        if self._declared:
            return "wait"
        if self._noted_end is None:
            return "note-end"
        waited = now_ms - self._noted_at_ms >= self._idle_ms
        return "confirm-end" if waited and position >= self._noted_end else "wait"

    def note_end(self, end: int | None, now_ms: int) -> None:
        """The end offset when the silence was noticed; None when the broker did not answer."""
        if end is not None:
            self._noted_end = end
            self._noted_at_ms = now_ms

    def confirm_end(self, end: int | None, position: int) -> bool:
        """Whether the source is idle now, ``end`` being read just now; declares it at most once.

        An end that moved on begins the silence anew: a record is under way.
        """
        if end is None or self._declared:
            return False
        if end > position:
            self._noted_end = None
            return False
        self._declared = True
        return True
