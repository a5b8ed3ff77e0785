"""Kafka in, drift to Prometheus, a trigger back on Kafka: every program the real one."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kafka.longshore_run import ROOT, LongshoreRun, replayed
from tests.kafka.test_three_models import fraud_data
from tests.prometheus.server import RealPrometheus

SPEC = str(ROOT / "examples" / "fraud" / "spec.yaml")


@pytest.mark.timeout(300)
def test_drift_reaches_a_real_prometheus(
    kafka: str,
    topic_prefix: Callable[[], str],
    tmp_path: Path,
    prometheus_program: str,
) -> None:
    """What Prometheus stored is what the newest judgement says, to the last digit."""
    data = fraud_data(tmp_path)
    profile = str(tmp_path / "profile.json")
    events = str(data / "predictions.ndjson.gz")
    with LongshoreRun(kafka, topic_prefix(), tmp_path) as run:
        run.command("profile", SPEC, "--data", str(data / "reference.parquet"), "--out", profile)
        replay = ["replay", SPEC, "--profile", profile, "--predictions", events]
        run.command(*replay, "--out", str(tmp_path / "replay"))
        expected = replayed(tmp_path / "replay")
        assert expected["retraining-triggers"]
        run.worker(f"{SPEC}:{profile}")
        address = run.address()
        run.command("publish", SPEC, "--predictions", events)
        run.wait_for(expected, limit_s=120)
        with RealPrometheus(prometheus_program, [address]) as prometheus:
            end = time.monotonic() + 30
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
