"""A period of one model, whole: what both kinds of report are drawn from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from engine.canonical import content_hash
from engine.policy.episodes import ToldEpisode
from engine.review.dimensions import Dimension, dimensions_of
from engine.review.due import Due, due_of
from engine.review.gaps import Gaps, gaps_of
from engine.review.index import DATA, PERFORMANCE, Index, Tree
from engine.review.left_out import LeftOut, left_out_of
from engine.review.points import Series, collect
from engine.review.scope import Scope
from engine.review.spent import Budget, budget_of
from engine.review.told import Request, Told, told_of
from engine.spec import Spec
from engine.terms import FOR_EVER, Term
from engine.timestamps import rfc3339_to_ms

Topics = Mapping[str, Callable[[], Iterable[Tree]]]
"""Role of an output topic -> its records from the beginning, as often as they are asked for."""
EMPTY_WORDS: Final = (
    "No window of this model was judged in the period. Was the model watched then, and are the "
    "records of that time still there?"
)


@dataclass(frozen=True, slots=True)
class VersionPart:
    """What the period has of one version."""

    series: Series
    dimensions: tuple[Dimension, ...]
    gaps: Gaps
    episodes: tuple[ToldEpisode, ...]
    requests: tuple[Request, ...]
    events: int
    """Events of the period, by the shortest windows of the data."""
    windows: int
    """Windows of the period that were judged, of all lengths and sections."""
    amended: int
    """Windows of the whole records that were judged once more."""

    @property
    def version(self) -> str:
        """Its name."""
        return self.series.version


@dataclass(frozen=True, slots=True)
class Review:
    """All that a report shows."""

    scope: Scope
    spec: Spec | None
    """Of one of the versions; None where none was given."""
    spec_hash: str
    parts: tuple[VersionPart, ...]
    told: Told
    rejected: LeftOut
    late: LeftOut
    due: tuple[Due, ...]
    budget: Budget | None
    """None without a spec of a version that is shown."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to report on."""
        return not self.parts and not self.told.episodes and not self.told.requests

    @property
    def spec_part(self) -> VersionPart | None:
        """The version that the spec is of."""
        if self.spec is None:
            return None
        return next((p for p in self.parts if p.version == self.spec.version), None)


def review_of(topics: Topics, index: Index, scope: Scope, spec: Spec | None) -> Review:
    """Read a period's records; ``index`` is of the same judgements."""
    series = {}
    for version in scope.versions:
        chosen = {
            name: index.chosen(scope, version, name) for name in index.cohorts(scope.model, version)
        }
        series[version] = Series(
            version,
            index.chosen(scope, version, DATA),
            index.chosen(scope, version, PERFORMANCE),
            {name: window for name, window in chosen.items() if window is not None},
        )
    collect(topics["judgements"](), scope, series)
    told = told_of(
        scope,
        topics["alerts"](),
        topics["retraining-triggers"](),
        topics["promotions"](),
        topics["audit"](),
    )
    parts = tuple(_part(index, scope, one, told) for one in series.values())
    budget = None
    if spec is not None and spec.version in scope.versions:
        budget = budget_of(spec, index, scope, _term(told, spec.version))
    return Review(
        scope,
        spec,
        "" if spec is None else content_hash(spec),
        parts,
        told,
        left_out_of(scope, topics["dead-letters"]()),
        left_out_of(scope, topics["late"]()),
        tuple(due_of(scope, told, spec)),
        budget,
    )


def _part(index: Index, scope: Scope, series: Series, told: Told) -> VersionPart:
    version = series.version
    episodes = tuple(e for e in told.episodes if told.versions[e.episode] == version)
    sections = index.found.get(scope.model, {}).get(version, {})
    every = [windows for named in sections.values() for windows in named.values()]
    gaps = gaps_of(index, scope, version)
    shortest = sections[DATA][gaps.window] if gaps.window else None
    return VersionPart(
        series,
        tuple(dimensions_of(series, episodes, scope.to_ms)),
        gaps,
        episodes,
        tuple(r for r in told.requests if r.record["version"] == version),
        0 if shortest is None else sum(shortest.events[end] for end in shortest.within(scope)),
        sum(len(windows.within(scope)) for windows in every),
        sum(windows.amended for windows in every),
    )


def _term(told: Told, version: str) -> Term:
    """The term of a version, as the newest record of the audit has it."""
    lines = [line for line in told.terms if line["version"] == version]
    if not lines:
        return FOR_EVER
    newest = max(lines, key=lambda line: line["stamp"])
    times = {name: newest.get(name) for name in ("effective_from", "until")}
    known = {name: None if text is None else rfc3339_to_ms(text) for name, text in times.items()}
    return Term(known["effective_from"], known["until"])
