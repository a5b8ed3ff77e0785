"""Streams of losses to try estimators on."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from detectors.contract import Alarms

if TYPE_CHECKING:
    from detectors.contract import FloatArray


def flipping(streams: int, rows: int, takes: str) -> FloatArray:
    """Losses whose level flips at times of each stream's own, with holes; bits where those are
    what the estimator ``takes``."""
    rng = np.random.default_rng(8)
    columns = rng.normal(size=(streams, rows))
    for stream in range(streams):
        columns[stream] += 3.0 * (np.arange(rows) // (500 + 90 * stream) % 2)
    if takes == "bits":
        columns = (columns > 1.5).astype(np.float64)
    columns[rng.random(columns.shape) < 0.05] = np.nan
    return columns


def stationary(streams: int, rows: int, rate: float, seed: int) -> FloatArray:
    """Bernoulli losses of one error rate."""
    rng = np.random.default_rng(seed)
    return (rng.random((streams, rows)) < rate).astype(np.float64)


def joined(parts: list[tuple[int, Alarms]]) -> list[tuple[object, ...]]:
    """Alarms of batches, with rows counted from the first batch's start."""
    return [
        (stream, row + start, position, before, after)
        for start, alarms in parts
        for stream, row, position, before, after in zip(
            *(getattr(alarms, field.name).tolist() for field in dataclasses.fields(Alarms)),
            strict=True,
        )
    ]
