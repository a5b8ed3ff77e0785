"""Where each count of a model lives: one flat vector of int64 cells per pane.

Rule.  Every count that a pane keeps is a cell of one vector, so that merging partitions, rolling
panes up into windows and comparing two runs are additions and comparisons of whole vectors.  The
layout hash names everything that decides what a cell means; counts of another layout are never
reinterpreted.

Order: counters, score, latency, numeric features, categorical features, estimators'
alarms.  A numeric column has its value cells and then NUMERIC_EXTRA fixed cells, a categorical one
CATEGORICAL_EXTRA (:mod:`detectors.kernels`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from detectors.kernels import (
    ABOVE_SUM,
    BELOW_SUM,
    CATEGORICAL_EXTRA,
    NUMERIC_EXTRA,
    SQUARES_HIGH,
    SQUARES_LOW,
    SUM,
)
from engine.canonical import content_hash
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
    0.0,
    1.0,
    2.5,
    5.0,
    10.0,
    25.0,
    50.0,
    100.0,
    250.0,
    500.0,
    1e3,
    2.5e3,
    5e3,
)
FIXED_POINT_STEPS_PER_STDDEV: Final = 1024
"""Sums of reals are kept as integers of this fraction of the reference's standard deviation."""
LATENCY_STEP_MS: Final = 0.1


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
    numeric: tuple[NumericColumn, ...]
    categorical: tuple[CategoricalColumn, ...]
    alarms: dict[str, int]
    """Estimator -> first of its cells, one per numeric column: alarms counted in the pane."""
    size: int
    hash: str

    def counted_cells(self) -> npt.NDArray[np.bool_]:
        """Which cells are counts (and so never negative), shape (size,); the others are sums."""
        counted = np.ones(self.size, dtype=np.bool_)
        score = [self.score] if self.score is not None else []
        for column in [*score, self.latency, *self.numeric]:
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
    _refuse_mismatch(spec, profile)
    start = COUNTERS
    score = None
    if profile.score is not None:
        score = _numeric("score", start, profile.score, None)
        start = score.end
    latency = NumericColumn(
        "latency_ms", start, np.array(LATENCY_EDGES_MS), 0.0, LATENCY_STEP_MS, 0.0, np.inf
    )
    start = latency.end
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
    alarms = {}
    for name in sorted(spec.estimators):
        alarms[name] = start
        start += len(numeric)
    if start > MAX_CELLS:
        raise ProfileError(
            f"{spec.model}@{spec.version}: {start} cells a pane, at most {MAX_CELLS}; "
            "use fewer features, fine_bins or categories"
        )
    return Layout(
        score,
        latency,
        tuple(numeric),
        tuple(categorical),
        alarms,
        start,
        layout_hash(spec, profile),
    )


def layout_hash(spec: Spec, profile: Profile) -> str:
    """The name of everything that decides what a cell of this model means."""
    return content_hash(
        [
            spec.model,
            spec.version,
            profile.hash,
            [[f.name, f.type, f.low, f.high] for f in spec.features],
            spec.prediction.threshold,
            [spec.time.pane_ms, spec.time.lateness_ms, spec.time.amend_ms],
            [[w.name, w.length_ms, w.pane_ms] for w in spec.windows],
            list(spec.inputs),
            list(spec.segments),
            spec.season,
            spec.duplicates_last,
            sorted(spec.estimators),
            *([spec.label] if "labels" in spec.inputs else []),
        ]
    )


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
    )


def _refuse_mismatch(spec: Spec, profile: Profile) -> None:
    """A profile of another model or with other features cannot be judged against."""
    faults: list[str] = []
    if (profile.model, profile.version) != (spec.model, spec.version):
        faults.append(
            f"is of {profile.model}@{profile.version}, the spec of {spec.model}@{spec.version}"
        )
    if profile.season != spec.season:
        faults.append(f"has season {profile.season}, the spec {spec.season}")
    for feature in spec.features:
        reference = profile.features.get(feature.name)
        if reference is None:
            faults.append(f"has no feature {feature.name!r}")
        elif isinstance(reference, NumericProfile) != (feature.type == "numeric"):
            faults.append(f"has {feature.name!r} of another type than {feature.type}")
    if faults:
        raise ProfileError(
            f"profile of {spec.model}@{spec.version}: {'; '.join(faults)}. "
            "Build it again with `longshore profile`."
        )
