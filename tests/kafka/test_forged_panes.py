"""A record on an internal topic that no tally wrote costs only itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Producer

from tests.kafka.longshore_run import PARTITIONS, LongshoreRun, assert_equal
from tests.kafka.oracles import Oracle


@pytest.mark.timeout(240)
def test_garbage_on_the_panes_topic_is_refused_and_told(
    kafka: str, topic_prefix: Callable[[], str], tmp_path: Path, fraud: Oracle
) -> None:
    """The worker goes on, says so, and judges as if nothing had been there; a keyless tombstone on
    an input topic does not stop it either."""
    with LongshoreRun(kafka, topic_prefix(), tmp_path) as run:
        worker = run.worker(fraud.model)
        run.address()
        producer = Producer({"bootstrap.servers": kafka})
        for partition in range(PARTITIONS):
            for value in (b"\xff\x00garbage", b"", b"\x91\x01"):
                producer.produce(f"{run.prefix}panes", value, key="fraud", partition=partition)
            producer.produce(f"{run.prefix}predictions", None, partition=partition)
        assert producer.flush(30) == 0
        run.publish(*fraud.sent)
        assert_equal(run.wait_for(fraud.expected, limit_s=120), fraud.expected)
        run.stop(worker)
        assert "is no tally's" in (tmp_path / "worker.log").read_text()
