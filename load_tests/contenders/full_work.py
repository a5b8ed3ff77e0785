"""The "full" work of the peers: what a team writes first, per event, in plain Python and River.

Rule.  A 20-bin bisect histogram per numeric feature, a counter per categorical one, River's ADWIN
per numeric feature, kept apart by partition: order exists only within one, so only then do the
alarms of two readers agree.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from typing import Any

from river.drift import ADWIN

from load_tests.event import CATEGORICAL, HISTOGRAM_BINS, NUMERIC


class PartitionWork:
    """Histograms, counters and change detectors of one partition."""

    def __init__(self, edges: dict[str, list[float]]) -> None:
        self.events = 0
        self.alarms: list[tuple[str, int]] = []
        self._numeric = [(name, edges[name], [0] * HISTOGRAM_BINS, ADWIN()) for name in NUMERIC]
        self._categorical: list[tuple[str, Counter[str]]] = [(n, Counter()) for n in CATEGORICAL]

    def update(self, features: dict[str, Any]) -> None:
        """Take in one event's features."""
        self.events += 1
        for name, edges, histogram, detector in self._numeric:
            value = features[name]
            histogram[bisect_right(edges, value)] += 1
            detector.update(value)
            if detector.drift_detected:
                self.alarms.append((name, self.events))
        for name, counter in self._categorical:
            counter[features[name]] += 1


class FullWork:
    """One :class:`PartitionWork` per partition."""

    def __init__(self, edges: dict[str, list[float]], partitions: int) -> None:
        self.partitions = [PartitionWork(edges) for _ in range(partitions)]

    def counted(self) -> dict[int, int]:
        """Partition -> events."""
        return {p: work.events for p, work in enumerate(self.partitions)}

    def alarms(self) -> dict[int, list[tuple[str, int]]]:
        """Partition -> alarms in order."""
        return {p: work.alarms for p, work in enumerate(self.partitions)}
