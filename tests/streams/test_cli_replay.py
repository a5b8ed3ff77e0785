"""`longshore replay`: the files that it writes and the summary that it prints."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import orjson
import pytest
from click.testing import CliRunner, Result

from streams.cli import main
from streams.cli.replay_summary import tell_levels, tell_triggers
from streams.model_files import read_spec_text
from tests.streams.cli_example import ExampleFiles, example_files

if TYPE_CHECKING:
    from engine.model import MonitoredModel

OUTPUTS = (
    "alerts",
    "audit",
    "dead-letters",
    "judgements",
    "late",
    "promotions",
    "retraining-triggers",
)


def run(*arguments: object) -> Result:
    """Run a command."""
    return CliRunner().invoke(main, list(map(str, arguments)), env={"COLUMNS": "120"})


def profiled(directory: Path, drifted_by: float) -> ExampleFiles:
    """The example with its profile."""
    files = example_files(directory, drifted_by=drifted_by)
    made = run("profile", files.spec, "--data", files.training, "--out", files.profile)
    assert made.exit_code == 0, made.output
    return files


def replay(files: ExampleFiles, out: Path, *more: object) -> Result:
    """Replay the example."""
    return run(
        *("replay", files.spec, "--profile", files.profile, "--predictions", files.predictions),
        *("--labels", files.labels, "--out", out, *more),
    )


def records(path: Path) -> list[dict[str, object]]:
    """The records of a file."""
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def data_judgements(path: Path) -> list[dict[str, object]]:
    """Those of the data: the ones of performance come by another clock."""
    return [record for record in records(path) if "section" not in record]


def test_drift_is_found_and_told(tmp_path: Path) -> None:
    """Six drifted hours, of which the events complete five: five times DRIFT, a trigger, and a
    summary that says both."""
    files = profiled(tmp_path, drifted_by=2.0)
    result = replay(files, tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert sorted(path.stem for path in (tmp_path / "out").iterdir()) == list(OUTPUTS)
    judged = data_judgements(tmp_path / "out" / "judgements.ndjson")
    assert [record["level"] for record in judged if record["revision"] == 0] == ["DRIFT"] * 5
    triggers = records(tmp_path / "out" / "retraining-triggers.ndjson")
    assert len(triggers) >= 1
    assert triggers[0]["evidence"][0]["feature"] == "amount"  # type: ignore[index]
    assert "4,800 records" in result.stderr
    assert f"{len(triggers)} retraining trigger" in result.stderr
    (line,) = [line for line in result.stderr.splitlines() if "│ amount " in line]
    assert [cell.strip() for cell in line.split("│")[2:6]] == ["·", "·", "·", "5"]


def test_no_drift_gives_no_trigger(tmp_path: Path) -> None:
    """The same distribution as in training: every window STABLE."""
    files = profiled(tmp_path, drifted_by=0.0)
    result = replay(files, tmp_path / "out")
    assert result.exit_code == 0
    judged = data_judgements(tmp_path / "out" / "judgements.ndjson")
    assert {record["level"] for record in judged} == {"STABLE"}
    assert records(tmp_path / "out" / "retraining-triggers.ndjson") == []
    assert "0 retraining triggers" in result.stderr


def test_the_partition_count_changes_nothing_but_estimators(tmp_path: Path) -> None:
    """One partition and eight give the same levels and PSI."""
    files = profiled(tmp_path, drifted_by=0.5)
    told = []
    for partitions in (1, 8):
        out = tmp_path / f"out-{partitions}"
        assert replay(files, out, "--partitions", partitions).exit_code == 0
        judged = data_judgements(out / "judgements.ndjson")
        told.append([(j["end"], j["level"], j["features"]["amount"]["psi"]) for j in judged])  # type: ignore[index]
    assert told[0] == told[1]


def test_without_a_file_of_events_it_is_wrong_usage(tmp_path: Path) -> None:
    """There is nothing to replay."""
    files = profiled(tmp_path, drifted_by=0.0)
    result = run("replay", files.spec, "--profile", files.profile, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "--predictions" in result.stderr


def test_a_file_that_the_spec_does_not_take_in_is_refused(tmp_path: Path) -> None:
    """Features are no input of this spec: silently reading them would change nothing."""
    files = profiled(tmp_path, drifted_by=0.0)
    result = replay(files, tmp_path / "out", "--features", files.predictions)
    assert result.exit_code == 2
    assert "inputs" in result.stderr


@pytest.mark.parametrize("damage", ["missing column", "not parquet"])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, damage: str) -> None:
    """The message names the file and what it lacks."""
    import polars as pl  # noqa: PLC0415

    files = profiled(tmp_path, drifted_by=0.0)
    if damage == "not parquet":
        files.predictions.write_bytes(b"PAR1 and nothing else")
    else:
        pl.read_parquet(files.predictions).drop("ts").write_parquet(files.predictions)
    result = replay(files, tmp_path / "out")
    assert result.exit_code == 2
    assert str(files.predictions) in result.stderr


def test_a_trigger_of_performance_is_told_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its evidence is measures and not features, and names are no markup."""
    window = {"name": "1d", "start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z"}
    rows = [
        {"rule": "performance", "window": window, "evidence": [{"measure": "auc", "value": 0.7}]},
        {
            "rule": "psi_features",
            "window": window,
            "evidence": [{"feature": "[red]x", "psi_corrected": 0.5, "psi_threshold": 0.2}],
        },
    ]
    path = tmp_path / "retraining-triggers.ndjson"
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    tell_triggers(path)
    said = capsys.readouterr().err
    assert "performance  auc 0.7" in said
    assert "psi_features  [red]x PSI 0.50 over 0.20" in said


def test_what_labels_say_has_a_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """First judgements of performance, by window; names of features are no markup, and no PSI is
    below zero for want of a digit."""
    text = "model: m\nversion: '1'\ninventory: {owner: me}\nwindows: [1h]\n"
    model = SimpleNamespace(spec=read_spec_text(text + "features: {'[b]x': {type: numeric}}\n"))
    head = {"version": "1", "window": "1h", "revision": 0, "level": "STABLE"}
    told = [
        {**head, "features": {"[b]x": {"level": "STABLE", "psi_corrected": -0.001}}},
        {**head, "section": "performance", "performance": {"level": "DRIFT"}},
        {**head, "section": "performance", "performance": {"level": "STABLE"}, "revision": 1},
        {**head, "section": "cohorts"},
    ]
    lines = b"".join(orjson.dumps(record) + b"\n" for record in told)
    (tmp_path / "judgements.ndjson").write_bytes(lines)
    tell_levels(cast("MonitoredModel", model), tmp_path)
    rows = [line.split("│")[1:-1] for line in capsys.readouterr().err.splitlines() if "│" in line]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["[b]x", "·", "1", "·", "·", "0.00"],
        ["whole window", "·", "1", "·", "·", ""],
        ["performance", "·", "·", "·", "1", ""],
    ]
