"""The arithmetic of the cost of snapshots and of restarts, and the page that both write."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import orjson
import pytest

from load_tests.contenders.protocol import Measurement
from load_tests.outcomes import Round
from load_tests.readiness import too_slow
from load_tests.restarts import FAULTS, RESTORED, Restart, _from_log
from load_tests.sections import write_section
from load_tests.snapshot_cost import Pair, SnapshotCost, section
from load_tests.wide_model import WideModel


def a_round(seconds: float, cpu_s: float) -> Round:
    """A worker over 100,000 events."""
    return Round(0, Measurement(100_000, seconds, cpu_s, 1, 0.0), 1.0)


def test_a_pair_says_what_snapshots_took() -> None:
    """Ten snapshots of five names are two intervals; half a second of CPU in four is an eighth."""
    pair = Pair(a_round(1.0, 1.0), a_round(1.25, 1.5), snapshots=10, snapshot_bytes=10_240)
    assert pair.slower == pytest.approx(0.2)
    assert pair.dearer == pytest.approx(0.5)
    assert pair.core_share == pytest.approx(0.125)
    text = section([SnapshotCost("bench", 100_000, [pair])])
    row = "| bench | 1 | 100,000 | 80,000 | +20.0% (+20.0% to +20.0%) | 10.0 | 15.0 "
    assert row in text
    assert "| 10 | 1 | +12.5% (+12.5% to +12.5%) |" in text


def test_a_section_replaces_only_itself(tmp_path: Path) -> None:
    """Two tools write one page; the second run of one leaves the other's alone."""
    page = tmp_path / "docs" / "cost.md"
    for name, text in (("A", "one"), ("B", "two\n\n### Under two"), ("A", "three")):
        write_section(page, name, text)
    assert page.read_text().split("\n## ")[1:] == ["A\n\nthree\n", "B\n\ntwo\n\n### Under two\n"]


def test_the_promise_is_of_the_median_and_not_of_every_fault() -> None:
    """A kill with dynamic membership may take as long as it takes."""
    quick, slow = Restart(0.1, 4.9, 2.0, 0.5), Restart(0.1, 5.1, 2.0, 0.5)
    found = {fault.name: [quick, quick, slow] for fault in FAULTS}
    assert too_slow(found) == []
    found["kill -9, dynamic membership"] = [slow, slow]
    assert too_slow(found) == []
    found["kill -9, static membership"] = [slow, slow]
    assert [fault.name for fault in too_slow(found)] == ["kill -9, static membership"]


def test_the_steps_of_a_start_are_read_from_the_log(tmp_path: Path) -> None:
    """Seconds between the lines, from the start of the process to ready."""
    log = tmp_path / "worker.log"
    log.write_text(
        "2026-01-01 00:00:01,000 INFO longshore.worker models: wide@1\n"
        "2026-01-01 00:00:03,500 INFO longshore.worker serving http://127.0.0.1:1/metrics\n"
        "2026-01-01 00:00:04,000 INFO longshore.worker generation 3: restored in 0.25 s\n"
    )
    began_s = datetime.fromisoformat("2026-01-01 00:00:00").astimezone().timestamp()
    steps, restored = _from_log(log, began_s, began_s + 4.5)
    assert list(steps.values()) == pytest.approx([1.0, 2.5, 0.5, 0.5])
    assert restored == 0.25
    assert RESTORED.search("nothing") is None


def test_a_wide_event_has_all_features_and_its_time() -> None:
    """The times are even over the span, and the same seed gives the same bytes."""
    wide = WideModel(20, 1)
    events = list(wide.events(0, 4, 1_000, 2_000))
    assert events == list(WideModel(20, 1).events(0, 4, 1_000, 2_000))
    assert [orjson.loads(value)["ts"] for _, value in events] == [1_000, 1_250, 1_500, 1_750]
    assert events[0][1].count(b'"n0') == 18
    assert events[0][1].count(b'"k0') == 2
