"""Metrics of requests to retrain: made, held and why, what is left of the budget, what comes next.

Rule.  Everything is read from the judge's memory and the spec, at event time; a model without a
budget or a schedule has no such series.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from engine.calendar_points import next_point_ms
from engine.decide.asking import SIDES, allowed, left
from engine.decide.rules import asks_for_retraining, chosen, rules
from engine.judge import Judge

_MODEL: Final = ("model", "version")


def retraining(judges: Iterable[Judge]) -> Iterator[Metric]:
    """The families, in the order of the page."""
    triggers = CounterMetricFamily(
        "drift_retraining_triggers", "Retraining triggers.", labels=(*_MODEL, "rule")
    )
    held = CounterMetricFamily(
        "drift_retraining_held",
        "Windows in which a rule wanted retraining and it was not asked for, by the reason.",
        labels=(*_MODEL, "rule", "reason"),
    )
    budget = GaugeMetricFamily(
        "drift_retraining_budget",
        "Requests that a side (data and schedule, or performance) may make in a quarter.",
        labels=(*_MODEL, "side"),
    )
    budget_left = GaugeMetricFamily(
        "drift_retraining_budget_left",
        "What is left of it in the quarter of the model's event time.",
        labels=(*_MODEL, "side"),
    )
    scheduled = GaugeMetricFamily(
        "drift_retraining_schedule_timestamp_seconds",
        "Next point of the schedule after the model's event time.",
        labels=_MODEL,
    )
    waiting = GaugeMetricFamily(
        "drift_retraining_waiting",
        "Requests of the data that wait for the labels of the same time.",
        labels=_MODEL,
    )
    for judge in judges:
        spec, memory = judge.model.spec, judge.decisions.retraining
        labels = (spec.model, spec.version)
        for rule, module in rules().items():
            if asks_for_retraining(module) and chosen(module, spec) is not None:
                triggers.add_metric((*labels, rule), judge.decisions.triggers.get(rule, 0))
        for key, windows in sorted(memory.held.items()):
            held.add_metric((*labels, *key.split("/", 1)), windows)
        waiting.add_metric(labels, len(memory.waiting))
        if judge.clock_ms is None:
            continue
        for side in SIDES:
            most = allowed(spec, side)
            if most is not None:
                budget.add_metric((*labels, side), most)
                rest = left(spec, memory, side, judge.clock_ms)
                budget_left.add_metric((*labels, side), 0 if rest is None else rest)
        schedule = spec.retraining.schedule
        if schedule is not None:
            scheduled.add_metric(labels, next_point_ms(schedule, judge.clock_ms) / 1000)
    yield from (triggers, held, budget, budget_left, scheduled, waiting)
