"""The newest judged window of each length, for /metrics.

Rule.  A judge that was restored has read the counts of its newest windows, and judges them when
somebody looks: a thousand features take most of a second, which nobody who waits for a worker to
be ready should wait for.
"""

from __future__ import annotations

from collections.abc import Callable

from engine.judgement import Judged


class LatestWindows:
    """By window name."""

    def __init__(self) -> None:
        self._judged: dict[str, Judged] = {}
        self._unjudged: dict[str, Callable[[], Judged]] = {}

    def recall(self, name: str, judge: Callable[[], Judged]) -> None:
        """Have a window of before a restart; ``judge`` is called once, at the first look."""
        self._unjudged[name] = judge

    def all(self) -> dict[str, Judged]:
        """Every one, judged."""
        while self._unjudged:
            name, judge = self._unjudged.popitem()
            self._judged[name] = judge()
        return self._judged

    def put(self, judged: Judged) -> None:
        """Take a window, unless a newer one is there."""
        known = self.all().get(judged.window.name)
        if known is None or known.end_ms <= judged.end_ms:
            self._judged[judged.window.name] = judged
