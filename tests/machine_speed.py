"""How quick the machine is while the tests run, for budgets that are seconds of a known machine.

Rule.  The same plain work is timed every SAMPLE_EVERY_S by the processor time that it took, so that
waiting for a turn does not count but a slower core does: a neighbour on the same silicon, a lower
clock.  The median over the run, over REFERENCE_S, is how many times slower the machine was; budgets
grow by that and never shrink.
"""

from __future__ import annotations

import time
from statistics import median
from typing import Final

SAMPLE_EVERY_S: Final = 5.0
STEPS: Final = 200_000
REFERENCE_S: Final = 0.0140
"""What the work takes beside the tests on the machine that the budgets were set on."""


def work() -> int:
    """A fixed number of plain interpreter steps."""
    total = 0
    for step in range(STEPS):
        total = (total * 31 + step) & 0xFFFFFFFF
    return total


class MachineSpeed:
    """Samples while somebody calls :meth:`tick`, however often."""

    def __init__(self) -> None:
        self._sampled = float("-inf")
        self._taken_s: list[float] = []

    def tick(self) -> None:
        """Time the work again, if the last time is long enough ago."""
        now = time.monotonic()
        if now - self._sampled < SAMPLE_EVERY_S:
            return
        self._sampled = now
        began = time.process_time()
        work()
        self._taken_s.append(time.process_time() - began)

    def slower(self) -> float:
        """How many times slower than the reference, 1 at least; 1 without a sample."""
        return max(1.0, median(self._taken_s) / REFERENCE_S) if self._taken_s else 1.0
