"""Three models on the same topics and partitions, and two broken ones beside them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kafka.longshore_run import DECIDED, LongshoreRun, assert_equal
from tests.kafka.oracles import EXAMPLES, Oracle, oracle


@pytest.mark.timeout(480)
def test_three_models_at_once_and_two_broken(
    kafka: str,
    topic_prefix: Callable[[], str],
    tmp_path: Path,
    fraud: Oracle,
    spring: Oracle,
) -> None:
    """Each is judged as if it were alone; a broken spec and a broken profile stop nobody else."""
    acs = oracle("acs", EXAMPLES / "acs", tmp_path, "--predictions", "predictions.parquet")
    oracles = {"flights": spring, "acs": acs, "fraud": fraud}
    expected = {
        topic: [record for each in oracles.values() for record in each.expected[topic]]
        for topic in DECIDED
    }
    broken_spec = tmp_path / "broken.yaml"
    broken_spec.write_text("model: broken\nversion: 1.0\nwindows: [5x]\n")
    broken_profile = tmp_path / "broken.json"
    broken_profile.write_text('{"schema": 1')
    other = tmp_path / "other.yaml"
    other.write_text(Path(spring.spec).read_text().replace("model: flights", "model: other"))
    broken = (f"{broken_spec}:{spring.profile}", f"{other}:{broken_profile}")
    with LongshoreRun(kafka, topic_prefix(), tmp_path) as run:
        worker = run.worker(*(each.model for each in oracles.values()), *broken)
        publishers = {
            name: run.start("publish", *each.sent, log=f"publish-{name}.log")
            for name, each in oracles.items()
        }
        for name, publisher in publishers.items():
            assert publisher.wait(180) == 0, run.log(f"publish-{name}.log")
        assert_equal(run.wait_for(expected, limit_s=180), expected)
        run.stop(worker)
        said = (tmp_path / "worker.log").read_text()
        assert "broken.yaml" in said
        assert "broken.json" in said
