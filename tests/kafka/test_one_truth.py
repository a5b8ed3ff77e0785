"""One truth: the same flights through Kafka and through replay give the same bytes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli import main
from tests.kafka.disorder import disorderly_flights
from tests.kafka.longshore_run import ROOT, LongshoreRun, assert_equal, replayed

FLIGHTS = ROOT / "examples" / "flights"
SPEC = str(FLIGHTS / "spec.yaml")
RATE = "15000"
"""Records a second, so that the stream lasts long enough for workers to come and go in it."""


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The profile of January and February."""
    out = tmp_path_factory.mktemp("flights") / "profile.json"
    data = str(FLIGHTS / "reference.parquet")
    done = CliRunner().invoke(main, ["profile", SPEC, "--data", data, "--out", str(out)])
    assert done.exit_code == 0, done.output
    return str(out)


def files(directory: Path, spec: str) -> list[str]:
    """Arguments that name the prepared stream and its spec."""
    return [
        spec,
        "--predictions",
        str(directory / "predictions.ndjson"),
        "--labels",
        str(FLIGHTS / "labels.parquet"),
    ]


@pytest.mark.timeout(600)
def test_workers_and_replay_agree(
    kafka: str, topic_prefix: Callable[[], str], tmp_path: Path, profile: str
) -> None:
    """March to December, as it was: one worker, two workers 20 s apart, one killed in the middle,
    and replay."""
    arguments = [
        SPEC,
        "--predictions",
        str(FLIGHTS / "predictions.parquet"),
        "--labels",
        str(FLIGHTS / "labels.parquet"),
    ]
    out = tmp_path / "replay"
    model = f"{SPEC}:{profile}"
    with LongshoreRun(kafka, topic_prefix(), tmp_path) as run:
        run.command("replay", *arguments, "--profile", profile, "--out", str(out))
        expected = replayed(out)
        assert expected["retraining-triggers"], "the year must trigger"
        run.command("publish", *arguments)
        worker = run.worker(model, log="one.log")
        assert_equal(run.wait_for(expected, limit_s=180), expected)
        run.stop(worker)
    with LongshoreRun(kafka, topic_prefix(), tmp_path) as run:
        run.worker(model, log="first.log")
        publisher = run.start("publish", *arguments, "--rate", RATE, log="publish.log")
        time.sleep(20)
        run.worker(model, log="second.log")
        assert publisher.wait(240) == 0, run.log("publish.log")
        assert_equal(run.wait_for(expected, limit_s=180), expected)
    with LongshoreRun(kafka, topic_prefix(), tmp_path) as run:
        doomed = run.worker(model, log="doomed.log")
        publisher = run.start("publish", *arguments, "--rate", RATE, log="publish.log")
        while run.count("judgements") < len(expected["judgements"]) // 3:
            assert doomed.poll() is None, run.log("doomed.log")
            time.sleep(0.5)
        doomed.kill()
        doomed.wait()
        run.worker(model, log="restarted.log")
        assert publisher.wait(240) == 0, run.log("publish.log")
        assert_equal(run.wait_for(expected, limit_s=180), expected)


@pytest.mark.timeout(420)
def test_disorder_changes_nothing(
    kafka: str, topic_prefix: Callable[[], str], tmp_path: Path
) -> None:
    """Records out of order inside lateness and amend and beyond, duplicates, and an idle partition:
    two workers and replay agree, and every record is accounted for."""
    spec = disorderly_flights(tmp_path, seed=20130301)
    profile = str(tmp_path / "profile.json")
    arguments = files(tmp_path, str(spec))
    out = tmp_path / "replay"
    with LongshoreRun(kafka, topic_prefix(), tmp_path) as run:
        data = str(FLIGHTS / "reference.parquet")
        run.command("profile", str(spec), "--data", data, "--out", profile)
        run.command("replay", *arguments, "--profile", profile, "--out", str(out))
        expected = replayed(out)
        assert any(b'"revision":1' in line for line in expected["judgements"])
        late = (out / "late.ndjson").read_bytes().count(b"\n")
        assert late > 0
        run.worker(f"{spec}:{profile}", log="first.log")
        publisher = run.start("publish", *arguments, "--rate", RATE, log="publish.log")
        time.sleep(3)
        run.worker(f"{spec}:{profile}", log="second.log")
        assert publisher.wait(240) == 0, run.log("publish.log")
        assert_equal(run.wait_for(expected, limit_s=180), expected)
        assert run.count("late") >= late
