"""`longshore tune`: thresholds for a wanted number of alerts, and their silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import polars as pl
import pytest
import yaml
from click.testing import Result

from tests.streams.cli_example import HOUR_MS, SPEC, START_MS, ExampleFiles, table
from tests.streams.test_cli_policy import table as printed
from tests.streams.test_cli_replay import profiled, records, run

SHIFTS: Final = (0.0, 0.9, 0.0, 3.0, 0.0, 0.9, 0.0)
"""Of six hours each: three times drift, once more than the others."""
HOURS: Final = 6


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> ExampleFiles:
    """The example with a longer history."""
    made = profiled(tmp_path_factory.mktemp("tune"), drifted_by=0.0)
    later = START_MS + 48 * HOUR_MS
    parts = [
        table(later + number * HOURS * HOUR_MS, HOURS, shift, seed=10 + number)
        for number, shift in enumerate(SHIFTS)
    ]
    pl.concat(parts).write_parquet(made.predictions)
    made.spec.write_text(SPEC.replace("of_last: 2", "of_last: 3"))
    return made


def tune(files: ExampleFiles, wanted: float, *more: object) -> Result:
    """Propose thresholds."""
    return run(
        *("tune", files.spec, "--profile", files.profile, "--predictions", files.predictions),
        *("--alerts-per-month", wanted, *more),
    )


def snippet(output: str) -> dict[str, Any]:
    """The YAML at the end."""
    found: dict[str, Any] = yaml.safe_load(output[output.index("\nretraining:") :])
    return found


def episodes(files: ExampleFiles, spec: Path, out: Path) -> list[dict[str, object]]:
    """The openings of the rule on PSI that a replay under ``spec`` tells."""
    result = run(
        *("replay", spec, "--profile", files.profile, "--predictions", files.predictions),
        *("--out", out),
    )
    assert result.exit_code == 0, result.output
    alerts = records(out / "alerts.ndjson")
    return [a for a in alerts if a["rule"] == "psi_features" and a["state"] == "open"]


def per_month(count: int) -> float:
    """So many in this history (its last window is not complete)."""
    return count * 30 * 24 / (len(SHIFTS) * HOURS - 1)


def test_a_spec_that_is_quiet_enough_is_proposed_as_it_is(files: ExampleFiles) -> None:
    """With what more sensitive thresholds would find beside it."""
    result = tune(files, per_month(9))
    assert result.exit_code == 0, result.output
    rules = snippet(result.stdout)["retraining"]["rules"]["psi_features"]
    assert rules == {"above": 0.2, "features": 1, "window": "1h", "at_least": 2, "of_last": 3}
    assert snippet(result.stdout)["alerts"] == {"calm": 2}
    periods = printed(result.stdout, "periods in which psi_features alerts")[1:]
    assert [line.split()[:2] for line in periods] == [["still", "alerts"]] * 3


@pytest.mark.parametrize("count", [0, 1])
def test_what_is_proposed_is_as_quiet_as_was_asked_for(
    files: ExampleFiles, tmp_path: Path, count: int
) -> None:
    """The proposal, pasted and replayed, tells as many episodes as were printed, at most those
    wanted, and at the times that are marked as alerting still; the others are marked."""
    result = tune(files, per_month(count))
    assert result.exit_code == 0, result.output
    proposed = snippet(result.stdout)
    spec = yaml.safe_load(SPEC)
    spec["retraining"]["rules"] = proposed["retraining"]["rules"]
    spec["alerts"] = proposed["alerts"]
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(spec))
    told = episodes(files, tmp_path / "spec.yaml", tmp_path / "out")
    assert len(told) == count
    (row,) = [line for line in result.stdout.splitlines() if line.endswith("  proposed")]
    assert row.split()[1:5] == [str(count), str(count), "of", "3"]
    periods = printed(result.stdout, "periods in which psi_features alerts")[1:]
    assert sum(line.split()[0] == "SILENT" for line in periods) == 3 - count
    assert sum(line.split()[:2] == ["still", "alerts"] for line in periods) == count
    assert "true alarm that is tuned away" in result.stdout


def test_the_same_history_prints_the_same_bytes(files: ExampleFiles) -> None:
    """Whatever the order of the grid."""
    assert tune(files, 20).stdout == tune(files, 20).stdout


def test_a_number_that_nothing_reaches_fails_and_says_what_would_do(tmp_path: Path) -> None:
    """Drift from the first window to the last: no threshold of the grid is silent."""
    drifted = profiled(tmp_path, drifted_by=4.0)
    drifted.spec.write_text(SPEC.replace("  country: {type: categorical}\n", ""))
    made = run("profile", drifted.spec, "--data", drifted.training, "--out", drifted.profile)
    assert made.exit_code == 0, made.output
    result = tune(drifted, 0)
    assert result.exit_code == 1
    assert "--alerts-per-month" in result.stderr


def test_history_without_a_window_fails(files: ExampleFiles, tmp_path: Path) -> None:
    """There is nothing to propose from."""
    few = tmp_path / "few.parquet"
    pl.read_parquet(files.predictions).head(10).write_parquet(few)
    result = run(
        *("tune", files.spec, "--profile", files.profile, "--predictions", few),
        *("--alerts-per-month", 1),
    )
    assert result.exit_code == 1
    assert "no window" in result.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "--alerts-per-month"),
        (["--alerts-per-month", "-1"], "--alerts-per-month"),
        (["--alerts-per-month", "1", "--rule", "volume"], "psi_features"),
        (["--alerts-per-month", "nan"], "number"),
    ],
)
def test_wrong_usage(files: ExampleFiles, options: list[str], said: str) -> None:
    """Exit code 2, before anything is read."""
    result = run("tune", files.spec, "--profile", files.profile, *options)
    assert result.exit_code == 2
    assert said in result.stderr


def test_without_the_rule_there_is_nothing_to_tune(files: ExampleFiles, tmp_path: Path) -> None:
    """Bad configuration, with what to do."""
    text = SPEC[: SPEC.index("  rules:")] + "  rules: {}\n"
    (tmp_path / "off.yaml").write_text(text)
    result = run(
        *("tune", tmp_path / "off.yaml", "--profile", files.profile),
        *("--predictions", files.predictions, "--alerts-per-month", 1),
    )
    assert result.exit_code == 2
    assert "psi_features" in result.stderr
    assert "Next: " in result.stderr
