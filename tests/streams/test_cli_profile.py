"""`longshore profile`: the file that it writes, and what it refuses."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from engine.profile import decode_profile
from streams.cli import main
from streams.cli.profile import UNKNOWN_COMMIT, code_commit
from tests.streams.cli_example import ExampleFiles, example_files


@pytest.fixture
def files(tmp_path: Path) -> ExampleFiles:
    """The example without a profile."""
    return example_files(tmp_path)


def profile(files: ExampleFiles, *, data: Path | None = None) -> list[str]:
    """The command's arguments."""
    return [
        *("profile", str(files.spec), "--data", str(data or files.training)),
        *("--out", str(files.profile)),
    ]


def test_a_profile_is_written_with_what_made_it(files: ExampleFiles) -> None:
    """The file is a sealed profile of all rows, and names the data and the code."""
    result = CliRunner().invoke(main, profile(files))
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(files.profile)
    made = decode_profile(files.profile.read_bytes())
    assert (made.model, made.version, made.rows) == ("loans", "1", 48 * 400)
    digest = hashlib.sha256(files.training.read_bytes()).hexdigest()
    assert made.made_by.data_sha256 == f"sha256:{digest}"
    assert made.made_by.data_rows == 48 * 400
    assert made.made_by.parameters["data_file"] == "training.parquet"
    assert made.score is not None


def test_the_same_data_give_the_same_bytes(files: ExampleFiles) -> None:
    """No clock and no random number in the file."""
    CliRunner().invoke(main, profile(files))
    first = files.profile.read_bytes()
    CliRunner().invoke(main, profile(files))
    assert files.profile.read_bytes() == first


def test_the_report_shows_each_feature_and_its_own_blocks(files: ExampleFiles) -> None:
    """Per feature: how much it varies within the training table, per window."""
    result = CliRunner().invoke(main, profile(files), env={"COLUMNS": "120"})
    assert "loans@1: 19,200 rows, 2026-01-01T00:0" in result.stderr
    assert "own PSI 1h" in result.stderr
    for name in ("amount", "country", "score"):
        (line,) = [line for line in result.stderr.splitlines() if f"│ {name} " in line]
        assert line.count(" / ") == 1


def test_a_table_without_the_columns_is_refused_with_all_of_them(
    files: ExampleFiles, tmp_path: Path
) -> None:
    """Every missing column is named; nothing is written; the exit code is 2."""
    data = tmp_path / "other.csv"
    data.write_text("event_id,ts\n1,2026-01-01T00:00:00Z\n")
    result = CliRunner().invoke(main, profile(files, data=data))
    assert result.exit_code == 2
    assert "'amount'" in result.stderr
    assert "'country'" in result.stderr
    assert "Next: " in result.stderr
    assert not files.profile.exists()


def test_a_place_that_cannot_be_written_exits_1(files: ExampleFiles, tmp_path: Path) -> None:
    """The run was right and failed; the message names the file."""
    arguments = profile(files)
    arguments[-1] = str(tmp_path / "no" / "such" / "profile.json")
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert "no/such/profile.json: cannot be written" in result.stderr


def test_the_commit_is_that_of_the_checkout(tmp_path: Path) -> None:
    """The commit checked out, or `unknown` where there is none."""
    assert code_commit(tmp_path) == UNKNOWN_COMMIT

    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        command = ["git", *identity, *arguments]
        told = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
        return told.stdout.strip()

    git("init", "--quiet")
    assert code_commit(tmp_path) == UNKNOWN_COMMIT
    git("commit", "--quiet", "--allow-empty", "--message", "first")
    assert code_commit(tmp_path) == git("rev-parse", "HEAD")
