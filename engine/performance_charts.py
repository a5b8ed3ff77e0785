"""Control charts of performance: one a measure and window length, of the windows that are judged.

Rule.  A point is a disjoint window, revision 0: how many standard errors it is worse than the
reference (:mod:`engine.performance_levels`, dispersion included), so the limits follow the number
of labels, and only the worse side can signal (:mod:`detectors.control_chart`).  A window that is
UNKNOWN because its labels are few or not all is no point, nor is a repeat of one already charted.
A chart belongs to one layout and one set of rules; with others it begins anew.

A chart sees what no single window shows: a small change that lasts.  It is told and alerts as
INFO, and neither changes a level nor asks for retraining.
"""

from __future__ import annotations

from math import isfinite, nan
from typing import Any, Final

import msgspec

from detectors.control_chart import ChartState, Params, Signal, advanced, ewma_limit, mean_score
from engine.canonical import content_hash
from engine.measures import HIGHER_IS_WORSE
from engine.performance_levels import MeasureVerdict
from engine.spec import ChartRules, Spec

_NO_POINT: Final = frozenset({"few_labels", "early_labels", "selected", "absent"})


class Chart(msgspec.Struct):
    """One measure's chart after its newest point; part of the judge's snapshot."""

    fingerprint: str
    """Hash of what its points were made by."""
    end_ms: int
    """End of the newest window on it."""
    windows: int
    ewma: float
    recent: list[float]
    score: float
    """Standard errors that the newest window is worse than the reference."""
    center: float
    limit: float
    """Value of the measure beyond which that window would signal by itself."""
    ewma_limit: float
    signals: list[Signal]
    alarm: bool


def chart_params(rules: ChartRules) -> Params:
    """The spec's parameters as the detector takes them."""
    return Params(sigmas=rules.sigmas, ewma_weight=rules.ewma_weight, ewma_sigmas=rules.ewma_sigmas)


def chart_key(window: str, measure: str) -> str:
    """Under which a chart is kept."""
    return f"{window}/{measure}"


def forget_foreign_charts(charts: dict[str, Chart], spec: Spec) -> None:
    """Let go of charts that the spec has no window or measure for."""
    rules = spec.performance
    measures = {} if rules is None else rules.measures
    known = {chart_key(window.name, name) for window in spec.windows for name in measures}
    for key in charts.keys() - known:
        del charts[key]


def advance(
    charts: dict[str, Chart],
    window: str,
    end_ms: int,
    verdicts: tuple[MeasureVerdict, ...],
    rules: ChartRules,
    layout_hash: str,
) -> dict[str, Chart]:
    """Take a window; the charts that got a point by measure.  ``charts`` is changed in place."""
    fingerprint = content_hash([layout_hash, rules])
    moved = {}
    for verdict in verdicts:
        if verdict.reason in _NO_POINT or not verdict.error > 0.0:
            continue
        key = chart_key(window, verdict.name)
        held = charts.get(key)
        if held is not None and held.fingerprint != fingerprint:
            held = None
        if held is not None and held.end_ms >= end_ms:
            continue
        charts[key] = moved[verdict.name] = _advanced(held, verdict, rules, end_ms, fingerprint)
    return moved


def _advanced(
    held: Chart | None, verdict: MeasureVerdict, rules: ChartRules, end_ms: int, fingerprint: str
) -> Chart:
    params = chart_params(rules)
    before = ChartState()
    if held is not None:
        before = ChartState(held.windows, held.ewma, tuple(held.recent))
    score = mean_score(verdict.worse.value, 0.0, verdict.error, "higher_is_worse")
    state, point = advanced(before, score, params)
    away = rules.sigmas * verdict.error
    side = 1.0 if verdict.name in HIGHER_IS_WORSE else -1.0
    return Chart(
        fingerprint=fingerprint,
        end_ms=end_ms,
        windows=state.windows,
        ewma=state.ewma,
        recent=list(state.recent),
        score=score,
        center=verdict.baseline,
        limit=verdict.baseline + side * away,
        ewma_limit=ewma_limit(state.windows, params) if state.windows else nan,
        signals=list(point.signals),
        alarm=point.alarm,
    )


def charts_tree(charts: dict[str, Chart]) -> dict[str, Any]:
    """Measure -> its newest point, for a judgement."""
    return {
        name: {
            key: value
            for key, value in (
                ("score", chart.score),
                ("center", chart.center),
                ("limit", chart.limit),
                ("ewma", chart.ewma),
                ("ewma_limit", chart.ewma_limit),
            )
            if isfinite(value)
        }
        | {"windows": chart.windows, "signals": chart.signals, "alarm": chart.alarm}
        for name, chart in charts.items()
    }
