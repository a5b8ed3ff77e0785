"""`longshore replay --policy`: what a spec would have said, and beside it what another would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import Result

from tests.streams.cli_example import SPEC, ExampleFiles
from tests.streams.test_cli_replay import OUTPUTS, profiled, records, run


@pytest.fixture(scope="module")
def drifted(tmp_path_factory: pytest.TempPathFactory) -> ExampleFiles:
    """The example whose six hours have drifted, with its profile."""
    return profiled(tmp_path_factory.mktemp("policy"), drifted_by=2.0)


def policy(files: ExampleFiles, *more: object) -> Result:
    """Replay for the policy."""
    return run(
        *("replay", files.spec, "--profile", files.profile, "--predictions", files.predictions),
        *("--labels", files.labels, "--policy", *more),
    )


def stricter(directory: Path, name: str = "other.yaml", **changes: str) -> Path:
    """Another spec of the model."""
    text = SPEC
    for old, new in (changes or {"above: 0.20": "above: 50"}).items():
        assert old in text
        text = text.replace(old, new)
    path = directory / name
    path.write_text(text)
    return path


def table(output: str, title: str) -> list[str]:
    """The lines of a table, its headings first."""
    _, _, rest = output.partition(f"\n{title}\n")
    return rest.split("\n\n")[0].splitlines()


def test_every_alert_and_trigger_is_printed_as_the_files_have_it(
    drifted: ExampleFiles, tmp_path: Path
) -> None:
    """A line an episode and a line a trigger, in event time order, with time and reason; and the
    files are those of a replay without --policy."""
    plain, out = tmp_path / "plain", tmp_path / "out"
    assert (
        run(
            *("replay", drifted.spec, "--profile", drifted.profile, "--out", plain),
            *("--predictions", drifted.predictions, "--labels", drifted.labels),
        ).exit_code
        == 0
    )
    result = policy(drifted, "--out", out)
    assert result.exit_code == 0, result.output
    assert {p.name: p.read_bytes() for p in out.iterdir()} == {
        p.name: p.read_bytes() for p in plain.iterdir()
    }
    episodes: dict[Any, dict[str, Any]] = {}
    for alert in records(out / "alerts.ndjson"):
        episodes.setdefault(alert["episode"], alert)
    shown = table(result.stdout, "episodes")[1:]
    assert len(shown) == len(episodes) >= 1
    for line, opened in zip(shown, sorted(episodes.values(), key=lambda a: a["end"]), strict=True):
        assert line.split()[:2] == [opened["end"][:10], opened["end"][11:16]]
        assert opened["severity"] in line
        assert opened["rule"] in line
    assert any("amount PSI" in line and "over 0.20" in line for line in shown)
    triggers = records(out / "retraining-triggers.ndjson")
    asked = table(result.stdout, "retraining triggers")[1:-1]
    assert [line.split()[:2] for line in asked] == [
        [t["window"]["end"][:10], t["window"]["end"][11:16]]  # type: ignore[index]
        for t in triggers
    ]
    assert "windows" in result.stdout.splitlines()[0]


def test_no_directory_is_needed_and_none_is_left(
    drifted: ExampleFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The records go to a temporary one."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert policy(drifted).exit_code == 0
    assert list(tmp_path.iterdir()) == []


def test_the_same_history_prints_and_writes_the_same_bytes(
    drifted: ExampleFiles, tmp_path: Path
) -> None:
    """Tables and report, of one spec and of two."""
    other = stricter(tmp_path)
    told = []
    for name in ("a.html", "b.html"):
        result = policy(drifted, "--against", other, "--report", tmp_path / name)
        assert result.exit_code == 0, result.output
        told.append((result.stdout, (tmp_path / name).read_bytes()))
    assert told[0] == told[1]
    assert b"only A" in told[0][1]


def test_costs_are_told_with_the_figures_given_and_asked_for_without(
    drifted: ExampleFiles,
) -> None:
    """Nothing is assumed about what a retraining or an alert costs."""
    lines = table(policy(drifted).stdout, "what it would have cost")
    assert "--retraining-cost COST says" in lines[0]
    assert "--alert-minutes MINUTES says" in lines[1]
    priced = policy(drifted, "--retraining-cost", 250, "--alert-minutes", 30)
    retraining, alerts = table(priced.stdout, "what it would have cost")
    count = int(retraining.split()[0])
    assert retraining.endswith(f"x 250 = {250 * count:,}")
    assert alerts.endswith(f"x 30 min = {int(alerts.split()[0]) * 30 / 60:,.1f} h")


def test_two_specs_are_told_side_by_side(drifted: ExampleFiles, tmp_path: Path) -> None:
    """A bound that nothing reaches tells no drift: its findings are only in A, the others' in both;
    the records of the second stand below those of the first."""
    other, out = stricter(tmp_path), tmp_path / "out"
    result = policy(drifted, "--against", other, "--out", out)
    assert result.exit_code == 0, result.output
    assert sorted(p.stem for p in (out / "against").iterdir()) == list(OUTPUTS)
    assert records(out / "against" / "retraining-triggers.ndjson") == []
    found = table(result.stdout, "findings side by side")[1:-1]
    assert [line.split()[:3] for line in found if "psi_features" in line] == [
        ["only", "A", "psi_features"]
    ]
    assert all(line.split()[0] == "both" for line in found if "psi_features" not in line)
    counts = table(result.stdout, "counts side by side")
    assert "first difference at" in counts[-1]
    assert "only B: nothing" in counts[-1]


def test_a_spec_beside_itself_has_no_difference(drifted: ExampleFiles) -> None:
    """The same profile is taken for both."""
    result = policy(drifted, "--against", drifted.spec)
    assert "no difference" in result.stdout
    assert "only A" not in result.stdout


def test_two_profiles_are_told_side_by_side(drifted: ExampleFiles, tmp_path: Path) -> None:
    """One spec, and a reference that is the drifted hours themselves: for that there is no
    drift."""
    newer = tmp_path / "newer.json"
    made = run("profile", drifted.spec, "--data", drifted.predictions, "--out", newer)
    assert made.exit_code == 0, made.output
    result = policy(drifted, "--against", drifted.spec, "--against-profile", newer)
    assert result.exit_code == 0, result.output
    found = table(result.stdout, "findings side by side")[1:-1]
    assert ["only", "A", "psi_features"] in [line.split()[:3] for line in found]
    assert all("only B" not in line for line in found)


def test_a_muted_episode_stands_apart(drifted: ExampleFiles, tmp_path: Path) -> None:
    """And is in no count of what is heard."""
    mute = (
        "alerts:\n  mutes: [{rule: psi_features, from: 2026-01-01T00:00:00Z, "
        "until: 2026-02-01T00:00:00Z, reason: a campaign}]\n"
    )
    spec = tmp_path / "muted.yaml"
    spec.write_text(SPEC + mute)
    files = ExampleFiles(
        spec, drifted.training, drifted.predictions, drifted.labels, drifted.profile
    )
    result = policy(files)
    (row,) = table(result.stdout, "muted episodes, which wake nobody")[1:]
    assert row.endswith("muted: a campaign")
    assert "psi_features" not in "".join(table(result.stdout, "episodes"))
    sums = table(result.stdout, "by severity and rule")
    assert any("WARNING (muted)" in line for line in sums)
    assert policy(files, "--against", drifted.spec).stdout.count("first difference") == 1


def test_history_without_a_window_is_told_plainly(drifted: ExampleFiles, tmp_path: Path) -> None:
    """Ten events complete no window; the report says so as well."""
    few = tmp_path / "few.parquet"
    pl.read_parquet(drifted.predictions).head(10).write_parquet(few)
    report = tmp_path / "r.html"
    result = run(
        *("replay", drifted.spec, "--profile", drifted.profile, "--predictions", few),
        *("--policy", "--report", report),
    )
    assert result.exit_code == 0, result.output
    assert "no window was judged" in result.stdout
    assert "no window was judged" in report.read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--against", "SPEC"], "--against goes with --policy"),
        (["--report", "r.html"], "--report goes with --policy"),
        (["--retraining-cost", "5"], "--retraining-cost goes with --policy"),
        (["--alert-minutes", "5"], "--alert-minutes goes with --policy"),
        (["--policy", "--against-profile", "SPEC"], "--against-profile is the profile of"),
        (["--policy", "--retraining-cost", "-1"], "--retraining-cost"),
        (["--policy", "--alert-minutes", "nan"], "no cost"),
        (["--policy", "--against", "no-such.yaml"], "no-such.yaml"),
    ],
)
def test_wrong_usage(drifted: ExampleFiles, tmp_path: Path, options: list[str], said: str) -> None:
    """Exit code 2, and a line with what to do."""
    given = [drifted.spec if option == "SPEC" else option for option in options]
    result = run(
        *("replay", drifted.spec, "--profile", drifted.profile),
        *("--predictions", drifted.predictions, "--out", tmp_path / "out", *given),
    )
    assert result.exit_code == 2
    assert said in result.stderr


def test_without_policy_a_directory_is_needed(drifted: ExampleFiles) -> None:
    """As ever."""
    result = run(
        *("replay", drifted.spec, "--profile", drifted.profile),
        *("--predictions", drifted.predictions),
    )
    assert result.exit_code == 2
    assert "--out" in result.stderr


def test_a_spec_of_another_model_is_refused(drifted: ExampleFiles, tmp_path: Path) -> None:
    """It would judge none of the events."""
    other = stricter(tmp_path, **{"model: loans": "model: cards"})
    profile = tmp_path / "cards.json"
    made = run("profile", other, "--data", drifted.training, "--out", profile)
    assert made.exit_code == 0, made.output
    result = policy(drifted, "--against", other, "--against-profile", profile)
    assert result.exit_code == 2
    assert "watches cards" in result.stderr


def test_a_report_that_has_no_place_is_refused_before_anything_is_read(
    drifted: ExampleFiles, tmp_path: Path
) -> None:
    """With what to do."""
    result = policy(drifted, "--report", tmp_path / "no" / "such" / "r.html")
    assert result.exit_code == 2
    assert "make " in result.stderr
    assert result.stdout == ""


def test_a_second_spec_that_takes_other_files_is_refused_before_anything_is_read(
    drifted: ExampleFiles, tmp_path: Path
) -> None:
    """It has no labels among its inputs."""
    other = stricter(tmp_path, **{"inputs: [predictions, labels]": "inputs: [predictions]"})
    result = policy(drifted, "--against", other)
    assert result.exit_code == 2
    assert "--labels" in result.stderr
    assert "records in" not in result.stderr
