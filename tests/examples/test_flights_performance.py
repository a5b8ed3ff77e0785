"""Performance of the flights example, against the same numbers worked out from the raw files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

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

FLIGHTS: Final = Path("examples/flights")
DAY_MS: Final = 86_400_000
TTL_MS: Final = 3 * DAY_MS
SPEC: Final = """\
model: flights
version: "2013.02"
inventory: {{owner: flight-operations}}
time: {{pane: 1h, lateness: 1h, amend: 6h}}
windows: [{{length: 1d, judge_every: 1d}}, {{length: 30d, judge_every: 30d}}]
features:
  dep_delay: {{type: numeric}}
prediction: {{type: binary, threshold: 0.5}}
inputs: [predictions, labels]
label: {{ttl: 3d, lateness: {lateness}, amend: 1d, maturities: [6h, 1d]}}
segments: [origin]
"""


def arrivals(days: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Predictions and labels of the first days after the training months."""
    predictions = pl.read_parquet(FLIGHTS / "predictions.parquet")
    start = predictions["ts"].min()
    predictions = predictions.filter(pl.col("ts") < start + pl.duration(days=days))
    labels = pl.read_parquet(FLIGHTS / "labels.parquet")
    return predictions, labels.join(predictions.select("event_id"), on="event_id", how="semi")


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


def matches(predictions: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """Each labelled prediction once, with both times in epoch milliseconds."""
    joined = predictions.join(labels.unique("event_id", keep="first"), on="event_id")
    return joined.select(
        "score",
        "origin",
        "label",
        made=pl.col("ts").dt.epoch("ms"),
        known=pl.col("label_ts").dt.epoch("ms"),
    ).filter((pl.col("known") - pl.col("made")).abs() <= TTL_MS)


def window_of(tree: dict[str, Any]) -> tuple[int, int]:
    """Start and end of a judgement's window in epoch milliseconds."""
    ends = np.array([tree["start"][:-1], tree["end"][:-1]], dtype="datetime64[ms]")
    start, end = ends.astype(np.int64).tolist()
    return start, end


def auc(scores: np.ndarray[Any, Any], truth: np.ndarray[Any, Any]) -> float:
    """Share of pairs in the right order, ties one half, by looking at every pair."""
    positives, negatives = scores[truth == 1], scores[truth == 0]
    above = np.searchsorted(np.sort(negatives), positives, side="left").sum()
    level = np.searchsorted(np.sort(negatives), positives, side="right").sum()
    return float(above + level) / 2 / (len(positives) * len(negatives))


def assert_equal(section: dict[str, Any], rows: pl.DataFrame, profile: Profile) -> None:
    """One section of a judgement says what the raw matches say."""
    truth, score = rows["label"].to_numpy(), rows["score"].to_numpy()
    decided = score >= 0.5
    counts = {
        name: int(((truth == actual) & (decided == said)).sum())
        for name, actual, said in (("tn", 0, 0), ("fp", 0, 1), ("fn", 1, 0), ("tp", 1, 1))
    }
    assert section["labelled"] == len(rows)
    assert section["confusion"] == counts
    assert section["accuracy"] == pytest.approx((truth == decided).mean(), abs=1e-12)
    if counts["tp"]:
        precision = counts["tp"] / (counts["tp"] + counts["fp"])
        recall = counts["tp"] / (counts["tp"] + counts["fn"])
        assert section["precision"] == pytest.approx(precision, abs=1e-12)
        assert section["recall"] == pytest.approx(recall, abs=1e-12)
        assert section["f1"] == pytest.approx(
            2 * precision * recall / (precision + recall), abs=1e-12
        )
    assert profile.score is not None
    cells = np.searchsorted(np.array(profile.score.edges), score, side="right")
    if len(set(truth.tolist())) == 2:
        assert section["auc"] == pytest.approx(auc(cells, truth), abs=1e-9)
        assert section["auc"] == pytest.approx(auc(score, truth), abs=0.02)
    assert section["brier"] == pytest.approx(((score - truth) ** 2).mean(), abs=1e-6)
    given = np.where(truth == 1, score, 1 - score)
    log_loss = np.minimum(-np.log(np.maximum(given, 1e-300)), 32.0).mean()
    assert section["log_loss"] == pytest.approx(log_loss, abs=1e-6)
    for origin in ("EWR", "JFK", "LGA"):
        of_origin = rows.filter(pl.col("origin") == origin)
        if len(of_origin):
            found = section["segments"]["origin"][origin]
            right = (of_origin["label"] == (of_origin["score"] >= 0.5).cast(pl.Int32)).mean()
            assert found["labelled"] == len(of_origin)
            assert found["accuracy"] == pytest.approx(right, abs=1e-12)


def in_order(labels: pl.DataFrame) -> pl.DataFrame:
    """As they became known."""
    return labels


def shuffled(labels: pl.DataFrame) -> pl.DataFrame:
    """Each up to 50 minutes late: within the lateness of an hour."""
    delay = np.random.default_rng(1).integers(0, 50 * 60, len(labels))
    at = labels["label_ts"].dt.epoch("s").to_numpy() + delay
    return labels[np.argsort(at, kind="stable").tolist()]


def nightly(labels: pl.DataFrame) -> pl.DataFrame:
    """A file of labels a day, sorted by event_id and no longer by time."""
    return labels.sort(pl.col("label_ts").dt.truncate("1d"), "event_id")


@pytest.mark.long
def test_the_whole_year(tmp_path: Path) -> None:
    """All 277,000 flights after the training months."""
    compare(tmp_path, in_order, "1h", 306)


@pytest.mark.parametrize(
    ("order", "lateness", "days"),
    [(in_order, "1h", 65), (shuffled, "1h", 40), (nightly, "1d", 40)],
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
    expected = matches(predictions, labels)
    at = pl.max_horizontal("made", "known")
    judged = [t for t in trees if t["section"] == "performance" and t["revision"] == 0]
    seen = {"1d": 0, "30d": 0}
    for tree in judged:
        start, end = window_of(tree)
        rows = expected.filter((at >= start) & (at < end))
        if len(rows):
            seen[tree["window"]] += 1
            assert_equal(tree["performance"], rows, profile)
    assert seen["1d"] >= days - 2
    assert seen["30d"] >= days // 30 - 1
    assert not [t for t in trees if t["revision"] == 1]
    cohorts = [t for t in trees if t["section"] == "cohorts" and t["window"] == "1d"]
    assert cohorts
    for tree in cohorts:
        ((name, section),) = tree["cohorts"].items()
        start, end = window_of(tree)
        of_window = predictions.select(pl.col("ts").dt.epoch("ms"))
        assert section["predictions"] == len(
            of_window.filter((pl.col("ts") >= start) & (pl.col("ts") < end))
        )
        maturity_ms = {"6h": DAY_MS // 4, "1d": DAY_MS}[name]
        rows = expected.filter(
            (pl.col("made") >= start)
            & (pl.col("made") < end)
            & (pl.col("known") - pl.col("made") <= maturity_ms)
        )
        assert_equal(section, rows, profile)


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
