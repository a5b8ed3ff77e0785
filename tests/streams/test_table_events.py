"""A file as events: the contract, kinds of values, and nothing dropped."""

from __future__ import annotations

import json
import math
from datetime import datetime
from pathlib import Path

import msgspec
import polars as pl
import pytest

from engine.events import LabelEvent, PredictionEvent
from streams.table_events import NO_ID, NO_TIME_MS, read_events
from streams.table_files import SLICE_ROWS
from streams.tables import TableError
from tests.streams.example_tables import LINES, TS, events, ndjson, parquet, spec_of


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


def test_a_deeply_nested_line_goes_on_too(tmp_path: Path) -> None:
    """It is the core's to reject; a reader that gave up there would end a replay."""
    nested = b'{"more":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    found = list(read_events(ndjson(tmp_path, [nested, *LINES]), spec_of(), "predictions"))
    assert found[0] == (NO_ID, NO_TIME_MS, nested)
    assert len(found) == 1 + len(LINES)


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
