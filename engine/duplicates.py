"""Duplicates among the last N records of a partition, in offset order.

Rule.  A record is a duplicate if another with its identity lies among the N offsets before it,
whatever became of that one.  This is a function of the log alone: it does not depend on how the
records were fetched, and reading N records again before a snapshot's offset restores it exactly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


class DuplicateFilter:
    """Identities of one (topic, model, version) with their last offset, at most ``last``."""

    def __init__(self, last: int) -> None:
        self._last = last
        self._seen: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._seen)

    def seen_before(
        self, ids: Sequence[str], offsets: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.bool_]:
        """Which rows are duplicates, shape (n,); remembers all of them."""
        seen, last = self._seen, self._last
        repeated = np.zeros(len(ids), dtype=np.bool_)
        for row, (identity, offset) in enumerate(zip(ids, offsets.tolist(), strict=True)):
            before = seen.pop(identity, None)
            repeated[row] = before is not None and before >= offset - last
            seen[identity] = offset
        self._forget(int(offsets[-1]) - last if len(ids) else 0)
        return repeated

    def _forget(self, oldest: int) -> None:
        """Drop what lies behind; insertion order is offset order."""
        behind = []
        for identity, offset in self._seen.items():
            if offset >= oldest:
                break
            behind.append(identity)
        for identity in behind:
            del self._seen[identity]
