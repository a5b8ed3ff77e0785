"""`longshore init` on tables as people have them: other names, words for numbers, dates, labels."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from engine.spec_sections import MAX_CATEGORIES
from streams.cli import main
from streams.model_files import read_spec_file
from streams.table_columns import TableError, label_columns
from tests.streams.test_cli_init import ROWS, init, table


def lending() -> pl.DataFrame:
    """Loans under names that no list has: blanks, a word for a missing number, a truth in words."""
    frame = table().select(
        pl.col("visit_id").alias("Loan ID"),
        pl.col("seen_at").alias("Submitted"),
        pl.when(pl.int_range(ROWS) % 30 == 0)
        .then(pl.lit("NA"))
        .otherwise(pl.col("weight: kg").round(2).cast(pl.String))
        .alias("Income"),
        pl.int_range(10_000, 10_000 + ROWS).shuffle(seed=1).floordiv(2).alias("Postcode"),
        pl.col("p_stay").alias("PD"),
        pl.when(pl.col("y_true") == 1).then(pl.lit("Yes")).otherwise(pl.lit("No")).alias("Repaid"),
    )
    assert frame["Postcode"].n_unique() > MAX_CATEGORIES
    return frame


def test_names_with_blanks_words_and_long_codes(tmp_path: Path) -> None:
    """The only times are the time; `NA` makes no text of a column; thousands of codes are no
    amount; what may be the score asks."""
    done = init(tmp_path, data=lending())
    assert done.exit_code == 0, done.output
    spec, text = read_spec_file(tmp_path / "spec.yaml"), (tmp_path / "spec.yaml").read_text()
    assert spec.columns == {"event_id": "Loan ID", "ts": "Submitted"}
    kinds = {feature.name: feature.type for feature in spec.features}
    assert kinds == {"Income": "numeric", "PD": "numeric", "Repaid": "categorical"}
    assert "'NA' counts as invalid: leave such cells empty" in text
    assert "Then it is no feature: --score" in text
    assert "# left out: Postcode: 1,500 numbers that look like codes: too many" in text


def test_a_truth_in_words_is_told_at_every_step(tmp_path: Path) -> None:
    """In the draft, by the profile, and by a replay of what was labelled so."""
    done = init(tmp_path, "--label", "Repaid", "--score", "PD", data=lending())
    assert done.exit_code == 0, done.output
    spec, data = tmp_path / "spec.yaml", tmp_path / "data.csv"
    assert "here it is 0 or 1, not 'No': write it so" in spec.read_text()
    profile = ["profile", str(spec), "--out", str(tmp_path / "profile.json"), "--data"]
    refused = CliRunner().invoke(main, [*profile, str(data)])
    assert refused.exit_code == 2
    assert "words such as 'No' and 'Yes': write numbers, 0 and 1" in refused.stderr
    numbers = tmp_path / "numbers.csv"
    numbers.write_text(data.read_text().replace(",No\n", ",0\n").replace(",Yes\n", ",1\n"))
    assert CliRunner().invoke(main, [*profile, str(numbers)]).exit_code == 0
    command = ["replay", str(spec), "--profile", str(tmp_path / "profile.json")]
    command += ["--predictions", str(numbers), "--labels", str(data), "--out", str(tmp_path / "o")]
    replayed = CliRunner().invoke(main, command)
    assert replayed.exit_code == 0, replayed.output
    assert f"dead letters by reason: {ROWS:,} bad_label" in replayed.stderr


@pytest.mark.parametrize("form", ["%d.%m.%Y %H:%M", "%Y-%m-%d", "%m/%d/%y"])
def test_dates_are_not_taken_for_times(form: str, tmp_path: Path) -> None:
    """They are left out with the form that is read, also where another column has times; said to
    be the time they are refused by the profile with one of them."""
    frame = lending().with_columns(
        pl.col("Submitted").dt.to_string("%Y-%m-%dT%H:%M:%SZ").alias("Seen"),
        pl.col("Submitted").dt.to_string(form),
    )
    assert init(tmp_path, data=frame).exit_code == 0
    spec = tmp_path / "spec.yaml"
    text = spec.read_text()
    assert "# left out: Submitted: a date. If it is the time of the event: times are read" in text
    assert "  # ts: COLUMN  # which column is the time of an event? Needed" in text
    assert "; times are Seen" in text
    spec.unlink()
    assert init(tmp_path, "--time", "Submitted", data=frame).exit_code == 0
    assert "ts: Submitted  # as said, but times are read as 2026-" in spec.read_text()
    command = ["profile", str(spec), "--data", str(tmp_path / "data.csv"), "--out"]
    refused = CliRunner().invoke(main, [*command, str(tmp_path / "p.json")])
    assert refused.exit_code == 2
    assert f"such as {frame['Submitted'][0]!r}: write times as 2026-" in refused.stderr


def test_a_table_without_any_known_column_is_drafted(tmp_path: Path) -> None:
    """Then all of `columns` is a question, and the draft is sound all the same."""
    data = pl.DataFrame({"height": [0.5, 1.5, 2.5], "width": [4.5, 4.5, 5.5]})
    done = init(tmp_path, data=data)
    assert done.exit_code == 0, done.output
    assert read_spec_file(tmp_path / "spec.yaml").columns == {}
    assert "# columns:  # where the fields" in (tmp_path / "spec.yaml").read_text()


def test_labels_with_a_time_of_their_own(tmp_path: Path) -> None:
    """The other times of a table with a label are when it was known; a table of labels that lacks
    the event's time is refused with the field that would place its own."""
    frame = table().with_columns((pl.col("seen_at") + pl.duration(days=2)).alias("told"))
    assert init(tmp_path, data=frame).exit_code == 0
    spec, data = tmp_path / "spec.yaml", tmp_path / "data.csv"
    assert read_spec_file(spec).columns["label_ts"] == "told"
    spec.write_text(spec.read_text().replace("  label_ts: told", "  #"))
    with pytest.raises(TableError, match="of when the truth was known: `label_ts`"):
        label_columns(data, read_spec_file(spec), ["visit_id", "told", "y_true"])
