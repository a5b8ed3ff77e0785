"""Every expression, asked of a real Prometheus that scraped workers with everything in them."""

from __future__ import annotations

import time
from typing import Final

import pytest

from tests.grafana.asking import empty, every_expression, wrongly_listed
from tests.grafana.told import Worker, address, serving, told
from tests.prometheus.server import RealPrometheus

FEATURES: Final = ("amount", "device")
"""A numeric one of the fraud stream, and a categorical one."""
NO_BROKER: Final = "told by what reads from a broker; the worker of tests/kafka has it"
REASONS: Final = {
    "monitor: Lag: A": NO_BROKER,
    "monitor: Lag by topic: A": NO_BROKER,
    "monitor: Sources that stall: A": NO_BROKER,
    "monitor: Stalled sources over time: A": NO_BROKER,
    "monitor: Records that a crash would read again: A": NO_BROKER,
    "longshore-worker: PartitionStuck: longshore_source_stalled": NO_BROKER,
    "longshore-worker: SnapshotsTooOld: longshore_uncovered_records": NO_BROKER,
    "longshore-worker: CommitsStuck: longshore_uncovered_records": NO_BROKER,
    "longshore-worker: CommitsStuck: longshore_committed_offset": NO_BROKER,
    "longshore: WatermarkStuck: longshore_consumer_lag_records": NO_BROKER,
    "longshore-monitor: longshore:consumer_lag_records:sum": NO_BROKER,
    "longshore-monitor: WorkersBehind: longshore:consumer_lag_records:sum": NO_BROKER,
}
"""Beginning of a place -> why nothing comes of it here."""
DEADLINE_SECONDS: Final = 30.0
SCRAPES: Final = 4
"""The first may have begun before, and the last may not have been stored."""
GREW: Final = (
    "sum(increase(comparison_promotions_total[1m])) > 0 and "
    "sum(increase(drift_retraining_triggers_total[1m])) > 0 and "
    "count(topic:longshore_records_rejected:ratio_rate15m) > 0"
)


def await_scrapes(workers: list[Worker]) -> None:
    """Wait until Prometheus has two of each worker from now on, of which no text is older."""
    for worker in workers:
        worker.scrapes = 0
    end = time.monotonic() + DEADLINE_SECONDS
    while min(worker.scrapes for worker in workers) < SCRAPES:
        assert time.monotonic() < end, [worker.scrapes for worker in workers]
        time.sleep(0.05)


def await_any(prometheus: RealPrometheus, expression: str) -> None:
    """Wait until it gives anything."""
    end = time.monotonic() + DEADLINE_SECONDS
    while not prometheus.query(expression):
        assert time.monotonic() < end, expression
        time.sleep(0.1)


@pytest.mark.timeout(240)
def test_every_expression_returns_data(prometheus_program: str) -> None:
    """But for what is listed, with its reason; and every expression is understood."""
    texts = told()
    with serving([before for before, _ in texts]) as workers:
        targets = [address(worker) for worker in workers]
        with RealPrometheus(prometheus_program, targets) as prometheus:
            await_scrapes(workers)
            for worker, (_, after) in zip(workers, texts, strict=True):
                worker.text = after
            await_scrapes(workers)
            await_any(prometheus, GREW)
            found = empty(prometheus, FEATURES)
    wrong = wrongly_listed(found, REASONS)
    assert not wrong, "\n".join(wrong)


def test_a_table_is_held_to_what_it_says() -> None:
    """Empty without a reason is found, and so is a reason for what is not empty or not there."""
    place = next(every_expression()).place
    assert wrongly_listed([place], {}) == [f"empty without a reason: {place}"]
    assert wrongly_listed([], {"monitor: Lag: A": "", "no such place": ""}) == [
        "listed and not empty: monitor: Lag: A",
        "listed and not there: no such place",
    ]
    assert wrongly_listed([place], {place: "why"}) == []
