"""What the ``comparison`` section of a spec says, in types."""

from __future__ import annotations

from typing import Literal

import msgspec

Mode = Literal["shadow", "split"]
Measure = Literal["auc", "accuracy"]
Margin = Literal["estimated", "tested"]


class Guard(msgspec.Struct, frozen=True, kw_only=True):
    """Where a metric of the challenger must stay; latencies in ms, rates as shares.  None asks for
    nothing."""

    at_most: float | None = None
    at_least: float | None = None
    worse_by: float | None = None
    """How much worse than the champion's it may be, in its own unit."""
    worse_by_share: float | None = None
    """The same as a share of the champion's."""
    usual: bool = False
    """Whether nobody wrote it: then a metric that no event tells holds nothing back."""


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """A stage of a canary."""

    share: float
    """Of users that the challenger is to get."""
    least_ms: int = 86_400_000
    """How long it lasts at least."""
    events: int = 0
    """Of the challenger that it needs at least."""


class ComparisonRules(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How this version, the challenger, is compared with a champion of the same model."""

    champion: str
    """Version."""
    mode: Mode
    measure: Measure
    better_by: float
    """Points that the difference must exceed, 0.02 being two."""
    margin: Margin
    """``estimated``: the estimate exceeds ``better_by`` and the difference from none is
    significant; ``tested``: the difference from ``better_by`` is significant."""
    significance: float
    """Type I error of all looks together, both sides."""
    looks_ms: int
    length_ms: int
    """When the last look is due, after the first event."""
    maturity_ms: int
    """How long after a prediction its label is waited for."""
    within_ms: int
    """How far apart the two predictions of one event may come."""
    score_bins: int
    guards: dict[str, Guard]
    share: float | None = None
    """Of users that the challenger is to get; None unless ``mode`` is ``split`` without stages."""
    stages: tuple[Stage, ...] = ()
    """Of a canary, rising; without that of 100 %, which is the promotion."""
    settle_ms: int = 0
    """From the decision that a stage is passed until users have moved."""
    share_significance: float = 0.001
    """Chance that a sound split is ever taken for another one, in each stage."""
    run: int = 1
    """Another number begins a comparison anew."""


def is_split(rules: ComparisonRules | None) -> bool:
    """Whether users are told apart."""
    return rules is not None and rules.mode == "split"


def split_identity(rules: ComparisonRules) -> list[object]:
    """What else begins a split anew when it changes."""
    stages = [[each.share, each.least_ms, each.events] for each in rules.stages]
    return [rules.share, stages, rules.settle_ms]
