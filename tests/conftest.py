"""Fixtures that every test may use, the order of the tests, and what the last lines say."""

from __future__ import annotations

import itertools
import re
import shutil
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import settings

from tests.kafka.broker import SHORT_LIVED, RealBroker
from tests.kafka.libraries import SystemPackageError
from tests.left_out import missing, summary_lines
from tests.thoroughness import USUAL, examples
from tests.time_budgets import TimeBudgets

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

ORDER: Final = (
    *("test_", "detectors", "engine", "streams", "examples", "prometheus", "grafana", "docs"),
    *("kafka", "web"),
)
"""Quick and telling first: the first part of a test's path below ``tests``."""

MARKED_BY: Final = {
    "session_broker": "kafka",
    "private_broker": "kafka",
    "flights_stack": "kafka",
    "prometheus_program": "prometheus",
    "promtool": "prometheus",
    "alertmanager_program": "prometheus",
    "amtool": "prometheus",
    "chromium_program": "browser",
    "browser": "browser",
}
"""What uses the fixture gets the marker."""

ALERTMANAGER: Final = "prometheus-alertmanager"

# The time budgets say what is too slow; one slow example says that the machine was busy.
settings.register_profile("longshore", deadline=None, max_examples=examples(USUAL))
settings.load_profile("longshore")


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--long``: what takes minutes is run too."""
    parser.addoption("--long", action="store_true", help="run the tests marked long as well")


def pytest_configure(config: pytest.Config) -> None:
    """Hold the run to its time budgets; of parallel processes the one that starts the others."""
    RealBroker.java_options = SHORT_LIVED
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(TimeBudgets(long=config.getoption("--long")))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark whatever needs a system package by what it uses, run the slow tests last, and take the
    long ones out unless they were asked for."""
    if not config.getoption("--long"):
        long = [item for item in items if item.get_closest_marker("long")]
        items[:] = [item for item in items if not item.get_closest_marker("long")]
        if long:
            config.hook.pytest_deselected(items=long)
    for item in items:
        for fixture in getattr(item, "fixturenames", ()):
            if fixture in MARKED_BY:
                item.add_marker(MARKED_BY[fixture])
    items.sort(key=rank)


def rank(item: pytest.Item) -> tuple[bool, int, float]:
    """Where a test's place is: quick suites first, then the others, longest limit first."""
    slow = any(item.get_closest_marker(name) for name in ("kafka", "browser"))
    top = item.nodeid.removeprefix("tests/")
    places = (place for place, start in enumerate(ORDER) if top.startswith(start))
    return slow, next(places, len(ORDER)), -_limit_s(item) if slow else 0.0


def _limit_s(item: pytest.Item) -> float:
    """The longest that the test may take.  What may take long begins first, for a long test at the
    end of a run lets all processes but one wait."""
    marker = item.get_closest_marker("timeout")
    return float(marker.args[0]) if marker else float(item.config.getini("timeout"))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter,
) -> Generator[None, None, None]:
    """Say, right above pytest's closing line, what was left out and how to get it."""
    yield
    skipped = terminalreporter.getreports("skipped")
    reasons = [report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple)]
    for line in summary_lines(reasons):
        terminalreporter.write_line(line, yellow=True)


@pytest.fixture(scope="session")
def session_broker() -> Iterator[RealBroker]:
    """The broker that the tests share.  Nobody stops it: who must takes `private_broker`."""
    yield from _broker()


@pytest.fixture(scope="session")
def kafka(session_broker: RealBroker) -> str:
    """The bootstrap address of a real Apache Kafka broker, shared by the session."""
    return session_broker.bootstrap


@pytest.fixture
def private_broker() -> Iterator[RealBroker]:
    """A started broker for one test, to be stopped and started as it likes."""
    yield from _broker()


def _broker() -> Iterator[RealBroker]:
    broker = RealBroker()
    try:
        broker.start()
    except SystemPackageError as error:
        missing(error.package, error.how_to_get)
    try:
        yield broker
    finally:
        broker.close()


@pytest.fixture(scope="session")
def prometheus_program() -> str:
    """The path of Prometheus, for tests.prometheus.server.RealPrometheus."""
    return _installed("prometheus")


@pytest.fixture(scope="session")
def promtool() -> str:
    """The path of promtool."""
    return _installed("promtool")


@pytest.fixture(scope="session")
def alertmanager_program() -> str:
    """The path of Alertmanager, for tests.prometheus.receivers.RealAlertmanager."""
    return _installed("prometheus-alertmanager", ALERTMANAGER)


@pytest.fixture(scope="session")
def amtool() -> str:
    """The path of amtool."""
    return _installed("amtool", ALERTMANAGER)


@pytest.fixture(scope="session")
def chromium_program() -> str:
    """The path of Chromium."""
    return _installed("chromium", "chromium")


def _installed(program: str, package: str = "prometheus") -> str:
    path = shutil.which(program)
    if path is None:
        missing(package, f"apt-get install {package}")
    return path


_prefix_numbers: Final = itertools.count(1)


@pytest.fixture
def topic_prefix(request: pytest.FixtureRequest) -> Callable[[], str]:
    """A function that gives a topic prefix (``t3-its-name.``) which nobody else in the session has.

    Topics on the shared broker are told apart by it; consumer groups should carry it as well.
    """
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())[:40]
    return lambda: f"t{next(_prefix_numbers)}-{name.strip('-')}."
