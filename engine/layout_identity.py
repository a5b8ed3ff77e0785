"""Which spec and profile belong together, and the name of what their cells mean.

Rule.  A profile of another model or with other features is refused with every mismatch.  The hash
names everything that decides what a cell means, so that counts of another layout are never read as
this one's.
"""

from __future__ import annotations

from typing import Final

from engine.canonical import content_hash
from engine.profile import NumericProfile, Profile, ProfileError
from engine.spec import ConceptRules, Spec

LAYOUT_VERSION: Final = 4
"""Raised when cells come, go or change their meaning for the same spec and profile."""


def layout_hash(spec: Spec, profile: Profile) -> str:
    """The name of everything that decides what a cell of this model means."""
    limit_ms = None if spec.quality is None else spec.quality.freshness_ms
    return content_hash(
        [
            LAYOUT_VERSION,
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
            None if spec.business is None else spec.business.value_step,
            *([spec.label] if "labels" in spec.inputs else []),
            *([["freshness", limit_ms]] if limit_ms is not None else []),
            *([["concept", *_watched(spec.concept)]] if spec.concept is not None else []),
        ]
    )


def _watched(rules: ConceptRules) -> list[list[str]]:
    """Estimators and losses, in whose order the cells of alarms stand."""
    return [sorted(rules.estimators), sorted(rules.losses)]


def refuse_mismatch(spec: Spec, profile: Profile) -> None:
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
