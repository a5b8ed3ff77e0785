"""Labels on a real broker in whatever order they come: performance is that of the raw files."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from streams.model_files import read_profile_file
from tests.examples.raw_performance import FLIGHTS, ORDERS, SPEC, arrivals, assert_as_the_raw_files
from tests.kafka.longshore_run import LongshoreRun, assert_equal, replayed

DAYS: Final = 35
"""Enough for a window of 30 days."""


@pytest.mark.timeout(400)
def test_performance_is_that_of_the_raw_files(
    kafka: str, topic_prefix: Callable[[], str], tmp_path: Path
) -> None:
    """In order of arrival, shuffled within the labels' lateness, and a file a night: every day and
    30 days, and every cohort, equal a computation over the raw tables, and the replay's bytes."""
    with ThreadPoolExecutor(len(ORDERS)) as side_by_side, ExitStack() as runs:
        done = []
        for order, lateness in ORDERS:
            directory = tmp_path / order.__name__
            directory.mkdir()
            run = runs.enter_context(LongshoreRun(kafka, topic_prefix(), directory))
            done.append(side_by_side.submit(compare, run, directory, order, lateness))
        for each in done:
            each.result()


def compare(run: LongshoreRun, directory: Path, order: Any, lateness: str) -> None:  # noqa: ANN401
    """One order of labels through a worker."""
    predictions, labels = arrivals(DAYS)
    spec, profile = str(directory / "spec.yaml"), directory / "profile.json"
    Path(spec).write_text(SPEC.format(lateness=lateness))
    files = []
    for name, table in (("predictions", predictions), ("labels", order(labels))):
        table.write_parquet(directory / f"{name}.parquet")
        files += [f"--{name}", str(directory / f"{name}.parquet")]
    reference = str(FLIGHTS / "reference.parquet")
    run.command("profile", spec, "--data", reference, "--out", str(profile))
    out = directory / "replay"
    run.command("replay", spec, *files, "--profile", str(profile), "--out", str(out))
    expected = replayed(out)
    worker = run.worker(f"{spec}:{profile}")
    run.publish(spec, *files)
    found = run.wait_for(expected, limit_s=180)
    run.stop(worker)
    assert_equal(found, expected)
    trees = [tree for tree in map(orjson.loads, found["judgements"]) if "section" in tree]
    assert_as_the_raw_files(trees, read_profile_file(profile), predictions, labels, DAYS)
