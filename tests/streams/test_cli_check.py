"""`longshore check`: every fault with its place, or what will be watched."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.cli import main
from tests.streams.cli_example import SPEC, ExampleFiles, example_files

RULE = SPEC[SPEC.index("  rules:") :]
"""The end of the spec: its one rule."""


def check(*arguments: object) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, ["check", *map(str, arguments)], env={"COLUMNS": "200"})


@pytest.fixture
def files(tmp_path: Path) -> ExampleFiles:
    """The example with its profile."""
    files = example_files(tmp_path)
    arguments = ["profile", files.spec, "--data", files.training, "--out", files.profile]
    assert CliRunner().invoke(main, list(map(str, arguments))).exit_code == 0
    return files


def test_a_sound_spec_is_summed_up(files: ExampleFiles) -> None:
    """Windows with their panes, memory and significance; the rule in words; what to do next."""
    result = check(files.spec)
    assert result.exit_code == 0
    assert "loans@1 is sound" in result.output
    assert "at most" in result.output
    assert "60 x 1m" in result.output
    assert "MB" in result.output
    assert "p < " in result.output
    assert "PSI over 0.2 on 1 features, in 2 of the last 2 windows of 1h" in result.output
    assert f"longshore profile {files.spec}" in result.output


def test_a_calendar_is_told_and_no_cause_for_a_warning(files: ExampleFiles) -> None:
    """A schedule alone asks too; and how much may be asked for stands beside it."""
    rules = "  rules: {}\n  time_zone: Europe/Berlin\n  budget: {per_quarter: 4}\n"
    schedule = '  schedule: {every: month, day: 1, at: "02:30"}\n'
    files.spec.write_text(SPEC.replace(RULE, rules + schedule))
    result = check(files.spec)
    assert result.exit_code == 0, result.output
    assert "retrain: every month, on day 1 at 02:30 (Europe/Berlin)" in result.output
    assert "at most 4 requests a quarter (Europe/Berlin)" in result.output
    assert "nothing will ask" not in result.output
    files.spec.write_text(SPEC.replace(RULE, "  rules: {}\n"))
    assert "nothing will ask for retraining" in check(files.spec).output


def test_with_its_profile_the_cells_are_known(files: ExampleFiles) -> None:
    """The profile says how many cells a pane really has, which is no more than was foretold."""
    foretold, known = (
        int(check(*given).output.split(" cells a pane")[0].split()[-1])
        for given in ([files.spec], [files.spec, "--profile", files.profile])
    )
    assert 0 < known <= foretold


def test_every_fault_is_told_with_its_place(tmp_path: Path) -> None:
    """Three faults in one file are three lines, each with its line number, and exit code 2."""
    spec = tmp_path / "spec.yaml"
    broken = SPEC.replace("pane: 1m", "pane: 1x").replace("type: binary", "type: bianry")
    spec.write_text(broken + "surprise: 1\n")
    result = check(spec)
    assert result.exit_code == 2
    assert f"{spec}: 3 faults" in result.stderr
    for place in ("line 4, time.pane", "line 9, prediction.type", "line 15, surprise"):
        assert place in result.stderr
    assert result.stdout == ""


def test_a_foreign_profile_is_refused(files: ExampleFiles, tmp_path: Path) -> None:
    """A profile of another version, and a file that is none, are faults of the configuration."""
    other = tmp_path / "other.yaml"
    other.write_text(SPEC.replace('version: "1"', 'version: "2"'))
    result = check(other, "--profile", files.profile)
    assert result.exit_code == 2
    assert "is of loans@1, the spec of loans@2" in result.stderr
    result = check(files.spec, "--profile", files.spec)
    assert result.exit_code == 2
    assert "not a profile" in result.stderr


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        ((", labels]", "]\nsegments: [channel]"), "labels are not among"),
        (("inputs: [", "label: {pane: 7d}\ninputs: ["), "windows of 1h have no performance"),
        (("{length: 1h, judge_every: 1h}", "1h"), "windows of 1h slide"),
        ((RULE, "  rules: {}"), "nothing will ask for retraining"),
        (("inputs: [", "concept: {estimators: {adwin: {}}}\ninputs: ["), "none to agree with"),
    ],
)
def test_what_is_probably_not_meant_is_warned_of(
    tmp_path: Path, change: tuple[str, str], warning: str
) -> None:
    """A warning does not change the exit code."""
    spec = tmp_path / "spec.yaml"
    assert change[0] in SPEC
    spec.write_text(SPEC.replace(*change))
    result = check(spec)
    assert result.exit_code == 0
    (told,) = [line for line in result.output.splitlines() if warning in line]
    assert told.startswith("warning: ")


def test_a_profile_without_times_is_warned_of(files: ExampleFiles, tmp_path: Path) -> None:
    """Without times nobody knows how much a feature varies by itself."""
    import polars as pl  # noqa: PLC0415

    timeless = tmp_path / "timeless.parquet"
    pl.read_parquet(files.training).drop("ts").write_parquet(timeless)
    arguments = ["profile", files.spec, "--data", timeless, "--out", files.profile]
    assert CliRunner().invoke(main, list(map(str, arguments))).exit_code == 0
    result = check(files.spec, "--profile", files.profile)
    assert "the profile has no times" in result.output
    assert "no times" not in check(files.spec).output


def test_what_watches_losses_is_told(files: ExampleFiles) -> None:
    """Which estimators, which losses, and what follows; nothing where they are off."""
    told = "losses error, missed, false_alarm, squared_error watched by adwin, ddm, hddm_a"
    assert told in check(files.spec).output
    assert "in 2 of the last 3 windows of 1h" in check(files.spec).output
    files.spec.write_text(f"{files.spec.read_text()}concept: null\n")
    assert "watched by" not in check(files.spec).output


def test_what_of_performance_cannot_be_judged_is_told(files: ExampleFiles) -> None:
    """A training table without labels gives no baseline, one without a segment's column none of
    its values."""
    text = files.spec.read_text()
    files.spec.write_text(text.replace("labels]", "labels]\nsegments: [channel]"))
    output = check(files.spec, "--profile", files.profile).output
    assert "performance in windows of 1h" in output
    assert "no values of channel" in output
    assert "performance has no baseline" in output
