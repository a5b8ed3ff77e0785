"""Make the ACS example from the employment rows of the American Community Survey, Massachusetts.

    python -m examples.acs.prepare acs-employment-ma.parquet examples/acs

Needs pyarrow beside Longshore itself; the files that it writes are committed, so only who changes
the example runs it.

The rows carry a model's probability that a person is employed, its decision and the truth.  2015 is
the reference, 2016 to 2018 are predictions.  The population hardly changes from year to year (PSI
0.014 at most), so that any DRIFT on it is a false alarm.

Rules.

* The survey has years and no finer times, and its file order is clustered by household and place.
  So the rows of a year are put into the order of a hash of their id (splitmix64) and spread evenly
  over the year, UTC, at full minutes.  No trend within a year is made or kept.
* Event ids count the rows in that order.
* The truth of an event comes LABEL_DELAY after it: a delay made up here, the survey has none.
* Probabilities have three decimals; codes stay texts, as the survey's dictionary has them.
* Same input and library versions, same bytes; nothing is random.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Final

import click
import numpy as np
import numpy.typing as npt
import polars as pl

from examples.small_parquet import write_small

REFERENCE_YEAR: Final = 2015
LABEL_DELAY: Final = timedelta(days=30)
FEATURES: Final = (
    "AGEP",
    "SCHL",
    "MAR",
    "RELP",
    "DIS",
    "ESP",
    "CIT",
    "MIG",
    "MIL",
    "ANC",
    "NATIVITY",
    "DEAR",
    "DEYE",
    "DREM",
    "SEX",
    "RAC1P",
)


def splitmix64(ids: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """A fixed bijection of 64-bit numbers that looks random (Steele, Lea and Flood 2014)."""
    mixed = ids + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def events(source: Path) -> pl.DataFrame:
    """All rows as events sorted by ``ts``, with their ``label`` and ``label_ts``."""
    people = pl.read_parquet(source)
    order = splitmix64(people["id"].cast(pl.UInt64).to_numpy())
    year_start = pl.datetime("year", 1, 1, time_unit="ms", time_zone="UTC")
    next_year = pl.datetime(pl.col("year") + 1, 1, 1, time_unit="ms", time_zone="UTC")
    # The middle of the row's share of the year, in whole milliseconds.
    offset_ms = ((next_year - year_start).dt.total_milliseconds() * (2 * pl.col("place") + 1)) // (
        2 * pl.len().over("year").cast(pl.Int64)
    )
    return (
        people.with_columns(order=pl.Series(order))
        .sort("year", "order")
        .with_columns(place=pl.int_range(pl.len()).over("year").cast(pl.Int64))
        .with_columns(
            event_id=pl.format("A{}", pl.int_range(pl.len()).cast(pl.String).str.zfill(6)),
            ts=(year_start + pl.duration(milliseconds=offset_ms)).dt.truncate("1m"),
            score=pl.col("predicted_probability").round(3),
            decision=pl.col("prediction").cast(pl.Int32),
            label=pl.col("employed").cast(pl.Int32),
            AGEP=pl.col("AGEP").cast(pl.Int32),
        )
        .with_columns(label_ts=pl.col("ts") + LABEL_DELAY)
    )


@click.command()
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("out", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(source: Path, out: Path) -> None:
    """Write reference, predictions and labels made of SOURCE into the directory OUT."""
    rows = events(source)
    reference = pl.col("year") == REFERENCE_YEAR
    shown = ["event_id", "ts", *FEATURES, "score", "decision"]
    write_small(rows.filter(reference).select(*shown, "label"), out / "reference.parquet")
    write_small(rows.filter(~reference).select(shown), out / "predictions.parquet")
    write_small(
        rows.filter(~reference).select("event_id", "label", "label_ts"), out / "labels.parquet"
    )
    for path in sorted(out.glob("*.parquet")):
        click.echo(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
