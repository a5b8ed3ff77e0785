"""The command as a whole: its help, how quick it is, and its exit codes."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from streams.cli import COMMANDS, main

HEAVY = ("numba", "numpy", "polars", "faust", "kafka", "confluent_kafka", "rich", "scipy", "river")


def test_help_lists_every_command() -> None:
    """Each command stands in the help with one line, which needs none of them to be imported."""
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    for name, line in COMMANDS.items():
        assert f"  {name} " in result.output
        assert line in result.output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    """Whoever asks for help sees a line to copy."""
    path = [name, "create"] if name == "topics" else [name]
    result = CliRunner().invoke(main, [*path, "--help"])
    assert result.exit_code == 0, result.output
    assert f"longshore {' '.join(path)}" in result.output.split("Example")[1]


def test_help_imports_nothing_heavy() -> None:
    """`longshore --help`, and that of each command, answers without the numeric and Kafka
    libraries: that is what keeps it under half a second."""
    code = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from streams.cli import COMMANDS, main\n"
        "for path in [[], *[[name] for name in COMMANDS]]:\n"
        "    assert CliRunner().invoke(main, [*path, '--help']).exit_code == 0, path\n"
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)))\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["check"],
        ["check", "no-such-file.yaml"],
        ["replay", "--partitions", "0"],
        ["demo", "--seconds", "soon"],
    ],
)
def test_wrong_usage_exits_2(arguments: list[str]) -> None:
    """Click's own refusals have the exit code of wrong usage."""
    assert CliRunner().invoke(main, arguments).exit_code == 2


def test_the_module_runs_as_the_command() -> None:
    """`python -m streams.cli` is `longshore`, also where it is not installed."""
    told = subprocess.run(
        [sys.executable, "-m", "streams.cli", "--version"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert told.stdout.startswith("longshore ")


def test_topics_of_a_broker_that_is_away_exit_1() -> None:
    """Told at once, with the address."""
    result = CliRunner().invoke(main, ["topics", "create", "--broker", "127.0.0.1:1"])
    assert result.exit_code == 1
    assert "127.0.0.1:1" in result.stderr
    assert "Next: " in result.stderr
