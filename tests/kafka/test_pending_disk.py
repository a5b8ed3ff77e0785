"""Predictions that wait on a disk: killed, robbed of it and moved, performance is the same."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kafka.longshore_run import PARTITIONS, LongshoreRun, assert_equal, scrape, total
from tests.kafka.oracles import Oracle

RATE = "2000"
"""Records a second, so that the stream lasts while workers come and go."""
RESTORED_WITHIN_S = 90.0
"""Of a start, on a busy machine."""


@pytest.mark.timeout(600)
def test_performance_survives_kills_lost_disks_and_moves(
    kafka: str, topic_prefix: Callable[[], str], tmp_path: Path, spring: Oracle
) -> None:
    """Kill -9 with the disk kept, kill -9 with the disk lost, then a second worker that partitions
    move to: every judgement, those of performance too, is the replay's to the last bit."""
    assert any(b'"section":"performance"' in line for line in spring.expected["judgements"])
    home, second = tmp_path / "home", tmp_path / "second"
    with LongshoreRun(kafka, topic_prefix(), tmp_path) as run:
        worker = run.worker(spring.model, log="first.log", data_dir=home)
        publisher = run.start("publish", *spring.sent, "--rate", RATE, log="publish.log")

        def judged(share: float, alive: subprocess.Popen[bytes], log: str) -> None:
            while run.count("judgements") < share * len(spring.expected["judgements"]):
                assert alive.poll() is None, run.log(log)
                time.sleep(0.3)

        judged(0.15, worker, "first.log")
        worker.kill()
        worker.wait()
        worker = run.worker(spring.model, log="again.log", data_dir=home)
        judged(0.35, worker, "again.log")
        worker.kill()
        worker.wait()
        shutil.rmtree(home)
        worker = run.worker(spring.model, log="robbed.log", data_dir=home)
        address = run.address("robbed.log")
        metrics = scrape(address)
        until = time.monotonic() + RESTORED_WITHIN_S
        while total(metrics, "longshore_pending_restores_total") < PARTITIONS:
            assert worker.poll() is None, run.log("robbed.log")
            assert time.monotonic() < until, run.log("robbed.log")
            time.sleep(0.2)
            metrics = scrape(address)
        judged(0.55, worker, "robbed.log")
        metrics = scrape(address)
        assert total(metrics, "longshore_pending_disk_bytes") > 0
        assert total(metrics, "longshore_pending_events") > 0
        run.worker(spring.model, log="second.log", data_dir=second)
        assert publisher.wait(240) == 0, run.log("publish.log")
        found = run.wait_for(spring.expected, limit_s=240)
        assert_equal(found, spring.expected, crashed=True)
        assert "events that wait for labels read from the topic" in run.log("robbed.log")
        # Partitions move to it also where a slow machine has it join behind the stream's end.
        until = time.monotonic() + RESTORED_WITHIN_S
        while not sorted(second.glob("pending-*")):
            assert time.monotonic() < until, f"nothing moved to it: {run.log('second.log')}"
            time.sleep(0.2)
