"""Where the alarms of estimators over losses stand: their cells, and the rows that travel.

Rule.  An estimator and a loss are a pair, in one order for all.  Behind the cells of performance,
in the plane by arrival only, each pair has a cell of alarms and one of improvements, which add up
over partitions, panes and windows like all cells.  What does not add up, where it was and what the
means were, travels as a row in the pane record beside them: of each pair the first alarm of the
pane, so that a record has no more rows than there are pairs.  A row belongs to one (partition,
pane), and the record with the highest stamp counts, so rows merge as exactly as cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from detectors.discovery import estimators
from engine.losses import LOSSES
from engine.panes import AlarmRow, PaneError
from engine.spec import Spec
from engine.timestamps import NEWEST_MS

CELLS: Final = 2
"""Of a pair: alarms and improvements."""
MOST_SEEN: Final = 1 << 62
"""More losses than a stream can have had."""


@dataclass(frozen=True, slots=True)
class AlarmCells:
    """The pairs of one model and their cells."""

    pairs: tuple[tuple[str, str], ...]
    """(estimator, loss)."""
    start: int
    """First cell, behind those of performance."""

    @property
    def size(self) -> int:
        """How many cells they have."""
        return CELLS * len(self.pairs)

    def alarms(self, pair: int) -> int:
        """Cell of a pair's alarms."""
        return self.start + CELLS * pair

    def improvements(self, pair: int) -> int:
        """Cell of a pair's improvements."""
        return self.start + CELLS * pair + 1


def alarm_cells(spec: Spec, start: int) -> AlarmCells | None:
    """The pairs of a spec; None where no estimator watches losses."""
    rules = spec.concept
    if rules is None:
        return None
    known = estimators()
    pairs = tuple(
        (name, loss.name)
        for name in sorted(rules.estimators)
        for loss in LOSSES[spec.prediction.type]
        if loss.name in rules.losses and known[name].TAKES in ("reals", loss.takes)
    )
    return AlarmCells(pairs, start) if pairs else None


def refuse_impossible_alarms(
    rows: Sequence[AlarmRow], pairs: int, start_ms: int, pane_ms: int
) -> None:
    """engine.panes.PaneError for rows that no tally writes in the pane that starts then."""
    if rows and not 0 <= start_ms <= NEWEST_MS:
        raise PaneError(f"alarms at {start_ms} ms")
    known = [row.pair for row in rows]
    if known != sorted(set(known)) or (known and not 0 <= known[0] <= known[-1] < pairs):
        raise PaneError(f"alarms of the pairs {known} where there are {pairs}")
    for row in rows:
        if not start_ms <= row.at_ms < start_ms + pane_ms or not 0 < row.position <= MOST_SEEN:
            raise PaneError(f"an alarm at {row.at_ms} ms, position {row.position}")
