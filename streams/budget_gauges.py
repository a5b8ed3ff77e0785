"""The false-alarm budget of each model: what it allows, what was spent, what was told.

All of it is state that survives restarts, in event time (:mod:`engine.budget_spent`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from engine.budget_spent import NANO
from engine.durations import UNITS_MS
from engine.judge import Judge

_MODEL: Final = ("model", "version")
PERIOD_MS: Final = 30 * UNITS_MS["d"]
"""What budgets of any period are told for, so that models compare."""


def budgets(judges: Iterable[Judge]) -> Iterator[Metric]:
    """Four families."""
    allowed = GaugeMetricFamily(
        "drift_alert_budget_per_30d",
        "False pages in 30 days that the spec allows.",
        labels=_MODEL,
    )
    recent = GaugeMetricFamily(
        "drift_alert_budget_pages",
        "Pages, true or false, within the budget's period up to the model's event time.",
        labels=_MODEL,
    )
    pages = CounterMetricFamily(
        "drift_alert_pages",
        "Alerts that somebody heard at once: WARNING or CRITICAL, not muted.",
        labels=_MODEL,
    )
    spent = CounterMetricFamily(
        "drift_alert_budget_spent",
        "False pages to be expected of all windows so far if nothing ever happened.",
        labels=_MODEL,
    )
    for judge in judges:
        spec, found = judge.model.spec, judge.decisions.spent
        labels = (spec.model, spec.version)
        allowed.add_metric(labels, spec.budget.false_pages * PERIOD_MS / spec.budget.per_ms)
        clock_ms = max([judge.clock_ms or 0, *found.page_ends_ms])
        recent.add_metric(labels, found.within(clock_ms, spec.budget.per_ms))
        pages.add_metric(labels, found.pages)
        spent.add_metric(labels, found.nano_pages / NANO)
    yield from (allowed, recent, pages, spent)
