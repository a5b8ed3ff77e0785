"""Real rows in an order without drift: the tables of examples/flights and examples/acs.

Rule.  The reference table is cut at random into two halves: one makes the profile, the other is
drawn from, with replacement.  So a stream has the marginals, ties and missing values of real data
and is still by construction; what the seasons do to flights is another matter (examples/README.md)
and would be no false alarm.  The reference is built without times, because rows drawn at random
have no hours that resemble one another.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from engine.category_text import category_text
from engine.model import MonitoredModel, build_model
from engine.profile import CategoricalProfile, decode_profile, encode_profile
from engine.profile_building import build_profile
from engine.reference_table import ReferenceTable
from engine.spec_reading import read_spec
from load_tests.quality.columns import Columns, FloatArray
from load_tests.quality.measured import MADE_BY

DATASETS: Final = ("flights", "acs")
EXAMPLES: Final = Path(__file__).parents[2] / "examples"
SPEC: Final = """\
model: {name}
version: quality
inventory: {{owner: quality}}
time: {{pane: 1m}}
windows: [{{length: 1h, judge_every: 1h}}]
features:
{features}
prediction: {{type: binary}}
inputs: [predictions, labels]
label: {{ttl: 1d, lateness: 0s, amend: 1h, pane: 1h}}
performance: {{window: 1h}}
retraining:
  cooldown: 1h
  rules:
    psi_features: {{above: 0.20, features: 1, window: 1h, at_least: 2, of_last: 3}}
    performance: {{window: 1h, at_least: 2, of_last: 3}}
"""
NUMERIC: Final = {"flights": ("dep_delay", "distance", "hour"), "acs": ("AGEP",)}
CATEGORICAL: Final = {"flights": ("carrier", "origin", "dest"), "acs": ("SCHL", "MAR", "RELP")}
"""The features that injections change; all the others stay as they are."""


@dataclass(frozen=True, slots=True)
class RealData:
    """One table, cut in two."""

    name: str
    model: MonitoredModel
    reference: Columns
    """The rows that made the profile."""
    pool: Columns
    """The rows that streams are drawn from."""

    def numeric_place(self, feature: str) -> int:
        """Row of :attr:`Columns.numeric` of a feature."""
        return [column.name for column in self.model.layout.numeric].index(feature)

    def categorical_place(self, feature: str) -> int:
        """Row of :attr:`Columns.codes` of a feature."""
        return [column.name for column in self.model.layout.categorical].index(feature)

    def drawn(self, rows: int, *seed: int) -> Columns:
        """``rows`` rows of the pool, drawn with replacement; another ``seed`` gives rows that have
        nothing to do with these."""
        random = np.random.default_rng([len(self.name), *seed])
        return taken(self.pool, random.integers(0, self.pool.rows, rows))


def taken(columns: Columns, rows: npt.NDArray[np.int64]) -> Columns:
    """Some rows of a still stream."""
    return Columns(
        np.ascontiguousarray(columns.numeric[:, rows]),
        np.ascontiguousarray(columns.codes[:, rows]),
        columns.losses[rows],
        scores=None if columns.scores is None else columns.scores[rows],
        decisions=None if columns.decisions is None else columns.decisions[rows],
    )


@cache
def real_data(name: str) -> RealData:
    """The table ``name`` of DATASETS."""
    table = pl.read_parquet(EXAMPLES / name / "reference.parquet")
    table = table.sample(fraction=1.0, shuffle=True, seed=20130101)
    table = table.with_columns(loss=(pl.col("decision") != pl.col("label")).cast(pl.Float64))
    left_out = {"event_id", "ts", "score", "decision", "label", "label_ts", "loss"}
    types = {
        column: "categorical" if table[column].dtype == pl.String else "numeric"
        for column in table.columns
        if column not in left_out
    }
    lines = "\n".join(f"  {feature}: {{type: {kind}}}" for feature, kind in types.items())
    spec = read_spec(SPEC.format(name=name, features=lines))
    first, second = table.head(len(table) // 2), table.tail(-(len(table) // 2))
    rows = ReferenceTable(
        rows=len(first),
        numeric={f: floats_of(first[f]) for f, kind in types.items() if kind == "numeric"},
        categorical={f: texts_of(first[f]) for f, kind in types.items() if kind == "categorical"},
        score=floats_of(first["score"]),
        decision=floats_of(first["decision"]),
        labels=floats_of(first["label"]),
    )
    profile = decode_profile(encode_profile(build_profile(spec, rows, MADE_BY)))
    model = build_model(spec, profile)
    halves = [_columns(model, half) for half in (first, second)]
    return RealData(name, model, *halves)


def _columns(model: MonitoredModel, table: pl.DataFrame) -> Columns:
    numeric = [floats_of(table[column.name]) for column in model.layout.numeric]
    codes = [
        codes_of(model, column.name, table[column.name]) for column in model.layout.categorical
    ]
    return Columns(
        np.array(numeric),
        np.array(codes, dtype=np.int32),
        floats_of(table["loss"]),
        scores=floats_of(table["score"]),
        decisions=floats_of(table["decision"]),
    )


def codes_of(model: MonitoredModel, feature: str, column: pl.Series) -> list[int]:
    """Cells of a categorical feature: its category, other, unseen, or missing."""
    profile = model.profile.features[feature]
    assert isinstance(profile, CategoricalProfile)
    cells: dict[str | None, int] = {text: cell for cell, text in enumerate(profile.categories)}
    top = len(profile.categories)
    cells.update(dict.fromkeys(profile.others, top))
    cells[None] = top + 2
    return [cells.get(text, top + 1) for text in texts_of(column)]


def floats_of(column: pl.Series) -> FloatArray:
    """Numbers, NaN for a null."""
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy().astype(np.float64)


def texts_of(column: pl.Series) -> list[str | None]:
    """Texts as the engine writes them."""
    return [None if value is None else category_text(value) for value in column.to_list()]
