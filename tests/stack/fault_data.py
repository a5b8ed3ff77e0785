"""Flights for the way of an alert: quiet weeks, a change of unit, real drift, quiet weeks again.

Rule.  All rows are real.  Quiet weeks are of the training months; the drift is the week before 4
July 2013, whose weather and scores are unlike theirs, three times over, for the rule wants three
weeks.  Only times and ids are moved, and in three days one feature comes in metres.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import polars as pl

from tests.stack.compose import ROOT

FLIGHTS: Final = ROOT / "examples/flights"
DAY: Final = timedelta(days=1)
WEEK: Final = timedelta(days=7)
QUIET: Final = datetime(2013, 1, 10, tzinfo=UTC)
"""A Thursday, as windows of seven days begin."""
DRIFT: Final = datetime(2013, 6, 27, tzinfo=UTC)
BEGINS: Final = datetime(2013, 3, 7, tzinfo=UTC)
"""Where all of it is moved to."""
DRIFT_WEEKS: Final = 3
QUIET_WEEKS_AFTER: Final = 3
ENDS: Final = BEGINS + 43 * DAY
"""A day behind the second quiet week, which ends the episode."""
FEATURE: Final = "distance"
FACTOR: Final = 1_000
FAULT: Final = (BEGINS + 26 * DAY, BEGINS + 30 * DAY)
FIRST_PART_ENDS: Final = BEGINS + 30 * DAY
"""Where the first file ends and the second begins: the drift is over, and nothing has told so."""


@dataclass(frozen=True, slots=True)
class FaultData:
    """Files of predictions: with ``trouble``, and ``after`` it."""

    trouble: Path
    after: Path


def fault_data(directory: Path) -> FaultData:
    """Write the files."""
    stream = pl.read_parquet(FLIGHTS / "predictions.parquet")
    reference = pl.read_parquet(FLIGHTS / "reference.parquet").select(stream.columns)
    weeks = [week(reference, QUIET, 0)]
    weeks += [week(stream, DRIFT, 1 + each) for each in range(DRIFT_WEEKS)]
    weeks += [week(reference, QUIET, 1 + DRIFT_WEEKS + each) for each in range(QUIET_WEEKS_AFTER)]
    moved = pl.concat(weeks).sort("ts", maintain_order=True)
    begins, ends = FAULT
    faulty = pl.col("ts").is_between(begins, ends, closed="left")
    moved = moved.with_columns(
        pl.when(faulty).then(pl.col(FEATURE) * FACTOR).otherwise(pl.col(FEATURE)).alias(FEATURE)
    )
    found = FaultData(directory / "trouble.parquet", directory / "after.parquet")
    moved.filter(pl.col("ts") < FIRST_PART_ENDS).write_parquet(found.trouble)
    moved.filter(pl.col("ts").is_between(FIRST_PART_ENDS, ENDS, closed="left")).write_parquet(
        found.after
    )
    return found


def week(table: pl.DataFrame, since: datetime, place: int) -> pl.DataFrame:
    """The rows of the week from ``since`` on, moved to the week ``place`` of the stream."""
    found = table.filter(pl.col("ts").is_between(since, since + WEEK, closed="left"))
    return found.with_columns(
        pl.format("{}-{}", "event_id", pl.lit(place)).alias("event_id"),
        pl.col("ts") + (BEGINS + place * WEEK - since),
    )
