"""What a target of the fuzzer is, and how targets are found: one file each in ``targets``.

Rule.  A target is a module: its docstring says what must hold of any bytes.  ``prepare()`` builds
whatever outlives an execution and returns the function that the fuzzer calls; that function raises
when the rule is broken and otherwise returns nothing.  Targets know nothing of the fuzzer, so the
inputs that it once found are replayed as ordinary tests.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Protocol, cast

from tests.fuzz import targets

Execution = Callable[[bytes], None]
HERE: Final = Path(__file__).parent
CORPUS: Final = HERE / "corpus"
REGRESSIONS: Final = HERE / "regressions"
PACKAGE: Final = targets.__name__


class BrokenRuleError(AssertionError):
    """What the target says must hold does not."""


class Target(Protocol):
    """The attributes of a target's module."""

    __doc__: str | None
    RUNS: int
    """Executions of a long run."""
    MAX_BYTES: int
    """No longer input is tried."""
    INSTRUMENTED: tuple[str, ...]
    """Packages whose branches guide the fuzzer."""
    WORDS: tuple[bytes, ...]
    """Byte strings worth inserting."""

    @staticmethod
    def prepare() -> Execution:
        """The function that one execution calls."""
        ...

    @staticmethod
    def seeds() -> Mapping[str, bytes]:
        """Inputs to start from, by name."""
        ...


def target_names() -> list[str]:
    """All targets, by the names of their files."""
    return sorted(module.name for module in pkgutil.iter_modules(targets.__path__))


def load(name: str) -> Target:
    """The target of a file in ``targets``."""
    return cast("Target", importlib.import_module(f"{PACKAGE}.{name}"))


def holds(condition: object, rule: str) -> None:
    """BrokenRuleError unless the condition holds."""
    if not condition:
        raise BrokenRuleError(rule)
