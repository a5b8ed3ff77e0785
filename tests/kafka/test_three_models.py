"""Three models on the same topics and partitions, and two broken ones beside them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kafka.longshore_run import DECIDED, ROOT, LongshoreRun, Records, assert_equal, replayed

EXAMPLES = ROOT / "examples"
FRAUD_EVENTS = "60000"


def fraud_data(directory: Path) -> Path:
    """Card payments whose population shifts half-way; the directory of the files."""
    out = directory / "fraud"
    options = ["--events", FRAUD_EVENTS, "--rate", "2", "--reference-days", "2"]
    drift = ["--drift", "population", "--strength", "0.6"]
    command = [sys.executable, "-m", "examples.fraud.generate", *options, *drift, str(out)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    return out


@pytest.mark.timeout(480)
def test_three_models_at_once_and_two_broken(
    kafka: str, topic_prefix: Callable[[], str], tmp_path: Path
) -> None:
    """Each is judged as if it were alone; a broken spec and a broken profile stop nobody else."""
    fraud = fraud_data(tmp_path)
    streams = {
        "flights": EXAMPLES / "flights",
        "acs": EXAMPLES / "acs",
        "fraud": fraud,
    }
    suffix = {"fraud": "predictions.ndjson.gz"}
    expected: Records = {name: [] for name in DECIDED}
    models = []
    with LongshoreRun(kafka, topic_prefix(), tmp_path) as run:
        sent = {}
        for name, data in streams.items():
            spec = str(EXAMPLES / name / "spec.yaml")
            profile = str(tmp_path / f"{name}.json")
            events = str(data / suffix.get(name, "predictions.parquet"))
            run.command(
                "profile", spec, "--data", str(data / "reference.parquet"), "--out", profile
            )
            sent[name] = [spec, "--predictions", events]
            out = tmp_path / f"replayed-{name}"
            run.command("replay", *sent[name], "--profile", profile, "--out", str(out))
            for topic, records in replayed(out).items():
                expected[topic] += records
            models.append(f"{spec}:{profile}")
        broken_spec = tmp_path / "broken.yaml"
        broken_spec.write_text("model: broken\nversion: 1.0\nwindows: [5x]\n")
        broken_profile = tmp_path / "broken.json"
        broken_profile.write_text('{"schema": 1')
        flights_spec = str(EXAMPLES / "flights" / "spec.yaml")
        other = tmp_path / "other.yaml"
        other.write_text(Path(flights_spec).read_text().replace("model: flights", "model: other"))
        worker = run.worker(
            *models, f"{broken_spec}:{models[0].split(':')[1]}", f"{other}:{broken_profile}"
        )
        publishers = [
            run.start("publish", *arguments, log=f"publish-{name}.log")
            for name, arguments in sent.items()
        ]
        for name, publisher in zip(sent, publishers, strict=True):
            assert publisher.wait(180) == 0, run.log(f"publish-{name}.log")
        assert_equal(run.wait_for(expected, limit_s=180), expected)
        run.stop(worker)
        said = (tmp_path / "worker.log").read_text()
        assert "broken.yaml" in said
        assert "broken.json" in said
