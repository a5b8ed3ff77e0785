"""What a number of runs must have met: a simulation in which nothing happens proves nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

LEAST_PER_100: Final = {
    "kill": 40,
    "freeze": 30,
    "stop": 15,
    "zombie": 15,
    "pauses": 500,
    "rebalances": 150,
    "refused commits": 10,
    "kept places": 5,
    "torn snapshot": 5,
    "compacted records": 500,
    "batch sent twice": 50,
    "pending records": 9_000,
    "pending read back": 90,
    "lost disk": 3,
    "power cut": 6,
    "snapshots records": 5_000,
    "judgements": 2_000,
    "judgements of losses": 100,
    "judgements repeated": 100,
    "judgements revised": 200,
    "alerts": 30,
    "retraining-triggers": 60,
    "retraining-triggers repeated": 3,
    "results taken up": 6,
    "alerts about requests": 6,
    "registrations": 8,
    "alerts that a term ended": 8,
    "terms among the panes": 12,
    "promotions told": 5,
    "late": 50,
    "dead-letters": 200,
}
"""By what is counted; of a hundred seeds, about half of what is usual."""


def too_little(seen: Mapping[str, int], seeds: int) -> list[str]:
    """What was met too seldom for this number of seeds, one line each."""
    return [
        f"{name}: {seen.get(name, 0)} in {seeds} seeds, at least {least * seeds // 100} are needed"
        for name, least in LEAST_PER_100.items()
        if seen.get(name, 0) < least * seeds // 100
    ]


def lines(seen: Counter[str]) -> list[str]:
    """All counts, for people."""
    return [f"  {count:>10,}  {name}" for name, count in sorted(seen.items())]
