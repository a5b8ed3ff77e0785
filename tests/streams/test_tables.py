"""Tables as training data and as events: roles, kinds of values, times, and nothing dropped."""

from __future__ import annotations

import gzip
import hashlib
import json
import math
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest

from engine.events import LabelEvent, PredictionEvent
from engine.spec import Spec, Topic
from engine.spec_reading import read_spec
from streams.table_events import NO_ID, NO_TIME_MS, read_events
from streams.table_files import SLICE_ROWS
from streams.tables import TableError, data_sha256, read_table

TS = 1_700_000_000_000


def spec_of(columns: str = "event_id: id, ts: when", more: str = "") -> Spec:
    """A model with one numeric and one categorical feature."""
    return read_spec(
        "model: m\nversion: v1\ninventory: {owner: risk}\nwindows: [1h]\n"
        "features:\n  x: {type: numeric}\n  c: {type: categorical}\n"
        f"columns: {{{columns}}}\n{more}"
    )


def rows(**changed: object) -> dict[str, Any]:
    """Three rows of a table."""
    columns: dict[str, Any] = {
        "id": ["a", "b", "c"],
        "when": [TS, TS + 1, TS + 2],
        "x": [1.5, None, math.nan],
        "c": ["de", None, "at"],
        "score": [0.1, 0.6, 0.9],
        "decision": [0, 1, 1],
        "label": [0, None, 1],
    }
    return {**columns, **changed}


def parquet(folder: Path, **changed: object) -> Path:
    """The rows as a Parquet file."""
    path = folder / "table.parquet"
    pl.DataFrame(rows(**changed), strict=False).write_parquet(path)
    return path


def csv(folder: Path, text: str) -> Path:
    """A CSV file."""
    path = folder / "table.csv"
    path.write_text(text)
    return path


def events(path: Path, spec: Spec, kind: Topic = "predictions") -> list[dict[str, Any]]:
    """The events of a file, decoded."""
    return [json.loads(value) for _, _, value in read_events(path, spec, kind)]


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


def test_prediction_events_are_what_the_contract_says(tmp_path: Path) -> None:
    """They decode into the published type, with model and version from the spec."""
    spec = spec_of(
        "event_id: id, ts: when, latency_ms: ms, segment.channel: ch", "segments: [channel]\n"
    )
    path = parquet(
        tmp_path, ms=[1, 2, None], ch=["web", None, "app"], error=[None, "timeout", None]
    )
    found = list(read_events(path, spec, "predictions"))
    assert [(event_id, ts) for event_id, ts, _ in found] == [
        ("a", TS),
        ("b", TS + 1),
        ("c", TS + 2),
    ]
    first, second, third = (msgspec.json.decode(v, type=PredictionEvent) for _, _, v in found)
    assert (first.event_id, first.model, first.version, first.ts) == ("a", "m", "v1", TS)
    assert (first.score, first.decision, first.latency_ms) == (0.1, 0, 1.0)
    assert first.features == {"x": 1.5, "c": "de"}
    assert (first.segment, second.segment) == ({"channel": "web"}, {})
    assert second.features == third.features | {"c": None} == {"x": None, "c": None}  # type: ignore[operator]
    assert (first.error, second.error) == (None, "timeout")


def test_decisions_are_integers_however_stored(tmp_path: Path) -> None:
    """Booleans and whole reals are 0 and 1, so that decoding takes them."""
    for stored in ([True, False, None], [1.0, 0.0, None], [1.0, 0.0, math.nan], [1, 0, None]):
        made = events(parquet(tmp_path, decision=stored), spec_of())
        assert [e["decision"] for e in made] == [1, 0, None]
        assert all(type(e["decision"]) is int for e in made[:2])


def test_boolean_and_infinite_numbers(tmp_path: Path) -> None:
    """A boolean of a numeric feature is 0 or 1; an infinity stays invalid on its way as JSON."""
    assert events(parquet(tmp_path, x=[True, False, None]), spec_of())[0]["features"]["x"] == 1
    made = events(parquet(tmp_path, x=[math.inf, -math.inf, 1.0]), spec_of())
    assert [e["features"]["x"] for e in made] == ["inf", "-inf", 1.0]


def test_label_events_have_their_own_time(tmp_path: Path) -> None:
    """``label_ts`` where the spec has it, else ts; a row without a label makes no event."""
    spec = spec_of("event_id: id, ts: when, label_ts: known, label_value: cost")
    path = parquet(tmp_path, known=[TS + 10, TS + 20, TS + 30], cost=[1.5, 2.5, None])
    found = list(read_events(path, spec, "labels"))
    assert [(event_id, ts) for event_id, ts, _ in found] == [("a", TS + 10), ("c", TS + 30)]
    first, last = (msgspec.json.decode(value, type=LabelEvent) for _, _, value in found)
    assert (first.label, first.value, last.label, last.value) == (0, 1.5, 1, None)
    assert json.loads(found[0][2]).keys() == {"event_id", "model", "ts", "label", "value"}
    plain = spec_of("event_id: id, ts: when")
    nans = pl.Series([0.0, math.nan, 1.0])
    assert [ts for _, ts, _ in read_events(parquet(tmp_path, label=nans), plain, "labels")] == [
        TS,
        TS + 2,
    ]


def test_features_may_come_apart(tmp_path: Path) -> None:
    """Then predictions have none, and feature events have nothing else."""
    spec = spec_of(more="inputs: [predictions, features]\n")
    path = parquet(tmp_path)
    assert "features" not in events(path, spec)[0]
    assert events(path, spec, "features")[0] == {
        "event_id": "a",
        "model": "m",
        "version": "v1",
        "ts": TS,
        "features": {"x": 1.5, "c": "de"},
    }


def test_rows_without_id_or_time_are_passed_on(tmp_path: Path) -> None:
    """The core rejects and counts them; here nothing is dropped."""
    path = parquet(tmp_path, id=["a", None, "c"], when=["2020-01-01T00:00:00Z", None, "soon"])
    found = list(read_events(path, spec_of(), "predictions"))
    assert [(event_id, ts) for event_id, ts, _ in found] == [
        ("a", 1_577_836_800_000),
        (NO_ID, NO_TIME_MS),
        ("c", NO_TIME_MS),
    ]
    made = [json.loads(value) for _, _, value in found]
    assert [e["event_id"] for e in made] == ["a", None, "c"]
    assert [e["ts"] for e in made] == [1_577_836_800_000, None, "soon"]


def test_naive_times_are_refused_before_the_first_event(tmp_path: Path) -> None:
    """Not in the middle of a replay."""
    path = parquet(tmp_path, when=[datetime(2020, 1, 1)] * 3)  # noqa: DTZ001
    with pytest.raises(TableError, match="without a zone"):
        read_events(path, spec_of(), "predictions")


def test_the_order_of_the_file_is_kept_over_slices(tmp_path: Path) -> None:
    """Events come as the rows do, though a slice at a time."""
    many = SLICE_ROWS * 2 + 7
    path = tmp_path / "t.parquet"
    frame = pl.DataFrame({"id": range(many), "when": range(TS, TS + many), "score": [0.5] * many})
    frame.with_columns(x=1.0, c=pl.lit("a")).write_parquet(path, row_group_size=9_000)
    found = [event_id for event_id, _, _ in read_events(path, spec_of(), "predictions")]
    assert found == [str(i) for i in range(many)]


LINES = [
    (
        b'{"event_id":"a","model":"m","version":"v1","ts":1700000000000,"score":0.5,'
        b'"features":{"x":1.5,"c":5411.0}}'
    ),
    (
        b'{"event_id" : "b" ,"model":"m","version":"v1","ts":"2023-11-14T22:13:20.001Z","score":1,'
        b'"features":{"x":true,"c":[1]}, "other": 1}'
    ),
    b'{"heartbeat":true,"model":"m","ts":1700000000009}',
    b'{"event_id":"z","model":"other","version":"v1","ts":1700000000002,"score":0.5}',
]


def ndjson(folder: Path, lines: list[bytes], *, packed: bool = False) -> Path:
    """A file of events."""
    data = b"\n".join(lines) + b"\n"
    path = folder / ("events.ndjson.gz" if packed else "events.ndjson")
    path.write_bytes(gzip.compress(data) if packed else data)
    return path


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


def test_ndjson_lines_go_on_byte_for_byte(tmp_path: Path) -> None:
    """Broken or not, with id and time where a cheap look finds them; blank lines are no records."""
    envelope = b'{"specversion":"1.0","id":"1","data":{"event_id":"e","ts":1700000000005}}'
    odd = [b"not json", b'{"event_id":7}', b"\xff\x00", b'{"event_id":"n","ts":"2020-01-01"}']
    path = ndjson(tmp_path, [*LINES, b"", *odd, envelope])
    found = list(read_events(path, spec_of(), "predictions"))
    assert [value for _, _, value in found] == [*LINES, *odd, envelope]
    assert [(event_id, ts) for event_id, ts, _ in found] == [
        ("a", TS),
        ("b", TS + 1),
        (NO_ID, TS + 9),
        ("z", TS + 2),
        (NO_ID, NO_TIME_MS),
        (NO_ID, NO_TIME_MS),
        (NO_ID, NO_TIME_MS),
        ("n", NO_TIME_MS),
        ("e", TS + 5),
    ]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.txt", b"x", "none of .parquet"),
        ("a.parquet", b"not parquet", "cannot be read"),
        ("a.csv", b"", "cannot be read"),
        ("a.ndjson.gz", b"not gzip", "cannot be read"),
        ("a.ndjson.gz", gzip.compress(LINES[0] * 500)[:60], "cannot be read"),
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
