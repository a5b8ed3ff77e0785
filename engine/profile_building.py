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
import numpy.typing as npt

from engine.class_shares import class_reference
from engine.own_blocks import reference_times
from engine.own_rates import known
from engine.profile import (
    PROFILE_SCHEMA,
    FeatureProfile,
    NumericProfile,
    Profile,
    ProfileError,
    Provenance,
)
from engine.profile_features import (
    ReferenceFrame,
    categorical_profile,
    numeric_profile,
    reference_frame,
)
from engine.profile_performance import with_performance
from engine.profile_volume import volume_by_hour_of_week, volume_dispersion
from engine.reference_table import FloatColumn, ReferenceTable
from engine.score_effects import score_by_cell
from engine.spec import FeatureSpec, Spec

Mask = npt.NDArray[np.bool_]
PROBABILITY_EDGES: Final = (
    *(0.01, 0.02, 0.05),
    *(tenth / 10 for tenth in range(1, 10)),
    *(0.95, 0.98, 0.99),
)
"""Edges of a binary model's score beside the quantiles.  Where fraud is rare nearly all scores are
next to 0, and one cell of quantiles holds all that is decided; what a score means differs in it."""
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
    frame = reference_frame(times, spec.windows, spec.pseudo_count)
    features: dict[str, FeatureProfile] = {}
    for feature in spec.features:
        features[feature.name] = _feature_profile(feature, table, frame)
        if progress is not None:
            progress(feature.name)
    score = _score_profile(spec, table, frame)
    if score is not None and progress is not None:
        progress("score")
    positive, given = decisions(spec, table)
    decided = int(given.sum())
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
        positive_rate=int(positive.sum()) / decided if decided else None,
        decided=decided,
        positives=int(positive.sum()),
        positive_own=known({w: b.rate(positive, given) for w, b in frame.blocks.items()}),
        season=spec.season,
        volume=() if times is None else volume_by_hour_of_week(times.ts_ms),
        volume_dispersion=({} if times is None else volume_dispersion(times.ts_ms, spec.windows)),
        classes=class_reference(spec, table, frame),
        score_by_cell=score_by_cell(table, features, score),
    )
    return with_performance(profile, spec, table)


def _score_profile(
    spec: Spec, table: ReferenceTable, frame: ReferenceFrame
) -> NumericProfile | None:
    if table.score is None:
        return None
    bins, fine_bins = spec.prediction.bins, spec.prediction.fine_bins
    inner_edges = probability_edges(spec)
    return numeric_profile(table.score, bins, fine_bins, frame, inner_edges=inner_edges)


def probability_edges(spec: Spec) -> tuple[float, ...]:
    """Of a model whose performance is estimated; its threshold is one of them, so that scores
    above it are counted apart."""
    if spec.prediction.type != "binary" or "labels" not in spec.inputs:
        return ()
    return (*PROBABILITY_EDGES, spec.prediction.threshold)


def decisions(spec: Spec, table: ReferenceTable) -> tuple[Mask, Mask]:
    """Which rows are positive decisions of a binary model, and which are decisions at all; both
    shape (rows,).  As decided, or else, where no row is, score >= threshold."""
    nothing = np.zeros(table.rows, dtype=np.bool_)
    if spec.prediction.type != "binary":
        return nothing, nothing
    decision = nothing if table.decision is None else np.isfinite(table.decision)
    if table.decision is not None and decision.any():
        return decision & (table.decision > 0), decision
    if table.score is None:
        return nothing, nothing
    scored = np.isfinite(table.score)
    return scored & (table.score >= spec.prediction.threshold), scored


def _feature_profile(
    feature: FeatureSpec, table: ReferenceTable, frame: ReferenceFrame
) -> FeatureProfile:
    if feature.type == "numeric":
        return numeric_profile(
            table.numeric[feature.name],
            feature.bins,
            feature.fine_bins,
            frame,
            (feature.low, feature.high),
            unit=feature.unit,
        )
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
