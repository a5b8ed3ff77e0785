"""What the engine says about the example data: silence where nothing drifts, else DRIFT."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import orjson
import polars as pl
import pytest

from engine.model import build_model
from engine.profile import Provenance
from engine.profile_building import build_profile
from engine.spec import Spec
from engine.spec_reading import read_spec
from streams.replay import Source, replay
from streams.tables import read_table

EXAMPLES: Final = Path("examples")
FIRST_WEEK: Final = datetime(2013, 1, 3, tzinfo=UTC)
"""The first whole week, aligned to the epoch, of the training months."""
WEEKS: Final = 8
WEATHER: Final = {
    *("temp", "dewp", "humid", "wind_dir", "wind_speed"),
    *("wind_gust", "precip", "pressure", "visib"),
}


def spec_of(example: str) -> Spec:
    """The committed spec of an example."""
    return read_spec((EXAMPLES / example / "spec.yaml").read_text(encoding="utf-8"))


def verdicts(
    spec: Spec, reference: Path, predictions: Path, out: Path
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Judgements of revision 0 and retraining triggers of a replay on 4 partitions."""
    origin = Provenance(
        code_commit="",
        data_sha256="",
        data_rows=0,
        parameters={},
        seed=0,
        start_ms=None,
        end_ms=None,
    )
    profile = build_profile(spec, read_table(reference, spec), origin)
    replay([build_model(spec, profile)], [Source("predictions", predictions, spec)], 4, out)
    judgements, triggers = (
        [orjson.loads(line) for line in (out / f"{name}.ndjson").read_bytes().splitlines()]
        for name in ("judgements", "retraining-triggers")
    )
    return [one for one in judgements if one["revision"] == 0], triggers


def without_labels(spec: Spec) -> Spec:
    """The spec for data judgements only: no label topic to wait for."""
    text = (EXAMPLES / spec.model / "spec.yaml").read_text(encoding="utf-8")
    return read_spec(text.replace("inputs: [predictions, labels]", "inputs: [predictions]"))


def test_three_years_of_census_are_silent(tmp_path: Path) -> None:
    """2016 to 2018 against 2015: every window of both lengths is judged, not one feature or window
    is DRIFT, and nothing asks for retraining."""
    spec = without_labels(spec_of("acs"))
    acs = EXAMPLES / "acs"
    judgements, triggers = verdicts(
        spec, acs / "reference.parquet", acs / "predictions.parquet", tmp_path
    )
    assert [one["window"] for one in judgements].count("30d") == 36
    assert [one["window"] for one in judgements].count("90d") == 12
    assert {one["level"] for one in judgements} == {"STABLE"}
    levels = {part["level"] for one in judgements for part in one["features"].values()}
    assert levels <= {"STABLE", "WATCH"}
    assert triggers == []


@pytest.mark.parametrize("weeks", [1, 3])
def test_the_training_months_left_out_in_blocks_ask_for_nothing(weeks: int, tmp_path: Path) -> None:
    """Every run of 1 or 3 weeks of January and February, replayed against a profile of the rest,
    is judged and gives no trigger: spells of weather are not drift."""
    spec = without_labels(spec_of("flights"))
    training = pl.read_parquet(EXAMPLES / "flights/reference.parquet").drop("label")
    # A window closes when a later event has been seen: the flights of the day behind it.
    stream = pl.concat(
        [training, pl.read_parquet(EXAMPLES / "flights/predictions.parquet").head(3000)]
    )
    for first in range(WEEKS - weeks + 1):
        start = FIRST_WEEK + timedelta(weeks=first)
        end = start + timedelta(weeks=weeks)
        training.filter(~pl.col("ts").is_between(start, end, closed="left")).write_parquet(
            tmp_path / "rest.parquet"
        )
        stream.filter(
            pl.col("ts").is_between(start, end + timedelta(hours=30), closed="left")
        ).write_parquet(tmp_path / "left-out.parquet")
        judgements, triggers = verdicts(
            spec, tmp_path / "rest.parquet", tmp_path / "left-out.parquet", tmp_path
        )
        judged = [one["window"] for one in judgements if one["start"] >= f"{start:%Y-%m-%d}"]
        assert judged.count("7d") == weeks
        assert triggers == [], f"{start:%d %B}"


def test_weather_drifts_from_spring_on(tmp_path: Path) -> None:
    """March and April are within what the training months do by themselves; in May whole weeks are
    DRIFT; the trigger comes when three of five are, and names the weather with its evidence."""
    spec = without_labels(spec_of("flights"))
    predictions = pl.read_parquet(EXAMPLES / "flights/predictions.parquet")
    until_july = predictions.filter(pl.col("ts") < datetime(2013, 7, 20, tzinfo=UTC))
    until_july.write_parquet(tmp_path / "spring.parquet")
    judgements, triggers = verdicts(
        spec, EXAMPLES / "flights/reference.parquet", tmp_path / "spring.parquet", tmp_path
    )
    drifted = [one for one in judgements if one["window"] == "7d" and one["level"] == "DRIFT"]
    assert "2013-05-01" <= drifted[0]["start"] < "2013-06-01"
    assert {"temp", "dewp"} <= {
        name for name, part in drifted[0]["features"].items() if part["level"] == "DRIFT"
    }
    first = triggers[0]
    assert first["rule"] == "psi_features"
    assert "2013-05-20" <= first["window"]["end"] < "2013-07-15"
    over = {row["feature"] for row in first["evidence"]}
    assert {"temp", "dewp"} <= over
    assert len(over & WEATHER) >= 3
    assert all(row["top_bins"] for row in first["evidence"])
    assert len({one["trigger_id"] for one in triggers}) == len(triggers)
