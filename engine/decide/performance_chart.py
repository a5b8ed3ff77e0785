"""A control chart of performance alarms: to be read, before a window by itself shows it.

Rule.  The episode opens with the first window of the rule's length whose chart of any measure
alarms, and is resolved by the first that none does.  It is never more than INFO: limit and average
of one chart cross by chance in about one window of four hundred, without any drift.
"""

from __future__ import annotations

from typing import Final

import msgspec

from engine.decide.contract import Finding
from engine.decide.history import History
from engine.performance_charts import charts_tree
from engine.performance_judging import JudgedPerformance

SECTION: Final = "performance"
NAME: Final = "performance_chart"
READS: Final = "performance"


def examine(judged: JudgedPerformance, history: History) -> Finding | None:
    """Whether a chart alarms with this window."""
    rules = judged.model.spec.performance
    if rules is None or judged.window.name != rules.window or not judged.charts:
        return None
    alarming = {name: chart for name, chart in judged.charts.items() if chart.alarm}
    history.note(judged.end_ms, judged.window.length_ms, 1, held=bool(alarming))
    if not alarming:
        return Finding("quiet", NAME)
    told = charts_tree(alarming)
    return Finding(
        "notice",
        NAME,
        "",
        {name: chart.signals for name, chart in alarming.items()},
        msgspec.to_builtins(rules.chart),
        msgspec.to_builtins(rules.chart),
        [{"measure": name, **told[name]} for name in alarming],
    )
