"""One false-alarm budget of a model, and the share of it that falls to one look.

Rule.  ``budget`` says how many false pages a model may tell in how long.  It is divided evenly
among

* the sections that can page: what the events hold (features, scores, decisions, volume,
  operations), the quality of the data where it is checked, and performance where it is judged;
* the lengths of windows of the section;
* the windows of that length in the period, those that tile time: sliding ones overlap them, confirm
  nothing and spend nothing.

What is left is :func:`window_share`: the probability with which one window may page though nothing
happened.  Within a window it is divided among the comparisons (:mod:`engine.levels`,
:mod:`engine.discoveries`).  Segments are measured and have no levels, so they spend nothing.

A rule that wants k of n windows pages no more often than one that wants a single one, and windows
that hang together page together: both make the share an upper bound whatever the rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.spec import Spec, WindowRule


def sections(spec: Spec) -> int:
    """How many sections of a model can page."""
    return 1 + (spec.quality is not None) + (spec.performance is not None)


def window_share(spec: Spec, window: WindowRule, lengths: int) -> float:
    """False pages that one window of a section may tell; ``lengths`` is how many lengths of
    windows the section has."""
    windows = max(1.0, spec.budget.per_ms / window.length_ms)
    return spec.budget.false_pages / (windows * max(1, lengths) * sections(spec))
