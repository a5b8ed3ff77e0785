"""`longshore model`: what is refused before any broker is asked, and a broker that is not there."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.cli import main
from tests.streams.cli_example import ExampleFiles
from tests.streams.test_cli_replay import profiled

NOBODY = ("--broker", "127.0.0.1:1")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> ExampleFiles:
    """A model with its profile."""
    return profiled(tmp_path_factory.mktemp("versions"), drifted_by=0.0)


def run(*arguments: str | Path) -> Result:
    """The command in this process."""
    return CliRunner().invoke(main, ["model", *map(str, arguments)])


def test_every_fault_of_the_spec_is_listed(files: ExampleFiles, tmp_path: Path) -> None:
    """As ``longshore check`` lists them, and nobody is asked for anything."""
    broken = tmp_path / "spec.yaml"
    text = files.spec.read_text()
    broken.write_text(
        text.replace("pane: 1m", "pane: 7m").replace("threshold: 0.5", "threshold: x")
    )
    found = run("apply", broken, "--profile", files.profile, *NOBODY)
    assert found.exit_code == 2
    assert "2 faults" in found.output
    assert "time.pane" in found.output
    assert "prediction.threshold" in found.output
    assert f"longshore check {broken}" in found.output.replace("\n", "")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--beside", "--effective-from", "2026-12-01T00:00:00Z"), "--beside takes over from none"),
        (("--effective-from", "2026-12-01"), "is no RFC 3339 time with a zone"),
        (("--effective-from", "soon"), "is no RFC 3339 time with a zone"),
    ],
)
def test_times_that_mean_nothing(files: ExampleFiles, more: tuple[str, ...], said: str) -> None:
    """Refused with what to write instead."""
    found = run("apply", files.spec, "--profile", files.profile, *more, *NOBODY)
    assert (found.exit_code, said in found.output) == (2, True), found.output


@pytest.mark.parametrize("name", ["loans", "@1", "loans@", ""])
def test_a_version_is_named_with_its_model(name: str) -> None:
    """The last ``@`` divides them."""
    found = run("retire", name, *NOBODY)
    assert found.exit_code == 2
    assert "is not MODEL@VERSION" in found.output


def test_forgetting_has_no_time() -> None:
    """It is as if the version had never been."""
    found = run("retire", "loans@1", "--forget", "--at", "2026-12-01T00:00:00Z", *NOBODY)
    assert (found.exit_code, "--forget has no time" in found.output) == (2, True)


@pytest.mark.parametrize("command", ["list", "retire", "apply"])
def test_brokers_that_are_not_there(files: ExampleFiles, command: str) -> None:
    """One line that names them, soon."""
    arguments: dict[str, tuple[str | Path, ...]] = {
        "list": (),
        "retire": ("loans@1",),
        "apply": (files.spec, "--profile", files.profile),
    }
    found = run(command, *arguments[command], *NOBODY)
    assert found.exit_code == 1
    assert "127.0.0.1:1" in found.output
