"""One truth: the same flights through Kafka and through replay give the same bytes."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import polars as pl
import pytest

from tests.kafka.disorder import EVENTS, disorderly_flights
from tests.kafka.longshore_run import (
    PARTITIONS,
    ROOT,
    LongshoreRun,
    Scraped,
    assert_equal,
    replayed,
    scrape,
    total,
)
from tests.kafka.oracles import Oracle

FLIGHTS = ROOT / "examples" / "flights"
RATE = "5000"
"""Records a second, so that the stream lasts long enough for workers to come and go in it."""
SLOW_RATE = "3000"
"""Some ten seconds of disorder, in which a partition must be found idle."""


@pytest.mark.timeout(600)
def test_workers_and_replay_agree(
    kafka: str, topic_prefix: Callable[[], str], tmp_path: Path, spring: Oracle
) -> None:
    """One worker over what lies there already, two workers of which one comes later, one that is
    killed in the middle, and replay, over spring.  The three runs go on side by side under prefixes
    of their own."""
    scenarios = (one_worker, a_second_worker, a_killed_worker)
    with ThreadPoolExecutor(len(scenarios)) as side_by_side, ExitStack() as runs:
        entered = [
            (scenario, runs.enter_context(LongshoreRun(kafka, topic_prefix(), tmp_path)))
            for scenario in scenarios
        ]
        done = [side_by_side.submit(scenario, run, spring) for scenario, run in entered]
        for each in done:
            each.result()


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_worker_and_replay_agree_over_the_year(
    kafka: str, topic_prefix: Callable[[], str], tmp_path: Path, flights: Oracle
) -> None:
    """March to December, as it was."""
    with LongshoreRun(kafka, topic_prefix(), tmp_path) as run:
        one_worker(run, flights)


def one_worker(run: LongshoreRun, data: Oracle) -> None:
    """Over what lies there already, to a clean end."""
    run.publish(*data.sent)
    worker = run.worker(data.model, log="one.log")
    assert_equal(run.wait_for(data.expected, limit_s=240), data.expected)
    run.stop(worker)


def a_second_worker(run: LongshoreRun, spring: Oracle) -> None:
    """Joins while the stream goes on."""
    run.worker(spring.model, log="first.log")
    publisher = run.start("publish", *spring.sent, "--rate", RATE, log="publish-two.log")
    while run.count("judgements") < len(spring.expected["judgements"]) // 3:
        assert publisher.poll() in {None, 0}, run.log("publish-two.log")
        time.sleep(0.5)
    run.worker(spring.model, log="second.log")
    assert publisher.wait(240) == 0, run.log("publish-two.log")
    assert_equal(run.wait_for(spring.expected, limit_s=240), spring.expected)


def a_killed_worker(run: LongshoreRun, spring: Oracle) -> None:
    """Dies while the stream goes on; its successor starts from the last snapshots."""
    doomed = run.worker(spring.model, log="doomed.log")
    publisher = run.start("publish", *spring.sent, "--rate", RATE, log="publish-killed.log")
    while run.count("judgements") < len(spring.expected["judgements"]) // 3:
        assert doomed.poll() is None, run.log("doomed.log")
        time.sleep(0.5)
    doomed.kill()
    doomed.wait()
    run.worker(spring.model, log="restarted.log")
    assert publisher.wait(240) == 0, run.log("publish-killed.log")
    found = run.wait_for(spring.expected, limit_s=240)
    assert_equal(found, spring.expected, crashed=True)


def labels_meanwhile(directory: Path) -> Path:
    """The labels of the time that the disorderly stream covers, so that both files end together."""
    times = pl.read_parquet(FLIGHTS / "predictions.parquet", columns=["ts"])["ts"]
    labels = pl.read_parquet(FLIGHTS / "labels.parquet")
    path = directory / "labels.parquet"
    labels.filter(pl.col("label_ts") < times[EVENTS]).write_parquet(path)
    return path


@pytest.mark.timeout(420)
def test_disorder_changes_nothing(
    kafka: str, topic_prefix: Callable[[], str], tmp_path: Path
) -> None:
    """Records out of order inside lateness and amend and beyond, duplicates, and an idle partition:
    two workers and replay agree, and every record is accounted for.

    One partition has no predictions, so windows that close before the stream's end do so because
    it was declared idle.
    """
    spec = disorderly_flights(tmp_path, seed=20130301)
    text = spec.read_text()
    spec.write_text(text.replace("idle: 10s", "idle: 3s"))
    assert spec.read_text() != text
    profile, out = str(tmp_path / "profile.json"), tmp_path / "replay"
    predictions, labels = tmp_path / "predictions.ndjson", labels_meanwhile(tmp_path)
    arguments = [str(spec), "--predictions", str(predictions), "--labels", str(labels)]
    with LongshoreRun(kafka, topic_prefix(), tmp_path) as run:
        data = str(FLIGHTS / "reference.parquet")
        run.command("profile", str(spec), "--data", data, "--out", profile)
        run.command("replay", *arguments, "--profile", profile, "--out", str(out))
        expected = replayed(out)
        assert any(b'"revision":1' in line for line in expected["judgements"])
        late = (out / "late.ndjson").read_bytes().count(b"\n")
        assert late > 0
        run.worker(f"{spec}:{profile}", log="first.log")
        addresses = [run.address("first.log")]
        publisher = run.start("publish", *arguments, "--rate", SLOW_RATE, log="publish.log")
        while run.count("judgements") == 0:
            assert publisher.poll() is None, "the silent partition held every window back"
            time.sleep(0.2)
        run.worker(f"{spec}:{profile}", log="second.log")
        addresses.append(run.address("second.log"))
        assert publisher.wait(240) == 0, run.log("publish.log")
        assert_equal(run.wait_for(expected, limit_s=180), expected)
        beats = 2 * PARTITIONS
        sent = predictions.read_bytes().count(b"\n") + len(pl.read_parquet(labels)) + beats
        metrics = scraped_after(addresses, sent)
        assert total(metrics, "longshore_records_total") == sent
        assert total(metrics, "longshore_records_outcomes_total") == sent
        assert total(metrics, "longshore_records_outcomes_total", outcome="heartbeat") == beats
        assert total(metrics, "longshore_records_late_total") == late
        assert total(metrics, "longshore_late_pane_events_total") == 0
        assert run.count("late") == late


def scraped_after(addresses: list[str], records: int, limit_s: float = 30.0) -> Scraped:
    """The metrics of all workers once they read so many records, or as they are after the limit."""
    end = time.monotonic() + limit_s
    while True:
        metrics = [series for address in addresses for series in scrape(address)]
        if total(metrics, "longshore_records_total") >= records or time.monotonic() > end:
            return metrics
        time.sleep(0.2)
