"""A reference profile from a training table.

Rule.  The same rows, in any order, give the same bytes.  A feature without a single valid value, a
column that the table lacks, or a season without times cannot be profiled; all such faults are
raised together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec
import numpy as np

from engine.own_blocks import reference_times
from engine.profile import (
    PROFILE_SCHEMA,
    FeatureProfile,
    NumericProfile,
    Profile,
    ProfileError,
    Provenance,
)
from engine.profile_features import ReferenceFrame, categorical_profile, numeric_profile
from engine.profile_performance import with_performance
from engine.profile_volume import volume_by_hour_of_week
from engine.reference_table import FloatColumn, ReferenceTable
from engine.spec import FeatureSpec, Spec

_LARGEST: Final = float(np.finfo(np.float64).max)


def build_profile(
    spec: Spec,
    table: ReferenceTable,
    provenance: Provenance,
    progress: Callable[[str], None] | None = None,
) -> Profile:
    """The profile of ``spec``'s model on ``table``; its hash is filled in when it is encoded.

    The rows and the first and last time in ``provenance`` are taken from the table.  ``progress``
    is called with the name of each feature when it is done, and with ``score``.

    Raises ProfileError with every reason why the table cannot be a reference.
    """
    faults = _faults(spec, table)
    if faults:
        raise ProfileError(
            f"no reference for {spec.model}@{spec.version} can be made: " + "; ".join(faults)
        )
    times = None if table.ts_ms is None else reference_times(table.ts_ms, spec.season)
    frame = ReferenceFrame(times, spec.windows, spec.pseudo_count)
    features: dict[str, FeatureProfile] = {}
    for feature in spec.features:
        features[feature.name] = _feature_profile(feature, table, frame)
        if progress is not None:
            progress(feature.name)
    score: NumericProfile | None = None
    if table.score is not None:
        prediction = spec.prediction
        score = numeric_profile(table.score, prediction.bins, prediction.fine_bins, frame)
        if progress is not None:
            progress("score")
    profile = Profile(
        schema=PROFILE_SCHEMA,
        model=spec.model,
        version=spec.version,
        made_by=msgspec.structs.replace(
            provenance,
            data_rows=table.rows,
            start_ms=None if times is None else int(times.ts_ms[0]),
            end_ms=None if times is None else int(times.ts_ms[-1]),
        ),
        rows=table.rows,
        features=features,
        score=score,
        positive_rate=positive_rate(spec, table),
        season=spec.season,
        volume=() if times is None else volume_by_hour_of_week(times.ts_ms),
    )
    return with_performance(profile, spec, table)


def positive_rate(spec: Spec, table: ReferenceTable) -> float | None:
    """Share of positive decisions of a binary model: as decided, or else score >= threshold.

    None for another kind of model, or where no row has either.
    """
    if spec.prediction.type != "binary":
        return None
    if table.decision is not None and np.isfinite(table.decision).any():
        decided = table.decision[np.isfinite(table.decision)]
        return int(np.count_nonzero(decided > 0)) / len(decided)
    if table.score is None or not np.isfinite(table.score).any():
        return None
    scores = table.score[np.isfinite(table.score)]
    return int(np.count_nonzero(scores >= spec.prediction.threshold)) / len(scores)


def _feature_profile(
    feature: FeatureSpec, table: ReferenceTable, frame: ReferenceFrame
) -> FeatureProfile:
    if feature.type == "numeric":
        return numeric_profile(table.numeric[feature.name], feature.bins, feature.fine_bins, frame)
    return categorical_profile(
        table.categorical[feature.name],
        table.invalid_categories.get(feature.name, 0),
        feature.categories,
        frame,
    )


def _faults(spec: Spec, table: ReferenceTable) -> list[str]:
    faults = [] if table.rows else ["the table has no rows"]
    if spec.season is not None and table.ts_ms is None:
        faults.append(f"season {spec.season} needs times, and the table has no ts")
    for feature in spec.features:
        reason = _feature_fault(feature, table)
        if reason and table.rows:
            faults.append(f"feature {feature.name!r} {reason}")
    if table.score is not None and table.rows:
        reason = _values_fault(table.score)
        if reason:
            faults.append(f"the score {reason}")
    return faults


def _feature_fault(feature: FeatureSpec, table: ReferenceTable) -> str:
    if feature.type == "numeric":
        column = table.numeric.get(feature.name)
        if column is None:
            return "has no numeric column"
        return _values_fault(column)
    texts = table.categorical.get(feature.name)
    if texts is None:
        return "has no categorical column"
    return "" if any(text is not None for text in texts) else "has no valid value"


def _values_fault(column: FloatColumn) -> str:
    values = column[np.isfinite(column)]
    if values.size == 0:
        return "has no valid value"
    return "holds the largest double, which no bin can hold" if values.max() >= _LARGEST else ""
