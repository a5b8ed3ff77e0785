"""What of the false-alarm budget was spent in a period: what the windows' shares come to.

Rule.  As :mod:`engine.budget_spent` counts it while a worker runs: each window that rules examined
is a look and spends its share, whatever it found.  It needs the spec.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.budget_spent import NANO, share_of_data, share_of_performance
from engine.durations import parse_duration
from engine.quiet import maintenance_in
from engine.review.index import COHORTS, DATA, PERFORMANCE, Index
from engine.review.scope import Scope
from engine.spec import Spec, WindowRule
from engine.spec_performance import ARRIVAL
from engine.terms import FOR_EVER, Term


@dataclass(frozen=True, slots=True)
class Budget:
    """Of one version in a period."""

    allowed: float
    """False pages that the spec allows in a time as long as the period."""
    spent: float
    """False pages to be expected of the period's windows, if nothing ever happened."""
    looks: int
    """Windows that rules examined."""


def budget_of(spec: Spec, index: Index, scope: Scope, term: Term = FOR_EVER) -> Budget:
    """The budget of the spec's version; windows under maintenance, and those that are not within
    the version's term, spend nothing."""
    sections = index.found.get(scope.model, {}).get(spec.version, {})
    by = ARRIVAL if spec.performance is None else spec.performance.by
    view, known_ms = PERFORMANCE, 0
    if by != ARRIVAL:
        view, known_ms = f"{COHORTS}/{by}", parse_duration(by)
    nano = looks = 0
    for section, later_ms, share in (
        (DATA, 0, share_of_data),
        (view, known_ms, share_of_performance),
    ):
        for name, windows in sections.get(section, {}).items():
            rule = _rule(spec.windows, name, windows.length_ms)
            found = [
                end
                for end in windows.within(scope)
                if windows.events[end]
                and term.covers(end - windows.length_ms, end + later_ms)
                and maintenance_in(spec, end - windows.length_ms, end) is None
            ]
            looks += len(found)
            nano += len(found) * round(NANO * share(spec, rule))
    allowed = spec.budget.false_pages * scope.length_ms / spec.budget.per_ms
    return Budget(allowed, nano / NANO, looks)


def _rule(rules: Iterable[WindowRule], name: str, length_ms: int) -> WindowRule:
    known = {rule.name: rule for rule in rules}
    return known.get(name) or WindowRule(
        name=name, length_ms=length_ms, pane_ms=length_ms, judge_every_ms=length_ms
    )
