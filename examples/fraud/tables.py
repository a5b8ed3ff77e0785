"""Payments as tables and as events.

Rule.  A block becomes one flat table with the columns that ``spec.yaml`` expects; an event is a
line of JSON in the form that services publish.  Nothing is drawn here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import polars as pl

from examples.fraud.population import (
    COUNTRIES,
    DEVICES,
    MERCHANTS,
    MISSING,
    Integers,
    Payments,
    Row,
)

MODEL: Final = "fraud"
VERSION: Final = "2026.11"
THRESHOLD: Final = 0.5
FEATURES: Final = ("amount", "mcc", "country", "device", "hour")


def frame(block: Payments, seed: int, first: int) -> pl.DataFrame:
    """A block as a flat table, its ids counted from ``first``."""
    size = len(block.ts_ms)
    return pl.DataFrame(
        {
            "event_id": pl.int_range(first, first + size, eager=True),
            "ts": block.ts_ms,
            "amount": block.amount,
            "mcc": _texts(MERCHANTS, block.mcc),
            "country": _texts(COUNTRIES, block.country),
            "device": _texts(DEVICES, block.device),
            "hour": block.hour,
            "score": block.score,
            "decision": (block.score >= THRESHOLD).astype(np.int64),
            "label": block.fraud.astype(np.int64),
            "label_ts": block.label_ts_ms,
        }
    ).with_columns(
        event_id=pl.format("{}-{}", pl.lit(seed), pl.col("event_id").cast(pl.String).str.zfill(9))
    )


def _texts(table: Mapping[str, Row], codes: Integers) -> pl.Series:
    names = pl.Series([*table, None], dtype=pl.String)
    return names.gather(np.where(codes == MISSING, len(table), codes))


def prediction_lines(table: pl.DataFrame, model: str = MODEL) -> bytes:
    """The payments of :func:`frame` as prediction events, one JSON object a line."""
    return (
        table.select(
            "event_id",
            pl.lit(model).alias("model"),
            pl.lit(VERSION).alias("version"),
            "ts",
            pl.struct(FEATURES).alias("features"),
            "score",
            "decision",
        )
        .write_ndjson()
        .encode()
    )


def label_lines(table: pl.DataFrame, model: str = MODEL) -> bytes:
    """Their labels as label events, in the order of the table."""
    return (
        table.select(
            "event_id", pl.lit(model).alias("model"), pl.col("label_ts").alias("ts"), "label"
        )
        .write_ndjson()
        .encode()
    )
