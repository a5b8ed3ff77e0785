"""Kafka in, drift to Prometheus, a trigger back on Kafka: every program the real one."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kafka.longshore_run import LongshoreRun
from tests.kafka.oracles import Oracle
from tests.prometheus.server import RealPrometheus


@pytest.mark.timeout(300)
def test_drift_reaches_a_real_prometheus(
    kafka: str,
    topic_prefix: Callable[[], str],
    tmp_path: Path,
    prometheus_program: str,
    fraud: Oracle,
) -> None:
    """What Prometheus stored is what the newest judgement says, to the last digit."""
    expected = fraud.expected
    with LongshoreRun(kafka, topic_prefix(), tmp_path) as run:
        run.worker(fraud.model)
        address = run.address()
        run.publish(*fraud.sent)
        run.wait_for(expected, limit_s=120)
        with RealPrometheus(prometheus_program, [address]) as prometheus:
            end = time.monotonic() + 90
            while not prometheus.query("drift_psi"):
                assert time.monotonic() < end, run.log()
                time.sleep(0.2)
            newest = run.newest_judgements(expected["judgements"])
            for labels, value in prometheus.query("drift_psi"):
                judged = newest[labels["window"]]["features"][labels["feature"]]
                assert value == judged["psi"], labels
            records = sum(v for _, v in prometheus.query("longshore_records_total"))
            outcomes = sum(v for _, v in prometheus.query("longshore_records_outcomes_total"))
            assert records == outcomes > 0
            triggers = sum(v for _, v in prometheus.query("drift_retraining_triggers_total"))
            assert triggers == len(expected["retraining-triggers"])
