"""Make the flights example from the table of all 2013 departures from New York.

    python -m examples.flights.prepare flights-2013.parquet examples/flights

Needs scikit-learn and pyarrow beside Longshore itself; the files that it writes are committed, so
only who changes the example runs it.

The model says at departure whether a flight will be late: arrival more than 15 minutes behind
schedule.  It knows the schedule, the carrier, the airports, the delay at departure and the weather
at the airport of departure; nothing that is measured later.  It is fitted on the flights scheduled
(New York time) in January and February, and scores every flight that departed.

Rules.

* Every time is UTC.  The source gives the scheduled departure in UTC; a prediction is made at
  scheduled departure + ``dep_delay``.  The scheduled arrival is given as the clock at the
  destination: it becomes UTC by the destination's own time zone, as the first such clock time after
  the scheduled departure.  A label comes at scheduled arrival + ``arr_delay``.
* Cancelled flights make no prediction.  Diverted flights have no arrival delay and never get a
  label.
* Scores of the training months are out of fold (whole weeks left out): scores that a model gives
  the very rows it was fitted on are surer than any it will give in production, and a reference made
  of them would show drift on the first day.
* Files are sorted by their own ts, ties by the order of the source; event ids count the predictions
  in that order.  Scores have three decimals, weather the decimals of the source.
* Same input and library versions, same bytes.  ``SEED`` seeds the only random choice, the rows that
  scikit-learn bins by.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click
import numpy as np
import numpy.typing as npt
import polars as pl

from examples.small_parquet import write_small

SEED: Final = 2013
HOME_ZONE: Final = "America/New_York"
LATE_MINUTES: Final = 15
THRESHOLD: Final = 0.5
FOLDS: Final = 5
TRAINING_MONTHS: Final = (1, 2)
WEEK_MS: Final = 7 * 86_400_000
WEATHER: Final = {
    "temp": 2,
    "dewp": 2,
    "humid": 2,
    "wind_dir": 0,
    "wind_speed": 3,
    "wind_gust": 3,
    "precip": 2,
    "pressure": 1,
    "visib": 2,
}
"""Column -> decimals of the source."""
CATEGORICAL: Final = ("carrier", "origin", "dest")
NUMERIC: Final = ("hour", "distance", "dep_delay", *WEATHER)
FEATURES: Final = (*CATEGORICAL, *NUMERIC)
ZONES: Final = {
    "America/Chicago": (
        "AUS BHM BNA DFW DSM HOU IAH MCI MDW MEM MKE MSN MSP MSY OKC OMA ORD SAT STL TUL XNA"
    ),
    "America/Denver": "ABQ BZN DEN EGE HDN JAC MTJ SLC",
    "America/Phoenix": "PHX",
    "America/Los_Angeles": "BUR LAS LAX LGB OAK PDX PSP SAN SEA SFO SJC SMF SNA",
    "America/Anchorage": "ANC",
    "Pacific/Honolulu": "HNL",
    "America/Puerto_Rico": "BQN PSE SJU STT",
}
"""Time zone -> destinations; all others keep New York's clock."""


def departures(source: Path) -> pl.DataFrame:
    """Every flight that departed, with its features, prediction ``ts``, ``label`` and ``label_ts``,
    sorted by ts.

    Raises polars' errors when the file is not the table it should be.
    """
    flown = (
        pl.read_parquet(source)
        .filter(pl.col("dep_delay").is_not_null())
        .with_columns(
            ts=pl.col("scheduled_departure") + pl.duration(minutes="dep_delay"),
            local=pl.col("scheduled_departure").dt.convert_time_zone(HOME_ZONE),
        )
        .with_columns(
            pl.col("ts").dt.cast_time_unit("ms"),
            month=pl.col("local").dt.month(),
            hour=pl.col("local").dt.hour().cast(pl.Int32),
            label=(pl.col("arr_delay") > LATE_MINUTES).cast(pl.Int32),
            label_ts=(scheduled_arrival() + pl.duration(minutes="arr_delay")).dt.cast_time_unit(
                "ms"
            ),
            **{
                name: pl.col(name).cast(pl.Float64).round(decimals)
                for name, decimals in WEATHER.items()
            },
        )
        .sort("ts", maintain_order=True)
    )
    return flown.with_columns(
        event_id=pl.format("F{}", pl.int_range(pl.len()).cast(pl.String).str.zfill(6))
    )


def scheduled_arrival() -> pl.Expr:
    """The first time after the scheduled departure at which the destination's clock shows
    ``sched_arr_time``, in UTC.

    Where daylight saving repeats a clock time the earlier one is meant; one that it skips would be
    null, and the source has none.
    """
    clock = pl.duration(
        minutes=pl.col("sched_arr_time") // 100 % 24 * 60 + pl.col("sched_arr_time") % 100
    )
    arrival = _next_at(HOME_ZONE, clock)
    for zone, airports in ZONES.items():
        here = pl.col("dest").is_in(airports.split())
        arrival = pl.when(here).then(_next_at(zone, clock)).otherwise(arrival)
    return arrival


def _next_at(zone: str, clock: pl.Expr) -> pl.Expr:
    departure = pl.col("scheduled_departure")
    midnight = departure.dt.convert_time_zone(zone).dt.replace_time_zone(None).dt.truncate("1d")
    today, tomorrow = (
        (midnight + clock + pl.duration(days=days))
        .dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        .dt.convert_time_zone("UTC")
        for days in (0, 1)
    )
    return pl.when(today > departure).then(today).otherwise(tomorrow)


def score(flights: pl.DataFrame) -> npt.NDArray[np.float64]:
    """Probability of lateness of each flight, shape (flights,): out of fold in the training months,
    by the model of both months afterwards."""
    values = _matrix(flights)
    training = flights["month"].is_in(TRAINING_MONTHS).to_numpy()
    known = training & flights["label"].is_not_null().to_numpy()
    late = flights["label"].fill_null(0).to_numpy()
    fold = flights["ts"].dt.epoch("ms").to_numpy() // WEEK_MS % FOLDS
    scores = np.empty(len(flights))
    scores[~training] = fit(values[known], late[known]).predict_proba(values[~training])[:, 1]
    for left_out in range(FOLDS):
        kept, asked = known & (fold != left_out), training & (fold == left_out)
        scores[asked] = fit(values[kept], late[kept]).predict_proba(values[asked])[:, 1]
    return scores.round(3)


def _matrix(flights: pl.DataFrame) -> npt.NDArray[np.float64]:
    """The features as floats, shape (flights, features); a category is its place in the alphabet,
    missing is NaN."""
    return (
        flights.select(*(pl.col(name).rank("dense") - 1 for name in CATEGORICAL), *NUMERIC)
        .cast(pl.Float64)
        .fill_null(float("nan"))
        .to_numpy()
    )


def fit(values: npt.NDArray[np.float64], late: npt.NDArray[np.int32]) -> Any:  # noqa: ANN401
    """A classifier of flights by the matrix of their features, shape (flights, features)."""
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415

    model = HistGradientBoostingClassifier(
        learning_rate=0.1,
        max_iter=120,
        max_leaf_nodes=15,
        min_samples_leaf=50,
        categorical_features=[name in CATEGORICAL for name in FEATURES],
        random_state=SEED,
    )
    return model.fit(values, late)


@click.command()
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("out", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(source: Path, out: Path) -> None:
    """Write reference, predictions and labels made of SOURCE into the directory OUT."""
    click.echo("reading the departures")
    flights = departures(source)
    click.echo(f"fitting {FOLDS + 1} models and scoring {len(flights)} flights")
    flights = flights.with_columns(score=score(flights)).with_columns(
        decision=(pl.col("score") >= THRESHOLD).cast(pl.Int32)
    )
    training = pl.col("month").is_in(TRAINING_MONTHS)
    shown = ["event_id", "ts", *FEATURES, "score", "decision"]
    write_small(
        flights.filter(training).select(*shown, "label"), out / "reference.parquet", WEATHER
    )
    later = flights.filter(~training)
    write_small(later.select(shown), out / "predictions.parquet", WEATHER)
    labels = later.filter(pl.col("label").is_not_null()).sort("label_ts", maintain_order=True)
    write_small(labels.select("event_id", "label", "label_ts"), out / "labels.parquet")
    for path in sorted(out.glob("*.parquet")):
        click.echo(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
