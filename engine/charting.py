"""Putting a judged window of performance on its charts (:mod:`engine.performance_charts`)."""

from __future__ import annotations

from dataclasses import replace

from engine.performance_charts import Chart, advance
from engine.performance_judging import JudgedPerformance


def charted(judged: JudgedPerformance, charts: dict[str, Chart]) -> JudgedPerformance:
    """The window on its charts, where it has levels; ``charts`` is changed in place."""
    rules = judged.model.spec.performance
    if rules is None or judged.verdict is None:
        return judged
    moved = advance(
        charts,
        judged.window.name,
        judged.end_ms,
        judged.verdict.measures,
        rules.chart,
        judged.model.layout.hash,
    )
    return replace(judged, charts=moved) if moved else judged
