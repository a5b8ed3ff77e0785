"""Faults put into real flights: an alert that names them, and no trigger, neither then nor later.

Each would be drift of three features or more, at the strength and for the time that it comes.
Beside them real changes: one trigger each within the cool-down.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
import pytest

from tests.examples.faulty_flights import (
    END,
    EVERY,
    FLIGHTS,
    WEATHER,
    alerted,
    at,
    between,
    changed,
    faults_told,
    flights,
    flights_model,
    said_of,
)

if TYPE_CHECKING:
    from _pytest.mark import ParameterSet

WEEKS: Final = (at(3, 20, 7), at(4, 24, 13))
"""Five weeks, from the middle of one to that of another."""
FORTNIGHT: Final = (at(4, 1, 9), at(4, 15, 9))
"""One whole week between two parts of one."""
BOUNDS: Final = (at(3, 21), at(4, 18))
"""From the bound of a week to that of another; a week begins on Thursday."""
THREE: Final = ("temp", "dewp", "humid")
Columns = Mapping[str, pl.Expr]


def scaled(factor: float) -> Columns:
    """Three readings of one sensor in another unit."""
    return {name: pl.col(name) * factor for name in THREE}


def filled(value: float | None, share: float) -> Columns:
    """A share of the rows has a default in place of the weather."""
    return {
        name: pl.when(pl.col("draw") < share).then(pl.lit(value)).otherwise(pl.col(name))
        for name in WEATHER
    }


def metric() -> Columns:
    """The weather in the units of another country."""
    celsius = {name: (pl.col(name) - 32.0) / 1.8 for name in ("temp", "dewp")}
    km = {name: pl.col(name) * 1.609344 for name in ("wind_speed", "wind_gust", "visib")}
    return {**celsius, **km, "precip": pl.col("precip") * 25.4}


def frozen(start: datetime) -> Columns:
    """Every reading stands still."""
    last = flights().filter(pl.col("ts") >= start).row(0, named=True)
    return {name: pl.lit(last[name]) for name in WEATHER if last[name] is not None}


def frozen_by_station(start: datetime) -> Columns:
    """Every reading stands still, at each airport at its own."""
    found: dict[str, pl.Expr] = {}
    for (station,), rows in flights().filter(pl.col("ts") >= start).group_by("origin"):
        for name in WEATHER:
            known = rows.sort("ts")[name].drop_nulls()
            stands = pl.when(pl.col("origin") == station).then(pl.lit(known[0]))
            found[name] = stands.otherwise(found.get(name, pl.col(name)))
    return found


def renamed() -> Columns:
    """Names in another spelling, unknown to the training data."""
    lower = {name: pl.col(name).str.to_lowercase() for name in ("origin", "dest")}
    return {**lower, "carrier": pl.col("carrier") + "-1"}


def one_of_each() -> Columns:
    """Features of few values stand still."""
    return {"origin": pl.lit("JFK"), "carrier": pl.lit("B6"), "dest": pl.lit("LAX")}


ALWAYS: Final = pl.lit(value=True)
MORNINGS: Final = pl.col("ts").dt.hour() < 12
OTHER_DAYS: Final = pl.col("ts").dt.day() % 2 == 0
ONE_PRODUCER: Final = pl.col("origin") == "EWR"

FAULTS: Final[dict[str, tuple[tuple[datetime, datetime], pl.Expr, Columns, dict[str, str]]]] = {
    "x 10 for weeks": (WEEKS, ALWAYS, scaled(10.0), {"humid": "out_of_range"}),
    "x 10 on every other day": (WEEKS, OTHER_DAYS, scaled(10.0), {"humid": "out_of_range"}),
    "x 10 in the mornings": (WEEKS, MORNINGS, scaled(10.0), {"humid": "out_of_range"}),
    "x 10 from one producer": (WEEKS, ONE_PRODUCER, scaled(10.0), {"humid": "out_of_range"}),
    "x 1/10 for a fortnight": (FORTNIGHT, ALWAYS, scaled(0.1), {"humid": "rescaled"}),
    "metric for weeks": (WEEKS, ALWAYS, metric(), {"wind_speed": "converted"}),
    "metric from a bound": (BOUNDS, ALWAYS, metric(), {"wind_gust": "converted"}),
    "a fifth is null": (WEEKS, ALWAYS, filled(None, 0.2), {"temp": "missing"}),
    "all are null": (BOUNDS, ALWAYS, filled(None, 1.0), {"temp": "missing"}),
    "a fifth is 0": (WEEKS, ALWAYS, filled(0.0, 0.2), {"humid": "zeros", "temp": "zeros"}),
    "most are 0": (FORTNIGHT, ALWAYS, filled(0.0, 0.6), {"dewp": "zeros"}),
    "all are 0": (BOUNDS, ALWAYS, filled(0.0, 1.0), {"temp": "zeros"}),
    "a fifth is -1": (WEEKS, ALWAYS, filled(-1.0, 0.2), {"visib": "out_of_range"}),
    "a third is the mean": (WEEKS, ALWAYS, filled(36.0, 0.33), {"temp": "repeated"}),
    "frozen for weeks": (WEEKS, ALWAYS, frozen(WEEKS[0]), {"humid": "repeated"}),
    "frozen for a fortnight": (FORTNIGHT, ALWAYS, frozen(FORTNIGHT[0]), {"humid": "repeated"}),
    "frozen from a bound": (BOUNDS, ALWAYS, frozen(BOUNDS[0]), {"humid": "repeated"}),
    "frozen by station": (WEEKS, ALWAYS, frozen_by_station(WEEKS[0]), {"temp": "repeated"}),
    "names in another spelling": (FORTNIGHT, ALWAYS, renamed(), {"origin": "unseen"}),
    "few values stand still": (WEEKS, ALWAYS, one_of_each(), {"origin": "constant"}),
}


QUICK: Final = (
    "x 10 for weeks",
    "metric for weeks",
    "a fifth is null",
    "all are null",
    "a fifth is 0",
    "frozen for weeks",
    "frozen by station",
    "names in another spelling",
    "few values stand still",
)
"""One of each kind and more; the others are run with the long tests."""


def each_fault() -> list[ParameterSet]:
    """Their names, those that are not quick marked as long."""
    return [
        pytest.param(name, marks=[] if name in QUICK else [pytest.mark.long]) for name in FAULTS
    ]


@pytest.mark.parametrize("name", each_fault())
def test_a_fault_alerts_and_asks_for_nothing(name: str, tmp_path: Path) -> None:
    """Alerts open within a window of the fault and name feature and fault; nothing asks for
    retraining, not while it lasts and not when the data are mended."""
    (start, end), where, columns, told = FAULTS[name]
    records = said_of(changed(between(start, end) & where, columns), tmp_path)
    assert records["retraining-triggers"] == []
    found = alerted(records)
    for feature, fault in told.items():
        assert fault in found.get(feature, set()), found
    opened = [
        alert
        for alert in records["alerts"]
        if alert["rule"] == "data_quality"
        and alert["state"] == "open"
        # Pressure is known in a fifth of the hours of the stream's first day.
        and alert["end"] > f"{start:%Y-%m-%d}"
    ]
    assert opened[0]["end"][:10] <= f"{start + timedelta(days=8):%Y-%m-%d}"


def test_without_a_fault_nothing_is_asked_for(tmp_path: Path) -> None:
    """The same flights as they were."""
    assert said_of(flights(), tmp_path)["retraining-triggers"] == []


def test_a_calm_week_is_no_other_unit(tmp_path: Path) -> None:
    """In the week until 5 December there was as much wind as if two thirds of it had come in m/s.
    Weeks of the training data look like that as well, so it is none."""
    late = pl.read_parquet(FLIGHTS / "predictions.parquet").filter(pl.col("ts") > at(11, 20))
    late = late.filter(pl.col("ts") < at(12, 13)).gather_every(EVERY).with_columns(draw=0.0)
    records = said_of(late, tmp_path)
    assert "2013-12-05T00:00:00Z" in {
        j["end"] for j in records["judgements"] if j["window"] == "7d"
    }
    assert "converted" not in faults_told(records).get("wind_speed", set())


def labels_of(turned_from: datetime | None = None) -> pl.DataFrame:
    """The labels of the flights; from a time on they are the other way round."""
    known = pl.read_parquet(FLIGHTS / "labels.parquet").filter(pl.col("label_ts") < END)
    known = known.join(flights().select("event_id"), on="event_id", how="semi")
    if turned_from is None:
        return known
    late = pl.col("label_ts") >= turned_from
    return known.with_columns(
        pl.when(late).then(1 - pl.col("label")).otherwise(pl.col("label")).alias("label")
    )


def test_a_fall_of_performance_under_bad_data_asks_for_nothing(tmp_path: Path) -> None:
    """The weather is lost, and the scores with it: performance falls, which is told with what was
    bad, and asks for nothing, neither in the weeks of it nor after them."""
    guess = pl.Series(np.random.default_rng(5).random(len(flights())))
    blind = {**filled(None, 1.0), "score": pl.lit(guess)}
    records = said_of(changed(between(*WEEKS), blind), tmp_path, labels_of())
    assert records["retraining-triggers"] == []
    fallen = [a for a in records["alerts"] if a["rule"] == "performance" and a["state"] == "open"]
    assert fallen
    assert "temp" in fallen[0]["evidence"]["observed"]["bad_data"]
    assert "missing" in alerted(records)["temp"]


def test_the_same_fall_on_sound_data_asks_once(tmp_path: Path) -> None:
    """Scores without sense, or labels turned round, and no fault: one trigger within the
    cool-down."""
    guess = pl.Series(np.random.default_rng(5).random(len(flights())))
    tables = (
        (changed(between(*BOUNDS), {"score": pl.lit(guess)}), labels_of()),
        (flights(), labels_of(at(4, 4))),
    )
    for table, labels in tables:
        triggers = said_of(table, tmp_path, labels)["retraining-triggers"]
        assert [trigger["rule"] for trigger in triggers] == ["performance"]


def test_other_flights_are_one_trigger(tmp_path: Path) -> None:
    """Longer, later, more delayed flights from April on, for four weeks and more: one trigger, one
    alert, with its features in the order of PSI, importance and effect on the score."""
    spring = {
        "distance": pl.col("distance") * 1.15 + 400,
        "hour": pl.min_horizontal(pl.col("hour") + 3, 23),
        "dep_delay": pl.col("dep_delay") + 30,
    }
    records = said_of(changed(between(at(4, 4), END), spring), tmp_path)
    (trigger,) = records["retraining-triggers"]
    assert (trigger["rule"], trigger["cause"]) == ("psi_features", "data_drift")
    evidence = trigger["evidence"]
    assert {"distance", "hour", "dep_delay"} <= {row["feature"] for row in evidence}
    opened = [a for a in records["alerts"] if a["rule"] == "psi_features" and a["state"] == "open"]
    assert len(opened) == 1
    weight = {f.name: f.importance for f in flights_model().spec.features}
    ranks = [
        row["psi_corrected"] * (weight[row["feature"]] or 0.8) * abs(row["score_effect"])
        for row in evidence
    ]
    assert ranks == sorted(ranks, reverse=True)


def test_a_year_of_weather_asks_once_a_cool_down(tmp_path: Path) -> None:
    """Spring, summer, autumn: each request is its own, and none comes within the cool-down of one
    before."""
    whole = pl.read_parquet(FLIGHTS / "predictions.parquet").gather_every(4)
    triggers = said_of(whole.with_columns(draw=0.0), tmp_path)["retraining-triggers"]
    assert len({trigger["trigger_id"] for trigger in triggers}) == len(triggers) >= 2
    for before, after in pairwise(triggers):
        assert after["window"]["end"] >= before["cooldown_until"]
