"""Leaving a test out is always said, and never allowed where everything is required."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.left_out import REQUIRE_ALL, missing, summary_lines

pytest_plugins: Final = ("pytester",)
A_TEST: Final = """
from tests.left_out import missing
def test_runs():
    assert True
def test_needs_it():
    missing("Some Program", "apt-get install some-program")
def test_needs_it_too():
    missing("Some Program", "apt-get install some-program")
"""
CLOSING_LINES: Final = 2


@pytest.fixture(params=["-n0", "-n2"])
def lines_of_a_run(
    request: pytest.FixtureRequest, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """The output of a run of three tests, of which two need a program that nobody has; in one
    process and in two."""
    root = Path(__file__).resolve().parents[1]
    monkeypatch.setenv("PYTHONPATH", str(root))
    monkeypatch.delenv(REQUIRE_ALL, raising=False)
    pytester.makepyfile(A_TEST)
    run = pytester.runpytest_subprocess("-p", "tests.conftest", "-ra", request.param)
    return run.outlines


def test_the_last_lines_say_what_was_left_out(lines_of_a_run: list[str]) -> None:
    """What was left out, and how to get it, stands right above pytest's closing line."""
    above, closing = lines_of_a_run[-CLOSING_LINES:]
    expected = "left out: 2 tests that need Some Program; get it: apt-get install some-program"
    assert above == expected
    assert "1 passed, 2 skipped" in closing


def test_a_required_package_fails_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where everything is required the same call fails, with the same words."""
    monkeypatch.setenv(REQUIRE_ALL, "1")
    with pytest.raises(pytest.fail.Exception, match=r"needs a thing .get it: install a thing."):
        missing("a thing", "install a thing")


def test_other_skips_are_not_counted() -> None:
    """A skip for another reason is not taken for a missing package."""
    assert summary_lines(["Skipped: not on this platform", ""]) == []
