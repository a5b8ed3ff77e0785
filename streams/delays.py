"""How long it takes from a record to its metric: bucket counts, read at scrape."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Final

BOUNDS_S: Final = (0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0)
HISTORY_S: Final = 600.0
"""Longer is no delay but a backlog being read, and is not counted."""


@dataclass
class Delays:
    """Counts per bucket; the last is everything above the highest bound."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    total_s: float = 0.0

    def note(self, seconds: float) -> None:
        """Count one delay; a negative one (clocks that disagree) counts as none at all."""
        if 0.0 <= seconds <= HISTORY_S:
            self.counts[bisect_left(BOUNDS_S, seconds)] += 1
            self.total_s += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative buckets in Prometheus' form."""
        total, rows = 0, []
        for bound, count in zip([*map(str, BOUNDS_S), "+Inf"], self.counts, strict=True):
            total += count
            rows.append((bound, float(total)))
        return rows
