"""Which features are made from which: what moves one moves those made from it, and is one cause.

Rule.  A feature that moved while a feature upstream of it moved too is that one's dependant: it is
told with it and counts for nothing by itself.  Where the one upstream is bad data, what is made
from it is held back as well.  Upstream is transitive; it comes from the spec, never from the data.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from engine.spec import FeatureSpec
from engine.spec_faults import did_you_mean
from engine.spec_fields import Fields

MAX_UPSTREAM: Final = 50
"""Features that one may be made from."""

Ancestors = Mapping[str, frozenset[str]]
"""Feature -> all features upstream of it; only those that have any."""


def ancestors_of(features: Sequence[FeatureSpec]) -> dict[str, frozenset[str]]:
    """All that is upstream of each feature, near and far; names that are no feature are left
    out."""
    parents = {feature.name: feature.upstream for feature in features if feature.upstream}
    known = {feature.name for feature in features}
    found: dict[str, frozenset[str]] = {}
    for name, direct in parents.items():
        above: set[str] = set()
        waiting = list(direct)
        while waiting:
            parent = waiting.pop()
            if parent in known and parent not in above:
                above.add(parent)
                waiting += parents.get(parent, ())
        if above:
            found[name] = frozenset(above)
    return found


def roots_of(moved: Collection[str], ancestors: Ancestors) -> dict[str, list[str]]:
    """Each feature that moved by itself, in the order given, with its dependants among ``moved``; a
    dependant of several stands with each."""
    among = set(moved)
    roots: dict[str, list[str]] = {
        name: [] for name in moved if among.isdisjoint(ancestors.get(name, ()))
    }
    for name in moved:
        for above in ancestors.get(name, ()):
            if above in roots:
                roots[above].append(name)
    return roots


def refuse_circles(section: Fields, features: Sequence[FeatureSpec]) -> None:
    """Note a fault at each ``upstream`` that names no feature, or leads back to its own."""
    names = [feature.name for feature in features]
    known, ancestors = set(names), ancestors_of(features)
    for feature in features:
        if not feature.upstream:
            continue
        fields = section.section(feature.name)
        for name in feature.upstream:
            if name not in known:
                fields.fault("upstream", f"{name!r} is no feature{did_you_mean(name, names)}")
        if feature.name in ancestors.get(feature.name, ()):
            fields.fault("upstream", f"{feature.name} would be made from itself")
