"""What a label costs in a whole worker on a broker: the same backlog with labels and without.

Rule.  The ways run in turn, round by round, each time beginning with another, because the machine's
speed wanders; only the ratio within a round is read.  CPU is that of the whole process (reading,
decoding, joining, snapshots, judging, /metrics) from its first records to the last judged window.
What counts for nothing is refused: every label must have met its prediction, and every figure that
is said to be on must be on /metrics.  A backlog is read as the broker hands it out, and labels, the
smaller records, come long before their predictions: that order is the dearer one in memory, and not
that of a stream.  ``load_tests.label_cost`` takes one process apart, in the order of event time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

from load_tests.contender_runs import ContenderFailedError
from load_tests.contenders.protocol import cpu_seconds
from load_tests.event import CATEGORICAL, NUMERIC, PARTITIONS
from load_tests.generator import START_MS
from load_tests.label_cost import GOAL
from load_tests.labelled import (
    DELAY_MS,
    LABELLED,
    UNLABELLED,
    labels,
    make_labelled,
    predictions,
)
from load_tests.outcomes import Round
from load_tests.running_worker import ModelUnderTest, RunningWorker, Scrape
from load_tests.snapshot_cost import Report
from load_tests.topics import create_topics, delete_topics, load, load_keyed
from load_tests.worker_runs import (
    EVENT_RATE,
    JUDGED,
    PREDICTIONS,
    await_judged,
    last_window_end_s,
    read_backlog,
)

BACKLOGS: Final = 2
"""Of the bench's length: what comes before matches leave the join must be the smaller part."""
SETTLE_S: Final = 2.0
"""Longer than a flush and its judging, so that no way is scraped oftener in it."""
FEATURES: Final = len(NUMERIC) + len(CATEGORICAL)
LABELS: Final = "labels"
BASE: Final = "without labels"
HEADINGS: Final = (
    "",
    "rounds",
    "predictions/s",
    "CPU us/prediction",
    "ns/feature value",
    "x the CPU without labels",
    "x the time",
    "peak RSS, MB",
)


@dataclass(frozen=True, slots=True)
class Shown:
    """Metrics that a worker has after so many seconds of event time."""

    after_s: float
    metrics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Way:
    """A model, and what shows that its figures are on."""

    overrides: Mapping[str, Any]
    """Of the benchmark's spec."""
    shown: tuple[Shown, ...]

    @property
    def inputs(self) -> Sequence[str]:
        """The topics that it reads."""
        found: Sequence[str] = self.overrides.get("inputs", PREDICTIONS)
        return found


WORTH: Final[Mapping[str, Any]] = {
    "approved": "negative",
    "costs": {"false_positive": {"each": 4}, "false_negative": {"each": 15, "of_value": 1}},
    "default_rate": {"max": 0.5},
    "cost_per_prediction": {"max": 1000},
}
"""All that labels add to ``business``, with limits that hold."""
_MATURITIES: Final = {"label": {**LABELLED["label"], "maturities": ["1m", "2m"]}}
"""Short enough for windows of both to close within the backlog."""
_DELAY_S: Final = DELAY_MS / 1000
_LEVEL: Final = "model_performance_level"
_DATA: Final = Shown(0.0, ("drift_psi", "feature_missing_ratio", "business_approval_ratio"))
_ARRIVED: Final = Shown(
    _DELAY_S,
    (
        "model_accuracy_ratio",
        "model_auc_ratio",
        "business_default_ratio",
        "business_cost_per_prediction",
    ),
)
_COHORTS: Final = Shown(150.0, ("model_cohort_auc_ratio", "business_cohort_default_ratio", _LEVEL))
"""From the second maturity on, whose view has the level."""
WAYS: Final[Mapping[str, Way]] = {
    BASE: Way({**UNLABELLED, "business": {"approved": "negative"}}, (_DATA,)),
    LABELS: Way({**LABELLED, "business": WORTH}, (_DATA, _ARRIVED, Shown(_DELAY_S, (_LEVEL,)))),
    "labels, two maturities": Way(
        {**LABELLED, **_MATURITIES, "business": WORTH}, (_DATA, _ARRIVED, _COHORTS)
    ),
}
JUDGED_WITH_LABELS: Final = (*JUDGED, "model_performance_end_timestamp_seconds")


@dataclass(slots=True)
class WorkerLabelCost:
    """All rounds; each has one run of every way."""

    events: int
    rounds: list[dict[str, Round]] = field(default_factory=list)
    load_average: float = 0.0
    """Tasks that ran at the end, others' too."""

    def of(self, way: str) -> list[Round]:
        """The runs of one way, round by round."""
        return [found[way] for found in self.rounds]

    def cpu_ratios(self, way: str) -> list[float]:
        """CPU a prediction over that without labels in the same round."""
        return [r[way].cpu_us_per_event / r[BASE].cpu_us_per_event for r in self.rounds]

    def time_ratios(self, way: str) -> list[float]:
        """Time a prediction over that without labels in the same round."""
        return [r[BASE].events_per_second / r[way].events_per_second for r in self.rounds]

    @property
    def within_goal(self) -> bool:
        """Whether the median of the CPU's ratios with labels is at most GOAL."""
        return median(self.cpu_ratios(LABELS)) <= GOAL


def measure(
    bootstrap: str, directory: Path, events: int, rounds: int, seed: int, report: Report
) -> WorkerLabelCost:
    """Alternating rounds over ``events`` predictions and as many labels.

    Raises ContenderFailedError when a worker fails, miscounts or shows less than it should,
    LoadError when the broker does not take the events.
    """
    models = {
        name: make_labelled(directory / f"labels{number}", seed, way.overrides)
        for number, (name, way) in enumerate(WAYS.items())
    }
    cost = WorkerLabelCost(events)
    names = list(WAYS)
    ours = f"label-cost-{time.time_ns():x}-"
    for number in range(rounds):
        prefixes = {name: f"{ours}{number}-{place}." for place, name in enumerate(names)}
        found: dict[str, Round] = {}
        first = number % len(names)
        try:
            _fill(bootstrap, prefixes, events, seed)
            for name in names[first:] + names[:first]:
                at, way, model = prefixes[name], WAYS[name], models[name]
                found[name] = _run(bootstrap, at, way, model, events, directory)
                report(_line(number, name, found[name]))
        finally:
            delete_topics(bootstrap, ours)
        cost.rounds.append(found)
    cost.load_average = os.getloadavg()[0]
    return cost


def _fill(bootstrap: str, prefixes: Mapping[str, str], events: int, seed: int) -> None:
    """The same records for every way, made once."""
    topics = {
        role: [f"{prefix}{role}" for name, prefix in prefixes.items() if role in WAYS[name].inputs]
        for role in ("predictions", "labels")
    }
    create_topics(bootstrap, topics["predictions"] + topics["labels"])
    made = predictions(seed, events, EVENT_RATE)
    load(bootstrap, topics["predictions"], seed, made, lambda _: None)
    known = (block for _, block in labels(seed, events, EVENT_RATE))
    load_keyed(bootstrap, topics["labels"], known, lambda _: None)


def _run(
    bootstrap: str, prefix: str, way: Way, model: ModelUnderTest, events: int, directory: Path
) -> Round:
    labelled = "labels" in way.inputs
    end_s = last_window_end_s(events)
    spent_s = end_s - START_MS / 1000
    judged = JUDGED_WITH_LABELS if labelled and spent_s > _DELAY_S else JUDGED
    with RunningWorker(bootstrap, prefix, (model,), directory) as worker:
        reading = read_backlog(worker, events, way.inputs)
        time.sleep(SETTLE_S)
        await_judged(worker, end_s, judged)
        measured = reading.round(0, cpu_seconds(worker.pid))
        scrape = worker.await_metrics()
    check_shown(scrape, way, spent_s)
    if labelled:
        check_joined(scrape, events)
    return measured


def check_shown(scrape: Scrape, way: Way, spent_s: float) -> None:
    """ContenderFailedError when a metric has no sample after so long: it would cost nothing."""
    wanted = [name for each in way.shown if spent_s > each.after_s for name in each.metrics]
    absent = [name for name in wanted if not scrape.values(name)]
    if absent:
        raise ContenderFailedError(f"not on /metrics: {', '.join(absent)}")


def check_joined(scrape: Scrape, events: int) -> None:
    """ContenderFailedError unless each of so many labels has met its prediction."""
    matched = scrape.total("longshore_labels", 'outcome="matched"')
    forgotten = scrape.total("longshore_join_forgotten_total")
    if matched != events or forgotten:
        raise ContenderFailedError(
            f"{matched:,} of {events:,} labels met their prediction, {forgotten:,} were forgotten"
            " (label.pending is the bound of a partition)"
        )


def _line(number: int, way: str, found: Round) -> str:
    return (
        f"round {number + 1}, {way}: {found.events_per_second:,.0f} predictions/s, "
        f"{found.cpu_us_per_event:.2f} us CPU each, "
        f"{found.measurement.cpu_seconds:.1f} s in all, "
        f"{found.measurement.peak_rss_bytes / 1e6:,.0f} MB"
    )


def section(cost: WorkerLabelCost) -> str:
    """The section of docs/cost.md."""
    lines = [
        f"A worker over a backlog of {cost.events:,} predictions of {FEATURES} features and a",
        f"label for each, {DELAY_MS / 1000:g} s of event time later, against one over the same",
        f"predictions alone; {PARTITIONS} partitions of a real broker on the same machine, in",
        "alternating rounds (`make bench BENCH_ARGS=--labels`). Drift, quality and business",
        "metrics are on, with labels performance and the costs of decisions too, and snapshots",
        "are written at their default interval. CPU is that of the whole process, from its",
        "first records (its start is left out) to the last judged window; figures are medians",
        "of the rounds, ratios medians of the ratios within a round, and (lowest to highest).",
        "",
        f"| {' | '.join(HEADINGS)} |",
        "|---" * len(HEADINGS) + "|",
    ]
    for way in WAYS:
        runs = cost.of(way)
        cpu_us = median(run.cpu_us_per_event for run in runs)
        cells = [
            way,
            str(len(runs)),
            f"{median(run.events_per_second for run in runs):,.0f}",
            f"{cpu_us:.2f}",
            f"{cpu_us / FEATURES * 1e3:,.0f}",
            "1" if way == BASE else _spread(cost.cpu_ratios(way)),
            "1" if way == BASE else _spread(cost.time_ratios(way)),
            f"{max(run.measurement.peak_rss_bytes for run in runs) / 1e6:,.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    met = "is met" if cost.within_goal else "is missed"
    lines += [
        "",
        f"The goal is {GOAL:g} x the CPU with labels, which are two records a prediction; it",
        f"{met}. The CPU of a feature value is a prediction's, its label and all, over {FEATURES}",
        f"features. The load average was {cost.load_average:.1f} on {os.cpu_count()} cores at the",
        "end. Labels are the smaller records, so in a backlog most are read before their",
        "predictions and wait for them in memory; a stream has it the other way round. What the",
        "parts cost in that order, in one process, tells `python -m load_tests.label_cost`.",
    ]
    return "\n".join(lines)


def _spread(ratios: list[float]) -> str:
    return f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
