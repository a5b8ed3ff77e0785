"""Two versions of one model that are compared: what its tally counts by and its judge judges by.

Rule.  A comparison is a model of its own beside the two, ``model@champion~challenger``: it has
panes, planes, a join, a judge and snapshots by the same code, and counts nothing twice for them.
Its panes are as long as the time between two looks, so a look is a whole number of panes.

Its clock for predictions is that of both versions' records together, and later by ``within``: so
long may the second answer to an event come after the first.  Windows of the versions themselves do
not wait for that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from engine.canonical import content_hash
from engine.champion.cells import ARMS, ARMS_SIZE, DECISIONS, VALUE, MatchLayout, arm_cell
from engine.comparison_rules import ComparisonRules, split_identity
from engine.model import MonitoredModel
from engine.performance_layout import PerformanceLayout, SegmentCells
from engine.planes import DATA, FIRST_COHORT, Plane
from engine.profile import Profile
from engine.spec import Spec, WindowRule

CELLS_VERSION: Final = 1
"""Raised when cells of :mod:`engine.champion.cells` come, go or change their meaning."""
LOOK: Final = "look"
"""The name of the window between two looks."""
BETWEEN: Final = "~"
"""No version has it."""


@dataclass(frozen=True, slots=True)
class Comparison(MonitoredModel):
    """A comparison; ``spec`` is the challenger's, with the comparison's own clocks."""

    rules: ComparisonRules
    matches: MatchLayout
    edges: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
    """Between the bins of either version's score, rising, shape (bins - 1,) at most."""
    versions: tuple[str, str]
    """``model@version`` of champion and challenger."""

    @property
    def key(self) -> str:
        """``model@champion~challenger``."""
        return comparison_key(self.spec.model, self.rules.champion, self.spec.version)

    @property
    def salt(self) -> bytes:
        """Of the digests of its users."""
        return self.layout.hash.removeprefix("sha256:").encode()

    @property
    def joined(self) -> PerformanceLayout:
        """The cells of matches, as the join sees them."""
        assert self.performance is not None, "a comparison joins"
        return self.performance

    @property
    def admitted_ms(self) -> int:
        """How far behind the watermark a prediction may be; its pair may be ``within`` further."""
        return self.spec.time.amend_ms - self.rules.within_ms


def comparison_key(model: str, champion: str, challenger: str) -> str:
    """The name of a comparison among the models of a worker."""
    return f"{model}@{champion}{BETWEEN}{challenger}"


def comparisons_of(models: Sequence[MonitoredModel]) -> list[Comparison]:
    """The comparisons that the specs of these models ask for, both of whose versions are there."""
    known = {model.key: model for model in models}
    found = []
    for model in models:
        rules = model.spec.comparison
        champion = None if rules is None else known.get(f"{model.spec.model}@{rules.champion}")
        if rules is not None and champion is not None:
            found.append(build_comparison(rules, champion, model))
    return found


def build_comparison(
    rules: ComparisonRules, champion: MonitoredModel, challenger: MonitoredModel
) -> Comparison:
    """Put two versions together."""
    spec = _with_own_clocks(challenger.spec, rules)
    edges = (
        score_edges(champion.profile, rules.score_bins),
        score_edges(challenger.profile, rules.score_bins),
    )
    matches = MatchLayout(rules.mode, rules.score_bins)
    policy = content_hash([champion.policy_hash, challenger.policy_hash])
    name = content_hash(
        [
            CELLS_VERSION,
            [spec.model, rules.champion, spec.version],
            [rules.mode, rules.score_bins, rules.looks_ms, rules.maturity_ms, rules.within_ms],
            [each.tolist() for each in edges],
            [spec.time.lateness_ms, spec.time.amend_ms, spec.label],
            *([] if rules.run == 1 else [rules.run]),
            *([] if rules.mode == "shadow" else [split_identity(rules)]),
        ]
    )
    layout = replace(challenger.layout, size=ARMS_SIZE, hash=name)
    return Comparison(
        spec=spec,
        profile=challenger.profile,
        layout=layout,
        performance=_as_joined(matches, name),
        alarm_cells=None,
        planes=_planes(spec, rules, matches),
        ancestors=challenger.ancestors,
        policy_hash=policy,
        rules=rules,
        matches=matches,
        edges=edges,
        versions=(champion.key, challenger.key),
    )


def score_edges(profile: Profile, bins: int) -> npt.NDArray[np.float64]:
    """Edges of at most ``bins`` bins of a version's score: of its reference's quantiles, every so
    many; none where it has no score."""
    if profile.score is None:
        return np.empty(0)
    edges = np.array(profile.score.edges, dtype=np.float64)
    if len(edges) < bins:
        return edges
    places = np.linspace(0, len(edges) - 1, bins - 1).round().astype(np.int64)
    return edges[np.unique(places)]


def _with_own_clocks(spec: Spec, rules: ComparisonRules) -> Spec:
    time = msgspec.structs.replace(
        spec.time,
        pane_ms=rules.looks_ms,
        lateness_ms=spec.time.lateness_ms + rules.within_ms,
        amend_ms=spec.time.amend_ms + rules.within_ms,
    )
    label = msgspec.structs.replace(
        spec.label, pane_ms=rules.looks_ms, maturities_ms=(rules.maturity_ms,)
    )
    return msgspec.structs.replace(
        spec,
        time=time,
        label=label,
        duplicates_last=0,
        estimators={},
        season=None,
        segments=(),
        inputs=("predictions", "labels"),
        windows=_windows(rules),
    )


def _windows(rules: ComparisonRules) -> tuple[WindowRule, ...]:
    length_ms = rules.looks_ms
    return (
        WindowRule(name=LOOK, length_ms=length_ms, pane_ms=length_ms, judge_every_ms=length_ms),
    )


def _planes(spec: Spec, rules: ComparisonRules, matches: MatchLayout) -> tuple[Plane, ...]:
    """The arms by the predictions' clock, the matches by the labels' less the maturity."""
    time, label = spec.time, spec.label
    arms = Plane(
        number=DATA,
        name="arms",
        topics=("predictions",),
        pane_ms=rules.looks_ms,
        lateness_ms=time.lateness_ms,
        amend_ms=time.amend_ms,
        maturity_ms=None,
        size=ARMS_SIZE,
        counted=_counted(),
        nets=False,
        totals=0,
        windows=spec.windows,
        season=None,
        users=rules.mode == "split",
    )
    joined = Plane(
        number=FIRST_COHORT,
        name="matches",
        topics=("predictions", "labels"),
        pane_ms=rules.looks_ms,
        lateness_ms=max(time.lateness_ms, label.lateness_ms),
        amend_ms=max(time.amend_ms, label.amend_ms),
        maturity_ms=rules.maturity_ms,
        size=matches.size,
        counted=np.ones(matches.size, dtype=np.bool_),
        nets=True,
        totals=0,
        windows=spec.windows,
        season=None,
    )
    return (arms, joined)


def _counted() -> npt.NDArray[np.bool_]:
    """Which cells of the arms are counts: all but the sums of values, which may be below zero."""
    counted = np.ones(ARMS_SIZE, dtype=np.bool_)
    counted[[arm_cell(arm, VALUE) for arm in range(ARMS)]] = False
    return counted


def _as_joined(matches: MatchLayout, name: str) -> PerformanceLayout:
    """What the join has to know: how many decisions there are, and the two columns of bins as
    segments (of a split: the arm, and the bin)."""
    scored = ("",) * (matches.bins - 1)
    columns = (scored if matches.mode == "shadow" else (), scored)
    segments = tuple(
        SegmentCells(f"column {number}", 0, values) for number, values in enumerate(columns)
    )
    return PerformanceLayout(
        kind="binary",
        edges=np.empty(0),
        step=1.0,
        center=0.0,
        classes=(),
        confusion=0,
        made=0,
        decisions=DECISIONS * (DECISIONS if matches.mode == "shadow" else ARMS),
        decision_delays=0,
        histogram=0,
        sums=0,
        segments=segments,
        value_squares=0,
        size=matches.size,
        hash=name,
    )
