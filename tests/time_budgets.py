"""How long each suite of tests may take, and the plugin that holds the run to it.

Rule.  A suite is the first directory below ``tests``; its time is that of its tests, fixtures
included, added up over the WORKERS processes that run at a time: most tests against a broker wait.
The budgets add up to less than what those have in the fifteen minutes that the whole may take on
two cores.  A machine is never quite quiet, so a suite fails the run only beyond NOISE times its
budget, the whole beyond WHOLE_NOISE times TOTAL_S, and is told beyond TOTAL_S; where more was
running than there are cores before the first test began, or where the cores themselves are slower
(:mod:`tests.machine_speed`), all limits grow by as much, and the run says so.  Tests marked
``long`` have no budget: they run with ``--long`` only.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

import pytest

from tests.machine_speed import MachineSpeed

if TYPE_CHECKING:
    from collections.abc import Mapping

BUDGETS_S: Final[Mapping[str, float]] = {
    "project": 50.0,
    "detectors": 95.0,
    "engine": 330.0,
    "streams": 230.0,
    "examples": 230.0,
    "prometheus": 50.0,
    "stack": 45.0,
    "grafana": 40.0,
    "load_tests": 75.0,
    "simulation": 130.0,
    "fuzz": 50.0,
    "docs": 100.0,
    "kafka": 1130.0,
    "web": 90.0,
}
"""Seconds of test processes by suite; ``project`` are the files right below ``tests``."""
WORKERS: Final = 3
"""Processes of ``make test`` (TEST_JOBS)."""
TOTAL_S: Final = 900.0
"""What the whole run may take by the clock."""
NOISE: Final = 1.5
WHOLE_NOISE: Final = 1.3
"""A whole run varies less than a suite; machines on which it took 12 minutes once needed 16."""
OTHER: Final = "project"


def suite_of(nodeid: str) -> str:
    """The suite of a test, by its place: ``kafka`` of ``tests/kafka/test_demo.py::test_x``."""
    parts = nodeid.split("::", 1)[0].removeprefix("tests/").split("/")
    return parts[0] if len(parts) > 1 else OTHER


def others_share() -> float:
    """How many times slower the machine is for what others run: tasks a core, 1 when it is free."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def over_budget(used_s: Mapping[str, float], whole_s: float, slower: float = 1.0) -> list[str]:
    """A line for each suite that took too long, and one for the whole, on a machine that is
    ``slower`` than a free one."""
    lines = [
        f"{suite} took {seconds:.0f} s, its budget is {BUDGETS_S.get(suite, 0.0):.0f} s "
        f"(tests/time_budgets.py): make its tests quicker, or mark what is long as long"
        for suite, seconds in used_s.items()
        if seconds > slower * NOISE * BUDGETS_S.get(suite, 0.0)
    ]
    if whole_s > slower * WHOLE_NOISE * TOTAL_S:
        lines.append(f"the whole run took {whole_s:.0f} s, it may take {TOTAL_S:.0f} s")
    return lines


def table(used_s: Mapping[str, float], whole_s: float) -> list[str]:
    """Time used of each budget, a line a suite."""
    rows = [
        (suite, used_s[suite], budget) for suite, budget in BUDGETS_S.items() if suite in used_s
    ]
    rows += [(suite, seconds, 0.0) for suite, seconds in used_s.items() if suite not in BUDGETS_S]
    rows.append(("by the clock", whole_s, TOTAL_S))
    return [f"{suite:<12} {seconds:6.1f} of {budget:4.0f} s" for suite, seconds, budget in rows]


class TimeBudgets:
    """The plugin: adds up what each suite takes, says so at the end, fails the run beyond."""

    def __init__(self, *, long: bool) -> None:
        self._long = long
        self._began = time.monotonic()
        self._others = others_share()
        self._speed = MachineSpeed()
        self._used_s: dict[str, float] = {}
        self._whole_s = 0.0
        self._over: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Every phase of every test, those of parallel processes too."""
        self._speed.tick()
        suite = suite_of(report.nodeid)
        self._used_s[suite] = self._used_s.get(suite, 0.0) + report.duration

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """The end of the tests; a run that passed but took too long has failed."""
        self._whole_s = time.monotonic() - self._began
        if self._long:
            return
        slower = self._others * self._speed.slower()
        self._over = over_budget(self._used_s, self._whole_s, slower)
        if self._over and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The table, and what was too long."""
        if not self._used_s:
            return
        terminalreporter.write_sep("-", "time used of its budget")
        for line in table(self._used_s, self._whole_s):
            terminalreporter.write_line(line)
        terminalreporter.write_line(
            f"{self._others:.2f} tasks a core ran before the tests, a core was "
            f"{self._speed.slower():.2f} times slower than the budgets': limits are as much wider"
        )
        if self._whole_s > TOTAL_S:
            terminalreporter.write_line(f"slow: it should take no more than {TOTAL_S:.0f} s")
        for line in self._over:
            terminalreporter.write_line(f"too long: {line}", red=True)
