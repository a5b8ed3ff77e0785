"""The committed census rows, and the order that was given to them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from engine.spec_reading import read_spec
from examples.acs.prepare import FEATURES, LABEL_DELAY, splitmix64

ACS: Final = Path("examples/acs")
MAX_BYTES: Final = 2_000_000
ROWS: Final = {2015: 68_785, 2016: 69_126, 2017: 69_635, 2018: 70_131}


def test_the_data_is_small_enough_to_be_committed() -> None:
    """All three files together stay under the named bound."""
    assert sum(path.stat().st_size for path in ACS.glob("*.parquet")) <= MAX_BYTES


def test_every_row_is_one_event_of_its_year() -> None:
    """2015 is the reference, 2016 to 2018 the stream; ids are unique, times sorted and even."""
    reference = pl.read_parquet(ACS / "reference.parquet")
    predictions = pl.read_parquet(ACS / "predictions.parquet")
    events = ["event_id", "ts", *FEATURES, "score", "decision"]
    assert reference.columns == [*events, "label"]
    assert predictions.columns == events
    rows = pl.concat([reference.select(events), predictions])
    assert rows["event_id"].n_unique() == len(rows) == sum(ROWS.values())
    assert rows["ts"].is_sorted()
    by_year = rows.group_by(pl.col("ts").dt.year()).len().sort("ts")
    assert dict(by_year.rows()) == ROWS
    gaps = rows["ts"].diff().drop_nulls()
    assert gaps.max() <= timedelta(minutes=9)  # type: ignore[operator]
    assert gaps.min() >= timedelta(minutes=7)  # type: ignore[operator]


def test_labels_follow_at_a_fixed_distance() -> None:
    """Every prediction has its truth, LABEL_DELAY later."""
    predictions = pl.read_parquet(ACS / "predictions.parquet")
    labels = pl.read_parquet(ACS / "labels.parquet")
    assert labels["event_id"].equals(predictions["event_id"])
    assert (labels["label_ts"] - predictions["ts"] == LABEL_DELAY).all()
    agreement = (labels["label"] == predictions["decision"]).mean()
    assert agreement > 0.75  # type: ignore[operator]


def test_the_spec_watches_every_column_and_names_the_sensitive_ones() -> None:
    """Sex and race are monitored as sensitive features."""
    spec = read_spec((ACS / "spec.yaml").read_text(encoding="utf-8"))
    assert {feature.name for feature in spec.features} == set(FEATURES)
    assert {f.name for f in spec.features if f.sensitive} == {"SEX", "RAC1P"}


def test_splitmix64_is_the_published_generator() -> None:
    """The first outputs of the published generator at seed 0, which adds its constant each time."""
    step = np.uint64(0x9E3779B97F4A7C15)
    with np.errstate(over="ignore"):
        states = np.arange(3, dtype=np.uint64) * step
    assert [hex(int(word)) for word in splitmix64(states)] == [
        "0xe220a8397b1dcdaf",
        "0x6e789e6aa1b965f4",
        "0x6c45d188009454f",
    ]


def test_rows_are_in_no_order() -> None:
    """Neighbours in the stream are strangers: the age of one says nothing about the next one's."""
    age = pl.read_parquet(ACS / "predictions.parquet")["AGEP"].to_numpy().astype(np.float64)
    correlation = float(np.corrcoef(age[:-1], age[1:])[0, 1])
    assert abs(correlation) < 0.01
