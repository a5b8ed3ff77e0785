"""The house rules hold in every file, and each of them can fail."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

import pytest

from tests import house_rules
from tests.house_rules import PYTHON_RULES, TEXT_RULES

if TYPE_CHECKING:
    from tests.house_rules import Rule

ROOT: Final = Path(__file__).resolve().parents[1]
TEXT_BYTES_AT_MOST: Final = 2_000_000
"""Larger files are data, not text that somebody wrote."""

BREACHES: Final = [
    (house_rules.pure_imports, "engine/a.py", "import time", "time as an argument"),
    (house_rules.pure_imports, "engine/a.py", "from time import monotonic", "time as an argument"),
    (house_rules.pure_imports, "engine/a.py", "import random", "Generator"),
    (house_rules.pure_imports, "detectors/a.py", "from os import environ", "setting"),
    (house_rules.pure_imports, "engine/decide/a.py", "import asyncio", "effect"),
    (house_rules.pure_imports, "engine/a.py", "import faust.types", "effect"),
    (house_rules.pure_imports, "engine/a.py", "from aiokafka import errors", "effect"),
    (house_rules.pure_imports, "engine/a.py", "from kafka import KafkaProducer", "effect"),
    (house_rules.pure_imports, "engine/a.py", "def f():\n    import confluent_kafka", "effect"),
    (house_rules.pure_imports, "engine/a.py", "import prometheus_client as p", "collector"),
    (house_rules.pure_calls, "engine/a.py", "x = datetime.datetime.now(UTC)", "time as"),
    (house_rules.pure_calls, "engine/a.py", "x = datetime.utcnow()", "time as"),
    (house_rules.pure_calls, "engine/a.py", "import os\nx = os.environ['A']", "setting"),
    (house_rules.pure_calls, "engine/a.py", "x = os.getenv('A')", "setting"),
    (house_rules.pure_calls, "engine/a.py", "print(1)", "effect"),
    (house_rules.pure_calls, "engine/a.py", "x = hash('a')", "hashlib"),
    (house_rules.pure_calls, "engine/a.py", "x = open('a')", "bytes"),
    (house_rules.seeded_chance, "tests/a.py", "x = np.random.normal(0, 1)", "Generator"),
    (house_rules.seeded_chance, "engine/a.py", "r = np.random.default_rng()", "seed"),
    (house_rules.named_exceptions, "engine/a.py", "try: f()\nexcept: pass", "name the errors"),
    (
        house_rules.named_exceptions,
        "engine/a.py",
        "try: f()\nexcept (ValueError, Exception): pass",
        "name the errors",
    ),
    (house_rules.import_direction, "detectors/a.py", "import engine.spec", "detectors <- engine"),
    (house_rules.import_direction, "engine/a.py", "from streams import app", "detectors <- engine"),
    (house_rules.import_direction, "streams/a.py", "from tests import x", "detectors <- engine"),
    (house_rules.file_length, "streams/a.py", "\n" * 301, "file of its own"),
    (house_rules.file_length, "detectors/kernels.py", "\n" * 401, "file of its own"),
    (house_rules.function_length, "a/a.py", "def f():\n" + "    x = 1\n" * 60, "steps"),
    (house_rules.telling_names, "engine/utils.py", "", "one thing"),
    (house_rules.telling_names, "streams/kafka_helpers.py", "", "one thing"),
    (house_rules.telling_names, "engine/base.py", "", "one thing"),
    (house_rules.telling_names, "engine/common/a.py", "", "one thing"),
    (house_rules.telling_names, "engine/a.py", "class StateManager: ...", "one thing"),
    (house_rules.telling_names, "engine/a.py", "class BaseSink: ...", "one thing"),
    (house_rules.docstring_head, "engine/a.py", "x = 1", "rule of the file"),
    (house_rules.no_fastmath, "detectors/a.py", "@njit(fastmath=True)\ndef f(): ...", "NaN"),
    (house_rules.no_fastmath, "detectors/a.py", "f = njit(fastmath={'nnan'})(g)", "NaN"),
    (house_rules.coded_suppressions, "engine/a.py", "x = 1  # no" + "qa", "name the rule"),
    (house_rules.coded_suppressions, "engine/a.py", "x = 1  # type: ig" + "nore", "code"),
    (house_rules.speaks_of_itself, "README.md", "see /wor" + "k/shared", "leave it out"),
    (house_rules.speaks_of_itself, "README.md", "from https://pypi" + ".org/x", "leave it out"),
    (house_rules.speaks_of_itself, "a.py", "# asked by the sub" + "agent", "leave it out"),
]
KEPT: Final = [
    (house_rules.pure_imports, "streams/a.py", "import time, faust"),
    (house_rules.pure_imports, "engine/a.py", "import timeit_free, os.path\nfrom . import time"),
    (house_rules.pure_calls, "streams/a.py", "print(datetime.now(UTC))"),
    (house_rules.pure_calls, "engine/a.py", "x = hashlib.sha256(b'').hexdigest()"),
    (house_rules.seeded_chance, "engine/a.py", "r = np.random.default_rng(7)\nr.normal()"),
    (house_rules.named_exceptions, "engine/a.py", "try: f()\nexcept ValueError: pass"),
    (house_rules.named_exceptions, "streams/a.py", "try: f()\nexcept Exception: pass"),
    (house_rules.import_direction, "engine/a.py", "import engine.b\nfrom detectors import psi"),
    (house_rules.file_length, "streams/a.py", "\n" * 300),
    (house_rules.file_length, "detectors/adwin_kernel.py", "\n" * 400),
    (house_rules.function_length, "a/a.py", "def f():\n" + "    x = 1\n" * 59),
    (house_rules.telling_names, "engine/baseline.py", "class Basement: ..."),
    (house_rules.docstring_head, "engine/a.py", '"""Rule."""'),
    (house_rules.docstring_head, "tests/__init__.py", ""),
    (house_rules.no_fastmath, "detectors/a.py", "@njit(cache=True)\ndef f(): ..."),
    (house_rules.coded_suppressions, "engine/a.py", "x = 1  # noqa: S101  # type: ignore[a]"),
    (house_rules.speaks_of_itself, "a.md", "a Faust agent, a session time-out, streams/work/a"),
]


@cache
def texts(suffix: str) -> dict[PurePosixPath, str]:
    """Path and text of every file of the project (what git knows or would add) by its suffix."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    found = {}
    for name in sorted(set(filter(None, listed))):
        path = ROOT / name
        if path.name.endswith(suffix) and path.is_file():
            data = path.read_bytes()
            if b"\0" not in data and len(data) <= TEXT_BYTES_AT_MOST:
                found[PurePosixPath(name)] = data.decode(errors="replace")
    return found


def complaints(rule: Rule, path: PurePosixPath, text: str) -> list[str]:
    """``path:line: complaint`` of one rule over a file."""
    return [f"{path}:{line}: {complaint}" for line, complaint in rule(path, text)]


@pytest.mark.parametrize(("rules", "suffix"), [(PYTHON_RULES, ".py"), (TEXT_RULES, "")])
def test_every_file_keeps_every_rule(rules: tuple[Rule, ...], suffix: str) -> None:
    """File by file, so that each is parsed once; the message says each broken rule's reason."""
    found: dict[str, list[str]] = {}
    for path, text in texts(suffix).items():
        for rule in rules:
            if lines := complaints(rule, path, text):
                found.setdefault(str(rule.__doc__), []).extend(lines)
    assert not found, "\n".join(line for why, lines in found.items() for line in (why, *lines))


def test_the_project_was_read() -> None:
    """The rules saw the packages: an empty listing would keep every rule."""
    tops = {path.parts[0] for path in texts(".py")}
    assert {"detectors", "engine", "streams", "tests"} <= tops
    assert PurePosixPath("README.md") in texts("")


@pytest.mark.parametrize(("rule", "path", "text", "instead"), BREACHES)
def test_a_breach_is_found(rule: Rule, path: str, text: str, instead: str) -> None:
    """A bad file is complained about, and the complaint names the replacement."""
    found = complaints(rule, PurePosixPath(path), text)
    assert found
    assert all(instead in complaint for complaint in found)


@pytest.mark.parametrize(("rule", "path", "text"), KEPT)
def test_what_is_allowed_passes(rule: Rule, path: str, text: str) -> None:
    """What the rule allows raises no complaint."""
    assert complaints(rule, PurePosixPath(path), text) == []


def test_every_rule_is_shown_to_fail() -> None:
    """No rule is without a breach and an allowed example above."""
    assert {rule for rule, *_ in BREACHES} == {*PYTHON_RULES, *TEXT_RULES}
    assert {rule for rule, *_ in KEPT} == {*PYTHON_RULES, *TEXT_RULES}
