"""Performance of the flights example as the raw files have it, worked out without the engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
import pytest

from engine.profile import Profile

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


ORDERS: Final = ((in_order, "1h"), (shuffled, "1h"), (nightly, "1d"))
"""Orders in which labels come, and the lateness that a spec must allow them."""


def assert_as_the_raw_files(
    trees: list[dict[str, Any]],
    profile: Profile,
    predictions: pl.DataFrame,
    labels: pl.DataFrame,
    days: int,
) -> None:
    """Every window of performance and of its cohorts says what the raw files say."""
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
