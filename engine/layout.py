"""Where each count of a model lives: one flat vector of int64 cells per pane.

Rule.  Every count that a pane keeps is a cell of one vector, so that merging partitions, rolling
panes up into windows and comparing two runs are additions and comparisons of whole vectors.  The
layout hash names everything that decides what a cell means; counts of another layout are never
reinterpreted.

Order: counters, score, latency, freshness, duplicates, numeric features, categorical features,
decimal exponents, estimators' alarms, values of the decisions, decided classes.  A numeric column
has its value cells and then NUMERIC_EXTRA fixed cells, a categorical one CATEGORICAL_EXTRA
(:mod:`detectors.kernels`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from detectors.decade_kernel import DECADES
from detectors.kernels import (
    ABOVE_SUM,
    BELOW_SUM,
    CATEGORICAL_EXTRA,
    NUMERIC_EXTRA,
    SQUARES_HIGH,
    SQUARES_LOW,
    SUM,
)
from engine.layout_identity import layout_hash, refuse_mismatch
from engine.profile import CategoricalProfile, NumericProfile, Profile, ProfileError
from engine.spec import FeatureSpec, Spec

MAX_CELLS: Final = 200_000
"""Cells of one model: keeps a pane record under the panes topic's record size."""

EVENTS: Final = 0
PREDICTIONS: Final = 1
DECIDED: Final = 2
POSITIVE: Final = 3
ERRORS: Final = 4
COUNTERS: Final = 5
"""How many counters stand before the first column."""

LATENCY_EDGES_MS: Final = (
    *(0.0, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0),
    *(1e3, 2.5e3, 5e3),
)
FIXED_POINT_STEPS_PER_STDDEV: Final = 1024
"""Sums of reals are kept as integers of this fraction of the reference's standard deviation."""
LATENCY_STEP_MS: Final = 0.1
FRESHNESS_EDGES_MS: Final = (
    *(0.0, 10.0, 50.0, 100.0, 250.0, 500.0, 1e3, 2e3, 5e3, 1e4, 3e4, 6e4, 3e5, 9e5),
    *(3.6e6, 2.16e7, 8.64e7, 6.048e8, 2.592e9),
)
"""Record time less event time; below 0 the producer's clock is ahead of the broker's.  The age from
which the spec calls a prediction too old is an edge as well."""
FRESHNESS_STEP_MS: Final = 1.0
DECISIONS: Final = ("positive", "negative", "undecided")
"""The columns of the decisions' values, in this order."""


@dataclass(frozen=True, slots=True)
class NumericColumn:
    """A numeric column's cells: values first, then the fixed ones."""

    name: str
    start: int
    edges: npt.NDArray[np.float64]
    center: float
    step: float
    low: float
    high: float
    decade_low: int = 0
    """Decade of the first of a feature's decimal exponents."""

    @property
    def values(self) -> int:
        """How many value cells it has."""
        return len(self.edges) + 1

    def extra(self, offset: int) -> int:
        """Index of a fixed cell (``detectors.kernels.MISSING`` and so on)."""
        return self.start + self.values + offset

    @property
    def end(self) -> int:
        """One past its last cell."""
        return self.start + self.values + NUMERIC_EXTRA


@dataclass(frozen=True, slots=True)
class CategoricalColumn:
    """A categorical column's cells: categories, other, unseen, then the fixed ones."""

    name: str
    start: int
    categories: tuple[str, ...]

    @property
    def values(self) -> int:
        """How many value cells it has."""
        return len(self.categories) + 2

    def extra(self, offset: int) -> int:
        """Index of a fixed cell."""
        return self.start + self.values + offset

    @property
    def end(self) -> int:
        """One past its last cell."""
        return self.start + self.values + CATEGORICAL_EXTRA


@dataclass(frozen=True, slots=True)
class Layout:
    """The cells of one model."""

    score: NumericColumn | None
    latency: NumericColumn
    freshness: NumericColumn
    duplicates: int
    """The cell of events that were left out as duplicates."""
    numeric: tuple[NumericColumn, ...]
    categorical: tuple[CategoricalColumn, ...]
    decades: int
    """First cell of the decimal exponents, DECADES for each numeric feature."""
    values: tuple[NumericColumn, ...]
    """``value`` by decision, as DECISIONS; empty where the spec has no business section."""
    alarms: dict[str, int]
    """Estimator -> first of its cells, one per numeric column: alarms counted in the pane."""
    classes: CategoricalColumn | None
    """What a multiclass model decided; None where the profile does not say what is usual."""
    size: int
    hash: str

    def counted_cells(self) -> npt.NDArray[np.bool_]:
        """Which cells are counts (and so never negative), shape (size,); the others are sums."""
        counted = np.ones(self.size, dtype=np.bool_)
        score = [self.score] if self.score is not None else []
        for column in [*score, self.latency, self.freshness, *self.numeric, *self.values]:
            for cell in (SUM, SQUARES_LOW, SQUARES_HIGH, BELOW_SUM, ABOVE_SUM):
                counted[column.extra(cell)] = False
        return counted

    def column(self, name: str) -> NumericColumn | CategoricalColumn:
        """The column of a feature; KeyError if it is not a feature of this model."""
        columns: list[NumericColumn | CategoricalColumn] = [*self.numeric, *self.categorical]
        for column in columns:
            if column.name == name:
                return column
        raise KeyError(name)


def build_layout(spec: Spec, profile: Profile) -> Layout:
    """Lay out the cells of a model.

    Raises ProfileError, naming every mismatch, when the profile was not made for this spec.
    """
    refuse_mismatch(spec, profile)
    start = COUNTERS
    score = None
    if profile.score is not None:
        score = _numeric("score", start, profile.score, None)
        start = score.end
    latency = _plain("latency_ms", start, LATENCY_EDGES_MS, LATENCY_STEP_MS, low=0.0)
    freshness = _plain("freshness_ms", latency.end, freshness_edges_ms(spec), FRESHNESS_STEP_MS)
    duplicates = freshness.end
    numeric, categorical, start = _features(spec, profile, duplicates + 1)
    decades = start
    start += DECADES * len(numeric)
    alarms = {}
    for name in sorted(spec.estimators):
        alarms[name] = start
        start += len(numeric)
    values = _values(spec, start)
    start = values[-1].end if values else start
    classes = None
    if profile.classes is not None and spec.prediction.type == "multiclass":
        classes = CategoricalColumn("class", start, profile.classes.shares.categories)
        start = classes.end
    if start > MAX_CELLS:
        raise ProfileError(
            f"{spec.model}@{spec.version}: {start} cells a pane, at most {MAX_CELLS}; "
            "use fewer features, fine_bins or categories"
        )
    return Layout(
        score,
        latency,
        freshness,
        duplicates,
        numeric,
        categorical,
        decades,
        values,
        alarms,
        classes,
        start,
        layout_hash(spec, profile),
    )


def freshness_edges_ms(spec: Spec) -> tuple[float, ...]:
    """Edges of the histogram of ages."""
    limit_ms = None if spec.quality is None else spec.quality.freshness_ms
    edges = set(FRESHNESS_EDGES_MS) | (set() if limit_ms is None else {float(limit_ms)})
    return tuple(sorted(edges))


def _plain(
    name: str, start: int, edges: tuple[float, ...], step: float, low: float = -np.inf
) -> NumericColumn:
    """A column with fixed edges and sums in whole steps from 0."""
    return NumericColumn(name, start, np.array(edges), 0.0, step, low, np.inf)


def _features(
    spec: Spec, profile: Profile, start: int
) -> tuple[tuple[NumericColumn, ...], tuple[CategoricalColumn, ...], int]:
    """The features' columns, numeric ones first, and the cell behind them."""
    numeric: list[NumericColumn] = []
    categorical: list[CategoricalColumn] = []
    for feature in spec.features:
        reference = profile.features[feature.name]
        if isinstance(reference, NumericProfile):
            numeric.append(_numeric(feature.name, start, reference, feature))
            start = numeric[-1].end
    for feature in spec.features:
        reference = profile.features[feature.name]
        if isinstance(reference, CategoricalProfile):
            categorical.append(CategoricalColumn(feature.name, start, reference.categories))
            start = categorical[-1].end
    return tuple(numeric), tuple(categorical), start


def _numeric(
    name: str, start: int, reference: NumericProfile, feature: FeatureSpec | None
) -> NumericColumn:
    low = -np.inf if feature is None or feature.low is None else feature.low
    high = np.inf if feature is None or feature.high is None else feature.high
    return NumericColumn(
        name,
        start,
        np.array(reference.edges, dtype=np.float64),
        reference.mean,
        reference.stddev / FIXED_POINT_STEPS_PER_STDDEV,
        low,
        high,
        reference.decade_low,
    )


def _values(spec: Spec, start: int) -> tuple[NumericColumn, ...]:
    """The decisions' values: two value cells (below 0 and not) and the sums."""
    if spec.business is None:
        return ()
    columns: list[NumericColumn] = []
    step = spec.business.value_step
    for name in DECISIONS:
        at = columns[-1].end if columns else start
        columns.append(_plain(f"value_{name}", at, (0.0,), step))
    return tuple(columns)
