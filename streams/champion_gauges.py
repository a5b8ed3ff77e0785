"""The gauges of comparisons: the newest look, read from its judgement as it was told.

Rule.  ``version`` is the challenger's and ``champion`` the other's.  A number that the look does
not have has no sample; a difference is challenger less champion.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import orjson
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from engine.champion.judge import ComparisonJudge
from engine.champion.state import Phase
from streams.split_gauges import split_metrics

_LABELS: Final = ("model", "version", "champion")
DECISIONS: Final = ("PROMOTE", "HOLD", "REJECT")
PHASES: Final[tuple[Phase, ...]] = ("comparing", "watching", "over")
_OF_MEASURE: Final = {
    "difference": "Challenger less champion by the measure of the comparison, newest look.",
    "low": "Low end of the interval of the difference.",
    "high": "High end of the interval of the difference.",
    "better_by": "What the difference must exceed for a promotion.",
}
_OF_LOOKS: Final = {
    "looks": "Looks made that spent some of the significance.",
    "z": "Standard errors that the challenger is better by, newest look.",
    "boundary": "What z must reach at the newest look to be significant.",
    "p_value": "Two-sided p-value of no difference, valid at every look.",
    "elapsed": "Share of the planned length of the comparison that has passed.",
}


def comparison_metrics(judges: Iterable[ComparisonJudge]) -> Iterator[Metric]:
    """Every family of the comparisons judged here; none without any."""
    found = list(judges)
    if not found:
        return
    told = [(judge, orjson.loads(judge.state.newest)) for judge in found if judge.state.newest]
    for section, names in (("measure", _OF_MEASURE), ("sequential", _OF_LOOKS)):
        for name, says in names.items():
            family = GaugeMetricFamily(f"comparison_{name}", says, labels=(*_LABELS, "measure"))
            for judge, tree in told:
                if tree[section][name] is not None:
                    labels = (*_names(judge), tree["measure"]["name"])
                    family.add_metric(labels, tree[section][name])
            yield family
    yield _arms("comparison_events", "Events of each version since the beginning.", told, "events")
    yield _values(told)
    yield _guards(told)
    yield from _states(found, told)
    yield from split_metrics(found)


def _names(judge: ComparisonJudge) -> tuple[str, str, str]:
    spec = judge.comparison.spec
    return (spec.model, spec.version, judge.comparison.rules.champion)


def _arms(
    name: str, says: str, told: list[tuple[ComparisonJudge, dict[str, Any]]], section: str
) -> Metric:
    family = GaugeMetricFamily(name, says, labels=(*_LABELS, "by"))
    for judge, tree in told:
        for by, count in tree[section].items():
            family.add_metric((*_names(judge), by), count)
    return family


def _values(told: list[tuple[ComparisonJudge, dict[str, Any]]]) -> Metric:
    family = GaugeMetricFamily(
        "comparison_measure",
        "The measure of either version over the labelled events, newest look.",
        labels=(*_LABELS, "measure", "role"),
    )
    for judge, tree in told:
        for role in ("champion", "challenger"):
            value = tree["measure"][role]
            if value is not None:
                family.add_metric((*_names(judge), tree["measure"]["name"], role), value)
    return family


def _guards(told: list[tuple[ComparisonJudge, dict[str, Any]]]) -> Metric:
    family = GaugeMetricFamily(
        "comparison_guard_held",
        "Whether a guard of the comparison holds.",
        labels=(*_LABELS, "guard"),
    )
    for judge, tree in told:
        for guard in tree["guards"]:
            family.add_metric((*_names(judge), guard["metric"]), int(guard["held"]))
    return family


def _states(
    found: list[ComparisonJudge], told: list[tuple[ComparisonJudge, dict[str, Any]]]
) -> Iterator[Metric]:
    decision = GaugeMetricFamily(
        "comparison_decision", "1 of the newest decision.", labels=(*_LABELS, "decision")
    )
    for judge, tree in told:
        for name in DECISIONS:
            decision.add_metric((*_names(judge), name), int(tree["decision"] == name))
    phase = GaugeMetricFamily(
        "comparison_phase",
        "1 of where it is: comparing, watching what was promoted, or over.",
        labels=(*_LABELS, "phase"),
    )
    records = CounterMetricFamily(
        "comparison_promotions", "Records told on the topic promotions.", labels=_LABELS
    )
    for judge in found:
        for each in PHASES:
            phase.add_metric((*_names(judge), each), int(judge.state.phase == each))
        records.add_metric(_names(judge), judge.state.promoted + judge.state.split.promoted)
    yield decision
    yield phase
    yield records
