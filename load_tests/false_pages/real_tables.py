"""Real rows with fifty features: flights, census answers, card payments.

Rule.  All rows are of one season.  Tables have fewer than fifty features; the others are what is
usually made from them: differences and products of two numbers, pairs of categories.  So most
features hang together, as those of real models do.  Weeks alternate: the even ones make the
profile, months are drawn from the days of the odd ones, so nothing that is judged was in it.

``flights``  departures of June to August 2013 (examples/flights), some 900 a day with the weather.
``acs``  census answers of 2015 (examples/acs), spread evenly over twelve weeks: they have no times.
``fraud``  six weeks of the generator (examples/fraud) without a change: a day's and a week's
rhythm, users who come again; judged with ``season: hour``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import polars as pl

from engine.counting import Counting
from engine.decoded import Events
from engine.model import MonitoredModel, build_model
from engine.profile import decode_profile, encode_profile
from engine.profile_building import build_profile
from engine.reference_table import ReferenceTable
from engine.seasonal_mix import SLICES, slice_of
from engine.spec_reading import read_spec
from examples.fraud.generate import write_reference
from load_tests.false_pages.drawn import IntArray
from load_tests.false_pages.policies import DAY_MS, FEATURES, SPEC, WINDOW_MS
from load_tests.quality.measured import LATENCY_MS, MADE_BY
from load_tests.quality.real_data import EXAMPLES, codes_of, floats_of, texts_of

TABLES: Final = ("flights", "acs", "fraud")
WEEKS: Final = {"flights": 12, "acs": 12, "fraud": 6}
SEASONS: Final = {"fraud": "season: hour\n"}
FRAUD_PER_S: Final = 0.1
FRAUD_SEED: Final = 11
LEFT_OUT: Final = frozenset(
    {"event_id", "ts", "score", "decision", "label", "label_ts", "latency_ms", "unit", "value"}
)
PANES: Final = DAY_MS // WINDOW_MS["5m"]


@dataclass(frozen=True, slots=True)
class RealDays:
    """One table: its model, and the counts of days that the profile does not know."""

    name: str
    spec: str
    model: MonitoredModel
    days: list[int]
    """Days since the epoch, ascending."""
    counts: list[IntArray]
    """Of each day, shape (panes, layout.size)."""
    slices: list[IntArray]
    """Events per seasonal slice, shape (panes, slices)."""


def real_days(name: str, features: int = FEATURES) -> RealDays:
    """The table ``name`` of TABLES."""
    table = widened(_rows(name, WEEKS[name]), features)
    week = table["ts_ms"].to_numpy() // (7 * DAY_MS)
    known, held_out = table.filter(week % 2 == 0), table.filter(week % 2 == 1)
    names = [column for column in table.columns if column not in {"ts_ms", "score"}]
    lines = [
        f"  {each}: {{type: {'categorical' if table[each].dtype == pl.String else 'numeric'}}}"
        for each in names
    ]
    text = SPEC.format(name=name, features="\n".join(lines)) + SEASONS.get(name, "")
    spec = read_spec(text)
    rows = ReferenceTable(
        len(known),
        {f.name: floats_of(known[f.name]) for f in spec.features if f.type == "numeric"},
        {f.name: texts_of(known[f.name]) for f in spec.features if f.type == "categorical"},
        score=floats_of(known["score"]),
        ts_ms=known["ts_ms"].to_numpy(),
    )
    profile = decode_profile(encode_profile(build_profile(spec, rows, MADE_BY)))
    model = build_model(spec, profile)
    found = list(_counted(model, held_out))
    return RealDays(name, text, model, *(list(each) for each in zip(*found, strict=True)))


def _rows(name: str, weeks: int) -> pl.DataFrame:
    """The rows of one season, with ``ts_ms``, in order of time."""
    if name == "flights":
        table = pl.read_parquet(EXAMPLES / "flights" / "predictions.parquet")
        first_ms = 1_370_476_800_000  # 2013-06-06, a Thursday, as weeks since the epoch begin.
        table = table.with_columns(ts_ms=pl.col("ts").dt.epoch("ms"))
    elif name == "acs":
        table = pl.read_parquet(EXAMPLES / "acs" / "reference.parquet").sort("ts", "event_id")
        first_ms = 1_420_070_400_000  # 2015-01-01, a Thursday.
        times = first_ms + np.arange(len(table)) * (weeks * 7 * DAY_MS) // len(table)
        table = table.with_columns(ts_ms=pl.Series(times))
    else:
        with TemporaryDirectory() as directory:
            path = Path(directory) / "reference.parquet"
            write_reference(path, FRAUD_SEED, weeks * 7, FRAUD_PER_S)
            table = pl.read_parquet(path)
        table = table.with_columns(ts_ms=pl.col("ts").dt.epoch("ms"))
        first_ms = int(table["ts_ms"].to_numpy()[0]) // DAY_MS * DAY_MS
    season = table["ts_ms"].is_between(first_ms, first_ms + weeks * 7 * DAY_MS, closed="left")
    return table.filter(season).sort("ts_ms", "event_id")


def widened(table: pl.DataFrame, features: int) -> pl.DataFrame:
    """The table's own features and those made from them, ``features`` in all."""
    own = [column for column in table.columns if column not in LEFT_OUT | {"ts_ms"}]
    numeric = [column for column in own if table[column].dtype != pl.String]
    text = [column for column in own if table[column].dtype == pl.String]
    made = []
    for first, second in combinations(numeric, 2):
        a, b = pl.col(first).cast(pl.Float64), pl.col(second).cast(pl.Float64)
        made += [(a - b).alias(f"{first}_less_{second}"), (a * b).alias(f"{first}_by_{second}")]
    for first, second in combinations(text, 2):
        made.append(pl.format("{}/{}", first, second).alias(f"{first}_and_{second}"))
    wanted = [*own[:features], *(expression for expression in made[: features - len(own)])]
    return table.select("ts_ms", "score", *wanted)


def _counted(
    model: MonitoredModel, table: pl.DataFrame
) -> Iterator[tuple[int, IntArray, IntArray]]:
    """Day by day the day's number, its counts by pane, and its events by pane and slice."""
    counting, season = Counting(model.layout), model.spec.season
    ts_ms = table["ts_ms"].to_numpy()
    numeric = np.array([floats_of(table[c.name]) for c in model.layout.numeric])
    codes = [codes_of(model, c.name, table[c.name]) for c in model.layout.categorical]
    categorical = np.array(codes, dtype=np.int32).reshape(-1, len(table))
    scores = floats_of(table["score"])
    for day in np.unique(ts_ms // DAY_MS).tolist():
        rows = np.flatnonzero(ts_ms // DAY_MS == day)
        slots = (ts_ms[rows] % DAY_MS // WINDOW_MS["5m"]).astype(np.int32)
        events = Events(
            model,
            np.arange(len(rows)),
            ts_ms[rows],
            (),
            np.ascontiguousarray(numeric[:, rows]),
            np.ascontiguousarray(categorical[:, rows]),
            np.vstack([scores[rows], np.full(len(rows), LATENCY_MS)]),
        )
        slices = np.zeros((PANES, 1), np.int64)
        if season is not None:
            slices = np.zeros((PANES, SLICES[season]), np.int64)
            np.add.at(slices, (slots, slice_of(ts_ms[rows], season)), 1)
        yield day, counting.count(events, slots, PANES), slices
