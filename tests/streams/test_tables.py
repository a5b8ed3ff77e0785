"""Tables as training data: roles, kinds of values, times, and clear refusals."""

from __future__ import annotations

import gzip
import hashlib
import math
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from streams.table_events import read_events
from streams.tables import TableError, data_sha256, read_table
from tests.streams.example_tables import LINES, TS, csv, events, ndjson, parquet, spec_of


def test_a_parquet_table_is_read_by_its_roles(tmp_path: Path) -> None:
    """Features by name, the rest as the spec places it; null and NaN are missing."""
    table = read_table(parquet(tmp_path, x=[1.5, None, math.inf]), spec_of())
    assert table.rows == 3
    np.testing.assert_array_equal(table.numeric["x"], [1.5, np.nan, np.inf])
    assert list(table.categorical["c"]) == ["de", None, "at"]
    assert table.score is not None
    assert table.decision is not None
    assert table.ts_ms is not None
    assert table.score.tolist() == [0.1, 0.6, 0.9]
    assert table.decision.tolist() == [0.0, 1.0, 1.0]
    assert table.ts_ms.tolist() == [TS, TS + 1, TS + 2]


def test_what_the_spec_does_not_place_may_be_absent(tmp_path: Path) -> None:
    """Score, decision and ts are optional in a training table unless ``columns`` names them."""
    path = tmp_path / "t.parquet"
    pl.DataFrame({"x": [1.0], "c": ["a"]}).write_parquet(path)
    table = read_table(path, spec_of("event_id: id"))
    assert (table.score, table.decision, table.ts_ms) == (None, None, None)
    with pytest.raises(TableError, match="'when', where the spec's columns place ts"):
        read_table(path, spec_of())


def test_every_missing_column_is_named_with_what_was_meant(tmp_path: Path) -> None:
    """All of them at once, each with the column that is likely it."""
    path = tmp_path / "t.parquet"
    pl.DataFrame({"id": [1], "wehn": [TS], "X": [1.0], "country": ["a"]}).write_parquet(path)
    with pytest.raises(TableError) as caught:
        read_events(path, spec_of(), "predictions")
    said = str(caught.value)
    assert len(caught.value.faults) == 4
    assert "'when', where the spec's columns place ts (did you mean 'wehn'?)" in said
    assert "'x', a feature" in said
    assert "'c', a feature" in said
    assert "neither a column 'score' nor 'decision'" in said


@pytest.mark.parametrize(
    ("values", "texts", "invalid"),
    [
        (pl.Series([5411, None, 1]), ["5411", None, "1"], 0),
        (pl.Series([5411.0, 2.5, math.nan]), ["5411", "2.5", None], 0),
        (pl.Series([1.0, math.inf, None]), ["1", None, None], 1),
        (pl.Series([True, False, None]), ["true", "false", None], 0),
        (pl.Series(["a", "", None]), ["a", "", None], 0),
        (pl.Series(["a", "b", None], dtype=pl.Categorical), ["a", "b", None], 0),
        (pl.Series(["1.0", "01", None]), ["1.0", "01", None], 0),
    ],
)
def test_categories_follow_the_text_rule(
    tmp_path: Path, values: pl.Series, texts: list[str | None], invalid: int
) -> None:
    """Numbers and truth values as their text; typed text as it stands; an infinity is invalid."""
    path = parquet(tmp_path, c=values)
    table = read_table(path, spec_of())
    assert list(table.categorical["c"]) == texts
    assert table.invalid_categories["c"] == invalid
    assert [event["features"]["c"] for event in events(path, spec_of())] == texts


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"x": ["1", "2", "3"]}, "'x' is text"),
        ({"x": [date(2020, 1, 1)] * 3}, "'x' is Date, not numeric"),
        ({"c": [["a"], ["b"], ["c"]]}, "a category is text"),
        ({"when": [date(2020, 1, 1)] * 3}, "a time is needed"),
        ({"when": [TS, None, TS]}, "1 rows without a usable time"),
        ({"when": ["yesterday"] * 3}, "3 rows without a usable time"),
        ({"when": [datetime(2020, 1, 1)] * 3}, "ts_zone: UTC"),  # noqa: DTZ001
        ({"when": ["2020-01-01T00:00:00"] * 3}, "ts_zone: UTC"),
    ],
)
def test_a_column_of_a_wrong_kind_is_refused(
    tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    """A reference is not guessed together; the message says which column and what to do."""
    with pytest.raises(TableError, match=said):
        read_table(parquet(tmp_path, **changed), spec_of())


@pytest.mark.parametrize(
    ("values", "zone"),
    [
        ([datetime(2020, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)] * 3, ""),
        ([datetime(2020, 1, 1, 0, 0, 1, 500_000)] * 3, ", ts_zone: UTC"),  # noqa: DTZ001
        (
            [
                "2020-01-01T00:00:01.5Z",
                "2020-01-01 01:00:01.500+01:00",
                "2020-01-01T00:00:01.5+0000",
            ],
            "",
        ),
        (["2020-01-01T00:00:01.500999999z"] * 3, ""),
        (["2020-01-01T00:00:01.5"] * 3, ", ts_zone: UTC"),
        ([1_577_836_801_500] * 3, ""),
        ([1_577_836_801_500.0] * 3, ""),
        (["1577836801500"] * 3, ""),
    ],
)
def test_times_become_milliseconds(tmp_path: Path, values: list[Any], zone: str) -> None:
    """With a zone, as integers, or naive where the spec says UTC."""
    spec = spec_of(f"event_id: id, ts: when{zone}")
    path = parquet(tmp_path, when=values)
    table = read_table(path, spec)
    assert table.ts_ms is not None
    assert table.ts_ms.tolist() == [1_577_836_801_500] * 3
    assert [ts for _, ts, _ in read_events(path, spec, "predictions")] == [1_577_836_801_500] * 3


def test_a_csv_has_no_types_but_its_numbers(tmp_path: Path) -> None:
    """What is no number is invalid, an empty field missing; whole reals of a category are whole."""
    path = csv(
        tmp_path,
        "id,when,x,c,score\n1,1700000000000,1.5,5411.0,0\n2,1700000000001,,7,1\n"
        "3,1700000000002,abc,,0.5\n4,1700000000003,inf,2.5,nan\n",
    )
    table = read_table(path, spec_of())
    np.testing.assert_array_equal(table.numeric["x"], [1.5, np.nan, np.inf, np.inf])
    assert list(table.categorical["c"]) == ["5411", "7", None, "2.5"]
    made = events(path, spec_of())
    assert [e["features"]["x"] for e in made] == [1.5, None, "abc", "inf"]
    assert [e["features"]["c"] for e in made] == ["5411", "7", None, "2.5"]
    assert [e["event_id"] for e in made] == ["1", "2", "3", "4"]


def test_codes_with_leading_zeros_stay_text(tmp_path: Path) -> None:
    """One code such as 05411, or one word, makes the whole CSV column text."""
    for odd in ("05411", "v1"):
        path = csv(tmp_path, f"id,when,x,c,score\na,1,1,1.0,0\nb,1,1,{odd},0\n")
        assert list(read_table(path, spec_of()).categorical["c"]) == ["1.0", odd]
        assert events(path, spec_of())[0]["features"]["c"] == "1.0"


def test_a_gzipped_csv_reads_alike(tmp_path: Path) -> None:
    """.csv.gz is the same table."""
    plain = csv(tmp_path, "id,when,x,c,score\na,1,1,u,0\nb,2,2,v,1\n")
    packed = tmp_path / "packed.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert events(packed, spec_of()) == events(plain, spec_of())
    assert read_table(packed, spec_of()).rows == 2


@pytest.mark.parametrize("packed", [False, True])
def test_ndjson_events_are_a_reference(tmp_path: Path, *, packed: bool) -> None:
    """Those of the spec's model and version; a wrong type is invalid, as in the stream."""
    table = read_table(ndjson(tmp_path, LINES, packed=packed), spec_of())
    assert table.rows == 2
    np.testing.assert_array_equal(table.numeric["x"], [1.5, np.inf])
    assert list(table.categorical["c"]) == ["5411", None]
    assert table.invalid_categories == {"c": 1}
    assert table.ts_ms is not None
    assert table.ts_ms.tolist() == [TS, TS + 1]
    assert table.decision is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{", "line 2 is not JSON"),
        (LINES[0].replace(b"1700000000000", b'"2020-01-01T00:00:00"'), "line 2 has no usable ts"),
        (LINES[0].replace(b"1700000000000", b"null"), "line 2 has no usable ts"),
    ],
)
def test_a_broken_reference_says_its_line(tmp_path: Path, line: bytes, said: str) -> None:
    """Training data with broken lines is not trained on in silence."""
    with pytest.raises(TableError, match=said):
        read_table(ndjson(tmp_path, [LINES[0], line]), spec_of())
    with pytest.raises(TableError, match="no event of m@v1"):
        read_table(ndjson(tmp_path, LINES[2:]), spec_of())


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.txt", b"x", "none of .parquet"),
        ("a.parquet", b"not parquet", "cannot be read"),
        ("a.csv", b"", "cannot be read"),
        ("a.ndjson.gz", b"not gzip", "cannot be read"),
        ("a.ndjson.gz", gzip.compress(LINES[0] * 500, mtime=0)[:60], "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    """One kind of error, with the file's name."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(TableError, match=said) as caught:
        list(read_events(path, spec_of(), "predictions"))
    assert name in str(caught.value)
    with pytest.raises(TableError, match=said):
        read_table(path, spec_of())
    with pytest.raises(TableError, match="no such file"):
        read_table(tmp_path / "missing.csv", spec_of())


def test_the_data_hash_is_of_the_bytes(tmp_path: Path) -> None:
    """SHA-256 of the file, however large."""
    path = tmp_path / "data.bin"
    content = bytes(range(256)) * 5_000
    path.write_bytes(content)
    assert data_sha256(path) == "sha256:" + hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_another_separator_is_named(tmp_path: Path, separator: str) -> None:
    """Instead of every column that is missing."""
    path = tmp_path / "t.csv"
    path.write_text("id;when;x\n1;2;3\n".replace(";", separator))
    with pytest.raises(TableError, match=r"has one column, .*: separate columns by commas"):
        read_table(path, spec_of())
    with pytest.raises(TableError, match="separate columns by commas"):
        read_events(path, spec_of(), "predictions")


def test_decisions_in_words_are_refused(tmp_path: Path) -> None:
    """A binary decision of yes and no would count for nothing."""
    words = parquet(tmp_path, says=["yes", "no", "yes"])
    spec = spec_of("event_id: id, ts: when, decision: says")
    with pytest.raises(TableError, match="'says' has words such as 'no' and 'yes'"):
        read_table(words, spec)
