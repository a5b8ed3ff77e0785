"""A tallying that is kept waiting before it flushes, as in a process busy with other things.

Rule.  Nothing else takes time inside a worker here, so flushes would come at the same moments
between the same batches whatever else a seed decides.  How long each waits comes from a generator
of its own: a seed without pauses is the run that it always was.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from random import Random
from typing import Any

from streams.tallying import Tallying


class Pauses:
    """How long each flush of a run waits."""

    def __init__(self, seed: int, longest_s: float) -> None:
        self.seen: Counter[str] = Counter()
        self._longest_s = longest_s
        self._chance = Random(f"pause {seed}")

    async def wait(self) -> None:
        """Pass the next pause."""
        if self._longest_s:
            self.seen["pauses"] += 1
            await asyncio.sleep(self._chance.random() * self._longest_s)


class PausingTallying(Tallying):
    """The real one, flushing late."""

    def __init__(self, *parts: Any, pauses: Pauses) -> None:  # noqa: ANN401 - its parts
        super().__init__(*parts)
        self._pauses = pauses

    async def flush(self) -> None:
        """The real one, after a pause."""
        await self._pauses.wait()
        await super().flush()
