"""What became of the labels of one model in one source partition.

Rule.  Every label that takes part is exactly one thing at any time, and the things add up to the
labels taken in.  Pending is the one that a label can leave again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, get_args

import msgspec

from engine.snapshot import Whole

LabelOutcome = Literal["matched", "pending", "expired", "duplicate", "corrected"]
LABEL_OUTCOMES: Final[tuple[LabelOutcome, ...]] = get_args(LabelOutcome)


class JoinCounts(msgspec.Struct):
    """What became of the labels that take part, and what else the join met, over its whole life."""

    labels: Whole = 0
    """Labels taken in; the sum of ``by_outcome``."""
    by_outcome: dict[str, Whole] = msgspec.field(default_factory=dict)
    repeats: Whole = 0
    """Predictions that were not the first of their event_id."""
    forgotten: Whole = 0
    """Events let go above the bound on pending ones."""
    unplaced: Whole = 0
    """Times that something came for a pane that was let go; only where a source was called idle
    and then spoke."""

    @property
    def waiting(self) -> int:
        """Labels without a prediction."""
        return self.by_outcome.get("pending", 0)

    def move(self, outcome: LabelOutcome, count: int) -> None:
        """Count labels that became (or, negative, ceased to be) something."""
        now = self.by_outcome.get(outcome, 0) + count
        if now:
            self.by_outcome[outcome] = now
        else:  # equal states are equal, however they came to be
            self.by_outcome.pop(outcome, None)

    def add_up(self) -> bool:
        """Whether every label taken in is exactly one thing."""
        return sum(self.by_outcome.values()) == self.labels

    def change(self, was: Sequence[LabelOutcome], now: Sequence[LabelOutcome]) -> None:
        """Count labels of one event that were something and are something else now."""
        same = len(was)
        if now[:same] != was:
            for outcome in was:
                self.move(outcome, -1)
            same = 0
        for outcome in now[same:]:
            self.move(outcome, 1)
