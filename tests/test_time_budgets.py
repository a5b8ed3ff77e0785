"""The time budgets of the suites are kept, and a run that breaks one fails."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Final

import pytest

from tests import machine_speed
from tests.machine_speed import MachineSpeed
from tests.time_budgets import (
    BUDGETS_S,
    NOISE,
    TOTAL_S,
    WHOLE_NOISE,
    WORKERS,
    others_share,
    over_budget,
    suite_of,
    table,
)

pytest_plugins: Final = ("pytester",)
ROOT: Final = Path(__file__).resolve().parent
CONFTEST: Final = """
import tests.time_budgets
tests.time_budgets.BUDGETS_S = {"project": 0.0001}
from tests.conftest import *
"""
TESTS: Final = """
import time
import pytest
def test_slow():
    time.sleep(0.1)
@pytest.mark.long
def test_longer():
    raise AssertionError("runs with --long only")
"""


def test_every_suite_has_a_budget_and_all_fit() -> None:
    """The budgets add up to less than the whole, and no directory of tests has none."""
    suites = {path.parent.name for path in ROOT.glob("*/test_*.py")}
    assert suites <= set(BUDGETS_S)
    assert sum(BUDGETS_S.values()) <= WORKERS * TOTAL_S


def test_a_suite_is_the_first_directory() -> None:
    """Files right below tests are the project's own."""
    assert suite_of("tests/kafka/test_demo.py::test_it[a/b]") == "kafka"
    assert suite_of("tests/test_packaging.py::test_it") == "project"


def test_noise_is_allowed_and_no_more() -> None:
    """A suite may take NOISE times its budget; one without a budget may take nothing."""
    limit = NOISE * BUDGETS_S["kafka"]
    whole = WHOLE_NOISE * TOTAL_S
    assert over_budget({"kafka": limit}, whole) == []
    (line,) = over_budget({"kafka": limit + 1}, TOTAL_S)
    assert line.startswith("kafka took ")
    (line,) = over_budget({"unknown": 0.1}, 1.0)
    assert line.startswith("unknown took ")
    (line,) = over_budget({}, whole + 1)
    assert line.startswith("the whole run took 1171 s")
    assert over_budget({"kafka": 2 * limit}, 2 * whole, slower=2.0) == []
    assert others_share() >= 1.0
    assert len(table({"kafka": 1.0, "unknown": 1.0}, 2.0)) == 3


def test_a_slower_core_widens_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the median of its samples; a quicker one does not narrow them."""
    took = iter((0.0, 0.02, 1.0, 1.04, 2.0, 2.5))
    now = iter((0.0, 10.0, 11.0, 20.0))
    clock = SimpleNamespace(process_time=lambda: next(took), monotonic=lambda: next(now))
    speed = MachineSpeed()
    assert speed.slower() == 1.0
    # Within the test only: this run has a speed of its own.
    with monkeypatch.context() as patch:
        patch.setattr(machine_speed, "time", clock)
        for _ in range(4):
            speed.tick()
    monkeypatch.setattr(machine_speed, "REFERENCE_S", 0.02)
    assert speed.slower() == pytest.approx(2.0)
    monkeypatch.setattr(machine_speed, "REFERENCE_S", 0.2)
    assert speed.slower() == 1.0


@pytest.mark.parametrize("processes", ["-n0", "-n2"])
def test_a_run_beyond_its_budget_fails(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, processes: str
) -> None:
    """All tests pass, yet the exit code is 1; what is long is deselected, not skipped."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT.parent))
    pytester.makeconftest(CONFTEST)
    pytester.makeini("[pytest]\nmarkers =\n    long: takes minutes\n")
    pytester.makepyfile(TESTS)
    run = pytester.runpytest_subprocess(processes)
    assert run.ret == pytest.ExitCode.TESTS_FAILED
    # Parallel processes deselect by themselves, and nobody counts it.
    run.assert_outcomes(passed=1, deselected=1 if processes == "-n0" else 0)
    run.stdout.fnmatch_lines(["too long: project took *"])


def test_long_tests_run_when_asked_for(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``--long`` takes the long ones in and lifts the budgets."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT.parent))
    pytester.makeconftest(CONFTEST)
    pytester.makeini("[pytest]\nmarkers =\n    long: takes minutes\n")
    pytester.makepyfile(TESTS)
    run = pytester.runpytest_subprocess("--long")
    run.assert_outcomes(passed=1, failed=1)
    assert "too long" not in run.stdout.str()
