"""The real flights until June: what the example's spec would have told, as policy and as report."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

from tests.kafka.oracles import spring_data
from tests.streams.test_cli_policy import table
from tests.streams.test_cli_replay import records, run
from tests.streams.test_policy_report import parsed

SPEC: Final = Path("examples/flights/spec.yaml").resolve()


def test_spring_of_the_flights(tmp_path: Path) -> None:
    """The first trigger of the year is of 23 May, for the temperature first; a line for each
    episode of the records, the sums of them, and a report with a lane for each rule."""
    data = spring_data(tmp_path)
    profile, out, report = tmp_path / "f.json", tmp_path / "out", tmp_path / "r.html"
    made = run("profile", SPEC, "--data", data / "reference.parquet", "--out", profile)
    assert made.exit_code == 0, made.output
    result = run(
        *("replay", SPEC, "--profile", profile, "--policy", "--out", out, "--report", report),
        *("--predictions", data / "predictions.parquet", "--labels", data / "labels.parquet"),
        *("--retraining-cost", 100),
    )
    assert result.exit_code == 0, result.output
    (asked,) = table(result.stdout, "retraining triggers")[1:-1]
    assert asked.startswith("  2013-05-23 00:00  psi_features")
    assert "temp PSI" in asked
    alerts = records(out / "alerts.ndjson")
    opened = Counter(a["rule"] for a in alerts if a["state"] == "open")
    shown = table(result.stdout, "episodes")[1:]
    assert len(shown) == opened.total() >= 4
    sums = table(result.stdout, "by severity and rule")
    counted = {line.split()[1]: int(line.split()[2]) for line in sums[1:] if "%" in line}
    assert counted == opened
    assert "1 retraining x 100 = 100" in result.stdout
    root = parsed(report.read_text())
    names = [t.findtext("title") for t in root.iter("text") if t.get("class") == "name"]
    lanes = {name.partition("/")[0] for name in names if name}
    assert opened.keys() <= lanes
    assert {"retraining triggers", "windows of 1d", "windows of 7d", "temp", "dewp"} <= set(names)
