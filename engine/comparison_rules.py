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


class ComparisonRules(msgspec.Struct, frozen=True, kw_only=True):
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
