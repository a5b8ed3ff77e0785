"""The committed flights: what they must be whatever made them, and the clocks of their making."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import polars as pl
import pytest

from engine.spec import Spec
from engine.spec_reading import read_spec
from examples.flights.prepare import FEATURES, THRESHOLD, ZONES, scheduled_arrival

FLIGHTS: Final = Path("examples/flights")
MAX_BYTES: Final = 4_000_000
"""All flights together, as committed."""
DEPARTED: Final = 336_776 - 8_255
"""Scheduled less cancelled."""
DIVERTED_AFTER_FEBRUARY: Final = 1_011
CRUISE_MILES_PER_MINUTE: Final = 7.8
"""About 470 miles an hour; what is left of a flight is climb, taxi and the way to the gate."""


@pytest.fixture(scope="module")
def spec() -> Spec:
    """The spec that stands beside the data."""
    return read_spec((FLIGHTS / "spec.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def reference() -> pl.DataFrame:
    """``reference.parquet``."""
    return pl.read_parquet(FLIGHTS / "reference.parquet")


@pytest.fixture(scope="module")
def predictions() -> pl.DataFrame:
    """``predictions.parquet``."""
    return pl.read_parquet(FLIGHTS / "predictions.parquet")


@pytest.fixture(scope="module")
def labels() -> pl.DataFrame:
    """``labels.parquet``."""
    return pl.read_parquet(FLIGHTS / "labels.parquet")


def test_the_data_is_small_enough_to_be_committed() -> None:
    """All three files together stay under the named bound."""
    assert sum(path.stat().st_size for path in FLIGHTS.glob("*.parquet")) <= MAX_BYTES


def test_columns_are_what_is_known_at_departure(
    reference: pl.DataFrame, predictions: pl.DataFrame, labels: pl.DataFrame, spec: Spec
) -> None:
    """Nothing measured after departure is a column, and the spec watches every feature there is."""
    events = ["event_id", "ts", *FEATURES, "score", "decision"]
    assert reference.columns == [*events, "label"]
    assert predictions.columns == events
    assert labels.columns == ["event_id", "label", "label_ts"]
    assert {feature.name for feature in spec.features} == set(FEATURES)


def test_every_departure_is_one_event(reference: pl.DataFrame, predictions: pl.DataFrame) -> None:
    """Scheduled less cancelled flights are the events, each with an id of its own."""
    assert len(reference) + len(predictions) == DEPARTED
    ids = pl.concat([reference["event_id"], predictions["event_id"]])
    assert ids.n_unique() == DEPARTED
    assert ids.null_count() == 0


def test_files_are_streams(
    reference: pl.DataFrame, predictions: pl.DataFrame, labels: pl.DataFrame
) -> None:
    """Each file is sorted by its own event time, which is UTC; training is January and February
    by New York's calendar, and a late departure of 28 February may be scored in March."""
    assert reference["ts"].is_sorted()
    assert predictions["ts"].is_sorted()
    assert labels["label_ts"].is_sorted()
    assert reference["ts"].dtype == pl.Datetime("ms", "UTC")
    assert reference["ts"][0] == datetime(2013, 1, 1, 10, 17, tzinfo=UTC)
    assert datetime(2013, 3, 1, 5, tzinfo=UTC) < predictions["ts"][0]
    assert reference["ts"].max() < datetime(2013, 3, 2, tzinfo=UTC)  # type: ignore[operator]
    assert predictions["ts"].max() > datetime(2014, 1, 1, 5, tzinfo=UTC)  # type: ignore[operator]


def test_labels_come_after_their_predictions(
    predictions: pl.DataFrame, labels: pl.DataFrame
) -> None:
    """One label per flight that arrived, hours after its prediction; diverted flights have none."""
    joined = labels.join(predictions, on="event_id", how="inner")
    assert len(joined) == len(labels) == labels["event_id"].n_unique()
    assert len(predictions) - len(labels) == DIVERTED_AFTER_FEBRUARY
    minutes = (joined["label_ts"] - joined["ts"]).dt.total_minutes()
    assert minutes.min() > 30  # type: ignore[operator]
    assert minutes.max() < 13 * 60  # type: ignore[operator]


def test_arrivals_are_read_by_the_clock_of_their_airport(
    predictions: pl.DataFrame, labels: pl.DataFrame
) -> None:
    """From prediction to landing every airport's flights need what their distance needs and less
    than an hour more.  So an airport on a wrong clock, off by an hour, would stand out."""
    airports = (
        labels.join(predictions, on="event_id")
        .with_columns(
            beyond=(pl.col("label_ts") - pl.col("ts")).dt.total_minutes()
            - pl.col("distance") / CRUISE_MILES_PER_MINUTE
        )
        .group_by("dest")
        .agg(pl.len(), pl.col("beyond").median())
        .filter(pl.col("len") >= 50)
    )
    assert len(airports) > 80
    assert airports["beyond"].min() > 0  # type: ignore[operator]
    assert airports["beyond"].max() < 60  # type: ignore[operator]


def test_the_model_is_a_model(
    reference: pl.DataFrame, predictions: pl.DataFrame, labels: pl.DataFrame
) -> None:
    """Scores rank lateness about as well out of fold as they do later, and decide at the spec's
    threshold.  In-sample scores would be better on the reference than on the stream."""
    later = predictions.join(labels, on="event_id")
    before = reference.filter(pl.col("label").is_not_null())
    assert _auc(later) == pytest.approx(0.899, abs=0.005)
    assert abs(_auc(before) - _auc(later)) < 0.02
    for table in (reference, predictions):
        assert ((table["score"] >= THRESHOLD) == (table["decision"] == 1)).all()


def _auc(table: pl.DataFrame) -> float:
    """Mann and Whitney's statistic by ranks."""
    ranks = table["score"].rank("average")
    late = table["label"] == 1
    positives, negatives = int(late.sum()), int((~late).sum())
    return (float(ranks.filter(late).sum()) - positives * (positives + 1) / 2) / (
        positives * negatives
    )


@pytest.mark.parametrize(
    ("departure", "dest", "clock", "arrival"),
    [
        ("2013-01-01T10:15Z", "IAH", 819, "2013-01-01T14:19Z"),
        ("2013-01-01T15:00Z", "HNL", 1530, "2013-01-02T01:30Z"),
        ("2013-07-02T03:59Z", "SJU", 340, "2013-07-02T07:40Z"),
        ("2013-07-01T12:00Z", "PHX", 1000, "2013-07-01T17:00Z"),
        ("2013-03-10T04:30Z", "BOS", 2400, "2013-03-10T05:00Z"),
        ("2013-03-10T04:30Z", "BOS", 335, "2013-03-10T07:35Z"),
    ],
    ids=[
        "one zone west",
        "over UTC midnight",
        "no summer time",
        "Arizona",
        "24:00",
        "spring night",
    ],
)
def test_scheduled_arrival_is_the_next_such_time_on_the_airports_clock(
    departure: str, dest: str, clock: int, arrival: str
) -> None:
    """The destination's clock, its own summer time and midnight are heeded."""
    table = pl.DataFrame(
        {
            "scheduled_departure": [datetime.fromisoformat(departure)],
            "dest": [dest],
            "sched_arr_time": [clock],
        }
    )
    assert table.select(scheduled_arrival()).item() == datetime.fromisoformat(arrival)


def test_no_airport_has_two_clocks() -> None:
    """Each airport stands in one time zone only."""
    airports = [airport for listed in ZONES.values() for airport in listed.split()]
    assert len(airports) == len(set(airports)) == 49
