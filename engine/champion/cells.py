"""Where each count of a comparison lives: two vectors of int64 cells per pane.

Rule.  As everywhere (:mod:`engine.layout`) all that is kept is a whole number in a cell, so that
panes and partitions add up whatever the order.  Arm 0 is the champion, arm 1 the challenger.

*Arms*: what each version did, by the time of its predictions: counters, the latency's sum in
microseconds and its histogram, sums of ``value``.

*Matches*: what the labels say, by the time of the prediction, with what was known ``maturity``
after it.  Decisions by label, DECISIONS each (negative, positive, none); scores by label in the
version's own bins, the last one for events without a score.  In ``shadow`` both are over pairs of
answers to one event, 3 x 3 and (bins + 1)^2; in ``split`` each arm has its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from engine.comparison_rules import Mode
    from engine.panes import Counts

CHAMPION: Final = 0
CHALLENGER: Final = 1
ARMS: Final = 2
LABELS: Final = 2

EVENTS: Final = 0
"""Arms: events of each arm, two cells, so that the first cells tell whether there was anything."""
PAIRS: Final = 2
"""Arms: events that both answered (of ``shadow``), or that two arms answered (of ``split``)."""
REPEATS: Final = 3
"""Arms: further predictions of an event_id by the same version, counted nowhere else."""
ARM_CELLS: Final = 4
"""Where the first arm's own cells begin."""
ERRORS, DECIDED, POSITIVE, VALUED, VALUE, TIMED, LATENCY_US, LATENCIES = range(8)
"""Cells of one arm, the last being the first of its histogram."""
LATENCY_EDGES_MS: Final = tuple(round(0.5 * 1.08**i, 6) for i in range(160))
"""8 % apart from 0.5 ms to 100 s, so that a quantile is known to 4 %."""
LATENCY_CELLS: Final = len(LATENCY_EDGES_MS) + 1
ARM_SIZE: Final = LATENCIES + LATENCY_CELLS
ARMS_SIZE: Final = ARM_CELLS + ARMS * ARM_SIZE
LATENCY_CLIP_MS: Final = 3_600_000.0
"""A latency is clipped there, so that sums stay exact."""
VALUE_STEP: Final = 0.01
VALUE_CLIP: Final = 2.0**31 * VALUE_STEP
"""Values are clipped there."""

MADE: Final = 0
MATCHED: Final = 1
ASSUMED: Final = 2
MATCH_CELLS: Final = 3
"""Where the decisions begin."""
DECISIONS: Final = 3
NO_DECISION: Final = 2


def arm_cell(arm: int, cell: int) -> int:
    """Index of one of an arm's own cells."""
    return ARM_CELLS + arm * ARM_SIZE + cell


@dataclass(frozen=True, slots=True)
class MatchLayout:
    """The cells of matches."""

    mode: Mode
    bins: int
    """Of the scores of either version, without the one for none."""

    @property
    def scores(self) -> int:
        """First cell of the scores."""
        return MATCH_CELLS + LABELS * self.decision_cells

    @property
    def decision_cells(self) -> int:
        """Cells of the decisions of one label."""
        return DECISIONS * DECISIONS if self.mode == "shadow" else ARMS * DECISIONS

    @property
    def score_cells(self) -> int:
        """Cells of the scores of one label."""
        width = self.bins + 1
        return width * width if self.mode == "shadow" else ARMS * width

    @property
    def size(self) -> int:
        """Cells of the whole vector."""
        return self.scores + LABELS * self.score_cells

    def decisions(self, counts: Counts) -> Counts:
        """Shape (label, champion's decision, challenger's) or, split, (label, arm, decision)."""
        wide = DECISIONS if self.mode == "shadow" else ARMS
        part = counts[MATCH_CELLS : self.scores]
        return part.reshape(LABELS, wide, DECISIONS)

    def histograms(self, counts: Counts) -> Counts:
        """Shape (label, champion's bin, challenger's bin) or, split, (label, arm, bin), without
        events that lack a score."""
        wide = self.bins + 1 if self.mode == "shadow" else ARMS
        found = counts[self.scores :].reshape(LABELS, wide, self.bins + 1)
        return found[:, :-1, :-1] if self.mode == "shadow" else found[:, :, :-1]


def nothing(size: int) -> Counts:
    """A vector without counts."""
    return np.zeros(size, dtype=np.int64)
