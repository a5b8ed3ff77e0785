"""Judging windows of performance: a further judgement of the same window, by the labels' clock.

Rule.  It comes when the labels' clock has passed the window, which may be weeks after the data were
judged, and carries its own section only: ``performance`` (matches by the later of the two times) or
``cohorts`` (matches by the time of the prediction, with what was known a maturity after it).  As
for the data, revision 0 is of what came on time and revision 1 of everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.judgement import JUDGEMENT_SCHEMA
from engine.model import MonitoredModel
from engine.panes import Counts
from engine.performance import Performance, measure
from engine.performance_tree import performance_tree
from engine.planes import Plane
from engine.spec import WindowRule
from engine.timestamps import ms_to_rfc3339


@dataclass(frozen=True, slots=True)
class JudgedPerformance:
    """One closed window of one plane with its numbers."""

    model: MonitoredModel
    plane: Plane
    window: WindowRule
    end_ms: int
    revision: int
    counts: Counts
    found: Performance
    baseline: Performance | None
    """Of the training table; None where it had no labels."""

    @property
    def events(self) -> int:
        """Matches, or predictions made where a cohort has more of them."""
        return max(self.found.labelled, self.found.predicted)

    @property
    def is_disjoint(self) -> bool:
        """Whether it belongs to the windows that tile time."""
        return self.end_ms % self.window.length_ms == 0

    def as_tree(self) -> dict[str, Any]:
        """The judgement as builtins, in the order in which people read it."""
        spec, layout = self.model.spec, self.model.performance
        assert layout is not None, "only a model with performance is judged"
        section = performance_tree(layout, self.counts, self.found, self.baseline)
        is_cohort = self.plane.maturity_ms is not None
        return {
            "schema": JUDGEMENT_SCHEMA,
            "model": spec.model,
            "version": spec.version,
            "window": self.window.name,
            "start": ms_to_rfc3339(self.end_ms - self.window.length_ms),
            "end": ms_to_rfc3339(self.end_ms),
            "revision": self.revision,
            "section": "cohorts" if is_cohort else "performance",
            "events": self.events,
            **({"cohorts": {self.plane.name: section}} if is_cohort else {"performance": section}),
            "profile": self.model.profile.hash,
            "spec": self.model.policy_hash,
        }


class PerformanceJudging:
    """Measures windows of performance of one model."""

    def __init__(self, model: MonitoredModel) -> None:
        self._model = model
        self._baseline: Performance | None = None
        reference, layout = model.profile.performance, model.performance
        if reference is not None and layout is not None and len(reference.cells) == layout.size:
            self._baseline = measure(layout, np.array(reference.cells, dtype=np.int64))

    def judge(
        self, plane: Plane, window: WindowRule, end_ms: int, revision: int, counts: Counts
    ) -> JudgedPerformance:
        """Judge one window's counts."""
        layout = self._model.performance
        assert layout is not None, "only a model with performance has such a plane"
        found = measure(layout, counts)
        return JudgedPerformance(
            self._model, plane, window, end_ms, revision, counts, found, self._baseline
        )
