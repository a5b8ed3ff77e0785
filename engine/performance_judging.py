"""Judging windows of performance: a further judgement of the same window, by the labels' clock.

Rule.  It comes when the labels' clock has passed the window, which may be weeks after the data were
judged, and carries its own section only: ``performance`` (matches by the later of the two times) or
``cohorts`` (matches by the time of the prediction, with what was known a maturity after it).  As
for the data, revision 0 is of what came on time and revision 1 of everything.

All of them are measured.  Those of one view, ``performance.by`` of the spec, have levels
(:mod:`engine.performance_levels`), because only there the labels of a window are complete.

Beside what the labels say stands what was estimated without them, for the same events: from the
scores of the matches, so that nothing has to be kept for the months until the labels come, and who
gets no label does not pass for an error of the estimate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from detectors.cbpe import EstimatedPerformance
from detectors.intervals import Estimate
from engine.business_outcomes import Outcomes, outcomes, outcomes_tree
from engine.concept_judging import Concept, ConceptJudging
from engine.concept_tree import concept_tree
from engine.estimating import ScoreMap, estimated_tree, estimates
from engine.judgement import JUDGEMENT_SCHEMA
from engine.levels import significance
from engine.model import MonitoredModel
from engine.panes import Counts
from engine.performance import Performance, measure, score_histogram
from engine.performance_charts import Chart, advance, charts_tree
from engine.performance_levels import PerformanceLevels, PerformanceVerdict, Reason
from engine.performance_tree import performance_tree, selected
from engine.performance_verdict_tree import verdict_tree
from engine.planes import PERFORMANCE, Plane
from engine.quiet import maintenance_tree
from engine.spec import WindowRule
from engine.spec_performance import ARRIVAL
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
    verdict: PerformanceVerdict | None = None
    """None of a view that is not judged."""
    estimated: EstimatedPerformance | None = None
    """What was to be expected of the labelled events, had their labels not come."""
    charts: Mapping[str, Chart] = field(default_factory=dict)
    """Measure -> its chart with this window as its newest point."""
    outcomes: Outcomes | None = None
    """None without a business section."""
    usual_outcomes: Outcomes | None = None
    """Of the training table."""
    incomplete: Reason = ""
    """Why its labels are not all; empty when they are as all as they get."""
    is_decided: bool = False
    """Whether it is of the view that decisions on measures and outcomes read."""
    bad: Sequence[str] = ()
    """Features whose data were bad when the predictions were made (:mod:`engine.bad_labels`)."""
    bad_share: float = 0.0
    """Of the matched predictions, in [0, 1]: on what was bad of any feature."""
    bad_labelled: float = 0.0
    """The same of those whose label came, without assumed negatives."""
    concept: Concept | None = None
    """Of the view by arrival, where estimators watch its losses."""

    @property
    def start_ms(self) -> int:
        """Start of the window."""
        return self.end_ms - self.window.length_ms

    @property
    def events(self) -> int:
        """Matches, or predictions made where a cohort has more of them."""
        return max(self.found.labelled, self.found.predicted)

    @property
    def is_disjoint(self) -> bool:
        """Whether it belongs to the windows that tile time."""
        return self.end_ms % self.window.length_ms == 0

    @property
    def estimates(self) -> dict[str, Estimate]:
        """Measures that were estimated, by name."""
        return {} if self.estimated is None else estimates(self.estimated)

    @property
    def estimated_errors(self) -> dict[str, float]:
        """Estimated less realized, of the measures that have both."""
        measures = self.found.measures
        return {
            name: estimate.value - measures[name].value
            for name, estimate in self.estimates.items()
            if name in measures
        }

    def as_tree(self) -> dict[str, Any]:
        """The judgement as builtins, in the order in which people read it."""
        spec, layout = self.model.spec, self.model.performance
        assert layout is not None, "only a model with performance is judged"
        section = performance_tree(layout, self.counts, self.found, self.baseline)
        if self.verdict is not None:
            section = {"level": self.verdict.level, **section, **verdict_tree(self.verdict)}
        if self.charts:
            section["charts"] = charts_tree(dict(self.charts))
        if self.estimated is not None:
            section["estimated"] = estimated_tree(self.estimated)
            section["estimated_error"] = self.estimated_errors
        if self.concept is not None:
            section["concept"] = concept_tree(self.concept)
        is_cohort = self.plane.maturity_ms is not None
        business: dict[str, Any] = {}
        if self.outcomes is not None:
            business = {"business": outcomes_tree(self.outcomes, self.usual_outcomes)}
        told = {"performance": section, **business}
        if is_cohort:
            told = {"cohorts": {self.plane.name: {**section, **business}}}
        return {
            "schema": JUDGEMENT_SCHEMA,
            "model": spec.model,
            "version": spec.version,
            "window": self.window.name,
            "start": ms_to_rfc3339(self.start_ms),
            "end": ms_to_rfc3339(self.end_ms),
            "revision": self.revision,
            "section": "cohorts" if is_cohort else "performance",
            "events": self.events,
            **({} if self.verdict is None else {"level": self.verdict.level}),
            **told,
            **maintenance_tree(spec, self.start_ms, self.end_ms),
            "profile": self.model.profile.hash,
            "spec": self.model.policy_hash,
        }


def is_deciding(model: MonitoredModel, plane: Plane) -> bool:
    """Whether decisions read the windows of a plane of labels."""
    rules = model.spec.performance
    by = ARRIVAL if rules is None else rules.by
    return by == (ARRIVAL if plane.number == PERFORMANCE else plane.name)


class PerformanceJudging:
    """Measures windows of performance of one model."""

    def __init__(self, model: MonitoredModel) -> None:
        self._model = model
        self._map = ScoreMap(model.spec, model.profile)
        self._baseline: Performance | None = None
        self._baseline_selected = False
        self._usual_outcomes: Outcomes | None = None
        self._alphas = {w.name: significance(model.spec, w) for w in model.spec.windows}
        reference, layout = model.profile.performance, model.performance
        if reference is not None and layout is not None and len(reference.cells) == layout.size:
            cells = np.array(reference.cells, dtype=np.int64)
            self._baseline = measure(layout, cells)
            self._usual_outcomes = outcomes(model, cells, 0.0)
            self._baseline_selected = selected(layout, cells)
        self._levels: dict[str, PerformanceLevels] = {}
        rules = model.spec.performance
        if rules is not None:
            self._levels = {
                window.name: PerformanceLevels(
                    model.spec, rules, window, model.profile, self._baseline
                )
                for window in model.spec.windows
            }

        self.concept: ConceptJudging | None = None
        """None where no estimator watches losses."""
        if model.alarm_cells is not None:
            self.concept = ConceptJudging(model, model.alarm_cells, self._levels)

    def _is_decided_by(self, plane: Plane) -> bool:
        """Whether decisions read the windows of a plane: those of ``performance.by``, by arrival
        without that section; where there is one they have levels too."""
        return is_deciding(self._model, plane)

    def judge(
        self,
        plane: Plane,
        window: WindowRule,
        end_ms: int,
        revision: int,
        counts: Counts,
        first_event_ms: int | None,
    ) -> JudgedPerformance:
        """Judge one window's counts; ``first_event_ms`` is the plane's."""
        layout = self._model.performance
        assert layout is not None, "only a model with performance has such a plane"
        found = measure(layout, counts)
        since_ms = end_ms if first_event_ms is None else first_event_ms
        reason = self._incomplete(plane, end_ms - window.length_ms, counts, since_ms)
        verdict, is_decided = None, self._is_decided_by(plane)
        if is_decided and window.name in self._levels:
            verdict = self._levels[window.name].judge(found, reason)
        estimated = None
        if layout.score_cells:
            negatives, positives, _ = score_histogram(layout, counts)
            estimated = self._map.estimate(negatives + positives)
        return JudgedPerformance(
            self._model,
            plane,
            window,
            end_ms,
            revision,
            counts,
            found,
            self._baseline,
            verdict,
            estimated,
            outcomes=outcomes(self._model, counts, self._alphas[window.name]),
            usual_outcomes=self._usual_outcomes,
            incomplete=reason,
            is_decided=is_decided,
        )

    def _incomplete(
        self, plane: Plane, start_ms: int, counts: Counts, first_event_ms: int
    ) -> Reason:
        """Why the labels of a window are not all; empty when they are as all as they get."""
        layout = self._model.performance
        assert layout is not None, "only a model with performance is judged"
        after_ms = self._model.spec.label.negative_after_ms
        if plane.maturity_ms is None and after_ms is not None:
            if start_ms < first_event_ms + after_ms:
                return "early_labels"
        elif selected(layout, counts) and not self._baseline_selected:
            return "selected"
        return ""


def charted(judged: JudgedPerformance, charts: dict[str, Chart]) -> JudgedPerformance:
    """The window on its charts, which are changed in place, where it has levels."""
    rules, verdict = judged.model.spec.performance, judged.verdict
    if rules is None or verdict is None:
        return judged
    window, layout = judged.window.name, judged.model.layout.hash
    moved = advance(charts, window, judged.end_ms, verdict.measures, rules.chart, layout)
    return replace(judged, charts=moved) if moved else judged
