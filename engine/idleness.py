"""When a silent source may be called idle.

Rule.  A source here is one model on one partition of one input topic.  Silence alone proves
nothing: the reader may be behind, or the broker out of reach.  A source is idle only when the
partition was read past the end offset noted when the silence began, the idle time-out has passed
since, and the partition was then read past its end once more, all without a record of the model.
So it does not matter that other models keep the partition busy.  It is declared once per silence;
the next record ends it.  Time is an argument (any monotonic clock, milliseconds).
"""

from __future__ import annotations

from typing import Literal

Step = Literal["wait", "ask", "idle"]


class Silence:
    """The silence of one source."""

    __slots__ = ("_declared", "_first_end", "_idle_ms", "_last_end", "_noted_at_ms")

    def __init__(self, idle_ms: int) -> None:
        self._idle_ms = idle_ms
        self._first_end: int | None = None
        self._noted_at_ms = 0
        self._last_end: int | None = None
        self._declared = False

    def broken(self) -> None:
        """A record of the model came."""
        self._first_end = None
        self._last_end = None
        self._declared = False

    def step(self, position: int, now_ms: int) -> Step:
        """What is needed next: nothing yet, the partition's end offset (tell it to
        :meth:`answered`), or a declaration; the last is said once.

        ``position`` is the next offset that will be read.
        """
        if self._declared:
            return "wait"
        if self._first_end is None:
            return "ask"
        if position < self._first_end or now_ms - self._noted_at_ms < self._idle_ms:
            return "wait"
        if self._last_end is None:
            return "ask"
        if position < self._last_end:
            return "wait"
        self._declared = True
        return "idle"

    def answered(self, end: int | None, now_ms: int) -> None:
        """The partition's end offset as it is now; None when the broker did not answer."""
        if end is None:
            return
        if self._first_end is None:
            self._first_end = end
            self._noted_at_ms = now_ms
        else:
            self._last_end = end
