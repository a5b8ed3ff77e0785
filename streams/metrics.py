"""Prometheus metrics of a worker, built at each scrape from live state.

Rule.  Nothing is kept here and nothing is touched per event: a model that moved to another worker
or was retired is not in the live state any more, so none of its series goes stale.  One metric per
statistic, because the sum over statistics means nothing; a new detector gets its metric by being
discovered.  Never a label per bin, entity, event or category.

The number of series of a worker is bounded (``max_series``): levels and PSI come first, then the
other statistics of columns that are not STABLE, then the rest; what is left out is counted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from typing import Final

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from detectors.kernels import SUM
from engine.champion.judge import ComparisonJudge
from engine.judge import Judge
from engine.layout import ERRORS, LATENCY_STEP_MS, PREDICTIONS
from engine.planes import DATA
from engine.quiet import is_quiet
from engine.tally import Tally
from streams.bounds import MAX_SERIES
from streams.budget_gauges import budgets
from streams.champion_gauges import comparison_metrics
from streams.concept_gauges import concept_help, concept_samples, losses
from streams.drift_gauges import families, first, samples
from streams.live import LiveState
from streams.outcome_gauges import outcome_help, outcome_samples
from streams.performance_gauges import joins, performance_help, performance_samples
from streams.record_metrics import dead_letters, records
from streams.request_gauges import requests
from streams.retraining_metrics import retraining
from streams.section_gauges import section_samples
from streams.version_gauges import versions
from streams.worker_metrics import worker

_MODEL: Final = ("model", "version")


class WorkerCollector(Collector):
    """Collects a worker's live state; register it with an injected registry."""

    def __init__(self, live: LiveState, max_series: int = MAX_SERIES) -> None:
        self._live = live
        self._max_series = max_series
        self._wanted = 0
        live.limits["series"] = max_series
        live.usage["series"] = lambda: self._wanted

    def describe(self) -> Iterable[Metric]:
        """Nothing in advance: names depend on what is discovered, and no scrape is needed."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every family, from the state as it is now."""
        judges = [j for j in self._live.judges.values() if isinstance(j, Judge)]
        comparisons = [j for j in self._live.judges.values() if isinstance(j, ComparisonJudge)]
        tallies = {p: t for p, t in self._live.tallies.items() if isinstance(t, Tally)}
        judges = [judge for judge in judges if not judge.decisions.tenure.over]
        # What a version that serves no more saw last is no news; its labels still come.
        serving = [judge for judge in judges if not judge.decisions.tenure.has_ended]
        of_data = (chain(samples(judge), section_samples(judge)) for judge in serving)
        of_labels = (
            chain(performance_samples(judge), outcome_samples(judge), concept_samples(judge))
            for judge in judges
        )
        found = chain.from_iterable(chain(of_data, of_labels))
        kept, self._wanted = first(found, self._max_series)
        yield from families(kept, _told)
        left_out = GaugeMetricFamily(
            "longshore_series_left_out", "Series left out because of the bound on series."
        )
        left_out.add_metric([], self._wanted - len(kept))
        yield left_out
        yield from _serving(serving)
        yield from _decisions(judges, comparisons)
        yield from requests(judges, self._live)
        yield from versions(judges, self._live)
        yield from budgets(judges)
        yield from records(tallies)
        yield from dead_letters(self._live.dead_letters, self._live.dead_letter_ratio_limit)
        yield from _panes(judges, tallies)
        yield from joins(tallies)
        yield from losses(tallies)
        yield from _clocks(judges, tallies)
        yield from comparison_metrics(comparisons)
        yield from worker(self._live)


def _told(metric: str) -> str | None:
    return concept_help(metric) or performance_help(metric) or outcome_help(metric)


def _serving(judges: Iterable[Judge]) -> Iterator[Metric]:
    """What the services do, over everything that was ever in a window."""
    events = CounterMetricFamily("serving_events", "Predictions counted.", labels=_MODEL)
    errors = CounterMetricFamily("serving_errors", "Predictions with an error.", labels=_MODEL)
    latency = HistogramMetricFamily(
        "serving_latency_seconds", "Latency of predictions as the services tell it.", labels=_MODEL
    )
    for judge in judges:
        labels = (judge.model.spec.model, judge.model.spec.version)
        events.add_metric(labels, int(judge.totals[PREDICTIONS]))
        errors.add_metric(labels, int(judge.totals[ERRORS]))
        column = judge.model.layout.latency
        cells = judge.totals[column.start : column.start + column.values].cumsum().tolist()
        bounds = [f"{edge / 1000:g}" for edge in column.edges.tolist()]
        buckets = list(zip([*bounds, "+Inf"], cells, strict=True))
        total_s = int(judge.totals[column.extra(SUM)]) * LATENCY_STEP_MS / 1000
        latency.add_metric(labels, buckets, total_s)
    yield events
    yield errors
    yield latency


def _decisions(
    judges: Collection[Judge], comparisons: Iterable[ComparisonJudge]
) -> Iterator[Metric]:
    active = GaugeMetricFamily(
        "drift_alert_active", "Open alert episodes.", labels=(*_MODEL, "severity", "rule", "cause")
    )
    muted = GaugeMetricFamily(
        "drift_alert_muted",
        "Open alert episodes that a mute keeps quiet.",
        labels=(*_MODEL, "rule", "cause"),
    )
    judgements = CounterMetricFamily(
        "longshore_judgements", "Windows judged, revisions included.", labels=_MODEL
    )
    for judge in judges:
        labels = (judge.model.spec.model, judge.model.spec.version)
        judgements.add_metric(labels, judge.judged_windows)
    for labels, severity, key, quiet in _episodes(judges, comparisons):
        rule, cause = key.split("/", 1)
        if quiet:
            muted.add_metric((*labels, rule, cause), 1)
        else:
            active.add_metric((*labels, severity, rule, cause), 1)
    yield active
    yield muted
    yield from retraining(judges)
    yield judgements


def _episodes(
    judges: Iterable[Judge], comparisons: Iterable[ComparisonJudge]
) -> Iterator[tuple[tuple[str, str], str, str, bool]]:
    """Model and version, severity, ``rule/cause`` and whether it is quiet, of what is open."""
    for spec, clock_ms, episodes in (
        *((j.model.spec, j.clock_ms, j.decisions.episodes) for j in judges),
        *((c.comparison.spec, c.flows[DATA].clock_ms, c.state.split.episodes) for c in comparisons),
    ):
        for key, episode in episodes.items():
            quiet = clock_ms is not None and is_quiet(spec, key, clock_ms)
            yield (spec.model, spec.version), episode.severity, key, quiet


def _panes(judges: Iterable[Judge], tallies: dict[int, Tally]) -> Iterator[Metric]:
    """What of the counts on their way to the windows is in none."""
    late = CounterMetricFamily(
        "longshore_late_pane_events",
        "Events counted in a pane that reached the judge after its last window was revised.",
        labels=_MODEL,
    )
    foreign = CounterMetricFamily(
        "longshore_foreign_pane_records",
        "Pane records of another layout: a worker with another spec or profile is running.",
        labels=_MODEL,
    )
    stale = CounterMetricFamily(
        "longshore_stale_pane_records",
        "Pane records stamped below what is known: repeats, or of a worker that was replaced.",
        labels=_MODEL,
    )
    fresh = GaugeMetricFamily(
        "longshore_fresh_starts",
        "Tallies and judges here that dropped restored counts because the layout changed.",
        labels=_MODEL,
    )
    started: dict[str, int] = {}
    for tally in tallies.values():
        for key in tally.watermarks_ms():
            started[key] = started.get(key, 0) + (key in tally.fresh)
    for judge in judges:
        labels = (judge.model.spec.model, judge.model.spec.version)
        late.add_metric(labels, judge.late_counts)
        foreign.add_metric(labels, judge.foreign_records)
        stale.add_metric(labels, judge.stale_records)
        started[judge.model.key] = started.get(judge.model.key, 0) + judge.fresh
    for key, count in started.items():
        fresh.add_metric(key.rsplit("@", 1), count)
    yield from (late, foreign, stale, fresh)


def _clocks(judges: Iterable[Judge], tallies: dict[int, Tally]) -> Iterator[Metric]:
    watermark = GaugeMetricFamily(
        "longshore_watermark_timestamp_seconds",
        "Event time up to which a model's windows are closed.",
        labels=_MODEL,
    )
    performance = GaugeMetricFamily(
        "longshore_performance_watermark_timestamp_seconds",
        "Event time up to which a model's windows of performance are closed.",
        labels=(*_MODEL, "plane"),
    )
    sources = GaugeMetricFamily(
        "longshore_source_watermark_timestamp_seconds",
        "Watermark of a source.",
        labels=(*_MODEL, "topic", "partition"),
    )
    for judge in judges:
        if judge.clock_ms is not None:
            labels = (judge.model.spec.model, judge.model.spec.version)
            watermark.add_metric(labels, judge.clock_ms / 1000)
        for flow in judge.flows.values():
            if flow is not judge.data and flow.clock_ms is not None:
                of_plane = (judge.model.spec.model, judge.model.spec.version, flow.plane.name)
                performance.add_metric(of_plane, flow.clock_ms / 1000)
    for partition, tally in tallies.items():
        for key, topics in tally.watermarks_ms().items():
            name, version = key.rsplit("@", 1)
            for topic, at_ms in topics.items():
                if at_ms is not None:
                    source = (name, version, topic, str(partition))
                    sources.add_metric(source, at_ms / 1000)
    yield watermark
    yield performance
    yield sources
