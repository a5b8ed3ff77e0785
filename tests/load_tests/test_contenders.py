"""The contenders on a real broker: each reads every record once, and nothing is left behind."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from load_tests.contender_runs import (
    FLOOR,
    HANDWRITTEN,
    Contender,
    ContenderFailedError,
    run_contender,
)
from load_tests.contenders.protocol import Assignment
from load_tests.event import PARTITIONS
from load_tests.generator import histogram_edges, reference_columns, stream
from load_tests.processes import ROOT, Child
from load_tests.topics import create_topics, delete_topics, load

EVENTS = 5_000


def test_floor_and_handwritten_read_all(
    kafka: str, topic_prefix: Callable[[], str], tmp_path: Path
) -> None:
    """Both process 5,000 events; the hand-written one has them on all partitions."""
    prefix = topic_prefix()
    topic = f"{prefix}predictions"
    create_topics(kafka, [topic])
    loaded: list[int] = []
    load(kafka, [topic], 7, stream(7, EVENTS, 5_000), loaded.append)
    assert sum(loaded) == EVENTS
    edges = histogram_edges(reference_columns(7, 4_096))
    for contender in (FLOOR, HANDWRITTEN):
        assignment = Assignment(kafka, topic, f"{prefix}{contender.name}", EVENTS, edges)
        result = run_contender(contender, assignment, 0, tmp_path)
        assert result.measurement.events == EVENTS
        assert result.measurement.cpu_seconds > 0
        assert result.measurement.peak_rss_bytes > 10 << 20
        if contender is HANDWRITTEN:
            assert sorted(result.measurement.counted) == list(range(PARTITIONS))
            assert min(result.measurement.counted.values()) > 0
    delete_topics(kafka, prefix)


def test_a_contender_that_fails_says_why(tmp_path: Path) -> None:
    """A program that ends without a result is an error with its own words."""
    broken = Contender("broken", "broken", "no_such_module", FLOOR.python)
    assignment = Assignment("127.0.0.1:1", "t", "g", 1, {})
    with pytest.raises(ContenderFailedError, match="no_such_module"):
        run_contender(broken, assignment, 0, tmp_path)


def _runs(pid: int) -> bool:
    """Whether the process is there and not merely waiting to be reaped."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def test_a_child_ends_with_its_block(tmp_path: Path) -> None:
    """The whole process group is gone, also what the child itself had started."""
    command = ["sh", "-c", "sleep 60 & echo $!; wait"]
    with Child(command, tmp_path, tmp_path / "log") as child:
        assert child.process.stdout is not None
        grandchild = int(child.process.stdout.readline())
        assert _runs(grandchild)
    deadline = time.monotonic() + 5
    while _runs(grandchild) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _runs(grandchild)
    assert not _runs(child.process.pid)


def test_a_child_ends_with_a_killed_owner(tmp_path: Path) -> None:
    """A benchmark ended by kill -9 leaves nothing running."""
    owner_code = (
        "import sys, time, pathlib\n"
        "from load_tests.processes import Child\n"
        "here = pathlib.Path(sys.argv[1])\n"
        "child = Child(['sleep', '60'], here, here / 'log')\n"
        "print(child.process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    command = [sys.executable, "-c", owner_code, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        child = int(owner.stdout.readline())
        assert _runs(child)
        owner.kill()
    deadline = time.monotonic() + 5
    while _runs(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _runs(child)
