"""The flights of March and April with faults put into them, through the whole engine."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import polars as pl

from engine.model import MonitoredModel, build_model
from engine.profile_building import build_profile
from engine.spec_reading import read_spec
from streams.replay import Source, replay
from streams.tables import read_table
from tests.engine.reference_tables import MADE_BY

FLIGHTS: Final = Path("examples/flights")
WEATHER: Final = (
    *("temp", "dewp", "humid", "wind_dir", "wind_speed"),
    *("wind_gust", "precip", "pressure", "visib"),
)
UNITS: Final = {
    "temp": "fahrenheit",
    "dewp": "fahrenheit",
    "visib": "mi",
    "distance": "mi",
    "wind_speed": "mph",
    "wind_gust": "mph",
    "precip": "in",
    "pressure": "hPa",
}
EVERY: Final = 2
"""Of so many flights one is taken."""
Records = dict[str, list[dict[str, Any]]]
TOPICS: Final = ("judgements", "alerts", "retraining-triggers")


def at(month: int, day: int, hour: int = 0) -> datetime:
    """A time of 2013."""
    return datetime(2013, month, day, hour, tzinfo=UTC)


END: Final = at(5, 2)


@cache
def flights_model(*, labels: bool = False) -> MonitoredModel:
    """The example's, with the units of its features, asking after two weeks of three; ``labels``
    with the rule on performance."""
    text = (FLIGHTS / "spec.yaml").read_text(encoding="utf-8")
    text = text.replace("at_least: 3, of_last: 5", "at_least: 2, of_last: 3")
    for feature, unit in UNITS.items():
        text = text.replace(f"  {feature}: {{", f"  {feature}: {{unit: {unit}, ")
    if labels:
        text = text.replace(
            "    volume:", "    performance: {at_least: 2, of_last: 3}\n    volume:"
        )
    else:
        text = text.replace("inputs: [predictions, labels]", "inputs: [predictions]")
    spec = read_spec(text)
    return build_model(
        spec, build_profile(spec, read_table(FLIGHTS / "reference.parquet", spec), MADE_BY)
    )


@cache
def flights() -> pl.DataFrame:
    """Every EVERY-th flight until END, with ``draw``, a uniform number of its own."""
    table = pl.read_parquet(FLIGHTS / "predictions.parquet").filter(pl.col("ts") < END)
    table = table.gather_every(EVERY)
    draw = np.random.default_rng(3).random(len(table))
    return table.with_columns(draw=pl.Series(draw))


def changed(where: pl.Expr, columns: Mapping[str, pl.Expr]) -> pl.DataFrame:
    """The flights with these columns so where ``where`` holds."""
    return flights().with_columns(
        pl.when(where).then(value).otherwise(pl.col(name)).alias(name)
        for name, value in columns.items()
    )


def between(start: datetime, end: datetime) -> pl.Expr:
    """Flights from ``start`` until before ``end``."""
    return pl.col("ts").is_between(start, end, closed="left")


def said_of(
    table: pl.DataFrame, folder: Path, labels: pl.DataFrame | None = None, seed: str = "p"
) -> Records:
    """What the engine says of the flights: records by topic, judgements of revision 0."""
    model = flights_model(labels=labels is not None)
    predictions = folder / f"{seed}.parquet"
    table.drop("draw").write_parquet(predictions)
    sources = [Source("predictions", predictions, model.spec)]
    if labels is not None:
        labels.write_parquet(folder / "labels.parquet")
        sources.append(Source("labels", folder / "labels.parquet", model.spec))
    replay([model], sources, 1, folder)
    return records_in(folder)


def records_in(folder: Path) -> Records:
    """What a replay wrote there: records by topic, judgements of revision 0."""
    found = {
        topic: [
            orjson.loads(line) for line in (folder / f"{topic}.ndjson").read_bytes().splitlines()
        ]
        for topic in TOPICS
    }
    found["judgements"] = [tree for tree in found["judgements"] if not tree["revision"]]
    return found


def faults_told(records: Records) -> dict[str, set[str]]:
    """Feature -> kinds of fault in judgements."""
    told: dict[str, set[str]] = {}
    for tree in records["judgements"]:
        for name, found in tree.get("quality", {}).get("features", {}).items():
            told.setdefault(name, set()).update(found)
    return told


def alerted(records: Records) -> dict[str, set[str]]:
    """Feature -> kinds of fault that alerts of ``data_quality`` named when they opened."""
    told: dict[str, set[str]] = {}
    for alert in records["alerts"]:
        if alert["rule"] == "data_quality" and alert["state"] == "open":
            for row in alert["evidence"]["features"]:
                kinds = {fault["fault"] for fault in row["faults"]}
                told.setdefault(row["feature"], set()).update(kinds)
    return told
