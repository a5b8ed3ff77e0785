"""The metrics of requests to retrain, and of the control records that answer them.

Every model that may ask has all its series, at 0 where nothing was asked, so that an increase from
nothing is seen; ages are in event time, by the clock of the plane that asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from engine.decide.request_state import STATES, Request
from engine.decide.requests import CAUSES, NEXT, REFUSALS
from engine.judge import Judge
from engine.performance_judging import is_deciding
from engine.planes import DATA
from engine.retraining_results import STATUSES
from streams.forwarding import FORWARDED_ROLES
from streams.live import LiveState

_MODEL: Final = ("model", "version")
_OPEN: Final = tuple(state for state in STATES if NEXT[state] and state != "failed")
"""States in which an answer is awaited."""


def requests(judges: Iterable[Judge], live: LiveState) -> Iterator[Metric]:
    """All of them."""
    states = GaugeMetricFamily(
        "drift_retraining_requests",
        "Remembered retraining triggers by what became of them.",
        labels=(*_MODEL, "state"),
    )
    late = GaugeMetricFamily(
        "drift_retraining_overdue",
        "Retraining triggers that are late: without an answer, or accepted and without a model.",
        labels=(*_MODEL, "cause"),
    )
    age = GaugeMetricFamily(
        "drift_retraining_request_age_seconds",
        "Event time since the oldest retraining trigger that still waits for its end.",
        labels=_MODEL,
    )
    taken = CounterMetricFamily(
        "drift_retraining_results",
        "Results that moved a retraining trigger, by the state that they made.",
        labels=(*_MODEL, "status"),
    )
    refused = CounterMetricFamily(
        "drift_retraining_results_refused",
        "Results that changed nothing, by the reason.",
        labels=(*_MODEL, "reason"),
    )
    forgotten = CounterMetricFamily(
        "drift_retraining_requests_forgotten",
        "Retraining triggers without an end that gave way to later ones.",
        labels=_MODEL,
    )
    for judge in judges:
        labels = (judge.model.spec.model, judge.model.spec.version)
        held = judge.decisions.requests
        for state in STATES:
            states.add_metric((*labels, state), held.count(state))
        for cause in CAUSES[:2]:
            found = sum(request.overdue == cause for request in held.known.values())
            late.add_metric((*labels, cause), found)
        ages = [_age_ms(judge, one) for one in held.known.values() if one.state in _OPEN]
        age.add_metric(labels, max(ages, default=0) / 1000)
        for status in STATUSES:
            taken.add_metric((*labels, status), held.moved.get(status, 0))
        for reason in REFUSALS:
            refused.add_metric((*labels, reason), held.refused.get(reason, 0))
        forgotten.add_metric(labels, held.forgotten)
    yield from (states, late, age, taken, refused, forgotten)
    yield _read(live)


def _age_ms(judge: Judge, request: Request) -> int:
    model, clock_ms = judge.model, judge.clock_ms
    if request.of_labels:
        flows = (flow for n, flow in judge.flows.items() if n != DATA)
        clock_ms = next((f.clock_ms for f in flows if is_deciding(model, f.plane)), None)
    return 0 if clock_ms is None else max(0, clock_ms - request.requested_ms)


def _read(live: LiveState) -> Metric:
    read = CounterMetricFamily(
        "longshore_control_records",
        "Control records read for models judged here: forwarded to their judge, or rejected.",
        labels=("topic", "outcome"),
    )
    for role in FORWARDED_ROLES:
        for outcome in ("forwarded", "rejected"):
            read.add_metric((role, outcome), live.control_records.get((role, outcome), 0))
    return read
