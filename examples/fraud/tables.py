"""Payments as tables and as events.

Rule.  A block becomes one flat table with the columns that ``spec.yaml`` expects; an event is a
line of JSON in the form that services publish.  Nothing is drawn here.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from examples.fraud.payments import Payments
from examples.fraud.population import COUNTRIES, DEVICES, MERCHANTS, REMOTE_DEVICES, Integers
from examples.fraud.users import Users

MODEL: Final = "fraud"
VERSION: Final = "2026.11"
THRESHOLD: Final = 0.5
FEATURES: Final = ("amount", "amount_to_usual", "mcc", "country", "device", "hour")
_COUNTRY_TEXTS: Final = (*COUNTRIES, *(name.lower() for name in COUNTRIES))


def frame(block: Payments, users: Users, seed: int, first: int) -> pl.DataFrame:
    """A block as a flat table, its ids counted from ``first``."""
    size = len(block.ts_ms)
    return pl.DataFrame(
        {
            "event_id": pl.int_range(first, first + size, eager=True),
            "ts": block.ts_ms,
            "amount": block.amount,
            "amount_to_usual": block.amount_to_usual,
            "mcc": _texts(tuple(MERCHANTS), block.mcc),
            "country": _texts(_COUNTRY_TEXTS, block.country),
            "device": _texts(tuple(DEVICES), block.device),
            "hour": block.hour,
            "score": block.score,
            "decision": (block.score >= THRESHOLD).astype(np.int64),
            "latency_ms": block.latency_ms,
            "unit": users.unit.gather(block.user),
            "channel": _texts(("pos", "online"), np.isin(block.device, REMOTE_DEVICES) * 1),
            "value": block.value,
            "label": block.fraud.astype(np.int64),
            "label_ts": block.label_ts_ms,
        }
    ).with_columns(
        event_id=pl.format("{}-{}", pl.lit(seed), pl.col("event_id").cast(pl.String).str.zfill(9))
    )


def _texts(names: tuple[str, ...], codes: Integers) -> pl.Series:
    """The name of each code; MISSING, from behind, meets a null."""
    return pl.Series([*names, None], dtype=pl.String).gather(codes % (len(names) + 1))


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
            "latency_ms",
            pl.struct("channel").alias("segment"),
            "unit",
            "value",
        )
        .write_ndjson()
        .encode()
    )


def label_lines(table: pl.DataFrame, model: str = MODEL) -> bytes:
    """Labels as label events, in the order of the table."""
    return (
        table.select(
            "event_id",
            pl.lit(model).alias("model"),
            pl.col("label_ts").alias("ts"),
            "label",
            "value",
        )
        .write_ndjson()
        .encode()
    )
