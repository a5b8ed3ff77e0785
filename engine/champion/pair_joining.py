"""The labels' side of a comparison: pairs of predictions joined with their labels.

Rule.  To the join (:mod:`engine.join`) a pair is one prediction, read when its second answer was:
so corrections, repeats, expiry and restarts are those of every other label, and what an event adds
is a function of its records.  Of a split each first prediction of an event is one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.champion.cells import ASSUMED, MADE, MATCH_CELLS, MATCHED
from engine.champion.comparison import Comparison
from engine.join_store import JoinStore
from engine.joining import Joining
from engine.panes import Counts
from engine.performance_counting import Matches


class PairJoining(Joining):
    """The join of one comparison in one source partition."""

    def __init__(self, comparison: Comparison, store: JoinStore) -> None:
        super().__init__(comparison, comparison.joined, store)
        self._cells = comparison.matches

    def cells_of(self, matches: Matches, slots: int) -> Counts:
        """Cells of all matches, shape (slots, size)."""
        layout = self._cells
        counts = np.zeros((slots, layout.size), dtype=np.int64)
        flat = counts.reshape(-1)
        firsts = matches.slots * layout.size

        def add(chosen: npt.NDArray[np.bool_], cells: int | npt.NDArray[np.int64]) -> None:
            places = np.broadcast_to(firsts + cells, chosen.shape)[chosen]
            np.add.at(flat, places, matches.weights[chosen])

        made = np.isnan(matches.labels)
        add(made, MADE)
        add(~made, MATCHED)
        add(~made & matches.assumed, ASSUMED)
        labels = np.where(made, 0.0, matches.labels).astype(np.int64)
        add(~made, MATCH_CELLS + labels * layout.decision_cells + matches.decisions)
        across, along = matches.segments
        pairs = across * (layout.bins + 1) + along
        add(~made, layout.scores + labels * layout.score_cells + pairs)
        return counts
