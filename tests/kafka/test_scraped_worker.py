"""Kafka in, drift to Prometheus, a trigger back on Kafka: every program the real one."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.grafana.asking import empty, wrongly_listed
from tests.grafana.quiet_examples import FEATURES, REASONS
from tests.kafka.longshore_run import DECIDED, LongshoreRun
from tests.kafka.oracles import Oracle
from tests.prometheus.server import RealPrometheus

DEADLINE_SECONDS: Final = 90.0


def await_scrape(prometheus: RealPrometheus, run: LongshoreRun) -> None:
    """Wait until everything that the worker shows now was scraped, twice."""
    asked_s = time.time()
    end = time.monotonic() + DEADLINE_SECONDS
    while not any(at > asked_s + 2 for _, at in prometheus.query("timestamp(longshore_ready)")):
        assert time.monotonic() < end, run.log()
        time.sleep(0.1)


@pytest.mark.timeout(420)
def test_drift_reaches_a_real_prometheus(
    kafka: str,
    topic_prefix: Callable[[], str],
    tmp_path: Path,
    prometheus_program: str,
    fraud: Oracle,
    spring: Oracle,
) -> None:
    """What Prometheus stored of card payments and flights is what the newest judgements say, to
    the last digit; and every expression of the dashboards and rules returns data, but for what is
    listed with its reason."""
    expected = {topic: [*fraud.expected[topic], *spring.expected[topic]] for topic in DECIDED}
    with LongshoreRun(kafka, topic_prefix(), tmp_path) as run:
        run.worker(fraud.model, spring.model)
        with RealPrometheus(prometheus_program, [run.address()]) as prometheus:
            # Counters are seen at 0 first, so that what grows is seen to grow.
            await_scrape(prometheus, run)
            publishers = [
                run.start("publish", *oracle.sent, log=f"publish-{Path(oracle.profile).stem}.log")
                for oracle in (fraud, spring)
            ]
            assert [publisher.wait(180) for publisher in publishers] == [0, 0]
            run.wait_for(expected, limit_s=180)
            await_scrape(prometheus, run)
            for model, oracle in (("fraud", fraud), ("flights", spring)):
                newest = run.newest_judgements(oracle.expected["judgements"])
                told = prometheus.query(f'drift_psi{{model="{model}"}}')
                assert told
                for labels, value in told:
                    judged = newest[labels["window"]]["features"][labels["feature"]]
                    assert value == judged["psi"], labels
            records = sum(v for _, v in prometheus.query("longshore_records_total"))
            outcomes = sum(v for _, v in prometheus.query("longshore_records_outcomes_total"))
            assert records == outcomes > 0
            triggers = sum(v for _, v in prometheus.query("drift_retraining_triggers_total"))
            assert triggers == len(expected["retraining-triggers"])
            wrong = wrongly_listed(empty(prometheus, FEATURES), REASONS)
            assert not wrong, "\n".join(wrong)
