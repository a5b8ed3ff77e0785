"""The contract of a decision rule, and what it can find.

A rule is a file in this package with ``NAME``, ``SECTION`` and
``examine(judged, history) -> Finding | None``.  A ``SECTION`` of ``retraining`` says that NAME is a
key under ``retraining.rules`` in the spec and that the rule may ask for retraining; any other
is the section of the spec that the rule is about.  It is asked only when the spec has it.  A rule
with ``READS = "performance"`` gets the windows of performance that are judged
(:class:`engine.performance_judging.JudgedPerformance`), any other those of the data.  None
says that this window tells nothing: it is not one of the rule's own, or too little is known; an
open episode then stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Verdict = Literal[
    "trigger",
    "operations",
    "data_quality",
    "business",
    "promise",
    "concept",
    "notice",
    "held",
    "quiet",
]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule says of one window."""

    verdict: Verdict
    """``trigger``: retraining is wanted; ``held``: it would be, were it not for ``cause``, and what
    the rule said before stands; others but ``quiet``: an alert, never a trigger."""
    cause: str
    drift_type: str = ""
    observed: dict[str, Any] = field(default_factory=dict)
    threshold: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    """All parameters of the rule: part of the trigger's identity."""
    evidence: list[dict[str, Any]] = field(default_factory=list)
    also: tuple[str, ...] = ()
    """Further causes that hold in the window; each is an episode of its own."""
    severity: str = ""
    """CRITICAL, WARNING or INFO; empty for the verdict's own (:mod:`engine.decide.episodes`)."""
    about: str = ""
    """The one cause that is spoken of, quiet or not; empty for all of the rule."""
    unsound: tuple[str, ...] = ()
    """What was bad when that which is asked for was measured: an alert tells of it, and no
    trigger."""
    alerts: bool = True
    """Whether an alert tells of it; not where nothing is wrong, or another rule alerts already."""


def not_confirmed(cause: str, *, held: bool) -> Finding | None:
    """What a rule says of a window that confirms nothing: that it is quiet; nothing where the
    condition did hold and only too few windows before it."""
    return None if held else Finding("quiet", cause)
