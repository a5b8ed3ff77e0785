"""Planes: the same event time counted several times, each under a clock of its own.

Theory.  A pane record says which plane it is of; panes, rings, revisions and snapshots are alike in
all of them, and only the vector of cells, the base pane and the clock differ.

* ``data``: what goes into a model and comes out of it, by the clocks of features and predictions.
* ``performance``: predictions joined with their labels, by the later of the two times.
* one cohort a maturity m: the same matches by the time of the prediction, with what was known m
  after it.  A pane of a cohort closes when the labels' clock has passed its end plus m.

A plane's event time is the smallest watermark of its sources, that of the labels less the maturity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from engine.spec import Season, Topic, WindowRule

DATA: Final = 0
PERFORMANCE: Final = 1
FIRST_COHORT: Final = 2
"""Numbers of the planes as pane records carry them; cohorts follow each other by maturity."""


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """What merging, windows and snapshots need to know of one plane of a model."""

    number: int
    name: str
    """``data``, ``performance``, or a cohort's maturity, such as ``30d``."""
    topics: tuple[Topic, ...]
    """Inputs whose clocks its windows wait for."""
    pane_ms: int
    lateness_ms: int
    amend_ms: int
    maturity_ms: int | None
    """None of a plane that is no cohort."""
    size: int
    """Cells of its vector."""
    counted: npt.NDArray[np.bool_]
    """Which cells are counts (the others are sums), shape (size,)."""
    nets: bool
    """Whether amended counts may take away what on-time counts hold, so that only their sum cannot
    be negative."""
    totals: int
    """How many of the first cells are summed up over everything that was ever in a window."""
    windows: tuple[WindowRule, ...]
    season: Season | None
    alarm_pairs: int = 0
    """Pairs of an estimator and a loss whose alarms its pane records may tell."""
    users: bool = False
    """Whether its pane records tell the users of a split."""

    def source_ms(self, topic: Topic, watermark_ms: int) -> int:
        """How far a source whose watermark is this lets the plane's event time go."""
        if topic == "labels" and self.maturity_ms is not None:
            return max(0, watermark_ms - self.maturity_ms)
        return watermark_ms
