"""Workers come, go, hang and come back, on a real broker: nothing is lost, and each says its state.

The group's own members are real processes; what they count is compared with the log.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.kafka.trouble_stage import TroubleStage

pytestmark = pytest.mark.timeout(240)

MAX_POLL_S = 3.0
OUT_OF_TOUCH_S = 3 * MAX_POLL_S
DEADLINE_S = 90.0
STATIC = {"session_timeout_s": 45.0}
SHORT: dict[str, object] = {"streams.settings_faults.MIN_STUCK_AFTER_S": 3.0}


@pytest.fixture
def stage(kafka: str, topic_prefix: Callable[[], str], tmp_path: Path) -> Iterator[TroubleStage]:
    """A stage on the shared broker."""
    with TroubleStage(kafka, topic_prefix(), tmp_path) as found:
        yield found


def test_a_spare_worker_stands_by_and_takes_over(stage: TroubleStage) -> None:
    """Five workers on four partitions: the spare is ready, stays a member past the longest time
    without a poll (where a plain worker hangs), and takes over from one that is killed.  One that
    is frozen past its session joins again when it wakes, and what it counted is not counted twice.
    """
    limits: dict[str, object] = {"streams.app.MAX_POLL_INTERVAL_S": MAX_POLL_S}
    workers = [stage.start(limits) for _ in range(5)]
    for worker in workers:
        worker.wait_until(worker.ready, DEADLINE_S)
    stage.log.write("predictions", 2_000)
    stage.verdicts.wait_for_all(DEADLINE_S)
    time.sleep(OUT_OF_TOUCH_S)
    healths = [worker.health() for worker in workers]
    assert [health["state"] for health in healths] == ["ready"] * 5
    assert sorted(health["partitions"] for health in healths) == [[], [0], [1], [2], [3]]
    (spare,) = [
        worker for worker, health in zip(workers, healths, strict=True) if health["standby"]
    ]
    generations = spare.generations()
    busy, frozen = [worker for worker in workers if worker is not spare][:2]
    busy.kill()
    stage.log.write("predictions", 2_000)
    spare.wait_until(lambda: spare.health().get("partitions"), DEADLINE_S)
    stage.verdicts.wait_for_all(DEADLINE_S)
    assert spare.generations() > generations
    frozen.send(signal.SIGSTOP)
    stage.log.write("predictions", 2_000)
    stage.verdicts.wait_for_all(DEADLINE_S)
    taken = frozen.generations()
    frozen.send(signal.SIGCONT)
    frozen.wait_until(lambda: frozen.generations() > taken and frozen.ready(), DEADLINE_S)
    stage.log.write("predictions", 2_000)
    stage.verdicts.wait_for_all(DEADLINE_S)
    assert [worker.process.poll() for worker in workers if worker is not busy] == [None] * 4


def test_a_static_member_comes_back_to_its_partitions(stage: TroubleStage) -> None:
    """With an instance id neither SIGTERM nor kill -9 is a rebalance for the others: the restarted
    worker has its partitions at once.  A second worker of the same id takes them over for good, and
    the first one ends with a line that says so."""
    coming = stage.start(group_instance_id="coming", **STATIC)
    other = stage.ready(group_instance_id="other", **STATIC)
    coming.wait_until(lambda: len(coming.health().get("partitions", ())) == 2)
    other.wait_until(lambda: len(other.health().get("partitions", ())) == 2)
    stage.log.write("predictions", 2_000)
    stage.verdicts.wait_for_all(DEADLINE_S)
    mine, theirs = coming.health()["partitions"], other.health()["partitions"]
    assert sorted([*mine, *theirs]) == [0, 1, 2, 3]
    generations = other.generations()
    for end in ("stop", "kill"):
        getattr(coming, end)()
        stage.log.write("predictions", 2_000)
        coming = stage.ready(group_instance_id="coming", **STATIC)
        assert coming.health()["partitions"] == mine
        stage.verdicts.wait_for_all(DEADLINE_S)
    assert other.generations() == generations
    twin = stage.ready(group_instance_id="other", **STATIC)
    other.fails_with("another worker joined as group_instance_id other")
    stage.log.write("predictions", 2_000)
    stage.verdicts.wait_for_all(DEADLINE_S)
    assert twin.health()["partitions"] == theirs
    assert coming.health()["partitions"] == mine


def test_a_worker_that_gets_nowhere_ends(stage: TroubleStage) -> None:
    """A batch that never ends (the event loop stands still), a snapshot that never becomes durable
    and a restore that never ends: each is told, exit code 1; the next worker counts everything."""
    stage.log.write("predictions", 2_000)
    blocked = stage.start({"hangs": "loop", "streams.watchdog.LOOP_LIMIT_S": 3.0})
    blocked.fails_with("the event loop did not beat for 3 s")
    saving = stage.start({"hangs": "save"} | SHORT, stuck_after_s=3.0)
    saving.fails_with(
        "no progress for 3 s", "predictions/0 was read up to 500 and is saved up to 0"
    )
    restoring = stage.start({"hangs": "restore"} | SHORT, recovery_limit_s=3.0)
    restoring.fails_with("restoring the state got nowhere for 3 s")
    stage.start()
    stage.verdicts.wait_for_all(DEADLINE_S)
