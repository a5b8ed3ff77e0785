"""Plain twins of the kernels that bad data are told by: one value at a time, Python numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

POWERS = [float(f"1e{d}") for d in range(-307, 309)]
"""The powers of ten that are normal doubles."""


def decade_cell(value: float, lowest: int, cells: int) -> int | None:
    """The cell of a value's decimal exponent; None for zero, subnormals and what is not finite."""
    if not math.isfinite(value) or abs(value) < 2.2250738585072014e-308:
        return None
    decade = sum(power <= abs(value) for power in POWERS) - 308
    return min(max(decade - lowest, 0), cells - 1)


def stale_alarms(values: Sequence[float], after: int) -> list[tuple[int, int]]:
    """(row, finite values seen) whenever a run of equal values reaches a multiple of ``after``."""
    found, finite = [], 0
    run: list[float] = []
    for row, value in enumerate(values):
        if not math.isfinite(value):
            continue
        finite += 1
        run = [*run, value] if run and run[-1] == value else [value]
        if len(run) % after == 0:
            found.append((row, finite))
    return found
