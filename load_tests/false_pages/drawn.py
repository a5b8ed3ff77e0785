"""A made-up model of fifty features, and months of it drawn as counts.

Rule.  Every feature has a few values, each in a cell of its own, so that the counts of a window are
a linear function of how often each value was drawn: the row of each value is counted once by
:class:`engine.counting.Counting`, and a window is a sum of those.  What is drawn is the number of
events of each pane (Poisson, with a rhythm of the day) and of each feature a multinomial over its
values, a missing value among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from engine.counting import Counting
from engine.decoded import Events
from engine.model import MonitoredModel, build_model
from engine.profile import decode_profile, encode_profile
from engine.profile_building import build_profile
from engine.reference_table import ReferenceTable
from engine.spec_reading import read_spec
from load_tests.false_pages.policies import FEATURES, SPEC, WINDOW_MS, panes_in
from load_tests.quality.measured import LATENCY_MS, MADE_BY, START_MS

LEVELS: Final = 8
"""Values of a feature."""
NUMERIC_SHARE: Final = 0.8
MISSING_SHARE: Final = 0.02
REFERENCE_ROWS: Final = 60_000
EVENTS_PER_PANE: Final = 100.0
SWING: Final = 0.7
"""Of the events by the hour, as a share of their mean."""
MADE, STILL, EVENT = 1, 2, 3
"""Sequences of random numbers."""

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DrawnModel:
    """The model, and what its events are drawn from."""

    model: MonitoredModel
    spec: str
    """The text that the model's spec was read from."""
    shares: FloatArray
    """Of each feature's values, the last of them missing, shape (features, LEVELS + 1)."""
    rows: IntArray
    """Counts that one value adds, shape (features, LEVELS + 1, layout.size)."""
    empty: IntArray
    """Counts of an event without any value, shape (layout.size,)."""

    def counts(self, values: IntArray, events: IntArray) -> IntArray:
        """Counts of windows, shape (windows, layout.size), of how often each value was drawn,
        shape (windows, features, LEVELS + 1), in how many events, shape (windows,)."""
        windows = len(values)
        added = (self.rows - self.empty).reshape(-1, len(self.empty)).astype(np.float64)
        # Doubles are exact up to 2**53, and no count comes near.
        found = values.reshape(windows, -1).astype(np.float64) @ added
        return found.astype(np.int64) + events[:, np.newaxis] * self.empty


def drawn_model(seed: int, spec: str = SPEC, features: int = FEATURES) -> DrawnModel:
    """The model of a seed."""
    random = np.random.default_rng([MADE, seed])
    shares = random.dirichlet(np.full(LEVELS, 4.0), size=features) * (1.0 - MISSING_SHARE)
    shares = np.hstack([shares, np.full((features, 1), MISSING_SHARE)])
    numeric = int(features * NUMERIC_SHARE)
    names = [f"f{place:02d}" for place in range(features)]
    codes = np.array([random.choice(LEVELS + 1, REFERENCE_ROWS, p=share) for share in shares])
    lines = [
        f"  {name}: {{type: {'numeric' if place < numeric else 'categorical'}}}"
        for place, name in enumerate(names)
    ]
    text = spec.format(name="drawn", features="\n".join(lines))
    read = read_spec(text)
    table = ReferenceTable(
        REFERENCE_ROWS,
        {name: _values(codes[place]) for place, name in enumerate(names[:numeric])},
        {name: _texts(codes[place]) for place, name in enumerate(names) if place >= numeric},
        score=random.random(REFERENCE_ROWS),
    )
    profile = decode_profile(encode_profile(build_profile(read, table, MADE_BY)))
    model = build_model(read, profile)
    return DrawnModel(model, text, shares, *_rows(model, numeric, features))


def _rows(model: MonitoredModel, numeric: int, features: int) -> tuple[IntArray, IntArray]:
    """The counts of each single value, and of an event without any."""
    rows = features * (LEVELS + 1) + 1
    levels = np.full((features, rows), LEVELS, dtype=np.int64)
    for feature in range(features):
        first = feature * (LEVELS + 1)
        levels[feature, first : first + LEVELS + 1] = np.arange(LEVELS + 1)
    counted = Counting(model.layout).count(
        events_of(model, levels[:numeric], levels[numeric:]), np.arange(rows, dtype=np.int32), rows
    )
    return counted[:-1].reshape(features, LEVELS + 1, -1), counted[-1]


def events_of(model: MonitoredModel, numeric: IntArray, categorical: IntArray) -> Events:
    """Events with these values, LEVELS for none; the score is always the same."""
    rows = numeric.shape[1]
    codes = np.empty_like(categorical, dtype=np.int32)
    for place, column in enumerate(model.layout.categorical):
        cells = {text: cell for cell, text in enumerate(column.categories)}
        cell_of = [cells[word(level)] for level in range(LEVELS)]
        codes[place] = np.array([*cell_of, column.values], dtype=np.int32)[categorical[place]]
    return Events(
        model,
        np.arange(rows),
        np.full(rows, START_MS),
        (),
        np.ascontiguousarray(np.array([_values(each) for each in numeric]).reshape(-1, rows)),
        codes,
        np.vstack([np.full(rows, 0.5), np.full(rows, LATENCY_MS)]),
    )


def drawn_month(
    drawn: DrawnModel, days: int, *seed: int, events_per_pane: float = EVENTS_PER_PANE
) -> tuple[IntArray, IntArray]:
    """Values, shape (panes, features, LEVELS + 1), and events, shape (panes,), of ``days``."""
    random = np.random.default_rng([STILL, *seed])
    panes = panes_in(days)
    hour = np.arange(panes) * WINDOW_MS["5m"] / 3_600_000
    rate = events_per_pane * (1.0 - SWING * np.cos(2.0 * np.pi * hour / 24.0))
    events = random.poisson(rate)
    values = np.stack([random.multinomial(events, share) for share in drawn.shares], axis=1)
    return values, events


def word(level: int) -> str:
    """The text of a category."""
    return f"c{level}"


def _values(levels: IntArray) -> FloatArray:
    """10, 11, ... and NaN: all of one decade, as a healthy column is."""
    return np.where(levels == LEVELS, np.nan, 10.0 + levels)


def _texts(levels: IntArray) -> list[str | None]:
    return [None if level == LEVELS else word(level) for level in levels.tolist()]
