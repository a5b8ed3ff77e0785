"""`longshore init`: a spec drafted from a table that has other names than ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner, Result

from engine.spec import Spec
from streams.cli import main
from streams.model_files import read_spec_file

ROWS = 3_000


def table() -> pl.DataFrame:
    """Sixty hours of visits with columns of every kind."""
    random = np.random.default_rng(3)
    start = datetime(2026, 3, 1, tzinfo=UTC)
    return pl.DataFrame(
        {
            "visit_id": [f"v{n}" for n in range(ROWS)],
            "seen_at": [start + timedelta(seconds=72 * n) for n in range(ROWS)],
            "age": random.integers(18, 90, ROWS),
            "weight: kg": random.normal(70, 12, ROWS),
            "ward": random.choice(["A", "B", "C"], ROWS),
            "icd_code": random.integers(100, 140, ROWS),
            "zip": [f"0{n % 90:04}" for n in range(ROWS)],
            "is_urgent": random.random(ROWS) < 0.2,
            "notes": [f"free text {n}" for n in range(ROWS)],
            "row": range(ROWS),
            "hospital": ["only one"] * ROWS,
            "empty": [None] * ROWS,
            "p_stay": random.random(ROWS),
            "y_true": random.integers(0, 2, ROWS),
        }
    )


def init(directory: Path, *arguments: str, data: pl.DataFrame | None = None) -> Result:
    """Run the command in a directory with the table as ``data.csv``."""
    frame = table() if data is None else data
    frame.with_columns(pl.selectors.datetime().dt.to_string("%Y-%m-%dT%H:%M:%SZ")).write_csv(
        directory / "data.csv"
    )
    where = ("--data", str(directory / "data.csv"), "--out", str(directory / "spec.yaml"))
    return CliRunner().invoke(main, ["init", "--model", "stays", *where, *arguments])


@pytest.fixture(scope="module")
def drafted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Spec, str]:
    """The spec of the table as CSV, and its text."""
    directory = tmp_path_factory.mktemp("init")
    done = init(directory)
    assert done.exit_code == 0, done.output
    path = directory / "spec.yaml"
    return read_spec_file(path), path.read_text()


def test_fields_and_features_are_told_apart(drafted: tuple[Spec, str]) -> None:
    """By names where the values fit; codes and flags are categories; ids, texts and columns with
    nothing in them are left out."""
    spec, _ = drafted
    assert spec.columns == {
        "event_id": "visit_id",
        "ts": "seen_at",
        "score": "p_stay",
        "label": "y_true",
    }
    assert {feature.name: feature.type for feature in spec.features} == {
        "age": "numeric",
        "weight: kg": "numeric",
        "ward": "categorical",
        "icd_code": "categorical",
        "zip": "categorical",
        "is_urgent": "categorical",
    }
    assert spec.prediction.type == "binary"
    assert spec.inputs == ("predictions", "labels")


def test_nothing_is_silent(drafted: tuple[Spec, str]) -> None:
    """Each column stands in the file, and each guess has its reason."""
    _, text = drafted
    for column in table().columns:
        (line, *_) = [line for line in text.splitlines() if column in line]
        assert "#" in line, line
    for left_out in ("notes", "row", "hospital", "empty"):
        assert f"# left out: {left_out}: " in text


def test_windows_hold_enough_rows(drafted: tuple[Spec, str]) -> None:
    """Three thousand rows in sixty hours: a day would have 1,200, but the table has but two of
    them; so the longest window that it holds eight of, and a word that this is few."""
    spec, text = drafted
    assert [window.name for window in spec.windows] == ["6h"]
    assert "about 300 rows each: few" in text


def test_what_is_said_is_not_guessed(tmp_path: Path) -> None:
    """Options name columns; an unknown one is refused with the likely name."""
    done = init(tmp_path, "--score", "age", "--label", "is_urgent", "--model-version", "2.0")
    assert done.exit_code == 0, done.output
    spec = read_spec_file(tmp_path / "spec.yaml")
    assert (spec.columns["score"], spec.columns["label"]) == ("age", "is_urgent")
    assert (spec.model, spec.version) == ("stays", "2.0")
    assert {"p_stay", "y_true"} <= {feature.name for feature in spec.features}
    refused = init(tmp_path, "--score", "p_sty")
    assert refused.exit_code == 2
    assert "did you mean 'p_stay'?" in refused.stderr


def test_a_file_is_never_overwritten(tmp_path: Path) -> None:
    """Somebody may have edited it."""
    (tmp_path / "spec.yaml").write_text("mine")
    done = init(tmp_path)
    assert done.exit_code == 2
    assert "is there already" in done.stderr
    assert (tmp_path / "spec.yaml").read_text() == "mine"


def test_a_time_without_a_zone_is_a_question(tmp_path: Path) -> None:
    """What it means is never guessed: the line that says UTC is a comment, and the profile refuses
    the table until somebody takes the mark away."""
    frame = table().with_columns(pl.col("seen_at").dt.to_string("%Y-%m-%d %H:%M:%S"))
    done = init(tmp_path, data=frame)
    assert done.exit_code == 0, done.output
    path = tmp_path / "spec.yaml"
    assert "  # ts_zone: UTC  # the times name no zone" in path.read_text()
    assert "ts_zone" not in read_spec_file(path).columns
    made = ["profile", str(path), "--data", str(tmp_path / "data.csv"), "--out"]
    refused = CliRunner().invoke(main, [*made, str(tmp_path / "p.json")])
    assert refused.exit_code == 2
    assert "ts_zone: UTC" in refused.stderr


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (pl.DataFrame({"id": ["a", "b"], "note": ["x", "x"]}), "no column looks like a feature"),
        (pl.DataFrame({"a\\b": [0.5, 1.5]}), "no spec can be called"),
    ],
)
def test_what_cannot_be_drafted_is_refused(data: pl.DataFrame, said: str, tmp_path: Path) -> None:
    """With the reasons, and without a file."""
    done = init(tmp_path, data=data)
    assert done.exit_code == 2, done.output
    assert said in done.stderr
    assert not (tmp_path / "spec.yaml").exists()


def test_what_may_be_the_label_or_the_id_is_asked(tmp_path: Path) -> None:
    """A column of two values under a name that says nothing is a feature to us, and the truth
    perhaps to whoever knows: it is asked, as is which of the unique columns is the id."""
    done = init(tmp_path, data=table().rename({"y_true": "stayed", "visit_id": "who"}))
    assert done.exit_code == 0, done.output
    text = (tmp_path / "spec.yaml").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith("  stayed: ")]
    assert "Then it is no feature: --label" in line
    (line,) = [line for line in text.splitlines() if "event_id: COLUMN" in line]
    assert line.endswith("each row has its own who, notes, row")


@pytest.mark.parametrize("row", ["1;2.5", "1;2,5"])
def test_another_separator_is_named(row: str, tmp_path: Path) -> None:
    """A table with semicolons has one column to us, which nobody would understand."""
    path = tmp_path / "data.csv"
    path.write_text(f"id;amount\n{row}\n")
    done = CliRunner().invoke(main, ["init", "--model", "m", "--data", str(path)])
    assert done.exit_code == 2
    assert "by commas" in done.stderr


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([0, 1, 1, 0], "binary"),
        (["cat", "dog", "cow", "cow"], "multiclass"),
        ([n / 7 for n in range(100)], "regression"),
    ],
)
def test_the_label_says_the_kind_of_model(values: list[object], kind: str, tmp_path: Path) -> None:
    """Two values, a few, or many numbers."""
    data = pl.DataFrame({"x": [n * 0.5 for n in range(len(values))], "target": values})
    done = init(tmp_path, data=data)
    assert done.exit_code == 0, done.output
    assert read_spec_file(tmp_path / "spec.yaml").prediction.type == kind


def test_parquet_and_csv_draft_the_same(tmp_path: Path) -> None:
    """Types of a Parquet file are those that a CSV's values look like."""
    assert init(tmp_path).exit_code == 0
    path = tmp_path / "data.parquet"
    table().write_parquet(path)
    out = tmp_path / "of-parquet.yaml"
    command = ["init", "--model", "stays", "--data", str(path), "--out", str(out)]
    assert CliRunner().invoke(main, command).exit_code == 0
    of_csv = (tmp_path / "spec.yaml").read_text().splitlines()[1:]
    of_parquet = out.read_text().splitlines()[1:]
    zips = [line for line in of_csv if '"zip"' in line or "zip:" in line]
    assert zips, "the code with zeros in front is text in both"
    assert of_parquet == of_csv
