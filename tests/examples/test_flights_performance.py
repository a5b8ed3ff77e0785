"""Performance of the flights example, against the same numbers worked out from the raw files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import polars as pl
import pytest

from engine.model import build_model
from engine.profile import Profile
from engine.profile_building import build_profile
from engine.spec_reading import read_spec
from streams.replay import Source, replay
from streams.tables import read_table
from tests.engine.reference_tables import MADE_BY
from tests.examples.raw_performance import (
    FLIGHTS,
    ORDERS,
    SPEC,
    arrivals,
    assert_as_the_raw_files,
    auc,
    in_order,
)


def replayed(
    tmp_path: Path, predictions: pl.DataFrame, labels: pl.DataFrame, lateness: str
) -> tuple[list[dict[str, Any]], Profile]:
    """The judgements of performance, and the profile."""
    spec = read_spec(SPEC.format(lateness=lateness))
    profile = build_profile(spec, read_table(FLIGHTS / "reference.parquet", spec), MADE_BY)
    for name, table in (("predictions", predictions), ("labels", labels)):
        table.write_parquet(tmp_path / f"{name}.parquet")
    sources = [
        Source("predictions", tmp_path / "predictions.parquet", spec),
        Source("labels", tmp_path / "labels.parquet", spec),
    ]
    replay([build_model(spec, profile)], sources, 4, tmp_path)
    lines = (tmp_path / "judgements.ndjson").read_bytes().splitlines()
    return [tree for tree in map(orjson.loads, lines) if "section" in tree], profile


@pytest.mark.long
def test_the_whole_year(tmp_path: Path) -> None:
    """All 277,000 flights after the training months."""
    compare(tmp_path, in_order, "1h", 306)


@pytest.mark.parametrize(
    ("order", "lateness", "days"),
    [(order, lateness, 65 if order is in_order else 40) for order, lateness in ORDERS],
)
def test_every_window_says_what_the_raw_files_say(
    order: Any,  # noqa: ANN401
    lateness: str,
    days: int,
    tmp_path: Path,
) -> None:
    """By arrival: every day and every 30 days, and nothing is left out or counted twice."""
    compare(tmp_path, order, lateness, days)


def compare(tmp_path: Path, order: Any, lateness: str, days: int) -> None:  # noqa: ANN401
    """Replay the first days and compare every window with the raw files."""
    predictions, labels = arrivals(days)
    trees, profile = replayed(tmp_path, predictions, order(labels), lateness)
    assert_as_the_raw_files(trees, profile, predictions, labels, days)


def test_the_baseline_is_the_training_table_own(tmp_path: Path) -> None:
    """Its labels are counted as those of production are; the difference is between the two."""
    predictions, labels = arrivals(5)
    trees, profile = replayed(tmp_path, predictions, labels, "1h")
    reference = pl.read_parquet(FLIGHTS / "reference.parquet").filter(pl.col("label").is_not_null())
    section = trees[0]["performance"]
    right = (reference["label"] == (reference["score"] >= 0.5).cast(pl.Int32)).mean()
    assert section["baseline"]["accuracy"] == pytest.approx(right, abs=1e-12)
    assert profile.score is not None
    cells = np.searchsorted(
        np.array(profile.score.edges), reference["score"].to_numpy(), side="right"
    )
    expected = auc(cells, reference["label"].to_numpy())
    assert section["baseline"]["auc"] == pytest.approx(expected, abs=1e-9)
    change = section["difference"]["accuracy"]
    assert change["value"] == pytest.approx(section["accuracy"] - right, abs=1e-12)
    assert change["low"] < change["value"] < change["high"]
