"""Two versions of one model on a real broker: promotions are those of the replay, also through a
worker that is killed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from tests.kafka.longshore_run import LongshoreRun, assert_equal, replayed
from tests.streams.champion_files import champion_files


@pytest.mark.timeout(300)
def test_promotions_are_those_of_the_replay(
    kafka: str, topic_prefix: Callable[[], str], tmp_path: Path
) -> None:
    """Half of the events, kill -9, the rest: each decision once, to the last bit."""
    files = champion_files(tmp_path)
    pairs = (files.champion, files.challenger)
    with LongshoreRun(kafka, topic_prefix(), tmp_path) as run:
        out = tmp_path / "replay"
        spec, profile = map(str, files.challenger)
        events = ("--predictions", str(files.predictions), "--labels", str(files.labels))
        beside = [str(path) for path in files.champion]
        run.command(
            *("replay", spec, "--profile", profile, *events, "--out", str(out)),
            *("--champion", beside[0], "--champion-profile", beside[1]),
        )
        expected = replayed(out)
        assert orjson.loads(expected["promotions"][-1])["decision"] == "PROMOTE"
        models = [f"{one}:{other}" for one, other in pairs]
        worker = run.worker(*models)
        run.address()
        run.publish(spec, *events)
        worker.kill()
        worker.wait()
        worker = run.worker(*models)
        found = run.wait_for(expected, limit_s=120)
        run.stop(worker)
        assert_equal(found, expected, crashed=True)
