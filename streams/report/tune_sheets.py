"""Proposed thresholds as tables: the frontier, what they would still say, and what to paste."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from engine.policy.comparison import Comparison, Finding
from engine.policy.history import MONTH_MS, PolicyHistory, per_month
from engine.policy.redeciding import Thresholds
from engine.policy.tuning import OPEN_AT_MOST, Outcome
from engine.retraining_rules import PsiFeaturesRule
from streams.report.policy_sheets import SHORT
from streams.report.sheets import Sheet
from streams.report.wording import moment

MARKS: Final = {"both": "still alerts", "A": "SILENT", "B": "new"}
CAUTION: Final = """\
Nothing here knows which of these episodes were right. Where drift happened in this history,
thresholds that are quiet enough are quiet about that drift, too: a true alarm that is tuned away
looks like a false one. Look at what is SILENT above, find out what it was, and only then paste:"""


def frontier_sheet(
    points: Sequence[Outcome], chosen: Outcome, current: Outcome, length_ms: int
) -> Sheet:
    """Alerts per month against what would have been found."""
    marked = [(*_mark(point, chosen, current), point) for point in points]
    for name, point in (("proposed", chosen), ("the spec", current)):
        if point not in points:
            marked.append((name, point))
    marked.sort(key=lambda row: (len(row[-1].episodes), row[0]))
    rows = [_point(name, point, len(current.episodes), length_ms) for name, point in marked]
    headings = (
        "per 30 days",
        "episodes",
        "kept",
        "open",
        "first alert",
        "first trigger",
        "triggers",
        "above",
        "features",
        "at_least/of_last",
        "calm",
        "",
    )
    notes = [
        "kept: episodes of the spec as it is that these thresholds overlap with",
        f"open: share of the history; above {OPEN_AT_MOST:.0%} nothing is shown but the spec",
    ]
    if length_ms < MONTH_MS:
        notes.append(SHORT)
    return Sheet(
        "frontier: the best thresholds for each number of episodes",
        headings,
        tuple(rows),
        frozenset({0, 1, 2, 3, 6, 7, 8, 9, 10}),
        tuple(notes),
    )


def _mark(point: Outcome, chosen: Outcome, current: Outcome) -> tuple[str]:
    names = []
    if point == chosen:
        names.append("proposed")
    if point == current:
        names.append("the spec")
    return (", ".join(names),)


def _point(name: str, point: Outcome, own: int, length_ms: int) -> tuple[str, ...]:
    said = point.thresholds
    return (
        f"{per_month(len(point.episodes), length_ms):.2f}",
        f"{len(point.episodes):,}",
        f"{point.kept} of {own}",
        f"{point.open_ms / length_ms:.1%}",
        "-" if point.first_ms is None else moment(point.first_ms),
        "-" if point.first_trigger_ms is None else moment(point.first_trigger_ms),
        f"{len(point.triggers):,}",
        f"{said.above:g}",
        f"{said.features}",
        f"{said.at_least}/{said.of_last}",
        f"{said.calm}",
        name,
    )


def periods_sheet(found: Comparison, rule: str, end_ms: int) -> Sheet:
    """The periods in which the spec or the proposal alert, and which they still would."""
    rows = [_period(each, end_ms) for each in found.findings if each.rule == rule]
    headings = ("with the proposal", "from", "to", "severity", "why")
    return Sheet(f"periods in which {rule} alerts", headings, tuple(rows))


def _period(finding: Finding, end_ms: int) -> tuple[str, ...]:
    told = finding.a or finding.b
    until_ms = max(e.until_ms(end_ms) for e in told)
    return (
        MARKS[finding.side],
        moment(min(e.opened_ms for e in told)),
        moment(until_ms),
        " | ".join(e.severity + (" (muted)" if e.muted else "") for e in told),
        told[0].worst.why,
    )


def others_sheet(before: PolicyHistory, after: PolicyHistory, rule: str) -> Sheet:
    """What another ``calm`` does to the other rules, which it is for as well."""
    rules = sorted({e.rule for h in (before, after) for e in h.episodes} - {rule})
    rows = [
        (
            name,
            *(
                f"{sum(e.rule == name and not e.muted for e in h.episodes):,}"
                for h in (before, after)
            ),
        )
        for name in rules
    ]
    headings = ("rule", "episodes as it is", "episodes as proposed")
    return Sheet(
        "other rules, which `calm` is for as well", headings, tuple(rows), frozenset({1, 2})
    )


def snippet(chosen: Thresholds, rule: PsiFeaturesRule) -> list[str]:
    """The YAML to paste over the same keys of the spec."""
    said = [
        f"above: {chosen.above!r}",
        f"features: {chosen.features}",
        f"window: {rule.window}",
        f"at_least: {chosen.at_least}",
        f"of_last: {chosen.of_last}",
    ]
    return [
        "retraining:",
        "  rules:",
        f"    psi_features: {{{', '.join(said)}}}",
        "alerts:",
        f"  calm: {chosen.calm}",
    ]
