"""A small model with its files, for tests of the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

SPEC = """\
model: loans
version: "1"
inventory: {owner: credit-risk}
time: {pane: 1m, lateness: 1m, amend: 5m, idle: 10s}
windows: [{length: 1h, judge_every: 1h}]
features:
  amount: {type: numeric}
  country: {type: categorical}
prediction: {type: binary, threshold: 0.5}
inputs: [predictions, labels]
retraining:
  cooldown: 1h
  rules:
    psi_features: {above: 0.20, features: 1, window: 1h, at_least: 2, of_last: 2}
"""
START_MS = 1_767_225_600_000
"""2026-01-01T00:00Z."""
HOUR_MS = 3_600_000
ROWS_PER_HOUR = 400


@dataclass(frozen=True, slots=True)
class ExampleFiles:
    """Where the files are."""

    spec: Path
    training: Path
    predictions: Path
    labels: Path
    profile: Path
    """Not there until a test makes it."""


def example_files(directory: Path, *, drifted_by: float = 0.0) -> ExampleFiles:
    """Two days of training and six hours of predictions, ``amount`` shifted by so many standard
    deviations."""
    files = ExampleFiles(
        directory / "spec.yaml",
        directory / "training.parquet",
        directory / "predictions.parquet",
        directory / "labels.parquet",
        directory / "profile.json",
    )
    files.spec.write_text(SPEC)
    table(START_MS, 48, 0.0, seed=1).write_parquet(files.training)
    later = START_MS + 48 * HOUR_MS
    predictions = table(later, 6, drifted_by, seed=2)
    predictions.write_parquet(files.predictions)
    labels = predictions.select("event_id", label=(pl.col("score") > 0.4).cast(pl.Int64), ts="ts")
    labels.write_parquet(files.labels)
    return files


def table(start_ms: int, hours: int, shift: float, seed: int) -> pl.DataFrame:
    """Rows of the model, in order of time."""
    random = np.random.default_rng(seed)
    rows = hours * ROWS_PER_HOUR
    ts_ms = np.sort(random.integers(0, hours * HOUR_MS, rows)) + start_ms
    return pl.DataFrame(
        {
            "event_id": [f"{seed}-{n}" for n in range(rows)],
            "ts": pl.Series(ts_ms).cast(pl.Datetime("ms", "UTC")),
            "amount": random.normal(shift, 1.0, rows),
            "country": random.choice(["DE", "FR", "IT"], rows),
            "score": random.random(rows),
        }
    )
