"""The arithmetic of the cost of snapshots, restarts and labels, and the page that they write."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from load_tests import bench, worker_label_cost
from load_tests.contender_runs import ContenderFailedError
from load_tests.contenders.protocol import Measurement
from load_tests.outcomes import Round
from load_tests.readiness import too_slow
from load_tests.restarts import FAULTS, RESTORED, Restart, _from_log
from load_tests.running_worker import Scrape
from load_tests.sections import write_section
from load_tests.snapshot_cost import Pair, SnapshotCost, section
from load_tests.wide_model import WideModel
from load_tests.worker_label_cost import (
    BASE,
    LABELS,
    WAYS,
    WorkerLabelCost,
    check_joined,
    check_shown,
)
from load_tests.worker_label_cost import section as label_section


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


def a_label_cost(*pairs: tuple[float, float]) -> WorkerLabelCost:
    """Rounds of (CPU s without labels, CPU s with), over 100,000 predictions each."""
    rounds = [
        {way: a_round(0.9, plain_s) if way == BASE else a_round(1.8, labelled_s) for way in WAYS}
        for plain_s, labelled_s in pairs
    ]
    return WorkerLabelCost(100_000, rounds, 0.5)


def test_a_label_costs_by_the_ratios_within_its_rounds() -> None:
    """Not by the ratio of the medians, which would be 2 here; a feature value is a twentieth."""
    cost = a_label_cost((1.0, 2.0), (0.5, 2.0), (1.5, 3.3))
    assert cost.cpu_ratios(LABELS) == pytest.approx([2.0, 4.0, 2.2])
    assert cost.time_ratios(LABELS) == pytest.approx([2.0, 2.0, 2.0])
    text = label_section(cost)
    assert "| without labels | 3 | 111,111 | 10.00 | 500 | 1 | 1 | 0 |" in text
    row = "| labels | 3 | 55,556 | 20.00 | 1,000 | 2.20 (2.00 to 4.00) | 2.00 (2.00 to 2.00) | 0 |"
    assert row in text
    assert "backlog of 100,000 predictions of 20 features" in text
    assert "load average was 0.5" in text


def test_the_goal_of_a_label_is_the_median_of_its_ratios() -> None:
    """One bad round misses nothing, two of three do; the page says which."""
    met = a_label_cost((1.0, 2.0), (1.0, 2.5), (1.0, 9.0))
    assert met.within_goal
    assert "it\nis met." in label_section(met)
    missed = a_label_cost((1.0, 2.0), (1.0, 2.6), (1.0, 9.0))
    assert not missed.within_goal
    assert "it\nis missed." in label_section(missed)


def test_the_command_ends_with_1_above_the_goal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The section is written all the same; each worker reads twice the bench's length."""
    page = tmp_path / "cost.md"
    options = ["--labels", "--events", "50", "--rounds", "1", "--broker", "a:1", "--out", str(page)]
    monkeypatch.setattr("load_tests.bench.signal.signal", lambda *_: None)
    asked: list[tuple[object, ...]] = []
    for labelled_s, code in ((2.5, 0), (2.6, 1)):
        cost = a_label_cost((1.0, labelled_s))
        monkeypatch.setattr(worker_label_cost, "measure", lambda *a, c=cost: asked.append(a) or c)
        assert CliRunner().invoke(bench.main, options).exit_code == code
        assert f"| {labelled_s:.2f} ({labelled_s:.2f} to {labelled_s:.2f}) |" in page.read_text()
    assert [call[2:4] for call in asked] == [(100, 1), (100, 1)]
    assert page.read_text().count("## Labels") == 1


def test_labels_that_meet_nothing_are_no_measurement() -> None:
    """All labels match and none is forgotten, or what was measured is something else."""
    matched = 'longshore_labels{model="bench",outcome="matched"} '
    pending = 'longshore_labels{model="bench",outcome="pending"} 3\n'
    check_joined(Scrape(f"{pending}{matched}7\n"), 7)
    with pytest.raises(ContenderFailedError, match="6 of 7 labels"):
        check_joined(Scrape(f"{pending}{matched}6\n"), 7)
    with pytest.raises(ContenderFailedError, match="2 were forgotten"):
        check_joined(Scrape(f"{matched}7\nlongshore_join_forgotten_total 2\n"), 7)


def test_figures_that_are_off_are_no_measurement() -> None:
    """What a way says is on has samples, each from the event time on at which it can have some."""
    data = "drift_psi 0.1\nfeature_missing_ratio 0\nbusiness_approval_ratio 1\n"
    check_shown(Scrape(data), WAYS[BASE], 1_000.0)
    check_shown(Scrape(data), WAYS[LABELS], 20.0)
    with pytest.raises(ContenderFailedError, match=r"model_accuracy_ratio.*business_default"):
        check_shown(Scrape(data), WAYS[LABELS], 40.0)
    with pytest.raises(ContenderFailedError, match="drift_psi"):
        check_shown(Scrape(""), WAYS[BASE], 1.0)


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
