"""Tests that need a system package which is not there: one way to say so, and one place to read it.

Rule.  A test is left out only through :func:`missing`, which names the package and the command that
installs it; the last lines of the run repeat both.  With ``TESTS_REQUIRE_ALL=1`` there is no
leaving out: the same call fails the test, so that a green run on CI has run everything.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from typing import TYPE_CHECKING, Final, NoReturn

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

REQUIRE_ALL: Final = "TESTS_REQUIRE_ALL"
_REASON: Final = re.compile(r"left out: needs (?P<package>.+) \(get it: (?P<how>.+)\)$")


def missing(package: str, how_to_get: str) -> NoReturn:
    """Leave the running test out because ``package`` is missing; ``how_to_get`` is a command."""
    reason = f"left out: needs {package} (get it: {how_to_get})"
    if os.environ.get(REQUIRE_ALL) == "1":
        pytest.fail(f"{reason}; {REQUIRE_ALL}=1 lets nothing be left out", pytrace=False)
    pytest.skip(reason)


def summary_lines(skip_reasons: Iterable[str]) -> list[str]:
    """What was left out and how to get it, one line a package, from the reasons of all skips."""
    found = (_REASON.search(reason) for reason in skip_reasons)
    left_out = Counter((match["package"], match["how"]) for match in found if match)
    return [
        f"left out: {count} tests that need {package}; get it: {how}"
        for (package, how), count in sorted(left_out.items())
    ]
